"""Sections 1 to 4 of docs/lending-rules.md with their own examples, and that the page still gives them.

Numbers that the page does not give are worked out beside them.
"""

from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from loans.core import dates, fold
from loans.core.business_days import Convention
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.errors import LendingError
from loans.core.events import EventKind
from loans.core.money import Rounding, divide
from loans.core.terms import DownPayment, Grace, InterestMode, Method, Pause
from tests.core.samples import (
    DISBURSED_ON,
    FIRST_DUE,
    SECOND_DUE,
    THIRD_DUE,
    asked,
    folded,
    happened,
    sample_terms,
)

DAILY = {"interest_mode": InterestMode.DAILY, "day_count": DayCount.ACT_365F}
PAGE = (Path(__file__).parents[2] / "docs" / "lending-rules.md").read_text()


def disbursed_on(day, **changes):
    """Fold the sample loan on another day of disbursement."""
    terms = sample_terms(**changes)
    kinds = (EventKind.APPLIED, EventKind.APPROVED, EventKind.DISBURSED)
    return fold.fold(
        terms, [happened(kind, day, terms.principal, number=at) for at, kind in enumerate(kinds)]
    )


def due_dates(state):
    return [row.due_date for row in state.installments]


class TestMoneyRatesAndRounding:
    @pytest.mark.parametrize(
        ("mode", "half", "one_and_a_half"),
        [("half_even", 0, 2), ("half_up", 1, 2), ("up", 1, 2), ("down", 0, 1)],
    )
    def test_half_a_cent_goes_by_the_mode(self, mode, half, one_and_a_half):
        assert (divide(1, 2, rounding=Rounding(mode)), divide(3, 2, rounding=Rounding(mode))) == (
            half,
            one_and_a_half,
        )

    def test_interest_is_the_rounded_sum_and_not_a_sum_of_rounded_days(self):
        terms = {
            "principal": 500000,
            "annual_rate": Fraction("12.25"),
            "day_count": DayCount.ACT_365F,
            "interest_mode": InterestMode.DAILY,
            "installments": 1,
            "frequency": Frequency(1, PeriodUnit.YEAR),
        }
        start = date(2023, 1, 1)
        kinds = (EventKind.APPLIED, EventKind.APPROVED, EventKind.DISBURSED)
        told = [happened(kind, start, 500000, number=at) for at, kind in enumerate(kinds)]

        state = fold.fold(sample_terms(**terms), told, as_of=start + timedelta(days=101))

        assert state.payoff.interest == 16949
        assert state.per_diem * 101 == 16968


class TestDueDates:
    def test_fall_on_the_last_day_of_shorter_months(self):
        state = disbursed_on(date(2023, 1, 31))

        assert due_dates(state) == [date(2023, 2, 28), date(2023, 3, 31), date(2023, 4, 30)]

    def test_of_half_months_fall_on_two_days_of_each(self):
        state = disbursed_on(date(2023, 1, 15), installments=4, frequency=Frequency(1, PeriodUnit.SEMI_MONTH))

        assert due_dates(state) == [
            date(2023, 1, 30),
            date(2023, 2, 15),
            date(2023, 2, 28),
            date(2023, 3, 15),
        ]

    def test_count_from_the_first_one_agreed(self):
        state = disbursed_on(date(2023, 1, 15), first_due_date=date(2023, 3, 1))

        assert due_dates(state) == [date(2023, 3, 1), date(2023, 4, 1), date(2023, 5, 1)]

    def test_keep_to_a_due_day(self):
        state = disbursed_on(date(2023, 1, 10), due_day=31)

        assert due_dates(state) == [date(2023, 2, 28), date(2023, 3, 31), date(2023, 4, 30)]

    def test_count_from_the_start_date_while_interest_runs_from_the_disbursement(self):
        state = disbursed_on(date(2024, 1, 20), start_date=date(2024, 1, 15), day_count=DayCount.ACT_365F)

        # 1000.00 x 12 % x 26/365 = 8.5479.
        assert state.installments[0].due_date == FIRST_DUE
        assert state.installments[0].due.interest == 855

    def test_must_come_after_the_disbursement(self):
        with pytest.raises(dates.InvalidDueDates, match="would fall due on 2024-02-15, not after"):
            disbursed_on(FIRST_DUE, start_date=DISBURSED_ON)

    @pytest.mark.parametrize(
        ("convention", "due", "to_date"),
        [
            (Convention.UNADJUSTED, date(2024, 6, 15), date(2024, 6, 15)),
            (Convention.FOLLOWING, date(2024, 6, 17), date(2024, 6, 15)),
            # Only what is due before its period ends lets the period end early.
            (Convention.PRECEDING, date(2024, 6, 14), date(2024, 6, 14)),
        ],
    )
    def test_move_to_a_business_day(self, convention, due, to_date):
        # 15 June 2024 is a Saturday.
        state = disbursed_on(date(2024, 5, 15), installments=1, convention=convention)

        row = state.installments[0]
        assert (row.due_date, row.to_date) == (due, to_date)

    def test_of_two_installments_may_not_be_moved_to_one_day(self):
        # Saturday and Sunday, 15 and 16 June, both become Monday.
        with pytest.raises(LendingError, match="would fall due on 2024-06-17"):
            disbursed_on(
                date(2024, 6, 14), frequency=Frequency(1, PeriodUnit.DAY), convention=Convention.FOLLOWING
            )

    @pytest.mark.parametrize("down", [DownPayment(amount=20000), DownPayment(percent=Fraction(20))])
    def test_begin_with_a_down_payment_on_the_day_of_the_disbursement(self, down):
        state = folded(down_payment=down)

        # 800.00 x 0.01 / (1 - 1.01**-3) = 272.0177; 535.98 x 0.01; 269.32 x 0.01.
        assert state.installments[0].kind == "down_payment"
        assert due_dates(state) == [DISBURSED_ON, FIRST_DUE, SECOND_DUE, THIRD_DUE]
        assert asked(state) == [(20000, 0), (26402, 800), (26666, 536), (26932, 269)]


class TestDayCounts:
    # 1000.00 at 12 % from 31 January to 29 February 2024, the first of three months.
    @pytest.mark.parametrize(
        ("day_count", "interest"),
        [
            # 29 days of 360: day 31 counts as 30.
            (DayCount.THIRTY_360, 967),
            (DayCount.THIRTY_E_360, 967),
            # 29 real days over 360, 365 and, 2024 being a leap year, 366.
            (DayCount.ACT_360, 967),
            (DayCount.ACT_365F, 953),
            (DayCount.ACT_ACT, 951),
            (DayCount.EQUAL_PERIODS, 1000),
        ],
    )
    def test_measure_a_month(self, day_count, interest):
        state = disbursed_on(date(2024, 1, 31), day_count=day_count)

        assert state.installments[0].due.interest == interest

    def test_count_whole_periods_back_and_the_days_left_over_as_365ths(self):
        # 5 January to 15 February: a month back to 15 January, and ten days: 10.00 + 1000.00 x 12 % x 10/365.
        state = disbursed_on(date(2024, 1, 5), first_due_date=FIRST_DUE)

        assert state.installments[0].due.interest == 1000 + 329

    def test_split_a_period_so_that_its_parts_add_up(self):
        # 15 of 31 days of a twelfth.
        assert folded(on=date(2024, 1, 30)).payoff.interest == 484
        assert folded(on=FIRST_DUE).payoff.interest == 1000


class TestPlan:
    def test_of_equal_installments_is_the_table_of_the_page(self):
        state = folded()

        assert asked(state) == [(33002, 1000), (33332, 670), (33666, 337)]
        assert [row.due.total for row in state.installments] == [34002, 34002, 34003]

    @pytest.mark.parametrize(
        ("changes", "rows"),
        [
            ({"method": Method.EQUAL_PRINCIPAL}, [(33333, 1000), (33333, 667), (33334, 333)]),
            ({"method": Method.FLAT}, [(33333, 1000), (33333, 1000), (33334, 1000)]),
            ({"method": Method.INTEREST_ONLY}, [(0, 1000), (0, 1000), (100000, 1000)]),
            ({"method": Method.BULLET}, [(100000, 3000)]),
            ({"balloon": 40000}, [(19801, 1000), (19999, 802), (60200, 602)]),
        ],
    )
    def test_of_the_other_methods_is_that_of_the_page(self, changes, rows):
        state = folded(**changes)

        assert asked(state) == rows
        assert state.maturity_date == THIRD_DUE

    @pytest.mark.parametrize("multiple", [1000, 100])
    def test_rounds_the_installment_to_a_multiple(self, multiple):
        # 340.00; 670.00 x 0.01 = 6.70; 336.70 x 0.01 = 3.367.
        assert asked(folded(installment_multiple=multiple)) == [(33000, 1000), (33330, 670), (33670, 337)]

    def test_never_rounds_the_installment_to_nothing(self):
        assert asked(folded(installment_multiple=1000000))[0] == (99000 + 1000, 1000)

    def test_rounds_an_equal_share_to_a_multiple(self):
        # 330.00, and interest on 670.00 and 340.00.
        state = folded(method=Method.EQUAL_PRINCIPAL, installment_multiple=1000)

        assert asked(state) == [(33000, 1000), (33000, 670), (34000, 340)]

    def test_asks_for_no_principal_in_principal_grace(self):
        # 1000.00 x 0.01 / (1 - 1.01**-2) = 507.5124; 502.49 x 0.01.
        assert asked(folded(grace=Grace(principal=1))) == [(0, 1000), (49751, 1000), (50249, 502)]

    def test_shares_principal_over_the_rows_after_grace(self):
        state = folded(method=Method.EQUAL_PRINCIPAL, grace=Grace(principal=1))

        assert asked(state) == [(0, 1000), (50000, 1000), (50000, 500)]

    def test_puts_interest_off_in_interest_grace(self):
        # 10.00 of the first period is due with the second row, on top of it.
        assert asked(folded(grace=Grace(interest=1))) == [(33002, 0), (33332, 1670), (33666, 337)]

    def test_accrues_no_interest_in_an_interest_free_period(self):
        # F = 3.0301: 1020.10 / 3.0301 = 336.6556; 663.34 x 0.01 = 6.6334; 333.31 x 0.01 = 3.3331.
        assert asked(folded(grace=Grace(interest_free=1))) == [(33666, 0), (33003, 663), (33331, 333)]

    def test_accrues_no_interest_in_a_pause(self):
        state = folded(pauses=(Pause(DISBURSED_ON, FIRST_DUE),))

        assert asked(state) == [(33666, 0), (33003, 663), (33331, 333)]

    def test_is_made_anew_for_a_further_disbursement(self):
        first = happened(EventKind.DISBURSED, DISBURSED_ON, 60000, number=3)
        second = happened(EventKind.DISBURSED, FIRST_DUE, 40000, number=4)
        told = [*(event for event in folded_origination()), first, second]

        state = fold.fold(sample_terms(tranches_max=2), told)

        # 600.00: A = 204.0133. Then 401.99 + 400.00: A = 801.99 x 0.01 / (1 - 1.01**-2) = 407.0199.
        assert asked(state) == [(19801, 600), (39900, 802), (40299, 403)]
        assert (state.disbursed, state.paid_out) == (100000, 100000)

    def test_refuses_to_disburse_more_than_the_principal(self):
        first = happened(EventKind.DISBURSED, DISBURSED_ON, 60000, number=3)
        second = happened(EventKind.DISBURSED, FIRST_DUE, 40001, number=4)

        with pytest.raises(LendingError, match=r"At most 400\.00 KES of 1000\.00 is left"):
            fold.fold(sample_terms(tranches_max=2), [*folded_origination(), first, second])


def folded_origination():
    """The steps before a disbursement."""
    return [
        happened(EventKind.APPLIED, DISBURSED_ON, number=1),
        happened(EventKind.APPROVED, DISBURSED_ON, number=2),
    ]


class TestPage:
    def test_still_has_the_sections_that_are_tested_here(self):
        titles = [line for line in PAGE.splitlines() if line.startswith("## ")]

        assert titles == [
            "## 1. Money, rates and rounding",
            "## 2. Due dates",
            "## 3. Day counts",
            "## 4. Plan: how principal is spread",
            "## 5. Interest modes",
            "## 6. Fees",
            "## 7. Events and their order",
            "## 8. Allocation",
            "## 9. Payoff",
            "## 10. Past due",
            "## 11. Lifecycle",
            "## 12. Postings",
            "## 13. What always holds",
        ]

    @pytest.mark.parametrize(
        "example",
        [
            "5000.00 at 12.25 % over 101 days is 169.49",
            "*Example.* 31 January 2023, monthly: 28 February, 31 March, 30 April. Semi-monthly from 15 January: 30",
            "| 15 Mar | 669.98 | 6.6998 → 6.70 | 333.32 | 340.02 | 336.66 |",
            "A = (1030.301 − 400) / 3.0301 = 208.0133 → 208.01 (198.01 + 10.00, 199.99 + 8.02, 602.00 + 6.02).",
            "row has 7.47 interest and 332.53 principal.",
            "of the second. 679.05 then closes the loan; 679.06 is refused.",
            "1004.84; per-diem 0.32.",
            "30 days past due (since 15 February), 680.04 overdue.",
            "debit 1000 340.02; credit 1100 330.02, credit 1110 10.00",
        ],
    )
    def test_still_gives_the_examples_that_are_tested_here(self, example):
        assert example in PAGE
