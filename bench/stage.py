"""The stage of a benchmark: a durable PostgreSQL of its own in a temporary folder, and the application on it."""

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
import psycopg2
import psycopg2.extras
import sqlalchemy as sa
from flask import Flask
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable
from werkzeug.test import TestResponse

from loans import clock, embedded
from loans.app import create_app
from loans.config import Settings
from loans.db import db, transaction
from loans.services import api_keys
from loans.services.api_keys import Secret

ROOT = Path(__file__).resolve().parent.parent
SECRET_KEY = "the-secret-key-of-the-benchmarks-only-0123456789"  # noqa: S105 - guards nothing
ERROR_STATUS_MIN = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running PostgreSQL with its log."""

    url: str
    home: Path

    @property
    def log(self) -> Path:
        """Where the server writes what it is asked, once `log_statements` is on."""
        return self.home / "postgres.log"

    def create(self, name: str, *, template: str = "template1") -> str:
        """This will create a database, by default an empty one, and give its URL."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def connect(self, url: str | None = None) -> Connection:
        """This will open a connection of psycopg2 alone, in autocommit, by default to the first database."""
        plain = sa.make_url(url or self.url).set(drivername="postgresql")
        connection = psycopg2.connect(plain.render_as_string(hide_password=False))
        connection.autocommit = True
        psycopg2.extras.register_uuid(conn_or_curs=connection)
        return connection


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """This will run a server with the settings of production and remove it with all its data at the end."""
    folder = Path(tempfile.mkdtemp(prefix="branch-loans-bench-"))
    # PostgreSQL may run as another account, which has to pass through here.
    folder.chmod(0o755)
    try:
        url = embedded.ensure_running(folder, durable=True)
        running = Server(url=url, home=folder)
        with contextlib.closing(running.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            running = Server(url=url, home=Path(cursor.fetchone()[0]).parent)
        try:
            yield running
        finally:
            embedded.release(folder)
            shutil.rmtree(running.home, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Client:
    """The application on one database and a caller with every scope, in this process: no socket, no server.

    The lines of the log are made as in production and written to nowhere.
    """

    def __init__(self, url: str, *, rate_limit: int = 0, key: str | None = None) -> None:
        self.url = url
        self.app: Flask = create_app(
            Settings(
                environment="test",
                database_url=url,
                secret_key=SECRET_KEY,
                log_level="info",
                rate_limit_default=rate_limit,
            )
        )
        self._nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open as long as the client
        with contextlib.redirect_stdout(self._nowhere), self.app.app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            self.key = key or transaction(
                lambda session: api_keys.issue(
                    session,
                    name="bench",
                    scopes=api_keys.SCOPES,
                    secret=Secret(environment="test", pepper=SECRET_KEY),
                    now=clock.now(),
                )
            )
            self.engine = db.engine
        self._http = self.app.test_client()

    def quiet(self) -> contextlib.AbstractContextManager[object]:
        """This will write the lines of the log to nowhere meanwhile."""
        return contextlib.redirect_stdout(self._nowhere)

    def close(self) -> None:
        """This will let go of what the log was written to."""
        self._nowhere.close()

    def get(self, path: str) -> TestResponse:
        """This will send a GET."""
        with contextlib.redirect_stdout(self._nowhere):
            response = self._http.get(path, headers={"Authorization": f"Bearer {self.key}"})
        return _accepted(response)

    def post(self, path: str, body: Mapping[str, object], *, key: str | None = None) -> TestResponse:
        """This will send a POST, with an Idempotency-Key of its own unless one is given."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key or str(uuid.uuid4())}
        with contextlib.redirect_stdout(self._nowhere):
            response = self._http.post(path, json=body, headers=headers)
        return _accepted(response)

    def disconnect(self) -> None:
        """This will close every connection of the pool; the next request opens a new one."""
        self.engine.dispose()


def _accepted(response: TestResponse) -> TestResponse:
    if response.status_code >= ERROR_STATUS_MIN:
        raise AssertionError(f"{response.request.path} answered {response.status}: {response.text}")
    return response
