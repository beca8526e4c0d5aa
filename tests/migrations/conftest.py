"""Fixtures: databases at any revision, and what their schema consists of."""

from collections.abc import Callable
from dataclasses import dataclass

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from loans.app import create_app
from loans.db import db
from tests.conftest import ROOT, make_settings

DIRECTORY = str(ROOT / "migrations")

COLUMNS = """
    SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale,
           is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public'
"""
# Whether a column may be null stands in COLUMNS; the names of those constraints (n) outlive a renamed table.
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype NOT IN ('t', 'n')
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
TRIGGERS = (
    "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
)
FUNCTIONS = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace"


@dataclass(frozen=True)
class Schema:
    """What a database consists of, without its data and without the note of its revision."""

    tables: frozenset[tuple]
    rules: frozenset[tuple]


@dataclass(frozen=True)
class Database:
    """A database to migrate."""

    url: str

    def upgrade(self, to: str = "head") -> None:
        self._run(lambda: flask_migrate.upgrade(directory=DIRECTORY, revision=to))

    def downgrade(self, to: str) -> None:
        self._run(lambda: flask_migrate.downgrade(directory=DIRECTORY, revision=to))

    def rows(self, query: str) -> list[tuple]:
        """What a query gives, or a statement's effect committed."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            result = connection.execute(sa.text(query))
            return [tuple(row) for row in result] if result.returns_rows else []

    def schema(self) -> Schema:
        """Every column, constraint and index; every trigger and function."""
        parts = [self.rows(query) for query in (COLUMNS, CONSTRAINTS, INDEXES, TRIGGERS, FUNCTIONS)]
        columns, constraints, indexes, triggers, functions = (
            {row for row in part if row[0] != "alembic_version"} for part in parts
        )
        return Schema(
            tables=frozenset(columns | constraints | indexes), rules=frozenset(triggers | functions)
        )

    def _run(self, work: Callable[[], None]) -> None:
        with create_app(make_settings(self.url)).app_context():
            work()
            db.engine.dispose()


@pytest.fixture
def empty(make_database):
    """A database with nothing in it."""
    return Database(make_database(empty=True))


@pytest.fixture
def newest(make_database):
    """A database at the newest revision."""
    return Database(make_database())


@pytest.fixture(scope="session")
def scripts():
    """The migrations as Alembic sees them."""
    return ScriptDirectory(DIRECTORY)


@pytest.fixture
def make_first_revision(make_database):
    """Make a database at our first revision."""

    def make() -> Database:
        database = Database(make_database(empty=True))
        database.upgrade("0001")
        return database

    return make
