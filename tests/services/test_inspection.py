"""Where a loan stands on any day, and what was known of it at any moment."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest

from loans.core.fold import DateTooEarly
from loans.services import inspection, transactions
from loans.services.loan_events import LoanNotFound
from tests.factories import make_context, make_pending_loan, make_product, make_repayment
from tests.services.small_loan import DISBURSED_ON, FIRST_DUE, SECOND_DUE, make_running_loan

TODAY = date(2026, 3, 20)
PAID_AT = datetime(2026, 2, 15, 9, tzinfo=UTC)
REVERSED_AT = datetime(2026, 3, 20, 9, tzinfo=UTC)


@pytest.fixture
def loan(session):
    """The small loan, whose first installment was paid on time and reversed on 20 March."""
    loan = make_running_loan(session)
    paid = make_repayment(session, loan=loan, amount="340.02", context=make_context(FIRST_DUE, now=PAID_AT))
    transactions.reverse(
        session, loan_id=loan.id, event_id=paid.event.id, context=make_context(TODAY, now=REVERSED_AT)
    )
    return loan


class TestAsOf:
    def test_counts_days_that_no_event_has_reached(self, session):
        late_loan = make_running_loan(session, product=make_product(session, late_fee={"amount": "5.00"}))

        record, state = inspection.inspect(session, loan_id=late_loan.id, as_of=TODAY)

        # One late fee for each of two installments, on the day after their due dates.
        assert (record.as_of, record.penalty_outstanding) == (DISBURSED_ON, 0)
        assert (state.as_of, state.outstanding.penalty) == (TODAY, 1000)
        assert state.days_past_due(TODAY) == 33

    def test_does_not_see_what_came_later(self, session):
        loan = make_running_loan(session)
        make_repayment(session, loan=loan, amount="340.02", context=make_context(SECOND_DUE))

        _, state = inspection.inspect(session, loan_id=loan.id, as_of=SECOND_DUE - timedelta(days=1))

        assert (state.paid.total, state.interest_accrued) == (0, 1000 + 646)

    def test_looks_ahead(self, session, loan):
        _, state = inspection.inspect(session, loan_id=loan.id, as_of=date(2030, 1, 1))

        assert (state.overdue(date(2030, 1, 1)), state.interest_accrued) == (102007, 2007)

    def test_gives_the_payoff_amount_of_a_day(self, session):
        loan = make_running_loan(session)

        _, state = inspection.inspect(session, loan_id=loan.id, as_of=date(2026, 1, 30))

        assert (state.payoff.total, state.per_diem) == (100484, 32)

    def test_tells_of_a_loan_that_is_not_paid_out(self, session):
        pending_loan = make_pending_loan(session)

        _, state = inspection.inspect(session, loan_id=pending_loan.id, as_of=TODAY)

        assert (state.status, state.installments) == ("pending", ())

    def test_before_the_application_is_refused(self, session, loan):
        with pytest.raises(DateTooEarly) as refusal:
            inspection.inspect(session, loan_id=loan.id, as_of=DISBURSED_ON - timedelta(days=1))

        assert (refusal.value.field, refusal.value.extensions) == ("as_of", {"earliest": "2026-01-15"})

    def test_of_an_unknown_loan_is_refused(self, session):
        with pytest.raises(LoanNotFound):
            inspection.inspect(session, loan_id=uuid.uuid4(), as_of=TODAY)


class TestKnownAt:
    @pytest.mark.parametrize(
        ("known_at", "paid"),
        [
            (PAID_AT - timedelta(seconds=1), 0),
            (PAID_AT, 34002),
            (REVERSED_AT - timedelta(seconds=1), 34002),
            (REVERSED_AT, 0),
            (None, 0),
        ],
    )
    def test_leaves_out_what_was_recorded_later(self, session, loan, known_at, paid):
        """A reversal takes its event out of the history on every date, but only once it is known."""
        for as_of in (FIRST_DUE, TODAY):
            _, state = inspection.inspect(session, loan_id=loan.id, as_of=as_of, known_at=known_at)

            assert state.paid.total == paid

    def test_before_the_application_was_recorded_is_refused(self, session, loan):
        with pytest.raises(DateTooEarly):
            inspection.inspect(
                session, loan_id=loan.id, as_of=TODAY, known_at=datetime(2026, 1, 1, tzinfo=UTC)
            )
