from datetime import date

import pytest
import sqlalchemy as sa

from loans.core.events import EventKind
from loans.core.terms import Method
from loans.db import db, transaction
from loans.models.loan import Loan, LoanEvent
from loans.services import demo, verification
from tests.factories import make_context
from tests.services import rows

# An ordinary day, and days that months treat in their own way.
BUSINESS_DATES = [date(2026, 6, 15), date(2024, 2, 29), date(2026, 3, 31), date(2027, 1, 1)]


def statuses(session):
    table = Loan.__table__
    return {row.external_id: row.status for row in session.execute(sa.select(table))}


def find_loan(session, external_id):
    table = Loan.__table__
    return session.execute(sa.select(table).where(table.c.external_id == external_id)).one()


@pytest.fixture(scope="module", params=BUSINESS_DATES, ids=str)
def portfolio(request, open_book):
    """An application on a book with the demo portfolio only, and the context it was made in."""
    context = make_context(request.param)
    with open_book() as app:
        with app.app_context():
            assert all(transaction(step) for step in demo.steps(context))
        yield app, context


@pytest.fixture
def context(portfolio):
    return portfolio[1]


@pytest.fixture
def session(portfolio):
    with portfolio[0].app_context():
        yield db.session()
        db.session.rollback()


class TestSteps:
    def test_make_a_loan_in_every_status(self, session):
        assert statuses(session) == {
            "demo-pending": "pending",
            "demo-approved": "approved",
            "demo-rejected": "rejected",
            "demo-cancelled": "cancelled",
            "demo-current": "disbursed",
            "demo-overdue": "disbursed",
            "demo-repaid": "repaid",
            "demo-holidays": "disbursed",
            "demo-parts": "disbursed",
            "demo-paid-off": "repaid",
            "demo-late": "disbursed",
            "demo-forgiven": "disbursed",
            "demo-rescheduled": "disbursed",
            "demo-re-aged": "disbursed",
            "demo-charged-back": "disbursed",
            "demo-refunded": "repaid",
            "demo-charged-off": "disbursed",
            "demo-written-off": "defaulted",
        }

    def test_leave_one_loan_overdue_and_one_not(self, session, context):
        overdue_loan = find_loan(session, "demo-overdue")
        current_loan = find_loan(session, "demo-current")

        assert overdue_loan.next_due_date < context.business_date <= current_loan.next_due_date

    def test_make_a_loan_of_every_method(self, session):
        table = Loan.__table__

        assert set(session.execute(sa.select(table.c.method)).scalars()) == {
            method.value for method in Method
        }

    def test_tell_every_kind_of_event(self, session):
        table = LoanEvent.__table__

        assert set(session.execute(sa.select(table.c.kind)).scalars()) == {kind.value for kind in EventKind}

    def test_reverse_a_payment(self, session):
        kinds = [kind for _, kind, _, _ in rows.events(session, find_loan(session, "demo-overdue"))]

        assert kinds[3:] == ["repayment", "repayment", "repayment", "reversal"]

    def test_add_nothing_the_second_time(self, session, context):
        before = statuses(session)

        added = [transaction(step) for step in demo.steps(context)]

        assert added == [False] * 33
        assert statuses(session) == before

    def test_leave_a_book_without_fault(self, session):
        assert list(verification.verify(session, progress=lambda _: None)) == []
