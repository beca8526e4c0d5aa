"""Fixtures: one PostgreSQL for all, one database for each worker, copied from a migrated template.

Tests commit for real and share their worker's database, so none may assume an empty table; one that needs that asks
`make_database` for a database of its own.
"""

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from loans import clock, embedded
from loans.app import create_app
from loans.config import Settings
from loans.db import db, transaction
from loans.models.api_key import ApiKey
from loans.services import api_keys
from loans.services.api_keys import Secret
from tests.factories import BUSINESS_DATE

ROOT = Path(__file__).parent.parent
# The .env that `make up` writes is Compose's.
os.environ["FLASK_SKIP_DOTENV"] = "1"
SECRET_KEY = "the-secret-key-of-the-tests-only-0123456789"  # noqa: S105 - a test's
TEMPLATE_LOCK = 42


def make_settings(database_url: str, **given: Any) -> Settings:
    """The settings of an application under test."""
    # Tests send more requests than a client may, all from one address.
    unlimited = {"rate_limit_default": 0, "rate_limit_login": 0, "rate_limit_login_account": 0}
    return Settings(
        **{"environment": "test", "database_url": database_url, "secret_key": SECRET_KEY} | unlimited | given
    )


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Keep pytest-flask from pushing one: requests would then share its session and its `g` with one another."""


@pytest.fixture(scope="session")
def server_url() -> str:
    """The embedded PostgreSQL of the tests: real, but free to lose everything in a crash."""
    return embedded.ensure_running(ROOT / ".data" / "test-postgres", durable=False)


@contextmanager
def administration(server_url: str) -> Iterator[sa.Connection]:
    """A connection that may create and drop databases."""
    engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


@pytest.fixture(scope="session")
def template_name(server_url: str) -> str:
    """A database with the newest schema, made once for each state of the migrations."""
    sources = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    name = f"template_{digest}"
    with administration(server_url) as connection:
        connection.execute(sa.text(f"SELECT pg_advisory_lock({TEMPLATE_LOCK})"))
        if not _exists(connection, name):
            draft = f"{name}_draft"
            connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{draft}" WITH (FORCE)'))
            connection.execute(sa.text(f'CREATE DATABASE "{draft}"'))
            migrate(_url(server_url, draft))
            connection.execute(sa.text(f'ALTER DATABASE "{draft}" RENAME TO "{name}"'))
    return name


@pytest.fixture(scope="session")
def make_database(server_url: str, template_name: str) -> Iterator[Callable[..., str]]:
    """Make a database and give its URL: with the newest schema, or `empty=True` for one without any."""
    made: list[str] = []

    def make(*, empty: bool = False) -> str:
        name = f"test_{os.getpid()}_{uuid.uuid4().hex[:8]}"
        source = "template0" if empty else template_name
        with administration(server_url) as connection:
            connection.execute(sa.text(f"SELECT pg_advisory_lock({TEMPLATE_LOCK})"))
            connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{source}"'))
        made.append(name)
        return _url(server_url, name)

    yield make
    with administration(server_url) as connection:
        for name in made:
            connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@pytest.fixture(scope="session")
def database_url(make_database: Callable[..., str]) -> str:
    """This worker's database."""
    return make_database()


@pytest.fixture(scope="session")
def app(database_url: str) -> Flask:
    """The application on this worker's database."""
    return create_app(make_settings(database_url, db_pool_size=40))


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session; what a test leaves uncommitted is rolled back."""
    with app.app_context():
        yield db.session()
        db.session.rollback()


@pytest.fixture
def committed(app: Flask) -> Callable[[Callable[[Session], Any]], Any]:
    """Run some work in a transaction of its own and commit it: `loan = committed(make_disbursed_loan)`."""

    def run(work: Callable[[Session], Any]) -> Any:
        with app.app_context():
            return transaction(work)

    return run


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """The lender's business date, 15 June 2026 unless a test calls it with another."""

    def set_to(day: date) -> None:
        monkeypatch.setattr(clock, "now", lambda: datetime(day.year, day.month, day.day, 12, tzinfo=UTC))

    set_to(BUSINESS_DATE)
    return set_to


@dataclass
class Api:
    """Calls the API as a client does: with a key, and a fresh Idempotency-Key unless one is given.

    `member` is whose access token the key is, if it is one.
    """

    client: FlaskClient
    key: str
    member: Any = None

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.client.get(path, headers=self._headers(kwargs), **kwargs)

    def post(self, path: str, body: object = None, **kwargs: Any) -> TestResponse:
        headers = {"Idempotency-Key": str(uuid.uuid4())} | self._headers(kwargs)
        return self.client.post(path, json={} if body is None else body, headers=headers, **kwargs)

    def patch(self, path: str, body: object, **kwargs: Any) -> TestResponse:
        headers = {"Idempotency-Key": str(uuid.uuid4())} | self._headers(kwargs)
        return self.client.patch(path, json=body, headers=headers, **kwargs)

    @property
    def client_id(self) -> uuid.UUID:
        """The id of the client whose key this is."""
        keys = ApiKey.__table__
        query = sa.select(keys.c.client_id).where(keys.c.id == uuid.UUID(self.key.split("_")[2]))
        with self.client.application.app_context():
            found: uuid.UUID = db.session.execute(query).scalar_one()
        return found

    def _headers(self, kwargs: dict[str, Any]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} | kwargs.pop("headers", {})


@pytest.fixture
def issue_key(app: Flask) -> Callable[..., str]:
    """Issue an API key: `issue_key("loans:read")`, or with every scope."""

    def issue(*scopes: str, **given: Any) -> str:
        secret = Secret(environment="test", pepper=SECRET_KEY)
        arguments = {
            "name": "test",
            "scopes": scopes or api_keys.SCOPES,
            "secret": secret,
            "now": clock.now(),
        }
        with app.app_context():
            return transaction(lambda session: api_keys.issue(session, **(arguments | given)))

    return issue


@pytest.fixture
def api(app: Flask, issue_key: Callable[..., str], today: Callable[[date], None]) -> Api:
    """The API with a key that may do everything, on 15 June 2026."""
    return Api(client=app.test_client(), key=issue_key())


def migrate(url: str, *, to: str = "head") -> None:
    """Bring a database up to a revision."""
    app = create_app(make_settings(url))
    with app.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"), revision=to)
        db.engine.dispose()


def _exists(connection: sa.Connection, name: str) -> bool:
    query = sa.text("SELECT 1 FROM pg_database WHERE datname = :name")
    return connection.execute(query, {"name": name}).scalar() is not None


def _url(server_url: str, database: str) -> str:
    # SQLAlchemy writes a space as +, which libpq takes for a plus.
    url = sa.make_url(server_url).set(database=database).render_as_string(hide_password=False)
    return url.replace("+", "%20").replace("postgresql%20", "postgresql+", 1)
