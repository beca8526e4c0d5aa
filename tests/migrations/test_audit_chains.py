"""Records of the release before are chained where they are, and what that release still writes joins them."""

import json
import uuid

import pytest

from loans.app import create_app
from loans.db import db, transaction
from loans.queries import events
from loans.services import audit_chains, outbox
from tests import settling
from tests.conftest import make_settings
from tests.factories import make_context

LOAN, BORROWER = uuid.UUID(int=1), uuid.UUID(int=2)
# As that release writes them: without number and hash, without place in the feed.
RECORD = """
INSERT INTO audit_records (id, subject_type, subject_id, action, actor, request_id, before, after, recorded_at)
VALUES ('{id}', '{of}', '{subject}', '{of}.act', 'api_key:1', NULL, NULL, '{after}', '2026-06-15T12:00:00.5+03')
"""
EVENT = """
INSERT INTO outbox_events (event_id, type, subject_id, payload, occurred_at)
VALUES ('{id}', 'loan.applied', '{subject}', '{{}}', '2026-06-15T12:00:00Z')
"""
CHAINS = "SELECT subject_id, sequence, id FROM audit_records ORDER BY subject_id, sequence"
HEADS = "SELECT subject_id, sequence FROM audit_heads ORDER BY subject_id"


def act(database, number, *, of="loan", subject=LOAN):
    after = json.dumps({"number": number, "note": 'a "quoted" é'})
    database.rows(RECORD.format(id=uuid.UUID(int=number), of=of, subject=subject, after=after))


def announce(database, number):
    database.rows(EVENT.format(id=uuid.UUID(int=number), subject=LOAN))


def run(database, work):
    with create_app(make_settings(database.url)).app_context():
        try:
            return transaction(work)
        finally:
            db.engine.dispose()


def faults(database):
    return run(database, lambda session: list(audit_chains.verify(session, progress=lambda _: None)))


def feed(database):
    def work(session):
        settling.wait_until_settled()
        return events.feed(session, cursor=None, limit=50)

    page = run(database, work)
    return [event.event_id.int for event in page.items]


@pytest.fixture
def earlier(empty):
    """A database of the release before with records of two subjects, not written in the order of their ids."""
    empty.upgrade("0015")
    for number in (13, 11, 12):
        act(empty, number)
    act(empty, 21, of="borrower", subject=BORROWER)
    for number in (1, 2):
        announce(empty, number)
    return empty


class TestUpgrade:
    def test_chains_the_records_of_each_subject_in_the_order_of_their_ids(self, earlier):
        earlier.upgrade("0016")

        assert earlier.rows(CHAINS) == [
            *((LOAN, number, uuid.UUID(int=10 + number)) for number in (1, 2, 3)),
            (BORROWER, 1, uuid.UUID(int=21)),
        ]
        assert earlier.rows(HEADS) == [(LOAN, 3), (BORROWER, 1)]
        assert faults(earlier) == []

    def test_lets_the_release_before_go_on(self, earlier):
        earlier.upgrade("0016")

        act(earlier, 14)
        act(earlier, 31, subject=uuid.UUID(int=3))
        announce(earlier, 3)

        assert earlier.rows(HEADS) == [(LOAN, 4), (BORROWER, 1), (uuid.UUID(int=3), 1)]
        assert faults(earlier) == []
        assert feed(earlier) == [1, 2, 3]

    def test_puts_events_before_all_that_are_to_come(self, earlier):
        earlier.upgrade("0016")
        run(
            earlier,
            lambda session: session.execute(
                outbox.announce(("loan.approved",), subject_id=LOAN, payload={}, context=make_context())
            ),
        )

        assert feed(earlier)[:2] == [1, 2]
        assert len(feed(earlier)) == 3

    def test_leaves_records_closed_to_change(self, earlier):
        earlier.upgrade("0016")

        with pytest.raises(Exception, match="insert-only"):
            earlier.rows("UPDATE audit_records SET actor = 'x'")


class TestDowngrade:
    def test_keeps_every_record_and_event(self, earlier):
        query = "SELECT to_jsonb(r)::text FROM audit_records r UNION ALL SELECT to_jsonb(e)::text FROM outbox_events e"
        before = sorted(earlier.rows(query))
        earlier.upgrade("0016")

        earlier.downgrade("0015")

        assert sorted(earlier.rows(query)) == before

    def test_can_be_undone_with_the_same_hashes(self, earlier):
        hashes = "SELECT id, hash::text FROM audit_records ORDER BY id"
        earlier.upgrade("0016")
        before = earlier.rows(hashes)

        earlier.downgrade("0015")
        earlier.upgrade("0016")

        assert earlier.rows(hashes) == before
        assert faults(earlier) == []
