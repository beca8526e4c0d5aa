"""Each worked example of docs/lending-rules.md comes out of the second model."""

from datetime import date
from fractions import Fraction

import pytest

from loans.core.daycount import DayCount
from loans.core.money import Rounding
from loans.core.terms import Component, EarlyPayment, InterestMode, Method
from tests.core.reference import model
from tests.core.reference.book import round_to_minor
from tests.core.samples import DISBURSED_ON, ORIGINATION, THIRD_DUE, repayment, sample_terms


def seen(*events, on, **terms):
    return model.observe(sample_terms(**terms), [*ORIGINATION, *events], as_of=on)


def asked(loan):
    """Principal and interest of each row."""
    return [(row.asked[Component.PRINCIPAL], row.asked[Component.INTEREST]) for row in loan.rows]


class TestRounding:
    @pytest.mark.parametrize(
        ("mode", "half", "one_and_a_half"),
        [
            (Rounding.HALF_EVEN, 0, 2),
            (Rounding.HALF_UP, 1, 2),
            (Rounding.UP, 1, 2),
            (Rounding.DOWN, 0, 1),
        ],
    )
    def test_follows_the_table_of_section_1(self, mode, half, one_and_a_half):
        assert round_to_minor(Fraction(1, 2), mode) == half
        assert round_to_minor(Fraction(3, 2), mode) == one_and_a_half


class TestPlan:
    @pytest.mark.parametrize(
        ("terms", "rows"),
        [
            ({}, [(33002, 1000), (33332, 670), (33666, 337)]),
            ({"method": Method.EQUAL_PRINCIPAL}, [(33333, 1000), (33333, 667), (33334, 333)]),
            ({"method": Method.FLAT}, [(33333, 1000), (33333, 1000), (33334, 1000)]),
            ({"method": Method.INTEREST_ONLY}, [(0, 1000), (0, 1000), (100000, 1000)]),
            ({"method": Method.BULLET}, [(100000, 3000)]),
            ({"balloon": 40000}, [(19801, 1000), (19999, 802), (60200, 602)]),
        ],
    )
    def test_follows_the_examples_of_section_4(self, terms, rows):
        loan = seen(on=DISBURSED_ON, **terms)

        assert asked(loan) == rows

    def test_asks_for_a_bullet_on_the_last_due_date(self):
        loan = seen(on=DISBURSED_ON, method=Method.BULLET)

        assert [row.due for row in loan.rows] == [THIRD_DUE]


class TestDailyInterest:
    def test_lets_a_late_payment_cost_the_days_it_is_late(self):
        # A = 340.00; ten days on 1000.00 and nineteen on 670.19, which is 3.2877 + 4.1864.
        terms = {"interest_mode": InterestMode.DAILY, "day_count": DayCount.ACT_365F}
        late = repayment(34000, on=date(2024, 2, 25), number=9)

        loan = seen(late, on=date(2024, 3, 15), **terms)

        assert asked(loan)[:2] == [(32981, 1019), (33253, 747)]


class TestRepayment:
    def test_pays_what_is_due_and_then_in_advance(self):
        loan = seen(repayment(34102, on=date(2024, 2, 15), number=9), on=date(2024, 2, 15))

        first, second = loan.rows[:2]
        assert (first.paid[Component.INTEREST], first.paid[Component.PRINCIPAL]) == (1000, 33002)
        assert (second.paid[Component.INTEREST], second.paid[Component.PRINCIPAL]) == (100, 0)
        assert sum(loan.outstanding(component) for component in Component) == 67905

    @pytest.mark.parametrize(("amount", "status", "credit"), [(67905, "repaid", 0), (67906, "repaid", 1)])
    def test_holds_what_is_left_when_all_is_paid(self, amount, status, credit):
        events = [
            repayment(34102, on=date(2024, 2, 15), number=9),
            repayment(amount, on=date(2024, 2, 15), number=10),
        ]

        loan = seen(*events, on=date(2024, 2, 15))

        assert (loan.status, loan.credit) == (status, credit)

    def test_makes_the_term_shorter_and_leaves_the_installment(self):
        early = repayment(34102, on=date(2024, 2, 15), number=9)

        loan = seen(early, on=date(2024, 2, 15), early_payment=EarlyPayment.SHORTER_TERM)

        # 1.00 is principal; on 668.98 interest is 6.69, so 333.33 more, and 335.65 with 3.36 closes.
        assert asked(loan) == [(33002, 1000), (33433, 669), (33565, 336)]


class TestPayoff:
    def test_asks_for_the_interest_of_the_days_passed(self):
        loan = seen(on=date(2024, 1, 30))

        assert (loan.payoff, loan.per_diem) == (100484, 32)


class TestDaysPastDue:
    def test_counts_from_the_oldest_unpaid_row(self):
        loan = seen(on=date(2024, 3, 16))

        assert loan.days_past_due == 30
        overdue = [row for row in loan.rows if row.due < date(2024, 3, 16)]
        assert sum(row.unpaid(component) for row in overdue for component in Component) == 68004
