"""The database: one commit, real conflicts retried, a ping that neither lies nor hangs."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from loans import metrics
from loans.app import create_app
from loans.db import (
    DatabaseUnreachableError,
    Ping,
    after_commit,
    db,
    execute_together,
    sqlstate,
    transaction,
)
from tests.conftest import make_settings

TILLS = sa.table("tills", sa.column("name"), sa.column("amount"))


@pytest.fixture(scope="module")
def own_app(make_database):
    """An application on a database with a table of our own: two tills to pay into."""
    # Patient, so that on a busy machine a deadlock is found before a lock is given up.
    patience = {"lock_timeout_ms": 20_000, "statement_timeout_ms": 30_000}
    app = create_app(make_settings(make_database(empty=True), **patience))
    with app.app_context():
        transaction(
            lambda session: session.execute(
                sa.text(
                    "CREATE TABLE tills (name text PRIMARY KEY, amount bigint NOT NULL CHECK (amount >= 0))"
                )
            )
        )
    return app


@pytest.fixture
def tills(own_app):
    """The application's context, with both tills at 100."""
    with own_app.app_context():
        transaction(lambda session: session.execute(sa.text("DELETE FROM tills")))
        transaction(
            lambda session: session.execute(sa.text("INSERT INTO tills VALUES ('east', 100), ('west', 100)"))
        )
        yield own_app
        db.session.rollback()


@pytest.fixture
def commits(tills):
    """The commits that reach the database, as they happen."""
    seen = []

    def note(connection):
        seen.append(connection)

    sa.event.listen(db.engine, "commit", note)
    yield seen
    sa.event.remove(db.engine, "commit", note)


def amounts():
    """What the tills hold, as another connection sees it."""
    with db.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT name, amount FROM tills")).all()
    return dict(rows)


def pay_in(session, *, till, amount):
    session.execute(sa.update(TILLS).where(TILLS.c.name == till).values(amount=TILLS.c.amount + amount))


def interfere():
    """Another session changes the east till and commits."""
    with db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE tills SET amount = amount + 1 WHERE name = 'east'"))


def retries(code):
    """How often a transaction was tried again for a SQLSTATE so far."""
    return metrics.transaction_retries.labels(sqlstate=code)._value.get()


class TestTransaction:
    def test_commits_once_what_its_work_did(self, commits):
        def work(session):
            pay_in(session, till="east", amount=5)
            pay_in(session, till="west", amount=-5)
            return "paid"

        result = transaction(work)

        assert result == "paid"
        assert len(commits) == 1
        assert amounts() == {"east": 105, "west": 95}

    @pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, AssertionError])
    def test_rolls_everything_back_on_any_exception(self, commits, failure):
        def work(session):
            pay_in(session, till="east", amount=5)
            raise failure

        with pytest.raises(failure):
            transaction(work)

        assert commits == []
        assert amounts() == {"east": 100, "west": 100}

    def test_leaves_a_session_that_works_after_a_failure(self, tills):
        with pytest.raises(IntegrityError):
            transaction(lambda session: pay_in(session, till="east", amount=-101))

        transaction(lambda session: pay_in(session, till="east", amount=-100))

        assert amounts() == {"east": 0, "west": 100}

    def test_does_not_retry_what_a_constraint_refused(self, tills):
        attempts = []

        def work(session):
            attempts.append(1)
            pay_in(session, till="east", amount=-101)

        with pytest.raises(IntegrityError):
            transaction(work)

        assert len(attempts) == 1


class TestRetry:
    def test_runs_the_whole_work_again_after_a_serialization_failure(self, tills):
        before, seen = retries("40001"), []

        def work(session):
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            seen.append(session.scalar(sa.select(TILLS.c.amount).where(TILLS.c.name == "east")))
            if len(seen) == 1:
                interfere()
            pay_in(session, till="east", amount=10)

        transaction(work)

        assert seen == [100, 101]
        assert amounts()["east"] == 111
        assert retries("40001") - before == 1

    def test_gives_up_after_three_retries(self, tills):
        before, attempts = retries("40001"), []

        def work(session):
            attempts.append(1)
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            session.scalar(sa.select(TILLS.c.amount).where(TILLS.c.name == "east"))
            interfere()
            pay_in(session, till="east", amount=10)

        with pytest.raises(OperationalError) as refused:
            transaction(work)

        assert sqlstate(refused.value) == "40001"
        assert len(attempts) == 4
        assert retries("40001") - before == 3
        assert amounts()["east"] == 104

    def test_lets_both_of_two_that_deadlock_succeed(self, tills):
        before, both_hold_one = retries("40P01"), threading.Barrier(2, timeout=10)

        def move(source, target):
            attempts = []

            def work(session):
                attempts.append(1)
                pay_in(session, till=source, amount=-10)
                if len(attempts) == 1:
                    both_hold_one.wait()
                pay_in(session, till=target, amount=10)

            with tills.app_context():
                transaction(work)
            return len(attempts)

        with ThreadPoolExecutor(max_workers=2) as pool:
            eastward = pool.submit(move, "west", "east")
            westward = pool.submit(move, "east", "west")
            attempts = eastward.result(), westward.result()

        assert sorted(attempts) == [1, 2]
        assert retries("40P01") - before == 1
        assert amounts() == {"east": 100, "west": 100}


class TestDryRun:
    def test_gives_what_its_work_gave_and_leaves_nothing(self, commits):
        def work(session):
            pay_in(session, till="east", amount=5)
            return session.scalar(sa.select(TILLS.c.amount).where(TILLS.c.name == "east"))

        result = transaction(work, dry_run=True)

        assert (result, commits, amounts()) == (105, [], {"east": 100, "west": 100})

    def test_does_not_act_afterwards(self, tills):
        acts = []

        def work(session):
            after_commit(session, lambda: acts.append("done"))
            pay_in(session, till="east", amount=5)

        transaction(work, dry_run=True)
        transaction(lambda session: pay_in(session, till="east", amount=1))

        assert acts == []

    def test_is_refused_what_the_commit_would_be_refused(self, tills):
        def work(session):
            session.execute(
                sa.text(
                    "CREATE TABLE slips (number int, CONSTRAINT uq_slips UNIQUE (number) DEFERRABLE INITIALLY DEFERRED)"
                )
            )
            session.execute(sa.text("INSERT INTO slips VALUES (7), (7)"))

        with pytest.raises(IntegrityError, match="uq_slips"):
            transaction(work, dry_run=True)

    def test_runs_again_after_a_serialization_failure(self, tills):
        attempts = []

        def work(session):
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            session.scalar(sa.select(TILLS.c.amount).where(TILLS.c.name == "east"))
            attempts.append(1)
            if len(attempts) == 1:
                interfere()
            pay_in(session, till="east", amount=10)

        transaction(work, dry_run=True)

        assert len(attempts) == 2


class TestAfterCommit:
    def test_acts_when_others_can_see_the_work(self, tills):
        seen = []

        def work(session):
            after_commit(session, lambda: seen.append(amounts()["east"]))
            pay_in(session, till="east", amount=5)

        transaction(work)

        assert seen == [105]

    def test_does_not_act_where_the_work_was_undone(self, tills):
        acts = []

        def work(session):
            after_commit(session, lambda: acts.append("done"))
            pay_in(session, till="east", amount=-101)

        with pytest.raises(IntegrityError):
            transaction(work)
        transaction(lambda session: pay_in(session, till="east", amount=1))

        assert acts == []

    def test_acts_once_where_the_work_ran_twice(self, tills):
        attempts, acts = [], []

        def work(session):
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            session.scalar(sa.select(TILLS.c.amount).where(TILLS.c.name == "east"))
            attempts.append(1)
            if len(attempts) == 1:
                interfere()
            after_commit(session, lambda: acts.append("done"))
            pay_in(session, till="east", amount=10)

        transaction(work)

        assert (len(attempts), acts) == (2, ["done"])


class TestExecuteTogether:
    def test_is_one_statement(self, tills):
        sent = []

        def note(_connection, _cursor, statement, *_):
            sent.append(statement)

        def work(session):
            sa.event.listen(db.engine, "before_cursor_execute", note)
            try:
                execute_together(
                    session,
                    sa.insert(TILLS).values(name="north", amount=7),
                    sa.update(TILLS).where(TILLS.c.name == "east").values(amount=93),
                )
            finally:
                sa.event.remove(db.engine, "before_cursor_execute", note)

        transaction(work)

        assert len(sent) == 1
        assert amounts() == {"east": 93, "west": 100, "north": 7}

    def test_writes_all_or_nothing(self, tills):
        with pytest.raises(IntegrityError):
            transaction(
                lambda session: execute_together(
                    session,
                    sa.insert(TILLS).values(name="north", amount=7),
                    sa.update(TILLS).where(TILLS.c.name == "east").values(amount=-1),
                )
            )

        assert amounts() == {"east": 100, "west": 100}


class TestTimeouts:
    def test_reach_every_session(self, app):
        wanted = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "TimeZone")

        with app.app_context():
            found = [db.session.scalar(sa.text(f"SHOW {name}")) for name in wanted]

        assert found == ["2s", "5s", "8s", "UTC"]


@pytest.fixture
def silent_port():
    """A port on which connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


class TestPing:
    def test_gives_the_seconds_it_took(self, database_url):
        assert 0 < Ping(database_url, timeout_seconds=5)() < 5

    def test_gives_up_in_time_when_nobody_answers(self, silent_port):
        ping = Ping(f"postgresql+psycopg2://app@127.0.0.1:{silent_port}/loans", timeout_seconds=0.2)

        with pytest.raises(DatabaseUnreachableError, match=r"no answer within 0\.2 s"):
            ping()

    def test_gives_up_in_time_when_earlier_ones_still_hang(self, silent_port):
        ping = Ping(f"postgresql+psycopg2://app@127.0.0.1:{silent_port}/loans", timeout_seconds=0.2)

        refusals = []
        for _ in range(4):
            with pytest.raises(DatabaseUnreachableError) as refused:
                ping()
            refusals.append(str(refused.value))

        assert refusals == ["no answer within 0.2 s"] * 4

    def test_says_why_a_connection_was_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            closed_port = server.getsockname()[1]

        with pytest.raises(DatabaseUnreachableError, match="Connection refused"):
            Ping(f"postgresql+psycopg2://app@127.0.0.1:{closed_port}/loans", timeout_seconds=5)()

    def test_recovers_by_itself(self, server_url, make_database):
        url = make_database(empty=True)
        ping = Ping(url, timeout_seconds=5)
        name = sa.make_url(url).database
        administration = sa.create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with administration.connect() as connection:
            connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
            with pytest.raises(DatabaseUnreachableError, match="not currently accepting connections"):
                ping()
            connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))

        assert ping() > 0


class TestSqlstate:
    def test_is_empty_when_the_server_said_nothing(self):
        error = DBAPIError("SELECT 1", {}, Exception("connection lost"))

        assert sqlstate(error) == ""
