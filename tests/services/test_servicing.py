"""Fees, waivers and new agreements, on the small loan recorded day by day.

1,000.00 at 12 % over three equal months from 15 January 2026: 330.02 + 10.00, 333.32 + 6.70 and 336.66 + 3.37.
"""

import uuid
from datetime import date, timedelta

import pytest

from loans.core.changes import AmountNotPositive, InvalidChange
from loans.core.fold import DateTooEarly
from loans.core.lifecycle import TransitionNotAllowed
from loans.core.money import InvalidAmount
from loans.core.rates import InvalidRate
from loans.core.settlement import MoreThanThereIs
from loans.core.terms import Component
from loans.services import servicing, transactions
from loans.services.loan_events import DateInFuture, LoanNotFound
from loans.services.servicing import NothingToWaive
from loans.services.transactions import CurrencyMismatch
from tests.factories import make_context, make_pending_loan, make_repayment
from tests.services import rows
from tests.services.small_loan import (
    DISBURSED_ON,
    FIRST_DUE,
    SECOND_DUE,
    make_repaid_loan,
    make_running_loan,
)

FEBRUARY = date(2026, 2, 1)
MID_FEBRUARY = date(2026, 2, 10)
LATE_FEBRUARY = date(2026, 2, 20)


def charge_fee(session, loan, today, amount="50.00", **given):
    return servicing.charge_fee(session, loan_id=loan.id, amount=amount, context=make_context(today), **given)


def charge_late_fee(session, loan, today, amount="20.00", **given):
    return servicing.charge_late_fee(
        session, loan_id=loan.id, amount=amount, context=make_context(today), **given
    )


def posted(transaction):
    return {line.account: line.amount for line in transaction.lines}


@pytest.fixture
def loan(session):
    return make_running_loan(session)


@pytest.fixture
def loan_with_fee(session, loan):
    charge_fee(session, loan, FEBRUARY)
    return loan


class TestChargeFee:
    def test_is_due_with_the_next_installment(self, session, loan):
        charged = charge_fee(session, loan, FEBRUARY)

        assert rows.components(session, loan)[:2] == [(1, 0, 5000, 1000, 33002), (2, 0, 0, 670, 33332)]
        assert (charged.loan.fee_outstanding, charged.loan.next_due_amount) == (5000, 39002)

    def test_is_income_together_with_the_interest_earned_since(self, session, loan):
        charged = charge_fee(session, loan, FEBRUARY)

        # 17 of the period's 31 days: 10.00 x 17 / 31 = 5.48.
        assert posted(charged) == {"1110": 548, "1120": 5000, "4000": -548, "4100": -5000}
        assert rows.journal(session, loan)[4] == posted(charged)

    def test_of_the_past_is_due_with_the_installment_of_that_time(self, session, loan):
        make_repayment(session, loan=loan, amount="340.02", context=make_context(SECOND_DUE), on=FIRST_DUE)

        charge_fee(session, loan, SECOND_DUE, on=FEBRUARY)

        # The 340.02 had to pay the fee first; 50.00 of the first installment's principal are open again.
        assert rows.components(session, loan, "_paid")[0] == (1, 0, 5000, 1000, 28002)

    def test_may_be_charged_twice(self, session, loan_with_fee):
        charge_fee(session, loan_with_fee, FEBRUARY)

        assert rows.components(session, loan_with_fee)[0][2] == 10000

    def test_is_announced_and_audited(self, session, loan):
        charged = charge_fee(session, loan, FEBRUARY, note="Reminder", reference="F-1")

        told, payload = rows.outbox(session, loan)[-1]
        assert (told, payload["amount"], payload["fee_outstanding"]) == ("loan.fee_charged", "50.00", "50.00")
        assert rows.audit(session, loan)[-1].action == "loan.charge_fee"
        assert (charged.event.note, charged.event.reference) == ("Reminder", "F-1")
        assert (charged.event.kind, charged.event.amount, charged.event.details) == ("fee", 5000, {})

    @pytest.mark.parametrize(
        ("given", "refusal"),
        [
            ({"amount": "0.00"}, AmountNotPositive),
            ({"amount": "-1.00"}, InvalidAmount),
            ({"currency": "USD"}, CurrencyMismatch),
            ({"on": FEBRUARY + timedelta(days=1)}, DateInFuture),
            ({"on": DISBURSED_ON - timedelta(days=1)}, DateTooEarly),
        ],
    )
    def test_is_refused_without_writing_anything(self, session, loan, given, refusal):
        stored = rows.trail(session, loan)

        with pytest.raises(refusal):
            charge_fee(session, loan, FEBRUARY, **given)

        assert rows.trail(session, loan) == stored

    def test_is_refused_for_a_loan_that_is_not_running(self, session):
        for idle_loan in (make_pending_loan(session), make_repaid_loan(session)[0]):
            with pytest.raises(TransitionNotAllowed):
                charge_fee(session, idle_loan, date(2026, 6, 15))

    def test_is_refused_for_a_loan_that_does_not_exist(self, session):
        with pytest.raises(LoanNotFound):
            servicing.charge_fee(session, loan_id=uuid.uuid4(), amount="1.00", context=make_context())


class TestChargeLateFee:
    def test_is_a_penalty_of_the_oldest_overdue_installment(self, session, loan):
        charged = charge_late_fee(session, loan, LATE_FEBRUARY)

        assert rows.components(session, loan)[0] == (1, 2000, 0, 1000, 33002)
        # 10.00 of the first period and 5 of 28 days of 6.6998.
        assert posted(charged) == {"1110": 1120, "1130": 2000, "4000": -1120, "4200": -2000}

    def test_is_due_with_the_next_installment_where_none_is_overdue(self, session, loan):
        charge_late_fee(session, loan, FEBRUARY)

        assert rows.components(session, loan)[0][1] == 2000

    def test_is_refused_without_an_amount(self, session, loan):
        with pytest.raises(AmountNotPositive):
            charge_late_fee(session, loan, LATE_FEBRUARY, amount="0.00")


class TestWaiveFees:
    def test_waives_all_that_is_unpaid(self, session, loan_with_fee):
        waived = servicing.waive_fees(session, loan_id=loan_with_fee.id, context=make_context(MID_FEBRUARY))

        assert (waived.event.amount, waived.loan.fee_waived, waived.loan.fee_outstanding) == (5000, 5000, 0)
        assert rows.components(session, loan_with_fee)[0] == (1, 0, 5000, 1000, 33002)
        # By 10 February 8.39 are earned (26 of 31 days), of which 5.48 were posted with the fee.
        assert posted(waived) == {"1110": 291, "1120": -5000, "4000": -291, "5100": 5000}

    def test_waives_an_amount(self, session, loan_with_fee):
        waived = servicing.waive_fees(
            session, loan_id=loan_with_fee.id, amount="12.50", context=make_context(MID_FEBRUARY)
        )

        assert (waived.loan.fee_waived, waived.loan.fee_outstanding) == (1250, 3750)

    def test_waives_penalties_first(self, session, loan_with_fee):
        charge_late_fee(session, loan_with_fee, LATE_FEBRUARY)

        waived = servicing.waive_fees(
            session, loan_id=loan_with_fee.id, amount="30.00", context=make_context(LATE_FEBRUARY)
        )

        assert (waived.loan.penalty_waived, waived.loan.fee_waived) == (2000, 1000)

    @pytest.mark.parametrize(
        ("component", "waived"), [(Component.PENALTY, (2000, 0)), (Component.FEE, (0, 5000))]
    )
    def test_waives_one_component_of_one_installment(self, session, loan_with_fee, component, waived):
        charge_late_fee(session, loan_with_fee, LATE_FEBRUARY)

        transaction = servicing.waive_fees(
            session,
            loan_id=loan_with_fee.id,
            component=component,
            installment=1,
            context=make_context(LATE_FEBRUARY),
        )

        assert (transaction.loan.penalty_waived, transaction.loan.fee_waived) == waived
        assert transaction.event.details == {"installment": 1, "component": component.value}

    def test_settles_an_installment_of_which_nothing_else_is_unpaid(self, session, loan_with_fee):
        make_repayment(
            session, loan=loan_with_fee, amount="340.02", on=FIRST_DUE, context=make_context(FIRST_DUE)
        )

        servicing.waive_fees(
            session, loan_id=loan_with_fee.id, on=MID_FEBRUARY, context=make_context(LATE_FEBRUARY)
        )

        # Waived before the money came, so that all of it went to interest and principal.
        assert rows.components(session, loan_with_fee, "_paid")[0] == (1, 0, 0, 1000, 33002)
        assert rows.schedule(session, loan_with_fee)[0][5] == FIRST_DUE

    def test_is_refused_the_second_time(self, session, loan_with_fee):
        context = make_context(MID_FEBRUARY)
        servicing.waive_fees(session, loan_id=loan_with_fee.id, context=context)
        stored = rows.trail(session, loan_with_fee)

        with pytest.raises(NothingToWaive):
            servicing.waive_fees(session, loan_id=loan_with_fee.id, context=context)

        assert rows.trail(session, loan_with_fee) == stored

    def test_of_more_than_is_unpaid_is_refused_and_says_what_is(self, session, loan_with_fee):
        stored = rows.trail(session, loan_with_fee)

        with pytest.raises(MoreThanThereIs) as refusal:
            servicing.waive_fees(
                session, loan_id=loan_with_fee.id, amount="50.01", context=make_context(MID_FEBRUARY)
            )

        assert refusal.value.extensions == {"available": "50.00", "currency": "KES"}
        assert rows.trail(session, loan_with_fee) == stored

    @pytest.mark.parametrize("given", [{}, {"amount": "1.00"}, {"installment": 7}])
    def test_of_nothing_is_refused(self, session, loan, given):
        with pytest.raises(NothingToWaive):
            servicing.waive_fees(session, loan_id=loan.id, context=make_context(FEBRUARY), **given)

    def test_of_an_amount_of_nothing_is_refused(self, session, loan_with_fee):
        with pytest.raises(AmountNotPositive):
            servicing.waive_fees(
                session, loan_id=loan_with_fee.id, amount="0.00", context=make_context(FEBRUARY)
            )

    def test_leaves_a_later_waiver_what_there_is(self, session, loan_with_fee):
        """A waiver recorded late takes from a later one what that one had waived."""
        later = servicing.waive_fees(
            session, loan_id=loan_with_fee.id, amount="40.00", context=make_context(LATE_FEBRUARY)
        )

        servicing.waive_fees(
            session,
            loan_id=loan_with_fee.id,
            amount="30.00",
            on=MID_FEBRUARY,
            context=make_context(LATE_FEBRUARY),
        )

        told = transactions.get(
            session, loan_id=loan_with_fee.id, event_id=later.event.id, business_date=LATE_FEBRUARY
        )
        assert (told.event.amount, told.applied[0].amount) == (4000, 2000)
        assert told.loan.fee_waived == 5000


class TestWaiveInterest:
    def test_waives_what_is_due_and_accrued(self, session, loan):
        waived = servicing.waive_interest(session, loan_id=loan.id, context=make_context(LATE_FEBRUARY))

        # 10.00 are due; of the second period 5 of 28 days of 6.6998, 1.20, have accrued.
        assert (waived.event.amount, waived.loan.interest_waived) == (1120, 1120)
        assert rows.components(session, loan)[:2] == [(1, 0, 0, 1000, 33002), (2, 0, 0, 670, 33332)]
        assert waived.loan.interest_outstanding == 2007 - 1120
        assert posted(waived) == {"4000": -1120, "5100": 1120}

    def test_waives_an_amount_of_interest_to_come_too(self, session, loan):
        waived = servicing.waive_interest(
            session, loan_id=loan.id, amount="20.07", context=make_context(FEBRUARY)
        )

        assert waived.loan.interest_outstanding == 0

    def test_is_refused_the_second_time(self, session, loan):
        context = make_context(LATE_FEBRUARY)
        servicing.waive_interest(session, loan_id=loan.id, context=context)

        with pytest.raises(NothingToWaive):
            servicing.waive_interest(session, loan_id=loan.id, context=context)

    def test_of_more_than_there_is_is_refused(self, session, loan):
        with pytest.raises(MoreThanThereIs) as refusal:
            servicing.waive_interest(session, loan_id=loan.id, amount="20.08", context=make_context(FEBRUARY))

        assert refusal.value.extensions["available"] == "20.07"


class TestChangeRate:
    def test_plans_the_installments_to_come_anew(self, session, loan):
        changed = servicing.change_rate(
            session, loan_id=loan.id, annual_rate="24.00", context=make_context(FIRST_DUE)
        )

        # 669.98 x 1.02^2 / 2.02 = 345.07; interest 13.40 and then 338.31 x 0.02 = 6.77.
        assert rows.components(session, loan) == [
            (1, 0, 0, 1000, 33002),
            (2, 0, 0, 1340, 33167),
            (3, 0, 0, 677, 33831),
        ]
        assert changed.event.details == {"annual_rate": "24.00"}

    def test_leaves_what_was_agreed(self, session, loan):
        changed = servicing.change_rate(
            session, loan_id=loan.id, annual_rate="24.00", context=make_context(FIRST_DUE)
        )

        assert (changed.loan.annual_rate, changed.loan.terms["annual_rate"]) == (12, "12.00")

    def test_to_nothing_ends_the_interest(self, session, loan):
        servicing.change_rate(session, loan_id=loan.id, annual_rate="0", context=make_context(FIRST_DUE))

        # 669.98 in two halves.
        assert rows.components(session, loan)[1:] == [(2, 0, 0, 0, 33499), (3, 0, 0, 0, 33499)]

    @pytest.mark.parametrize("rate", ["24%", "-1", "1000.01", "1e1"])
    def test_to_what_is_no_rate_is_refused(self, session, loan, rate):
        with pytest.raises(InvalidRate):
            servicing.change_rate(session, loan_id=loan.id, annual_rate=rate, context=make_context(FIRST_DUE))


class TestPauseInterest:
    def test_plans_the_installments_to_come_anew(self, session, loan):
        paused = servicing.pause_interest(
            session, loan_id=loan.id, until=SECOND_DUE, context=make_context(FIRST_DUE)
        )

        # No interest in the second period: 669.98 x 1.01 / 2.01 = 336.66; then 333.32 x 0.01.
        assert rows.components(session, loan)[1:] == [(2, 0, 0, 0, 33666), (3, 0, 0, 333, 33332)]
        assert paused.event.details == {"until": "2026-03-15"}

    @pytest.mark.parametrize("until", [FIRST_DUE, FEBRUARY])
    def test_must_end_after_it_begins(self, session, loan, until):
        stored = rows.trail(session, loan)

        with pytest.raises(InvalidChange) as refusal:
            servicing.pause_interest(session, loan_id=loan.id, until=until, context=make_context(FIRST_DUE))

        assert refusal.value.field == "until"
        assert rows.trail(session, loan) == stored
