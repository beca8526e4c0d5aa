"""Sections 5 to 10 of docs/lending-rules.md with their own examples; section 7 is in test_events_of_the_rules.py."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from loans.core.charges import Collection, Fee, FeeBase, FeeTime, LateFee
from loans.core.daycount import DayCount
from loans.core.errors import LendingError
from loans.core.events import EventKind
from loans.core.lifecycle import Status
from loans.core.terms import EarlyPayment, InterestMode, Method
from tests.core.samples import (
    FIRST_DUE,
    SECOND_DUE,
    THIRD_DUE,
    asked,
    folded,
    happened,
    repayment,
    sample_terms,
)

DAILY = {"interest_mode": InterestMode.DAILY, "day_count": DayCount.ACT_365F}


class TestInterestModes:
    def test_scheduled_interest_does_not_mind_a_late_payment(self):
        late = repayment(34002, on=date(2024, 2, 25), number=4)

        assert asked(folded(late, on=SECOND_DUE)) == [(33002, 1000), (33332, 670), (33666, 337)]

    def test_daily_interest_costs_the_days_of_a_late_payment(self):
        late = repayment(34000, on=date(2024, 2, 25), number=4)

        state = folded(late, on=SECOND_DUE, **DAILY)

        assert asked(state)[:2] == [(32981, 1019), (33253, 747)]

    def test_daily_interest_goes_on_after_the_last_due_date(self):
        state = folded(on=THIRD_DUE + timedelta(days=10), **DAILY)

        # 1000.00 x 12 %: 31, 29, and 31 + 10 days over 365.
        assert [row.due.interest for row in state.installments] == [1019, 953, 1348]

    @pytest.mark.parametrize("method", [Method.FLAT, Method.BULLET])
    def test_of_flat_and_bullet_loans_cannot_be_daily(self, method):
        with pytest.raises(LendingError):
            sample_terms(method=method, interest_mode=InterestMode.DAILY)


class TestFees:
    def test_upfront_are_deducted_from_what_the_borrower_receives(self):
        state = folded(fees=(Fee(charged=FeeTime.UPFRONT, percent=Fraction("2.5")),))

        assert (state.fees_deducted, state.disbursed, state.outstanding.fee) == (2500, 100000, 0)

    def test_upfront_are_added_to_the_loan_when_so_agreed(self):
        fee = Fee(charged=FeeTime.UPFRONT, amount=5000, collection=Collection.ADDED)

        assert folded(fees=(fee,)).disbursed == 105000

    @pytest.mark.parametrize(
        ("fee", "amounts"),
        [
            ({"amount": 200}, [200, 200, 200]),
            ({"percent": Fraction(1, 2), "of": FeeBase.PRINCIPAL}, [500, 500, 500]),
            # 10 % of 10.00, 6.70 and 3.37 (0.337 to 0.34).
            ({"percent": Fraction(10), "of": FeeBase.INTEREST}, [100, 67, 34]),
            # 1 % of 340.02 and 340.03.
            ({"percent": Fraction(1), "of": FeeBase.INSTALLMENT}, [340, 340, 340]),
        ],
    )
    def test_per_installment_come_with_each(self, fee, amounts):
        state = folded(fees=(Fee(charged=FeeTime.PER_INSTALLMENT, **fee),))

        assert [row.due.fee for row in state.installments] == amounts

    def test_in_percent_of_the_installment_leave_what_was_charged_back_out(self):
        # 340.00 and a fee of 3.40 are paid and, on 20 February, charged back: 670.19 has accrued 1.1017 by then,
        # 1000.00 accrues 7.8904 until 15 March. The second row asks for 340.00 of its own, 8.99 in interest, and 3.40.
        fees = (Fee(charged=FeeTime.PER_INSTALLMENT, percent=Fraction(1), of=FeeBase.INSTALLMENT),)
        paid = repayment(34340, on=FIRST_DUE, number=4)
        back = happened(EventKind.CHARGEBACK, date(2024, 2, 20), 34340, number=5, repayment=paid.id)

        state = folded(paid, back, on=SECOND_DUE, fees=fees, **DAILY)

        assert state.installments[1].due == (0, 340 + 340, 899 + 1019, 33101 + 32981)

    def test_per_installment_stay_as_they_fell_due_while_daily_interest_goes_on(self):
        fee = Fee(charged=FeeTime.PER_INSTALLMENT, percent=Fraction(10), of=FeeBase.INTEREST)
        ten_days_late = THIRD_DUE + timedelta(days=10)

        at_once = folded(on=ten_days_late, fees=(fee,), **DAILY)
        # The same rate again, so that all is planned anew.
        same_rate = happened(
            EventKind.RATE_CHANGE, THIRD_DUE + timedelta(days=5), number=4, annual_rate=Fraction(12)
        )
        day_by_day = folded(same_rate, on=ten_days_late, fees=(fee,), **DAILY)

        # 10 % of 10.19, 9.53 and, by 15 April, 10.19.
        assert [row.due.fee for row in day_by_day.installments] == [102, 95, 102]
        assert day_by_day.installments == at_once.installments

    def test_dated_are_charged_on_their_day_and_due_with_the_next_row(self):
        fees = (Fee(charged=FeeTime.DATED, percent=Fraction(1), date=date(2024, 3, 1)),)

        before, after = folded(on=date(2024, 2, 29), fees=fees), folded(on=date(2024, 3, 1), fees=fees)

        assert [row.due.fee for row in before.installments] == [0, 0, 0]
        assert [row.due.fee for row in after.installments] == [0, 1000, 0]

    def test_dated_that_round_to_nothing_ask_for_nothing(self):
        # 0.0004 % of 1000.00 is 0.004.
        fees = (Fee(charged=FeeTime.DATED, percent=Fraction(4, 10_000), date=date(2024, 6, 1)),)

        state = folded(on=date(2024, 6, 1), fees=fees)

        # The day is after the last due date, and yet there is no row for it.
        assert [row.due.fee for row in state.installments] == [0, 0, 0]

    @pytest.mark.parametrize(("cap", "fee"), [(None, 1700), (1000, 1000)])
    def test_late_are_charged_once_after_the_days_of_grace(self, cap, fee):
        # 5 % of 340.02 is 17.001.
        late_fee = LateFee(percent=Fraction(5), grace_days=5, cap=cap)

        days = [folded(on=date(2024, 2, day), late_fee=late_fee) for day in (20, 21, 29)]

        assert [state.installments[0].due.penalty for state in days] == [0, fee, fee]
        assert days[1].due(date(2024, 2, 21)) == 34002 + fee

    def test_of_the_last_daily_row_stay_as_they_fell_due_when_a_late_fee_follows(self):
        # 10 % of the 10.19 interest of 15 March to 15 April, not of the 10.52 a day later, when the late fee falls.
        fees = (Fee(charged=FeeTime.PER_INSTALLMENT, percent=Fraction(10), of=FeeBase.INTEREST),)

        state = folded(on=THIRD_DUE + timedelta(days=10), fees=fees, late_fee=LateFee(amount=500), **DAILY)

        assert [row.due.fee for row in state.installments] == [102, 95, 102]
        assert [row.due.penalty for row in state.installments] == [500, 500, 500]

    def test_late_are_not_charged_for_a_row_that_is_paid(self):
        paid = repayment(34002, on=date(2024, 2, 20), number=4)

        state = folded(paid, on=date(2024, 2, 29), late_fee=LateFee(amount=500, grace_days=5))

        assert state.outstanding.penalty == 0

    def test_penalty_interest_accrues_on_overdue_principal(self):
        # 330.02 x 36.5 % x 10/365 = 3.3002, and 0.33002 a day.
        state = folded(on=date(2024, 2, 25), penalty_rate=Fraction("36.5"))

        assert state.installments[0].due == (330, 0, 1000, 33002)
        # 669.98 x 0.01 / 29 = 0.2310 of interest comes with it: 0.5610.
        assert state.per_diem == 56

    def test_penalty_interest_stops_with_the_payment(self):
        paid = repayment(34002 + 330, on=date(2024, 2, 25), number=4)

        state = folded(paid, on=date(2024, 3, 10), penalty_rate=Fraction("36.5"))

        assert state.installments[0].due.penalty == 330
        assert state.installments[0].is_settled


class TestAllocation:
    # The order, vertical allocation and the rules for early money: test_allocation.py.
    def test_pays_what_is_due_and_then_in_advance(self):
        state = folded(repayment(34102, on=FIRST_DUE, number=4))

        assert [row.paid for row in state.installments] == [(0, 0, 1000, 33002), (0, 0, 100, 0), (0, 0, 0, 0)]

    @pytest.mark.parametrize(("amount", "credit"), [(67905, 0), (67906, 1)])
    def test_closes_the_loan_with_the_rest_and_holds_what_is_more(self, amount, credit):
        state = folded(repayment(34102, on=FIRST_DUE, number=4), repayment(amount, on=FIRST_DUE, number=5))

        assert (state.status, state.credit_balance) == (Status.REPAID, credit)


class TestPayoff:
    def test_asks_for_the_interest_of_the_days_passed(self):
        state = folded(on=date(2024, 1, 30))

        assert (state.payoff.total, state.per_diem) == (100484, 32)

    def test_of_a_flat_loan_asks_for_the_days_passed_of_the_rows_interest(self):
        # 10.00 x 15/31 = 4.8387 as well.
        assert folded(on=date(2024, 1, 30), method=Method.FLAT).payoff.total == 100484

    def test_asks_for_fees_charged_and_not_for_those_to_come(self):
        fees = (Fee(charged=FeeTime.PER_INSTALLMENT, amount=200),)
        charged = happened(EventKind.FEE, date(2024, 1, 20), 700, number=4)

        assert folded(charged, on=date(2024, 1, 30), fees=fees).payoff == (0, 700, 484, 100000)

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({}, Status.DISBURSED),
            ({"early_payment": EarlyPayment.SHORTER_TERM}, Status.REPAID),
            ({"early_payment": EarlyPayment.LOWER_INSTALLMENT}, Status.REPAID),
            ({"interest_mode": InterestMode.DAILY}, Status.REPAID),
        ],
    )
    def test_ends_the_loan_as_a_repayment_where_interest_is_saved(self, changes, status):
        paid = repayment(100484, on=date(2024, 1, 30), number=4)

        assert folded(paid, **changes).status is status

    @pytest.mark.parametrize(
        ("on", "payoff", "per_diem"),
        [
            # 341.02 on 15 February paid 1.00 of the second row's 6.70, which are 0.2310 for each of 29 days.
            (date(2024, 2, 18), 66998, 0),
            # 4 x 0.2310 = 0.9241 has accrued; a fifth day makes it 1.1551.
            (date(2024, 2, 19), 66998, 16),
            (date(2024, 2, 20), 66998 + 16, 23),
        ],
    )
    def test_grows_by_nothing_while_interest_that_was_paid_ahead_lasts(self, on, payoff, per_diem):
        state = folded(repayment(34102, on=FIRST_DUE, number=4), on=on)

        assert (state.payoff.total, state.per_diem) == (payoff, per_diem)


class TestPastDue:
    def test_counts_from_the_oldest_row_that_asks_for_anything(self):
        state = folded(on=date(2024, 3, 16))

        assert state.days_past_due(date(2024, 3, 16)) == 30
        assert state.overdue(date(2024, 3, 16)) == 68004
