"""Section 7 of docs/lending-rules.md: events that move money or give it up. Numbers are worked by hand."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from loans.core.account import Applied, Part
from loans.core.business_days import Convention
from loans.core.changes import AmountNotPositive, InvalidChange
from loans.core.charges import Fee, FeeTime
from loans.core.events import EventKind, RefundOf
from loans.core.lifecycle import Status, TransitionNotAllowed
from loans.core.settlement import MoreThanThereIs, UnknownRepayment
from loans.core.terms import Component, InterestMode
from tests.core.samples import (
    FIRST_DUE,
    THIRD_DUE,
    asked,
    folded,
    happened,
    repayment,
)

PAID = repayment(34002, on=FIRST_DUE, number=4)
HALFWAY = date(2024, 1, 30)
ONE_DAY = timedelta(days=1)


def event(kind, on=FIRST_DUE, amount=0, *, number=9, **fields):
    return happened(kind, on, amount, number=number, **fields)


def did(state, number=9):
    """What the event of that number did."""
    return next(each for each in state.applied if each.event_id.int == number)


class TestFee:
    def test_is_due_with_the_first_row_due_on_or_after_its_date(self):
        state = folded(event(EventKind.FEE, date(2024, 2, 20), 700))

        assert [row.due.fee for row in state.installments] == [0, 700, 0]

    def test_after_the_last_row_is_due_in_a_row_of_its_own(self):
        on = THIRD_DUE + ONE_DAY

        row = folded(event(EventKind.FEE, on, 700)).installments[-1]

        assert (row.number, row.kind, row.from_date, row.due_date, row.due) == (
            4,
            "extra",
            THIRD_DUE,
            on,
            (0, 700, 0, 0),
        )

    def test_is_paid_by_a_credit_balance(self):
        paid = repayment(102107, on=FIRST_DUE, number=4)

        state = folded(paid, event(EventKind.FEE, date(2024, 2, 20), 700))

        assert (state.credit_balance, state.outstanding.fee, state.status) == (0, 600, Status.DISBURSED)
        assert [each for each in state.applied if each.event_id.int == 9] == [
            Applied(event(EventKind.FEE).id, 700, parts=(Part(2, fee=700),)),
            Applied(event(EventKind.FEE).id, 0, parts=(Part(2, fee=100),)),
        ]


class TestLateFee:
    def test_is_a_penalty_of_the_oldest_overdue_row(self):
        state = folded(event(EventKind.LATE_FEE, date(2024, 3, 20), 300))

        assert [row.due.penalty for row in state.installments] == [300, 0, 0]

    def test_is_a_penalty_of_the_next_row_when_none_is_overdue(self):
        state = folded(PAID, event(EventKind.LATE_FEE, date(2024, 2, 20), 300))

        assert [row.due.penalty for row in state.installments] == [0, 300, 0]


class TestFeeWaiver:
    FEE = event(EventKind.FEE, FIRST_DUE, 700, number=5)
    LATE_FEE = event(EventKind.LATE_FEE, date(2024, 2, 20), 300, number=6)

    def waived(self, amount, **fields):
        return folded(
            self.FEE, self.LATE_FEE, event(EventKind.FEE_WAIVER, date(2024, 2, 21), amount, **fields)
        ).waived

    def test_waives_penalties_before_fees(self):
        assert self.waived(500) == (300, 200, 0, 0)

    def test_waives_all_of_them_without_an_amount(self):
        assert self.waived(None) == (300, 700, 0, 0)

    @pytest.mark.parametrize(
        ("component", "waived"), [(Component.PENALTY, (300, 0, 0, 0)), (Component.FEE, (0, 700, 0, 0))]
    )
    def test_waives_one_component_when_so_asked(self, component, waived):
        assert self.waived(None, component=component) == waived

    def test_waives_those_of_one_row_when_so_asked(self):
        assert self.waived(None, installment=2) == (0, 0, 0, 0)

    def test_leaves_fees_of_installments_to_come_alone(self):
        fees = (Fee(charged=FeeTime.PER_INSTALLMENT, amount=200),)

        state = folded(event(EventKind.FEE_WAIVER, FIRST_DUE, None), fees=fees)

        assert [row.waived.fee for row in state.installments] == [200, 0, 0]

    def test_leaves_the_fee_of_a_period_that_is_over_alone_until_its_moved_due_date(self):
        # The first period ends on Saturday 17 February and its installment is due on Monday.
        moved = {"first_due_date": date(2024, 2, 17), "convention": Convention.FOLLOWING}
        fees = (Fee(charged=FeeTime.PER_INSTALLMENT, amount=200),)

        waived = [
            folded(event(EventKind.FEE_WAIVER, date(2024, 2, day), None), fees=fees, **moved).waived.fee
            for day in (18, 19)
        ]

        assert waived == [0, 200]


class TestInterestWaiver:
    def test_waives_what_is_due_and_accrued_without_an_amount(self):
        assert did(folded(event(EventKind.INTEREST_WAIVER, HALFWAY, None))).parts == (Part(1, interest=484),)
        assert did(folded(event(EventKind.INTEREST_WAIVER, FIRST_DUE, None))).parts == (
            Part(1, interest=1000),
        )

    def test_waives_planned_interest_too_up_to_an_amount(self):
        state = folded(event(EventKind.INTEREST_WAIVER, HALFWAY, 1500))

        assert did(state).parts == (Part(1, interest=1000), Part(2, interest=500))

    def test_waives_only_what_has_accrued_of_daily_interest(self):
        waiver = event(EventKind.INTEREST_WAIVER, HALFWAY, 1500)

        state = folded(waiver, interest_mode=InterestMode.DAILY)

        assert did(state) == Applied(waiver.id, 484, parts=(Part(1, interest=484),))


class TestGoodwillCredit:
    def test_is_allocated_like_a_repayment_that_the_lender_pays(self):
        state = folded(event(EventKind.GOODWILL_CREDIT, FIRST_DUE, 34002))

        assert did(state).parts == (Part(1, interest=1000, principal=33002),)
        assert (state.goodwill, state.received, state.paid.total) == (34002, 0, 34002)

    def test_must_be_more_than_nothing(self):
        with pytest.raises(AmountNotPositive):
            folded(event(EventKind.GOODWILL_CREDIT, FIRST_DUE, 0))


class TestPayoffEvent:
    def test_ends_the_loan_at_the_payoff_amount(self):
        state = folded(event(EventKind.PAYOFF, HALFWAY, None))

        assert (state.status, state.received, state.closed_on) == (Status.REPAID, 100484, HALFWAY)
        assert asked(state) == [(33002, 484), (33332, 0), (33666, 0)]


class TestChargeback:
    def test_owes_again_principal_before_interest_with_the_next_row(self):
        state = folded(PAID, event(EventKind.CHARGEBACK, date(2024, 3, 1), 33500, repayment=PAID.id))

        assert did(state).parts == (Part(2, interest=498, principal=33002),)
        assert asked(state) == [(33002, 1000), (33332 + 33002, 670 + 498), (33666, 337)]
        assert state.received == 34002 - 33500

    def test_owes_interest_again_that_was_paid_before_it_accrued(self):
        # 6.70 are paid in advance on 15 February and taken back on the 16th; from the 17th nothing accrues. The row
        # keeps the 6.70 that it has received, and asks for them once more.
        ahead = repayment(670, on=FIRST_DUE, number=5)
        taken_back = event(EventKind.CHARGEBACK, date(2024, 2, 16), None, repayment=ahead.id)
        no_more = event(EventKind.RATE_CHANGE, date(2024, 2, 17), number=10, annual_rate=Fraction(0))

        state = folded(PAID, ahead, taken_back, no_more)

        assert asked(state) == [(33002, 1000), (33187, 670 + 670), (33811, 0)]
        assert state.outstanding.interest == 670

    def test_takes_the_credit_first(self):
        paid = repayment(102507, on=FIRST_DUE, number=4)

        state = folded(paid, event(EventKind.CHARGEBACK, date(2024, 2, 20), 700, repayment=paid.id))

        assert (state.credit_balance, state.status) == (0, Status.DISBURSED)
        assert did(state) == Applied(event(EventKind.CHARGEBACK).id, 700, parts=(Part(2, principal=200),))

    def test_wholly_of_credit_asks_for_nothing(self):
        paid = repayment(102507, on=FIRST_DUE, number=4)

        state = folded(paid, event(EventKind.CHARGEBACK, date(2024, 2, 20), 300, repayment=paid.id))

        assert did(state).parts == ()
        assert (state.credit_balance, state.status) == (200, Status.REPAID)

    def test_after_the_last_row_is_due_in_a_row_of_its_own(self):
        on = THIRD_DUE + ONE_DAY
        paid = repayment(102007, on=THIRD_DUE, number=4)

        state = folded(paid, event(EventKind.CHARGEBACK, on, None, repayment=paid.id))

        assert state.installments[-1].due == (0, 0, 2007, 100000)
        assert (state.installments[-1].due_date, state.status) == (on, Status.DISBURSED)

    def test_opens_a_loan_that_was_closed_until_all_is_paid_again(self):
        paid = repayment(102007, on=FIRST_DUE, number=4)
        back = event(EventKind.CHARGEBACK, date(2024, 2, 20), 10000, repayment=paid.id)
        again = repayment(10000, on=THIRD_DUE, number=5)

        opened, closed = folded(paid, back), folded(paid, back, again)

        assert (opened.status, opened.closed_on, opened.outstanding.total) == (Status.DISBURSED, None, 10000)
        assert (closed.status, closed.closed_on) == (Status.REPAID, THIRD_DUE)

    def test_takes_back_no_more_than_there_was(self):
        half = event(EventKind.CHARGEBACK, date(2024, 3, 1), 17001, repayment=PAID.id, number=8)

        with pytest.raises(MoreThanThereIs) as refused:
            folded(PAID, half, event(EventKind.CHARGEBACK, date(2024, 3, 2), 17002, repayment=PAID.id))

        assert refused.value.extensions["available"] == "170.01"

    def test_without_an_amount_takes_back_what_is_left(self):
        half = event(EventKind.CHARGEBACK, date(2024, 3, 1), 17001, repayment=PAID.id, number=8)

        state = folded(PAID, half, event(EventKind.CHARGEBACK, date(2024, 3, 2), None, repayment=PAID.id))

        assert (did(state).amount, state.received) == (17001, 0)

    @pytest.mark.parametrize("of", [event(EventKind.FEE, FIRST_DUE, 700, number=5), PAID])
    def test_names_a_repayment_of_the_loan(self, of):
        told = [of] if of is not PAID else []

        with pytest.raises(UnknownRepayment):
            folded(*told, event(EventKind.CHARGEBACK, date(2024, 3, 1), 100, repayment=of.id))


class TestRefund:
    # 5.00 more than the 1020.07 that the loan costs.
    OVERPAID = repayment(102507, on=FIRST_DUE, number=4)
    FEE = event(EventKind.FEE, FIRST_DUE, 700, number=5)
    FEE_PAID = repayment(34702, on=FIRST_DUE, number=4)
    ON = date(2024, 2, 20)

    def test_pays_out_the_credit_balance(self):
        state = folded(self.OVERPAID, event(EventKind.REFUND, self.ON, 300))

        assert (did(state).amount, state.credit_balance, state.refunded) == (300, 200, 300)

    def test_without_an_amount_pays_out_all_of_it(self):
        state = folded(self.OVERPAID, event(EventKind.REFUND, self.ON, None))

        assert (did(state).amount, state.credit_balance, state.refunded) == (500, 0, 500)

    def test_gives_back_a_fee_that_was_paid(self):
        given_back = event(EventKind.REFUND, self.ON, 700, of=RefundOf.FEE)

        state = folded(self.FEE, self.FEE_PAID, given_back)

        assert (did(state).amount, state.paid.fee, state.refunded) == (700, 700, 700)

    @pytest.mark.parametrize(
        ("told", "amount", "of", "available"),
        [
            ((OVERPAID,), 501, RefundOf.OVERPAYMENT, "5.00"),
            ((FEE, FEE_PAID), 701, RefundOf.FEE, "7.00"),
            # Of two on a day the larger is told first; nothing is left for the smaller.
            ((OVERPAID, event(EventKind.REFUND, ON, 200, number=6)), 500, RefundOf.OVERPAYMENT, "0.00"),
        ],
    )
    def test_is_no_more_than_there_is(self, told, amount, of, available):
        with pytest.raises(MoreThanThereIs) as refused:
            folded(*told, event(EventKind.REFUND, self.ON, amount, of=of))

        assert refused.value.extensions["available"] == available

    def test_of_a_fee_that_was_charged_back_is_refused(self):
        taken_back = event(EventKind.CHARGEBACK, FIRST_DUE, None, number=6, repayment=self.FEE_PAID.id)

        with pytest.raises(MoreThanThereIs) as refused:
            folded(
                self.FEE, self.FEE_PAID, taken_back, event(EventKind.REFUND, self.ON, 700, of=RefundOf.FEE)
            )

        assert refused.value.extensions["available"] == "0.00"

    def test_must_be_more_than_nothing(self):
        with pytest.raises(AmountNotPositive):
            folded(event(EventKind.REFUND, FIRST_DUE, 0))


class TestChargeOff:
    def test_happens_once(self):
        with pytest.raises(InvalidChange, match="charged off on 2024-02-15 already"):
            folded(event(EventKind.CHARGE_OFF), event(EventKind.CHARGE_OFF, THIRD_DUE, number=10))

    def test_marks_the_day_and_changes_nothing_that_is_owed(self):
        state = folded(event(EventKind.CHARGE_OFF))

        assert (state.charged_off_on, state.status) == (FIRST_DUE, Status.DISBURSED)
        assert state.outstanding == folded(on=FIRST_DUE).outstanding


class TestWriteOff:
    def test_gives_up_all_that_the_payoff_would_ask_for(self):
        state = folded(event(EventKind.WRITE_OFF, HALFWAY))

        assert (state.status, state.closed_on) == (Status.DEFAULTED, HALFWAY)
        assert state.written_off == (0, 0, 484, 100000)
        assert (state.outstanding.total, state.per_diem) == (0, 0)

    def test_leaves_nothing_for_later_events_but_recoveries_and_refunds(self):
        write_off = event(EventKind.WRITE_OFF, HALFWAY)
        fee = event(EventKind.FEE, FIRST_DUE, 700, number=10)

        assert folded(write_off, fee, on=FIRST_DUE) == folded(write_off, on=FIRST_DUE)


class TestRecovery:
    WRITE_OFF = event(EventKind.WRITE_OFF, HALFWAY, number=8)

    @pytest.mark.parametrize("kind", [EventKind.RECOVERY, EventKind.REPAYMENT, EventKind.PAYOFF])
    def test_is_any_money_after_a_write_off(self, kind):
        state = folded(self.WRITE_OFF, event(kind, FIRST_DUE, 500))

        assert (state.recovered, state.received, state.status) == (500, 0, Status.DEFAULTED)

    def test_must_be_more_than_nothing(self):
        with pytest.raises(AmountNotPositive):
            folded(self.WRITE_OFF, event(EventKind.RECOVERY, FIRST_DUE, 0))

    def test_is_refused_before_a_write_off(self):
        with pytest.raises(TransitionNotAllowed, match="cannot take a recovery"):
            folded(event(EventKind.RECOVERY, FIRST_DUE, 500))
