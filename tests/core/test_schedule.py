from datetime import date
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import fold, schedule
from loans.core.dates import DateOutOfRange, Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.events import EventKind
from loans.core.money import AMOUNT_MAX, Rounding
from loans.core.terms import Method
from loans.core.timeline import Timeline
from tests.core.samples import DISBURSED_ON, FIRST_DUE, SECOND_DUE, THIRD_DUE, asked, happened, sample_terms
from tests.core.strategies import start_dates, terms_agreed


def disbursed(terms, *, on=DISBURSED_ON):
    """Fold a loan to which nothing has happened but its disbursement."""
    kinds = (EventKind.APPLIED, EventKind.APPROVED, EventKind.DISBURSED)
    return fold.fold(
        terms, [happened(kind, on, terms.principal, number=at) for at, kind in enumerate(kinds)], as_of=on
    )


def parts(*, on=DISBURSED_ON, **changes):
    return asked(disbursed(sample_terms(**changes), on=on))


class TestEqualInstallments:
    def test_pay_the_same_until_the_last_takes_the_rest(self):
        # 1000.00 x 0.01 / (1 - 1.01**-3) = 340.0221; 669.98 x 0.01 = 6.6998; 336.66 x 0.01 = 3.3666.
        state = disbursed(sample_terms())

        assert asked(state) == [(33002, 1000), (33332, 670), (33666, 337)]
        assert [row.due.total for row in state.installments] == [34002, 34002, 34003]

    def test_lie_between_their_dates(self):
        state = disbursed(sample_terms())

        assert [(row.number, row.from_date, row.to_date, row.due_date) for row in state.installments] == [
            (1, DISBURSED_ON, FIRST_DUE, FIRST_DUE),
            (2, FIRST_DUE, SECOND_DUE, SECOND_DUE),
            (3, SECOND_DUE, THIRD_DUE, THIRD_DUE),
        ]

    @pytest.mark.parametrize(
        ("rounding", "principal"),
        [
            (Rounding.HALF_EVEN, [3333, 3333, 3334]),
            (Rounding.HALF_UP, [3333, 3333, 3334]),
            (Rounding.UP, [3334, 3334, 3332]),
            (Rounding.DOWN, [3333, 3333, 3334]),
        ],
    )
    def test_split_the_principal_when_the_rate_is_zero(self, rounding, principal):
        assert parts(principal=10000, annual_rate=Fraction(0), rounding=rounding) == [
            (each, 0) for each in principal
        ]

    def test_leave_a_single_cent_to_the_last(self):
        assert parts(principal=1, annual_rate=Fraction(0)) == [(0, 0), (0, 0), (1, 0)]

    def test_never_repay_more_than_the_balance(self):
        # The second and third row ask for nothing and are left out.
        assert parts(principal=1, annual_rate=Fraction(0), rounding=Rounding.UP) == [(1, 0)]

    def test_never_add_to_the_balance(self):
        # 1000 % a year: January's interest, 1000.00 x 10 x 31 / 365 = 849.32, is more than the level installment.
        rows = parts(
            on=date(2023, 1, 1), annual_rate=Fraction(1000), installments=24, day_count=DayCount.ACT_365F
        )

        assert rows[0] == (0, 84932)
        assert sum(principal for principal, _ in rows) == 100000

    def test_are_one_when_one_was_agreed(self):
        assert parts(installments=1) == [(100000, 1000)]

    def test_count_yen_without_decimals(self):
        # 100000 x 0.015 / (1 - 1.015**-2) = 51127.79; 50372 x 0.015 = 755.58.
        assert parts(currency="JPY", annual_rate=Fraction(18), installments=2) == [
            (49628, 1500),
            (50372, 756),
        ]

    @pytest.mark.parametrize(
        ("rounding", "half", "one_and_a_half"),
        [
            (Rounding.HALF_EVEN, 0, 2),
            (Rounding.HALF_UP, 1, 2),
            (Rounding.UP, 1, 2),
            (Rounding.DOWN, 0, 1),
        ],
    )
    def test_round_a_half_cent_by_the_mode_agreed(self, rounding, half, one_and_a_half):
        # One month at 12 % of 0.50 is half a cent exactly; of 1.50 a cent and a half.
        assert parts(principal=50, rounding=rounding, installments=1) == [(50, half)]
        assert parts(principal=150, rounding=rounding, installments=1) == [(150, one_and_a_half)]

    def test_round_what_is_no_tie_to_an_odd_amount_where_it_is_nearer(self):
        # A third of 2 is 0.67, of 1 it is 0.33.
        spread = schedule.spread_level(2, [1, 1], scale=3, level=2, keep=0, rounding=Rounding.HALF_EVEN)

        assert spread == ([1, 1], [1, 0], [1, 0])

    @pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.HALF_UP])
    def test_ask_for_no_less_than_nothing_and_no_more_than_is_left(self, rounding):
        # Half of 100 is more than the level of 40; in the second and third row nothing is left but what they keep.
        spread = schedule.spread_level(100, [5, 0, 0, 0], scale=10, level=40, keep=70, rounding=rounding)

        assert spread == ([0, 30, 0, 70], [50, 0, 0, 0], [100, 70, 70, 0])


class TestEqualPrincipal:
    def test_repays_the_same_principal_until_the_last_takes_the_rest(self):
        # 666.67 x 0.01 = 6.6667; 333.34 x 0.01 = 3.3334.
        assert parts(method=Method.EQUAL_PRINCIPAL) == [(33333, 1000), (33333, 667), (33334, 333)]

    def test_never_repays_more_than_the_balance(self):
        rows = parts(
            method=Method.EQUAL_PRINCIPAL, principal=5, annual_rate=Fraction(0), rounding=Rounding.UP
        )

        assert rows == [(2, 0), (2, 0), (1, 0)]


class TestDisbursed:
    def test_charges_real_days_over_365(self):
        # 1000.00 x 12 % x 31 / 365 = 10.1918.
        assert parts(day_count=DayCount.ACT_365F)[0][1] == 1019

    def test_charges_thirty_days_a_month_over_360(self):
        # 31 January to 29 February is 29 days of 360: 1000.00 x 12 % x 29 / 360 = 9.6667.
        assert parts(on=date(2024, 1, 31), day_count=DayCount.THIRTY_360)[0][1] == 967

    def test_charges_weeks_as_parts_of_52(self):
        # 520.00 x 10 % x 2 / 52 = 2.00.
        terms = sample_terms(
            principal=52000, annual_rate=Fraction(10), frequency=Frequency(2, PeriodUnit.WEEK)
        )

        state = disbursed(terms)

        assert state.installments[0].due.interest == 200
        assert [row.due_date for row in state.installments] == [
            date(2024, 1, 29),
            date(2024, 2, 12),
            date(2024, 2, 26),
        ]

    def test_refuses_to_leave_the_calendar(self):
        with pytest.raises(DateOutOfRange):
            disbursed(sample_terms(), on=date(9999, 11, 1))

    def test_bears_the_largest_loan_there_is(self):
        terms = sample_terms(principal=AMOUNT_MAX, annual_rate=Fraction(1000), installments=600)

        state = disbursed(terms)

        assert state.outstanding.principal == AMOUNT_MAX
        assert state.outstanding.total < 2**63

    @given(terms=terms_agreed(), start_date=start_dates)
    def test_repays_every_minor_unit_and_no_more(self, terms, start_date):
        rows = disbursed(terms, on=start_date).installments

        balance = terms.principal
        for row in rows:
            assert 0 <= row.due.principal <= balance
            assert row.due.interest >= 0
            balance -= row.due.principal
        assert balance == 0

    @given(terms=terms_agreed(), start_date=start_dates)
    def test_numbers_periods_that_touch_and_strictly_increase(self, terms, start_date):
        rows = disbursed(terms, on=start_date).installments

        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        assert len(rows) <= terms.installments
        assert rows[0].from_date == start_date
        assert all(earlier.due_date == later.from_date for earlier, later in pairwise(rows))
        assert all(row.from_date < row.due_date for row in rows)

    @given(terms=terms_agreed(), start_date=start_dates)
    def test_rounds_interest_by_less_than_a_minor_unit(self, terms, start_date):
        rows = disbursed(terms, on=start_date).installments
        bounds = [start_date, *(row.due_date for row in rows)]
        timeline = Timeline(terms, bounds=bounds, regular_start=start_date)

        balance = terms.principal
        for row, factor in zip(rows, timeline.wholes(), strict=True):
            assert abs(row.due.interest - Fraction(balance * factor, timeline.scale)) < 1
            balance -= row.due.principal


class TestBuild:
    def test_lays_out_the_sample_loan_by_columns(self):
        built = schedule.build(sample_terms(), start_date=DISBURSED_ON)

        assert list(built.rows()) == [
            (1, DISBURSED_ON, FIRST_DUE, 33002, 1000, 66998),
            (2, FIRST_DUE, SECOND_DUE, 33332, 670, 33666),
            (3, SECOND_DUE, THIRD_DUE, 33666, 337, 0),
        ]

    def test_leaves_a_balloon_to_the_last_row(self):
        built = schedule.build(sample_terms(balloon=40000), start_date=DISBURSED_ON)

        assert (built.principal, built.interest) == ([19801, 19999, 60200], [1000, 802, 602])

    @given(terms=terms_agreed(), start_date=start_dates)
    def test_gives_what_a_fresh_loan_asks_for(self, terms, start_date):
        built = schedule.build(terms, start_date=start_date)

        state = disbursed(terms, on=start_date)

        rows = list(built.rows())[: len(state.installments)]
        assert [
            (number, begins, due, principal, interest) for number, begins, due, principal, interest, _ in rows
        ] == [
            (row.number, row.from_date, row.due_date, row.due.principal, row.due.interest)
            for row in state.installments
        ]
        assert not any(
            principal or interest for *_, principal, interest, _ in list(built.rows())[len(rows) :]
        )
        assert built.balances[-1] == 0


class TestLevelFraction:
    @given(
        terms=terms_agreed(method=st.just(Method.EQUAL_INSTALLMENTS), installments=st.integers(1, 12)),
        start_date=start_dates,
        carried=st.integers(0, 10**6),
        balloon=st.integers(0, 10**6),
    )
    def test_is_worth_the_principal_when_discounted(self, terms, start_date, carried, balloon):
        built = schedule.build(terms, start_date=start_date)
        timeline = Timeline(terms, bounds=[start_date, *built.due_dates], regular_start=start_date)
        factors, scale = timeline.wholes(), timeline.scale

        level = Fraction(
            *schedule.level_fraction(
                terms.principal, factors, scale=scale, carried=carried * scale, balloon=balloon
            )
        )

        # Another way to the same number: what n payments, the balloon and what has accrued are worth at the start.
        discount, present_value = Fraction(1), Fraction(0)
        for factor in factors:
            discount /= 1 + Fraction(factor, scale)
            present_value += discount
        first = 1 / (1 + Fraction(factors[0], scale))
        assert level * present_value == terms.principal + carried * first - balloon * discount


class TestLevelRounded:
    """25 periods without interest and one that doubles: Fn = 1 + 25 x 2 = 51, and A = (2 b + 2 c) / 51."""

    FACTORS = (*[0] * 25, 100)

    @pytest.mark.parametrize(
        ("balance", "carried", "level"),
        # 2 x 51 / 51 is 2 exactly, which is not rounded up; 2 x 52 / 51 is; 2 x 102 - 2 x 51 is 102.
        [(51, 0, 2), (52, 0, 3), (102, -51 * 100, 2)],
    )
    def test_decides_by_the_exact_fraction_where_bounds_do_not(self, balance, carried, level):
        found = schedule.level_rounded(
            balance, self.FACTORS, scale=100, carried=carried, balloon=0, rounding=Rounding.UP
        )

        assert found == level
