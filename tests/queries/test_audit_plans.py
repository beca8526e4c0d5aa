"""What a page of audit records or of the feed costs among 20,000: few rows read, whatever it is filtered by."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from loans.app import create_app
from loans.db import db
from loans.queries import audit, events
from loans.queries.audit import Wanted
from loans.services import audit_chains
from tests.conftest import make_settings
from tests.queries.test_loan_list_plans import explained, rows_read, tables_scanned

ROWS, LIMIT = 20_000, 20
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
REQUEST = "request-4711"
# One actor does nearly all, one very little; one action is rare, and for two days at the start there was nothing else.
FILL = """
INSERT INTO audit_records (id, subject_type, subject_id, action, actor, request_id, after, recorded_at)
SELECT uuidv7(), split_part(action, '.', 1), md5((n % 2000)::text)::uuid, action,
    CASE WHEN n % 997 = 0 THEN 'staff:rare' ELSE 'api_client:busy' END, 'request-' || n, '{"status": "disbursed"}',
    timestamptz '2026-06-15T12:00:00Z' - (20000 - n) * interval '1 minute'
FROM (
    SELECT n, CASE WHEN n % 991 = 0 THEN 'borrower.change' WHEN n % 3 = 0 THEN 'loan.approve' ELSE 'loan.disburse' END
        AS action FROM generate_series(1, 20000) AS n
) AS made
"""
EVENTS = """
INSERT INTO outbox_events (event_id, type, subject_id, payload, occurred_at)
SELECT uuidv7(), CASE WHEN n % 991 = 0 THEN 'loan.repaid' ELSE 'loan.repayment_recorded' END,
    md5((n % 2000)::text)::uuid, '{}', now() FROM generate_series(1, 20000) AS n
"""
FILTERS = {
    "subject_type": ("loan", "borrower", "staff"),
    "actor": ("api_client:busy", "staff:rare", "staff:nobody"),
    "action": ("loan.disburse", "borrower.change", "loan.reject"),
    "subject_id": (uuid.UUID("cfcd2084-95d5-65ef-66e7-dff9f98764da"),),
    "request_id": (REQUEST,),
    "since": (NOW - timedelta(minutes=15_000),),
    "until": (NOW - timedelta(minutes=5_000),),
}


@pytest.fixture(scope="module")
def full(make_database):
    app = create_app(make_settings(make_database()))
    with app.app_context():
        with db.engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            connection.execute(sa.text(FILL))
            connection.execute(sa.text(EVENTS))
            # The events are old by now, those of an era gone by.
            connection.execute(sa.text("UPDATE outbox_events SET era = 1, xid = id / 2"))
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM (ANALYZE) audit_records"))
            connection.execute(sa.text("VACUUM (ANALYZE) outbox_events"))
        yield db.session()
        db.session.remove()
        db.engine.dispose()


def asked():
    """Every set of filters, each with every value of the first three: 2 ** 4 times 4 ** 3."""
    choices = [[(name, value) for value in (None, *values)] for name, values in FILTERS.items()]
    for chosen in itertools.product(*choices):
        yield {name: value for name, value in chosen if value is not None}


class TestAudit:
    def test_page_of_any_filters_reads_few_rows(self, full):
        count = 0
        for given in asked():
            count += 1
            _, plans = explained(
                full,
                lambda given=given: audit_chains.page(full, wanted=Wanted(**given), cursor=None, limit=LIMIT),
            )

            # None where the action is never done to such a subject.
            for plan in plans:
                assert tables_scanned(plan) == set(), given
                assert rows_read(plan) <= LIMIT + 1, given

        assert count == 4**3 * 2**4

    @pytest.mark.parametrize("given", [{}, {"actor": "api_client:busy"}, {"action": "loan.disburse"}])
    def test_page_far_back_reads_few_rows(self, full, given):
        cursor = None
        for _ in range(5):
            cursor = audit.page(full, wanted=Wanted(**given), cursor=cursor, limit=200).next_cursor

        page, (plan,) = explained(
            full, lambda: audit.page(full, wanted=Wanted(**given), cursor=cursor, limit=LIMIT)
        )

        assert len(page.items) == LIMIT
        assert tables_scanned(plan) == set()
        assert rows_read(plan) <= LIMIT + 1

    def test_batch_of_a_verification_reads_the_batch(self, full):
        batches = audit.links(full, size=100)
        next(batches)

        batch, (plan,) = explained(full, lambda: next(batches))

        assert len(batch) == 100
        assert tables_scanned(plan) == set()
        # Each with its head, of which there may be one read for each.
        assert rows_read(plan) <= 2 * (100 + 1)


class TestFeed:
    @pytest.mark.parametrize(
        ("given", "most"),
        [
            ({}, LIMIT + 1),
            ({"types": ("loan.repaid",)}, LIMIT + 1),
            ({"types": ("loan.repaid", "loan.repayment_recorded", "loan.applied")}, 3 * (LIMIT + 1)),
            ({"subject_id": uuid.UUID("cfcd2084-95d5-65ef-66e7-dff9f98764da")}, LIMIT + 1),
            (
                {"subject_id": uuid.UUID("cfcd2084-95d5-65ef-66e7-dff9f98764da"), "types": ("loan.repaid",)},
                LIMIT + 1,
            ),
        ],
    )
    @pytest.mark.parametrize("pages", [0, 50])
    def test_page_reads_few_rows_wherever_it_lies(self, full, given, most, pages):
        cursor = None
        for _ in range(pages // 10):
            cursor = events.feed(full, cursor=cursor, limit=200).next_cursor

        _, (plan,) = explained(full, lambda: events.feed(full, cursor=cursor, limit=LIMIT, **given))

        assert tables_scanned(plan) - {"outbox_eras"} == set()
        assert rows_read(plan) <= most
