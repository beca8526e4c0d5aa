"""An application with a book of its own, its many clients, and a hand that kills PostgreSQL backends under them."""

import random
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError, OperationalError

from loans import clock
from loans.app import create_app
from loans.db import db, transaction
from loans.services import verification
from tests.conftest import make_settings

PATIENCE_SECONDS = 60
ATTEMPTS_MAX = 500
PAUSE_SECONDS = 0.02
PAUSE_OF_KILLER_SECONDS = 0.005

BUSY = sa.text(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'branch-loans' AND state <> 'idle' ORDER BY pid"
)
# The second argument has it wait until the backend is gone, at most so many milliseconds.
TERMINATE = sa.text("SELECT pg_terminate_backend(:pid, 5000)")


@contextmanager
def opened(database_url, **given):
    """Open an application on a database and close its connections afterwards."""
    app = create_app(make_settings(database_url, **given))
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


@dataclass
class Bank:
    """An application and a key that may do everything."""

    app: Flask
    key: str

    def run(self, work):
        """Do some work in a committed transaction."""
        with self.app.app_context():
            return transaction(work)

    def run_until_done(self, work):
        """Do some work in a committed transaction, again when its backend was killed."""
        for _ in range(ATTEMPTS_MAX):
            try:
                return self.run(work)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
        raise AssertionError(f"not done after {ATTEMPTS_MAX} attempts")

    def read(self, look, *args):
        """Look at what is stored: `bank.read(rows.events, loan)`."""
        return self.run_until_done(lambda session: look(session, *args))

    def faults(self):
        """List what a verification of the whole book finds."""
        return self.run(lambda session: list(verification.verify(session, progress=lambda _: None)))

    def post(self, path, body=None, *, key=None):
        """Post once, with a fresh Idempotency-Key unless one is given."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key or str(uuid.uuid4())}
        return self.app.test_client().post(path, json=body or {}, headers=headers)

    def post_until_answered(self, path, body=None, *, key=None):
        """Post again with the same key for as long as the answer says to ask again."""
        key = key or str(uuid.uuid4())
        for _ in range(ATTEMPTS_MAX):
            answer = self.post(path, body, key=key)
            if "Retry-After" not in answer.headers:
                return answer
            clock.sleep(PAUSE_SECONDS)
        raise AssertionError(f"no answer to {path} after {ATTEMPTS_MAX} attempts: {answer.data}")


def at_once(work, *, times):
    """Run `work(number)` in as many threads, all released together, and give the results in order."""
    barrier = threading.Barrier(times)

    def start(number):
        barrier.wait(PATIENCE_SECONDS)
        return work(number)

    with ThreadPoolExecutor(max_workers=times) as executor:
        futures = [executor.submit(start, number) for number in range(times)]
        return [future.result(PATIENCE_SECONDS) for future in futures]


@contextmanager
def killing_backends(bank, *, seed):
    """Terminate a busy backend of the bank, picked by a seeded hand, again and again; give those hit so far."""
    hand, stopped, hit = random.Random(seed), threading.Event(), []

    def kill():
        with administration(bank) as connection:
            while not stopped.wait(PAUSE_OF_KILLER_SECONDS):
                pids = connection.execute(BUSY).scalars().all()
                if pids:
                    hit.append(hand.choice(pids))
                    connection.execute(TERMINATE, {"pid": hit[-1]})

    with ThreadPoolExecutor(max_workers=1) as executor:
        killer = executor.submit(kill)
        try:
            yield hit
        finally:
            stopped.set()
            killer.result(PATIENCE_SECONDS)


@contextmanager
def killing_own_backend(bank, *, before):
    """Terminate the backend that serves a request just before its nth statement or commit; give what was hit."""
    seen, hit = [], []

    def step(connection, what):
        seen.append(what)
        if len(seen) == before:
            hit.append(what)
            with administration(bank) as other:
                other.execute(TERMINATE, {"pid": connection.connection.dbapi_connection.info.backend_pid})

    def on_statement(connection, cursor, statement, *_):
        step(connection, statement.split()[0])

    def on_commit(connection):
        step(connection, "COMMIT")

    with listening(bank, before_cursor_execute=on_statement, commit=on_commit):
        yield hit


@contextmanager
def losing_one_acknowledgement(bank):
    """Let one commit take effect and the connection break before its acknowledgement arrives."""
    lost = []

    def on_commit(connection):
        if not lost:
            lost.append(True)
            connection.connection.commit()
            gone = psycopg2.OperationalError("server closed the connection unexpectedly")
            raise OperationalError("COMMIT", {}, gone, connection_invalidated=True)

    with listening(bank, commit=on_commit):
        yield lost


@contextmanager
def listening(bank, **hooks):
    """Hook into the bank's engine."""
    with bank.app.app_context():
        engine = db.engine
    for name, hook in hooks.items():
        sa.event.listen(engine, name, hook)
    try:
        yield
    finally:
        for name, hook in hooks.items():
            sa.event.remove(engine, name, hook)


@contextmanager
def administration(bank):
    """A connection beside the bank's own."""
    url = bank.app.config["SQLALCHEMY_DATABASE_URI"]
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
