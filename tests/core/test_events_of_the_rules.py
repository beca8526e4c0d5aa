"""Section 7 of docs/lending-rules.md: the order of events, and those that change what falls due.

Numbers are worked by hand.
"""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest

from loans.core import fold
from loans.core.account import Part
from loans.core.changes import DisbursementDiffers, InvalidChange
from loans.core.charges import Fee, FeeTime
from loans.core.dates import Frequency, InvalidDueDates, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.errors import LendingError
from loans.core.events import EventKind
from loans.core.lifecycle import Status
from loans.core.money import Rounding
from loans.core.terms import DownPayment, Grace, InterestMode, InvalidTerms, Method
from tests.core.samples import (
    DISBURSED_ON,
    FIRST_DUE,
    ORIGINATION,
    SECOND_DUE,
    THIRD_DUE,
    asked,
    folded,
    happened,
    repayment,
    reversal,
    sample_terms,
)

PAID = repayment(34002, on=FIRST_DUE, number=4)
HALFWAY = date(2024, 1, 30)
ONE_DAY = timedelta(days=1)


def event(kind, on=FIRST_DUE, amount=0, *, number=9, **fields):
    return happened(kind, on, amount, number=number, **fields)


def did(state, number=9):
    """What the event of that number did."""
    return next(each for each in state.applied if each.event_id.int == number)


class TestOrder:
    def test_of_one_day_is_by_kind_and_not_by_arrival(self):
        # The fee comes before the repayment, and money pays fees before interest.
        fee = event(EventKind.FEE, amount=700)

        assert folded(PAID, fee) == folded(fee, PAID)
        assert folded(PAID, fee).outstanding == (0, 0, 670 + 337, 66998 + 700)

    def test_lets_time_pass_before_the_events_of_a_day(self):
        fee = Fee(charged=FeeTime.DATED, amount=300, date=FIRST_DUE)

        state = folded(PAID, fees=(fee,))

        assert did(state, 4).parts == (Part(1, fee=300, interest=1000, principal=33002 - 300),)


class TestReversal:
    def test_takes_an_event_out_of_the_history_on_every_date(self):
        fee = event(EventKind.FEE, amount=700)
        undone = reversal(fee, on=SECOND_DUE, number=10)

        assert folded(PAID, fee, undone) == folded(PAID)
        assert folded(PAID, fee, undone, on=FIRST_DUE) == folded(PAID, on=FIRST_DUE)


class TestDisbursement:
    def test_pays_out_and_lays_out_the_schedule(self):
        state = folded()

        assert (state.status, state.paid_out, len(state.installments)) == (Status.DISBURSED, 100000, 3)

    def test_is_refused_when_no_row_is_to_come(self):
        first = event(EventKind.DISBURSED, DISBURSED_ON, 60000, number=3)
        late = event(EventKind.DISBURSED, THIRD_DUE, 40000)
        decided = [
            event(EventKind.APPLIED, DISBURSED_ON, number=1),
            event(EventKind.APPROVED, DISBURSED_ON, number=2),
        ]

        with pytest.raises(DisbursementDiffers, match="nothing more can be paid out"):
            fold.fold(sample_terms(tranches_max=2), [*decided, first, late])

    def test_must_be_more_than_the_down_payment(self):
        tranche = event(EventKind.DISBURSED, DISBURSED_ON, 20000, number=3)
        decided = [
            event(EventKind.APPLIED, DISBURSED_ON, number=1),
            event(EventKind.APPROVED, DISBURSED_ON, number=2),
        ]

        with pytest.raises(InvalidTerms, match="must be less than what is disbursed"):
            fold.fold(
                sample_terms(tranches_max=2, down_payment=DownPayment(amount=20000)), [*decided, tranche]
            )

    def test_must_end_within_fifty_years(self):
        with pytest.raises(InvalidDueDates, match="more than 50 years after 2024-01-15"):
            folded(first_due_date=date(2079, 1, 15))

    def test_must_leave_something_when_fees_are_deducted(self):
        with pytest.raises(InvalidTerms, match="Fees deducted must be less than what is disbursed"):
            folded(fees=(Fee(charged=FeeTime.UPFRONT, amount=100001),))


class TestRateChange:
    def test_plans_anew_from_its_date_with_a_new_installment(self):
        # On the due date: 669.98 x 0.02 / (1 - 1.02**-2) = 345.0729; 13.3996; 338.31 x 0.02 = 6.7662.
        state = folded(PAID, event(EventKind.RATE_CHANGE, annual_rate=Fraction(24)))

        assert asked(state) == [(33002, 1000), (33167, 1340), (33831, 677)]

    def test_splits_the_interest_of_the_period_it_falls_in(self):
        # 10.00 x 15/31 + 20.00 x 16/31 = 15.1613; A = 345.1097; 670.05 x 0.02 = 13.401; 338.34 x 0.02 = 6.7668.
        state = folded(event(EventKind.RATE_CHANGE, HALFWAY, annual_rate=Fraction(24)))

        assert asked(state) == [(32995, 1516), (33171, 1340), (33834, 677)]

    def test_in_principal_grace_leaves_what_has_accrued_to_the_grace(self):
        # 15.16 as before, all of it paid in the first row; then A = 1000.00 x 1.02**2 / 2.02 = 515.0495, 20.00 and
        # 504.95 x 0.02 = 10.099.
        change = event(EventKind.RATE_CHANGE, HALFWAY, annual_rate=Fraction(24))

        state = folded(change, grace=Grace(principal=1))

        assert asked(state) == [(0, 1516), (49505, 2000), (50495, 1010)]

    def test_to_nothing_stops_interest(self):
        state = folded(PAID, event(EventKind.RATE_CHANGE, annual_rate=Fraction(0)))

        assert asked(state) == [(33002, 1000), (33499, 0), (33499, 0)]


class TestInterestPause:
    def test_lets_nothing_accrue_until_it_ends(self):
        # 14 of 29 days: 669.98 x 0.01 x 14/29 = 3.2344; A = 338.2819; 334.93 x 0.01 = 3.3493.
        state = folded(PAID, event(EventKind.INTEREST_PAUSE, until=date(2024, 3, 1)))

        assert asked(state) == [(33002, 1000), (33505, 323), (33493, 335)]

    @pytest.mark.parametrize("until", [None, FIRST_DUE])
    def test_must_end_after_it_begins(self, until):
        with pytest.raises(InvalidChange) as refused:
            folded(event(EventKind.INTEREST_PAUSE, until=until))

        assert refused.value.field == "until"


class TestReschedule:
    def test_replaces_the_rows_to_come_with_more(self):
        # 669.98 over four: A = 171.7032; 6.70, 5.0498, 3.3833, 1.7001.
        state = folded(PAID, event(EventKind.RESCHEDULE, installments=4))

        assert asked(state) == [(33002, 1000), (16500, 670), (16665, 505), (16832, 338), (17001, 170)]
        assert state.maturity_date == date(2024, 6, 15)

    def test_takes_as_many_rows_as_an_agreed_installment_needs(self):
        # 200.00: 6.70, 476.68 x 0.01 = 4.7668, 281.45 x 0.01 = 2.8145, and the rest.
        state = folded(PAID, event(EventKind.RESCHEDULE, installment_amount=20000))

        assert asked(state) == [(33002, 1000), (19330, 670), (19523, 477), (19719, 281), (8426, 84)]

    def test_to_an_amount_ends_with_the_row_that_leaves_the_balloon_alone(self):
        change = happened(EventKind.RESCHEDULE, DISBURSED_ON, number=5, installment_amount=20000)

        state = folded(change, on=DISBURSED_ON, balloon=40000)

        # 1 % of 1000.00, 810.00, 618.10 and 424.28; of 424.28 only 24.28 are not the balloon.
        assert [row.due.principal for row in state.installments] == [19000, 19190, 19382, 42428]
        assert [row.due.interest for row in state.installments] == [1000, 810, 618, 424]

    def test_to_an_amount_leaves_a_row_behind_the_grace(self):
        change = happened(
            EventKind.RESCHEDULE,
            DISBURSED_ON,
            number=5,
            installment_amount=200000,
            grace=Grace(interest=1),
        )

        state = folded(change, on=DISBURSED_ON)

        # All principal with the first row, whose interest is due with the second.
        assert [row.due.principal for row in state.installments] == [100000, 0]
        assert [row.due.interest for row in state.installments] == [0, 1000]

    def test_keeps_to_an_agreed_installment_and_number(self):
        state = folded(PAID, event(EventKind.RESCHEDULE, installment_amount=20000, installments=2))

        assert asked(state) == [(33002, 1000), (19330, 670), (47668, 477)]

    def test_counts_from_a_new_first_due_date(self):
        # A month back from 31 March is 29 February; 14 days are left over: 669.98 x 12 % x (1/12 + 14/365) = 9.7835.
        state = folded(PAID, event(EventKind.RESCHEDULE, first_due_date=date(2024, 3, 31)))

        assert [row.due_date for row in state.installments] == [
            FIRST_DUE,
            date(2024, 3, 31),
            date(2024, 4, 30),
        ]
        assert state.installments[1].due.interest == 978

    def test_gives_new_grace(self):
        # Two rows, the first in grace: 6.70, then all of it.
        state = folded(PAID, event(EventKind.RESCHEDULE, grace=Grace(principal=1)))

        assert asked(state) == [(33002, 1000), (0, 670), (66998, 670)]

    def test_carries_what_was_paid_and_charged_to_the_first_new_row(self):
        early = repayment(35002, on=FIRST_DUE, number=4)
        fee = event(EventKind.FEE, FIRST_DUE + ONE_DAY, 300, number=5)

        state = folded(early, fee, event(EventKind.RESCHEDULE, date(2024, 2, 20), installments=1))

        # 10.00 more than was due: 6.70 interest and 3.30 principal of the second row.
        row = state.installments[1]
        assert (row.paid, row.due.fee, row.due_date) == ((0, 0, 670, 330), 300, SECOND_DUE)
        assert row.due.principal == 66998

    def test_carries_what_was_waived_to_the_first_new_row(self):
        fee = event(EventKind.FEE, FIRST_DUE + ONE_DAY, 700, number=5)
        fee_waiver = event(EventKind.FEE_WAIVER, FIRST_DUE + ONE_DAY, 400, number=6)
        interest_waiver = event(EventKind.INTEREST_WAIVER, FIRST_DUE + ONE_DAY, 400, number=7)
        change = event(EventKind.RESCHEDULE, date(2024, 3, 1), installments=2)

        state = folded(PAID, fee, fee_waiver, interest_waiver, change)

        # By 1 March 669.98 x 0.01 x 15/29 = 3.4654 has accrued, 0.5346 less than what was waived; 14/29 of the period
        # are left. A = (669.98 x 1.0048276 x 1.01 - 0.5346 x 1.01) / 2.01 = 338.0132, on top of the 4.00: 338.01 - 2.70
        # of principal with 6.70; then 334.67 with 3.35.
        row = state.installments[1]
        assert asked(state)[1:] == [(33531, 670), (33467, 335)]
        assert (row.waived, row.outstanding) == ((0, 400, 400, 0), (0, 300, 270, 33531))

    def test_leaves_the_rows_to_come_in_interest_grace(self):
        # Grace on two: the 10.00 of the first row and 6.70 of the second are due with the third. 669.98 over four as
        # above.
        principal = repayment(33002, on=FIRST_DUE, number=4)

        state = folded(
            principal,
            event(EventKind.RESCHEDULE, FIRST_DUE + ONE_DAY, installments=4),
            grace=Grace(interest=2),
        )

        assert asked(state) == [(33002, 0), (16500, 0), (16665, 505 + 1000 + 670), (16832, 338), (17001, 170)]

    @pytest.mark.parametrize(
        ("on", "fields", "field"),
        [
            (FIRST_DUE, {"installments": 601}, "installments"),
            (FIRST_DUE, {"grace": Grace(principal=2)}, "grace"),
            (FIRST_DUE, {"first_due_date": FIRST_DUE}, "first_due_date"),
            (FIRST_DUE, {"installment_amount": 600}, "installment_amount"),
            (THIRD_DUE, {"installments": 2}, "date"),
            (FIRST_DUE, {}, "installments"),
            (FIRST_DUE, {"first_due_date": date(2079, 1, 15)}, "installments"),
        ],
    )
    def test_is_refused_when_it_contradicts_the_loan(self, on, fields, field):
        with pytest.raises(LendingError) as refused:
            folded(event(EventKind.RESCHEDULE, on, **fields))

        assert refused.value.field == field

    def test_of_a_bullet_leaves_no_row_to_grace(self):
        graceful = event(EventKind.RESCHEDULE, FIRST_DUE, installments=4, grace=Grace(interest=1))

        with pytest.raises(InvalidChange) as refused:
            folded(graceful, method=Method.BULLET)

        assert refused.value.field == "grace"

    def test_shows_no_rows_that_ask_for_nothing(self):
        # A cent in two rows, rounded up: the first takes it all.
        cent = [replace(each, amount=1 if each.amount else 0) for each in ORIGINATION]
        change = event(EventKind.RESCHEDULE, HALFWAY, installments=2)
        terms = sample_terms(principal=1, annual_rate=Fraction(0), rounding=Rounding.UP)

        state = fold.fold(terms, [*cent, change])

        assert [(row.due_date, row.due.principal) for row in state.installments] == [(FIRST_DUE, 1)]

    def test_keeps_to_the_due_day(self):
        with pytest.raises(InvalidChange, match="must fall on due_day 15"):
            folded(event(EventKind.RESCHEDULE, first_due_date=date(2024, 3, 31)), due_day=15)

    def test_with_an_agreed_installment_is_of_equal_installments_only(self):
        with pytest.raises(InvalidChange, match="belongs to equal_installments"):
            folded(event(EventKind.RESCHEDULE, installment_amount=20000), method=Method.EQUAL_PRINCIPAL)

    def test_of_a_bullet_loan_counts_the_periods_up_to_the_payment(self):
        # 15 of 91 days of 30.00 have accrued, 4.9451; the other 106 of now 121 days are of 40.00, 35.0413.
        state = folded(event(EventKind.RESCHEDULE, HALFWAY, installments=4), method=Method.BULLET)

        assert asked(state) == [(100000, 3999)]
        assert state.maturity_date == date(2024, 5, 15)


class TestReAge:
    def test_takes_overdue_rows_with_it(self):
        # Nothing paid by 1 April. The third row has accrued 336.66 x 0.01 x 17/31 = 1.8462; 1000.00 x 0.01 x 14/31 =
        # 4.5161 follow until 15 April. A = (1000.00 x 1.0045161 x 1.01 + 1.8462 x 1.01) / 2.01 = 505.6846; the 16.70
        # interest of the first two rows are due with the new first one.
        state = folded(event(EventKind.RE_AGE, date(2024, 4, 1), installments=2))

        assert asked(state) == [(0, 0), (0, 0), (49932, 2306), (50068, 501)]
        assert [row.due_date for row in state.installments[2:]] == [THIRD_DUE, date(2024, 5, 15)]
        assert state.days_past_due(date(2024, 4, 1)) == 0

    def test_takes_fees_and_penalties_along(self):
        fee = event(EventKind.FEE, FIRST_DUE, 700, number=5)
        late_fee = event(EventKind.LATE_FEE, date(2024, 2, 20), 300, number=6)

        state = folded(fee, late_fee, event(EventKind.RE_AGE, date(2024, 4, 1)))

        assert [row.due[:2] for row in state.installments] == [(0, 0), (0, 0), (300, 700)]

    def test_of_a_daily_loan_takes_the_interest_accrued_since_the_last_due_date(self):
        # 10.19 and 9.53; 1000.00 x 12 % x (31 + 16)/365 = 15.4521 until 1 May; then 14 days until 15 May, 4.6027.
        daily = {"interest_mode": InterestMode.DAILY, "day_count": DayCount.ACT_365F}

        state = folded(event(EventKind.RE_AGE, date(2024, 5, 1)), **daily)

        assert asked(state) == [(0, 0), (0, 0), (0, 0), (100000, 460 + 1019 + 953 + 1545)]
        assert state.maturity_date == date(2024, 5, 15)

    def test_needs_a_new_first_due_date_when_all_periods_are_long_over(self):
        late = event(EventKind.RE_AGE, date(2026, 1, 15))

        with pytest.raises(InvalidChange, match="must fall due after 2026-01-15"):
            folded(late, frequency=Frequency(1, PeriodUnit.DAY))

    def test_after_the_last_due_date_begins_that_day(self):
        state = folded(event(EventKind.RE_AGE, date(2024, 5, 1), first_due_date=date(2024, 6, 1)))

        # A month from 1 May on all principal: 10.00, with the 20.07 of before.
        assert asked(state)[-1] == (100000, 1000 + 2007)

    def test_of_a_loan_that_was_settled_once_begins_that_day(self):
        # All is paid on 30 January, before any installment is due: the plan ends. A fee then falls due on 15 February.
        settled = event(EventKind.PAYOFF, date(2024, 1, 30), 100484, number=4)
        fee = event(EventKind.FEE, date(2024, 2, 1), 700, number=5)

        state = folded(settled, fee, event(EventKind.RE_AGE, date(2024, 4, 20)))

        row = state.installments[-1]
        assert (row.from_date, row.due_date, row.due.fee) == (date(2024, 4, 20), date(2024, 5, 15), 700)

    def test_of_a_loan_that_was_settled_once_comes_after_the_rows_that_it_had(self):
        settled = event(EventKind.PAYOFF, date(2024, 1, 30), 100484, number=4)
        fee = event(EventKind.FEE, date(2024, 2, 1), 700, number=5)

        with pytest.raises(InvalidChange, match="must fall due after 2024-04-15") as refused:
            folded(settled, fee, event(EventKind.RE_AGE, date(2024, 3, 1)))

        assert refused.value.field == "first_due_date"
