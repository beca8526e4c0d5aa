"""A book of the release before terms became documents is upgraded in place, and its ledger goes on to tie out.

`earlier_book.json` holds the rows that that release wrote on 15 June 2026: its demo portfolio, a loan in yen that
takes principal first and got a payment back-dated, an application in dinars, and a loan so small that the last of
its installments ask for nothing.
"""

import json
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from loans.app import create_app
from loans.db import db, transaction
from loans.services import repayments, verification
from tests.conftest import make_settings
from tests.factories import make_context

BOOK = json.loads((Path(__file__).parent / "earlier_book.json").read_text(encoding="utf-8"))
LATER = "SELECT id FROM loans WHERE external_id = 'demo-current'"
YEN_TERMS = {
    "principal": "100000",
    "currency": "JPY",
    "annual_rate": "7.125",
    "method": "equal_principal",
    "installments": 10,
    "frequency": {"every": 2, "unit": "week"},
    "day_count": "30/360",
    "business_day_convention": "unadjusted",
    "grace": {"principal": 0, "interest": 0, "interest_free": 0},
    "pauses": [],
    "balloon": "0",
    "installment_multiple": "1",
    "rounding": "up",
    "interest_mode": "scheduled",
    "allocation": {"order": ["penalty", "fee", "principal", "interest"], "across": "horizontal"},
    "early_payment": "next_installments",
    "fees": [],
    "penalty_rate": "0.00",
    "tranches_max": 1,
    "suspend_after_days": 90,
    "accounting": "cash",
}


def fill(database):
    """Write the book as the earlier release did: without the columns it does not know."""
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for table, rows in BOOK.items():
            names = ", ".join(f'"{name}"' for name in rows[0])
            connection.execute(
                sa.text(
                    f"INSERT INTO {table} ({names})"
                    f" SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, CAST(:rows AS jsonb))"
                ),
                {"rows": json.dumps(rows)},
            )


def contents(database):
    """Give every row of the tables of the book."""
    return {
        table: sorted(row[0] for row in database.rows(f"SELECT to_jsonb(t)::text FROM {table} AS t"))
        for table in BOOK
    }


def without_maturity(tables):
    """Leave out the maturity of loans: that of the small one moved when its last installments went."""
    kept = [json.loads(row) | {"maturity_date": None} for row in tables["loans"]]
    return tables | {"loans": kept}


def run(database, work):
    """Do some work on a database in a committed transaction."""
    with create_app(make_settings(database.url)).app_context():
        try:
            return transaction(work)
        finally:
            db.engine.dispose()


def faults(database):
    return run(database, lambda session: list(verification.verify(session, progress=lambda _: None)))


@pytest.fixture
def earlier(empty):
    """A database as the earlier release left it."""
    empty.upgrade("0005")
    fill(empty)
    return empty


class TestUpgrade:
    def test_leaves_a_book_that_folds_to_what_is_stored_and_ties_out(self, earlier):
        earlier.upgrade()

        assert faults(earlier) == []
        assert earlier.rows("SELECT count(*) FROM loans") == [(10,)]

    def test_keeps_the_terms_of_each_loan_to_the_letter(self, earlier):
        earlier.upgrade()

        assert earlier.rows("SELECT terms FROM loans WHERE external_id = 'principal-first'") == [(YEN_TERMS,)]
        assert earlier.rows(
            "SELECT terms ->> 'principal', terms ->> 'annual_rate', terms ->> 'installment_multiple'"
            " FROM loans WHERE external_id = 'dinars'"
        ) == [("123.456", "0.00", "0.001")]

    def test_keeps_the_terms_of_each_product_without_what_an_application_brings(self, earlier):
        earlier.upgrade()

        brought = {"principal", "installments"}
        own = {name: value for name, value in YEN_TERMS.items() if name not in brought}
        assert earlier.rows(
            "SELECT v.terms FROM product_versions v JOIN products p ON p.id = product_id WHERE currency = 'JPY'"
        ) == [(own,)]

    def test_takes_the_day_of_the_last_event_for_that_of_the_snapshot(self, earlier):
        earlier.upgrade()

        assert earlier.rows("SELECT count(*) FROM loans WHERE as_of <> last_event_on") == [(0,)]

    def test_drops_installments_at_the_end_that_ask_for_nothing(self, earlier):
        """1.01 in shares of 0.03 each: the 34th installment takes the last 0.02, six more asked for nothing."""
        earlier.upgrade()

        tiny = "SELECT id FROM loans WHERE external_id = 'tiny'"
        assert earlier.rows(f"SELECT max(number) FROM installments WHERE loan_id = ({tiny})") == [(34,)]
        assert earlier.rows("SELECT maturity_date FROM loans WHERE external_id = 'tiny'") == [
            (date(2028, 11, 15),)
        ]

    def test_lets_a_loan_go_on_to_be_repaid_on_a_cash_basis(self, earlier):
        earlier.upgrade()
        ((loan_id,),) = earlier.rows(LATER)

        paid = run(
            earlier,
            lambda session: repayments.record(
                session,
                loan_id=loan_id,
                amount="9455.96",
                on=date(2026, 6, 20),
                context=make_context(date(2026, 7, 7)),
            ),
        )

        assert [line.account for line in paid.lines] == ["1000", "1100", "4000"]
        assert faults(earlier) == []

    def test_leaves_product_versions_closed_to_change(self, earlier):
        earlier.upgrade()

        with pytest.raises(sa.exc.IntegrityError, match="insert-only"):
            earlier.rows("UPDATE product_versions SET version = version")

    def test_completes_what_the_earlier_release_still_writes(self, empty):
        empty.upgrade()

        fill(empty)

        # But for the rows at the end of a schedule that ask for nothing.
        (fault, *_) = found = faults(empty)
        assert {each.subject for each in found} == {fault.subject}
        assert empty.rows("SELECT terms FROM loans WHERE external_id = 'principal-first'") == [(YEN_TERMS,)]


class TestDowngrade:
    def test_gives_the_book_back(self, earlier):
        earlier.rows("DELETE FROM installments WHERE principal + interest = 0")
        before = contents(earlier)

        earlier.upgrade()
        earlier.downgrade("0005")

        assert without_maturity(contents(earlier)) == without_maturity(before)

    def test_can_be_undone(self, earlier):
        earlier.upgrade()
        before = contents(earlier)

        earlier.downgrade("0005")
        earlier.upgrade()

        assert contents(earlier) == before
        assert faults(earlier) == []

    def test_is_refused_where_the_earlier_release_would_misread_an_event(self, earlier):
        earlier.upgrade()
        ((loan_id,),) = earlier.rows(LATER)
        run(
            earlier,
            lambda session: repayments.payoff(session, loan_id=loan_id, context=make_context()),
        )
        # What came after stands in the way of nothing.
        earlier.downgrade("0007")
        before = contents(earlier)

        with pytest.raises(SystemExit, match="There are events that the earlier release does not know"):
            earlier.downgrade("0005")

        assert contents(earlier) == before
        # Revision by revision, and the second one from above refuses.
        assert earlier.rows("SELECT version_num FROM alembic_version") == [("0007",)]
