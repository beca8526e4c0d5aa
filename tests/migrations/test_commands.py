"""flask db, as an operator or a deployment runs it: in processes of its own, also two at once."""

import os
import shutil
import subprocess
import sys

import flask_migrate
import pytest
import sqlalchemy as sa

from loans import clock
from loans.app import create_app
from loans.db import db
from tests.blocking import POLL_SECONDS, POLLS_MAX
from tests.conftest import ROOT, make_settings
from tests.migrations.conftest import DIRECTORY
from tests.migrations.revisions import BEFORE, NEWEST, NEXT, REVISIONS

ADVISORY_LOCK = 20_260_001


def start(database, *arguments):
    """Start `flask db ...` on a database."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", *arguments],
        cwd=ROOT,
        env=environ | {"DATABASE_URL": database.url, "ENVIRONMENT": "test"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(database, *arguments):
    """Run `flask db ...` and give its exit code, its output and its complaint."""
    process = start(database, *arguments)
    output, complaint = process.communicate(timeout=60)
    return process.returncode, output, complaint


def wait_for_asking(connection, *, sessions):
    """Wait until so many others in the database have asked for the lock and got it not."""
    asked = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND (query LIKE '%pg_try_advisory_lock%' OR query = 'ROLLBACK')"
    )
    for _ in range(POLLS_MAX):
        if connection.scalar(asked) == sessions:
            return
        clock.sleep(POLL_SECONDS)
    raise AssertionError(f"not {sessions} sessions ask for the lock")


@pytest.fixture
def copied_migrations(tmp_path):
    """The migrations in a folder to which a command may add."""
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


class TestUpgrade:
    def test_brings_an_empty_database_to_the_head(self, empty):
        code, output, _ = run(empty, "upgrade")

        assert code == 0
        assert output.count("Running upgrade") == len(REVISIONS)
        assert empty.rows("SELECT version_num FROM alembic_version") == [(NEWEST,)]

    def test_run_twice_at_once_is_done_by_one_of_the_two(self, empty):
        engine = sa.create_engine(empty.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
            deployments = [start(empty, "upgrade"), start(empty, "upgrade")]
            wait_for_asking(connection, sessions=2)
            connection.execute(sa.text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
            outputs = [process.communicate(timeout=60)[0] for process in deployments]

        assert [process.returncode for process in deployments] == [0, 0]
        assert sorted(output.count("Running upgrade") for output in outputs) == [0, len(REVISIONS)]
        assert empty.rows("SELECT version_num FROM alembic_version") == [(NEWEST,)]

    def test_gives_its_lock_back(self, empty):
        with create_app(make_settings(empty.url)).app_context():
            flask_migrate.upgrade(directory=DIRECTORY)

            # While the process that migrated lives on, with its pool.
            taken = empty.rows(f"SET lock_timeout = '30s'; SELECT 1 FROM pg_advisory_lock({ADVISORY_LOCK})")
            db.engine.dispose()

        assert taken == [(1,)]

    def test_gives_up_rather_than_queue_behind_a_long_reader(self, empty):
        run(empty, "upgrade", "0001")
        engine = sa.create_engine(empty.url, poolclass=sa.NullPool)
        with engine.begin() as reader:
            reader.execute(sa.text("SELECT * FROM loans"))

            code, _, complaint = run(empty, "upgrade", "0002")

        assert code == 1
        assert "canceling statement due to lock timeout" in complaint
        assert empty.rows("SELECT version_num FROM alembic_version") == [("0001",)]

    def test_without_a_database_is_refused(self, empty):
        code, _, complaint = run(empty, "upgrade", "--sql")

        assert code == 1
        assert complaint.strip() == "Migrations run against a database: set DATABASE_URL and leave out --sql."


class TestDowngrade:
    def test_takes_the_newest_revision_back(self, newest):
        code, output, _ = run(newest, "downgrade")

        assert code == 0
        assert f"Running downgrade {NEWEST} -> {BEFORE}" in output
        assert newest.rows("SELECT version_num FROM alembic_version") == [(BEFORE,)]


class TestCurrent:
    def test_names_the_revision(self, newest):
        code, output, _ = run(newest, "current")

        assert (code, output.splitlines()[-1]) == (0, f"{NEWEST} (head)")


class TestCheck:
    def test_is_content_with_the_newest_schema(self, newest):
        code, output, _ = run(newest, "check")

        assert (code, output.splitlines()[-1]) == (0, "No new upgrade operations detected.")

    def test_notices_a_column_that_no_migration_made(self, newest):
        newest.rows("ALTER TABLE borrowers ADD COLUMN nickname text")

        code, output, _ = run(newest, "check")

        assert code == 1
        assert "nickname" in output


class TestRevision:
    def test_is_numbered_after_the_newest(self, newest, copied_migrations):
        code, _, _ = run(newest, "revision", "-d", str(copied_migrations), "-m", "add charges")

        written = (copied_migrations / "versions" / f"{NEXT}_add_charges.py").read_text(encoding="utf-8")
        assert code == 0
        assert f'revision = "{NEXT}"' in written.replace("'", '"')
        assert f'down_revision = "{NEWEST}"' in written.replace("'", '"')

    def test_of_models_that_did_not_change_is_not_written(self, newest, copied_migrations):
        before = sorted((copied_migrations / "versions").glob("*.py"))

        code, _, _ = run(newest, "migrate", "-d", str(copied_migrations), "-m", "nothing")

        assert code == 0
        assert sorted((copied_migrations / "versions").glob("*.py")) == before


class TestAlembic:
    def test_upgrades_without_flask_and_the_second_time_finds_nothing_to_do(self, empty):
        command = [sys.executable, "-m", "alembic", "upgrade", "head"]
        surroundings = os.environ | {"DATABASE_URL": empty.url, "ENVIRONMENT": "test"}

        codes = [
            subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, check=False).returncode
            for _ in range(2)
        ]

        assert codes == [0, 0]
        assert empty.rows("SELECT version_num FROM alembic_version") == [(NEWEST,)]
