"""The feed of events: in whatever order transactions commit, who follows the cursor misses nothing (ADR 38)."""

import contextlib
import threading
import uuid

import pytest
import sqlalchemy as sa

from loans.db import db, transaction
from loans.queries import events
from loans.queries.paging import InvalidCursor
from loans.services import outbox
from tests import settling
from tests.factories import make_borrower, make_context, make_disbursed_loan, make_repayment


@pytest.fixture
def book(open_book):
    """An application with an empty book of its own."""
    with open_book(db_pool_size=12) as app, app.app_context():
        yield app
        db.session.remove()


@pytest.fixture
def say(book):
    """Announce events in a connection of one's own: `with say("loan.applied") as commit:`."""

    def announce(connection, *types, subject_id=None):
        statement = outbox.announce(
            types, subject_id=subject_id or uuid.uuid4(), payload={}, context=make_context()
        )
        connection.execute(statement)

    return announce


@pytest.fixture
def connection(book):
    """Open connections whose transactions end when the test says so."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(db.engine.connect())


def read(cursor=None, **asked):
    """Give the types of the next events, once they have settled, and the cursor behind them."""
    settling.wait_until_settled()
    return read_now(cursor, **asked)


def read_now(cursor=None, **asked):
    """Give the types of the next events as it is, whatever else runs."""
    page = events.feed(db.session(), cursor=cursor, **({"limit": 50} | asked))
    db.session.rollback()
    return [event.type for event in page.items], page.next_cursor


class TestOrder:
    def test_skips_nothing_when_the_later_transaction_commits_first(self, book, say, connection):
        """The second event is there first. Shown at once, it would take readers past the first."""
        early, late = connection(), connection()
        say(early, "loan.applied")
        say(late, "loan.approved")
        late.commit()

        seen, cursor = read_now()
        assert seen == []
        early.commit()
        seen, cursor = read(cursor)

        assert seen == ["loan.applied", "loan.approved"]
        assert read(cursor) == ([], cursor)

    def test_skips_nothing_when_who_began_first_writes_last(self, book, say, connection):
        early, late = connection(), connection()
        early.execute(sa.text("SELECT pg_current_xact_id()"))
        say(late, "loan.approved")
        say(early, "loan.applied")
        early.commit()

        before, cursor = read_now()
        late.commit()
        after, _ = read(cursor)

        assert sorted(before + after) == ["loan.applied", "loan.approved"]

    def test_waits_for_the_oldest_transaction_that_writes_whatever_it_writes(self, book, say, connection):
        slow, quick = connection(), connection()
        slow.execute(sa.text("CREATE TABLE something (id int)"))
        say(quick, "loan.applied")
        quick.commit()

        assert read_now()[0] == []
        slow.rollback()
        assert read()[0] == ["loan.applied"]

    def test_does_not_wait_for_who_only_reads(self, book, say, connection):
        reader, writer = connection(), connection()
        reader.execute(sa.text("SELECT count(*) FROM loans"))
        say(writer, "loan.applied")
        writer.commit()

        assert read()[0] == ["loan.applied"]

    def test_knows_nothing_of_what_was_rolled_back(self, book, say, connection):
        undone, done = connection(), connection()
        say(undone, "loan.applied")
        say(done, "loan.approved")
        done.commit()
        undone.rollback()

        assert read()[0] == ["loan.approved"]

    def test_keeps_that_of_the_events_of_one_statement(self, book, say, connection):
        writer = connection()
        say(writer, "loan.repayment_recorded", "loan.repaid")
        writer.commit()

        assert read()[0] == ["loan.repayment_recorded", "loan.repaid"]

    def test_gives_each_of_many_writers_events_once_to_a_reader_beside_them(self, book, say):
        """Six writers commit at random; a reader follows the cursor all the while, one event at a time."""
        written, failed = [], []

        def write(number):
            try:
                with book.app_context():
                    for turn in range(20):
                        with db.engine.begin() as own:
                            subject_id = uuid.UUID(int=number * 1000 + turn)
                            say(own, "loan.applied", subject_id=subject_id)
                            own.execute(sa.text("SELECT pg_sleep(random() * 0.01)"))
                        written.append(subject_id)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failed.append(error)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 7)]
        for thread in threads:
            thread.start()
        seen, cursor = [], None
        while True:
            over = not any(thread.is_alive() for thread in threads)
            if over:
                settling.wait_until_settled()
            page = events.feed(db.session(), cursor=cursor, limit=1)
            db.session.rollback()
            cursor = page.next_cursor
            seen += [event.subject_id for event in page.items]
            if over and not page.has_more and not page.items:
                break
        for thread in threads:
            thread.join(timeout=30)

        assert failed == []
        assert len(seen) == 120
        assert sorted(seen) == sorted(written)

    def test_of_one_loan_is_that_of_its_events_however_many_come_at_once(self, book):
        """Who waits for the lock on a loan has a number already, maybe a lower one than who has the lock."""
        loan = transaction(lambda session: make_disbursed_loan(session, installments=12))
        failed, barrier = [], threading.Barrier(8)

        def repay():
            try:
                with book.app_context():
                    barrier.wait(timeout=20)
                    for _ in range(3):
                        transaction(lambda session: make_repayment(session, loan=loan, amount="10.00"))
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failed.append(error)

        threads = [threading.Thread(target=repay) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        settling.wait_until_settled()

        page = events.feed(db.session(), cursor=None, limit=200, subject_id=loan.id)

        assert failed == []
        assert [event.payload["sequence"] for event in page.items] == list(range(1, 3 + 24 + 1))


class TestPage:
    @pytest.fixture
    def three(self, book, say, connection):
        writer = connection()
        subjects = [uuid.uuid4() for _ in range(3)]
        for subject_id, name in zip(subjects, ("loan.applied", "loan.approved", "loan.applied"), strict=True):
            say(writer, name, subject_id=subject_id)
            writer.commit()
        return subjects

    def test_ends_with_a_cursor_to_go_on_from(self, three):
        first, cursor = read(limit=2)
        second, cursor = read(cursor, limit=2)

        assert (first, second) == (["loan.applied", "loan.approved"], ["loan.applied"])
        assert read(cursor, limit=2) == ([], cursor)

    def test_tells_whether_there_are_more_already(self, three):
        settling.wait_until_settled()
        assert events.feed(db.session(), cursor=None, limit=2).has_more is True
        assert events.feed(db.session(), cursor=None, limit=3).has_more is False

    def test_of_nothing_has_a_cursor_at_the_beginning(self, book, say, connection):
        seen, cursor = read()
        writer = connection()
        say(writer, "loan.applied")
        writer.commit()

        assert seen == []
        assert read(cursor)[0] == ["loan.applied"]

    def test_of_one_type(self, three):
        first, cursor = read(types=("loan.applied",), limit=1)

        assert first == ["loan.applied"]
        assert read(cursor, types=("loan.applied",), limit=2)[0] == ["loan.applied"]

    def test_of_types_is_in_the_order_of_all(self, three):
        types = ("loan.approved", "loan.applied", "loan.rejected")

        assert read(types=types)[0] == ["loan.applied", "loan.approved", "loan.applied"]
        assert read(types=types, limit=2)[0] == ["loan.applied", "loan.approved"]

    def test_of_a_subject(self, three):
        assert read(subject_id=three[1])[0] == ["loan.approved"]
        assert read(subject_id=three[1], types=("loan.applied",))[0] == []

    def test_goes_on_with_another_filter(self, three):
        _, cursor = read(types=("loan.applied",), limit=1)

        assert read(cursor)[0] == ["loan.approved", "loan.applied"]

    @pytest.mark.parametrize("cursor", ["x", "", "ZXZlbnRz"])
    def test_refuses_a_cursor_of_something_else(self, book, cursor):
        with pytest.raises(InvalidCursor):
            events.feed(db.session(), cursor=cursor, limit=1)

    def test_waits_with_every_filter(self, book, say, connection):
        early, late, subject_id = connection(), connection(), uuid.uuid4()
        early.execute(sa.text("SELECT pg_current_xact_id()"))
        say(late, "loan.approved", subject_id=subject_id)
        late.commit()

        assert read_now(subject_id=subject_id)[0] == []
        assert read_now(types=("loan.approved",))[0] == []
        early.rollback()
        assert read(subject_id=subject_id)[0] == ["loan.approved"]


class TestEra:
    """After a restore transaction numbers may be lower than those of events that readers have seen."""

    def restored(self, *, past):
        """Make the book one that was restored from a cluster whose transactions had got further by `past`."""
        with db.engine.begin() as own:
            own.execute(sa.text("UPDATE outbox_events SET xid = xid + :past"), {"past": past})
            own.execute(sa.text("UPDATE outbox_eras SET system_identifier = system_identifier - 1"))
        # Whatever restores a database ends every session of it.
        db.engine.dispose()

    def test_begins_where_the_cluster_is_another(self, book, say):
        with db.engine.begin() as own:
            say(own, "loan.applied")
        self.restored(past=1_000_000)
        seen, cursor = read()

        with db.engine.begin() as own:
            say(own, "loan.approved")
        with db.engine.begin() as own:
            say(own, "loan.disbursed")

        assert seen == ["loan.applied"]
        assert read(cursor)[0] == ["loan.approved", "loan.disbursed"]
        assert read()[0] == ["loan.applied", "loan.approved", "loan.disbursed"]
        eras = db.session.execute(sa.text("SELECT era FROM outbox_eras ORDER BY era")).scalars().all()
        assert len(eras) == 2

    def test_shows_restored_events_before_anything_new_is_written(self, book, say):
        with db.engine.begin() as own:
            say(own, "loan.applied")
        self.restored(past=1_000_000)

        assert read()[0] == ["loan.applied"]

    def test_after_a_restore_to_a_moment_comes_after_what_was_lost(self, book, say):
        """The event that a reader saw is lost with its era's number, which the clock does not give out again."""
        with db.engine.begin() as own:
            say(own, "loan.applied")
        _, cursor = read()
        with db.engine.begin() as own:
            own.execute(sa.text("DELETE FROM outbox_events"))
            own.execute(sa.text("DELETE FROM outbox_eras"))
        db.engine.dispose()

        with db.engine.begin() as own:
            say(own, "loan.rejected")

        assert read(cursor)[0] == ["loan.rejected"]

    def test_is_found_once_in_a_session(self, book):
        with db.engine.connect() as own:
            first = own.execute(sa.text("SELECT outbox_era()")).scalar_one()
            own.commit()
            kept = own.execute(sa.text("SELECT current_setting('branchloans.outbox_era')")).scalar_one()

        assert kept == str(first)

    def test_is_begun_by_one_of_many(self, book):
        with db.engine.begin() as own:
            own.execute(sa.text("DELETE FROM outbox_eras"))
        db.engine.dispose()
        found, barrier = [], threading.Barrier(6)

        def ask():
            with book.app_context(), db.engine.begin() as own:
                barrier.wait(timeout=20)
                found.append(own.execute(sa.text("SELECT outbox_era()")).scalar_one())

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)

        assert len(found) == 6
        assert len(set(found)) == 1

    def test_of_a_command_that_is_rolled_back_is_none(self, book):
        with db.engine.begin() as own:
            own.execute(sa.text("DELETE FROM outbox_eras"))
        db.engine.dispose()

        transaction(make_borrower, dry_run=True)

        count = db.session.execute(sa.text("SELECT count(*) FROM outbox_eras")).scalar_one()
        assert count == 0
        transaction(make_borrower)
        assert read()[0] == ["borrower.registered"]
