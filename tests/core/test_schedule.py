from datetime import date
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import schedule
from loans.core.dates import DateOutOfRange, Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.money import AMOUNT_MAX, Rounding
from loans.core.schedule import Installment
from loans.core.terms import Method
from tests.core.samples import DISBURSED_ON, FIRST_DUE, SECOND_DUE, THIRD_DUE, sample_terms
from tests.core.strategies import start_dates, terms_agreed

FIRST = Installment(number=1, from_date=DISBURSED_ON, due_date=FIRST_DUE, principal=33002, interest=1000)


def parts(installments):
    return [(each.principal, each.interest) for each in installments]


class TestInstallment:
    def test_adds_up_principal_and_interest(self):
        part_paid = Installment(
            number=1,
            from_date=DISBURSED_ON,
            due_date=FIRST_DUE,
            principal=33002,
            interest=1000,
            principal_paid=2,
            interest_paid=1000,
        )

        assert part_paid.amount == 34002
        assert part_paid.paid == 1002
        assert part_paid.principal_outstanding == 33000
        assert part_paid.interest_outstanding == 0
        assert part_paid.outstanding == 33000
        assert not part_paid.is_settled

    def test_is_settled_when_nothing_is_left(self):
        nothing = Installment(number=1, from_date=DISBURSED_ON, due_date=FIRST_DUE, principal=0, interest=0)

        assert nothing.is_settled
        assert not FIRST.is_settled


class TestEqualInstallments:
    def test_pay_the_same_until_the_last_takes_the_rest(self):
        # 1000.00 x 0.01 / (1 - 1.01**-3) = 340.0221; 669.98 x 0.01 = 6.6998; 336.66 x 0.01 = 3.3666.
        rows = schedule.build(sample_terms(), start_date=DISBURSED_ON)

        assert parts(rows) == [(33002, 1000), (33332, 670), (33666, 337)]
        assert [each.amount for each in rows] == [34002, 34002, 34003]

    def test_lie_between_their_dates(self):
        rows = schedule.build(sample_terms(), start_date=DISBURSED_ON)

        assert rows[0] == FIRST
        assert [(each.from_date, each.due_date) for each in rows] == [
            (DISBURSED_ON, FIRST_DUE),
            (FIRST_DUE, SECOND_DUE),
            (SECOND_DUE, THIRD_DUE),
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
        terms = sample_terms(principal=10000, annual_rate=Fraction(0), rounding=rounding)

        rows = schedule.build(terms, start_date=DISBURSED_ON)

        assert parts(rows) == [(each, 0) for each in principal]

    def test_leave_a_single_cent_to_the_last(self):
        rows = schedule.build(sample_terms(principal=1, annual_rate=Fraction(0)), start_date=DISBURSED_ON)

        assert parts(rows) == [(0, 0), (0, 0), (1, 0)]

    def test_never_repay_more_than_the_balance(self):
        terms = sample_terms(principal=1, annual_rate=Fraction(0), rounding=Rounding.UP)

        rows = schedule.build(terms, start_date=DISBURSED_ON)

        assert parts(rows) == [(1, 0), (0, 0), (0, 0)]

    def test_never_add_to_the_balance(self):
        # 1000 % a year: January's interest, 1000.00 x 10 x 31 / 365 = 849.32, is more than the level installment.
        terms = sample_terms(annual_rate=Fraction(1000), installments=24, day_count=DayCount.ACT_365F)

        rows = schedule.build(terms, start_date=date(2023, 1, 1))

        assert (rows[0].principal, rows[0].interest) == (0, 84932)
        assert sum(each.principal for each in rows) == 100000

    def test_are_one_when_one_was_agreed(self):
        rows = schedule.build(sample_terms(installments=1), start_date=DISBURSED_ON)

        assert parts(rows) == [(100000, 1000)]

    def test_count_yen_without_decimals(self):
        # 100000 x 0.015 / (1 - 1.015**-2) = 51127.79; 50372 x 0.015 = 755.58.
        terms = sample_terms(currency="JPY", annual_rate=Fraction(18), installments=2)

        rows = schedule.build(terms, start_date=DISBURSED_ON)

        assert parts(rows) == [(49628, 1500), (50372, 756)]

    def test_round_a_half_cent_by_the_mode_agreed(self):
        # One month at 12 % of 0.50 is half a cent exactly; of 1.50 a cent and a half.
        half = {"annual_rate": Fraction(12), "installments": 1}

        def interest(principal, rounding):
            rows = schedule.build(
                sample_terms(principal=principal, rounding=rounding, **half), start_date=DISBURSED_ON
            )
            return rows[0].interest

        assert [interest(50, rounding) for rounding in Rounding] == [0, 1, 1, 0]
        assert [interest(150, rounding) for rounding in Rounding] == [2, 2, 2, 1]


class TestEqualPrincipal:
    def test_repays_the_same_principal_until_the_last_takes_the_rest(self):
        # 666.67 x 0.01 = 6.6667; 333.34 x 0.01 = 3.3334.
        rows = schedule.build(sample_terms(method=Method.EQUAL_PRINCIPAL), start_date=DISBURSED_ON)

        assert parts(rows) == [(33333, 1000), (33333, 667), (33334, 333)]

    def test_never_repays_more_than_the_balance(self):
        terms = sample_terms(
            method=Method.EQUAL_PRINCIPAL, principal=5, annual_rate=Fraction(0), rounding=Rounding.UP
        )

        rows = schedule.build(terms, start_date=DISBURSED_ON)

        assert parts(rows) == [(2, 0), (2, 0), (1, 0)]


class TestBuild:
    def test_charges_real_days_over_365(self):
        # 1000.00 x 12 % x 31 / 365 = 10.1918.
        rows = schedule.build(sample_terms(day_count=DayCount.ACT_365F), start_date=DISBURSED_ON)

        assert rows[0].interest == 1019

    def test_charges_thirty_days_a_month_over_360(self):
        # 31 January to 29 February is 29 days of 360: 1000.00 x 12 % x 29 / 360 = 9.6667.
        rows = schedule.build(sample_terms(day_count=DayCount.THIRTY_360), start_date=date(2024, 1, 31))

        assert rows[0].interest == 967

    def test_charges_weeks_as_parts_of_52(self):
        # 520.00 x 10 % x 2 / 52 = 2.00.
        terms = sample_terms(
            principal=52000, annual_rate=Fraction(10), frequency=Frequency(2, PeriodUnit.WEEK)
        )

        rows = schedule.build(terms, start_date=DISBURSED_ON)

        assert rows[0].interest == 200
        assert [each.due_date for each in rows] == [date(2024, 1, 29), date(2024, 2, 12), date(2024, 2, 26)]

    def test_refuses_to_leave_the_calendar(self):
        with pytest.raises(DateOutOfRange):
            schedule.build(sample_terms(), start_date=date(9999, 11, 1))

    def test_bears_the_largest_loan_there_is(self):
        terms = sample_terms(principal=AMOUNT_MAX, annual_rate=Fraction(1000), installments=600)

        rows = schedule.build(terms, start_date=DISBURSED_ON)

        assert sum(each.principal for each in rows) == AMOUNT_MAX
        assert sum(each.amount for each in rows) < 2**63

    @given(terms=terms_agreed(), start_date=start_dates)
    def test_repays_every_minor_unit_and_no_more(self, terms, start_date):
        rows = schedule.build(terms, start_date=start_date)

        balance = terms.principal
        for each in rows:
            assert 0 <= each.principal <= balance
            assert each.interest >= 0
            balance -= each.principal
        assert balance == 0
        assert sum(each.principal for each in rows) == terms.principal

    @given(terms=terms_agreed(), start_date=start_dates)
    def test_numbers_periods_that_touch_and_strictly_increase(self, terms, start_date):
        rows = schedule.build(terms, start_date=start_date)

        assert [each.number for each in rows] == list(range(1, terms.installments + 1))
        assert rows[0].from_date == start_date
        assert all(earlier.due_date == later.from_date for earlier, later in pairwise(rows))
        assert all(each.from_date < each.due_date for each in rows)

    @given(terms=terms_agreed(), start_date=start_dates)
    def test_rounds_interest_by_less_than_a_minor_unit(self, terms, start_date):
        rows = schedule.build(terms, start_date=start_date)
        factors = schedule.period_factors(
            terms,
            starts=tuple(each.from_date for each in rows),
            due=tuple(each.due_date for each in rows),
        )

        balance = terms.principal
        for each, numerator in zip(rows, factors.numerators, strict=True):
            assert abs(each.interest - Fraction(balance * numerator, factors.denominator)) < 1
            balance -= each.principal


class TestPeriodFactors:
    def test_are_rate_times_the_fraction_of_a_year(self):
        factors = schedule.period_factors(
            sample_terms(day_count=DayCount.ACT_365F),
            starts=(date(2024, 1, 1), date(2024, 2, 1)),
            due=(date(2024, 2, 1), date(2024, 3, 1)),
        )

        assert [Fraction(each, factors.denominator) for each in factors.numerators] == [
            Fraction(12 * 31, 36500),
            Fraction(12 * 29, 36500),
        ]

    def test_are_nothing_over_one_at_a_zero_rate(self):
        factors = schedule.period_factors(
            sample_terms(annual_rate=Fraction(0)), starts=(DISBURSED_ON,), due=(FIRST_DUE,)
        )

        assert factors == schedule.Factors(numerators=(0,), denominator=1)


class TestLevelInstallment:
    @given(
        terms=terms_agreed(method=st.just(Method.EQUAL_INSTALLMENTS), installments=st.integers(1, 12)),
        start_date=start_dates,
    )
    def test_is_worth_the_principal_when_discounted(self, terms, start_date):
        rows = schedule.build(terms, start_date=start_date)
        factors = schedule.period_factors(
            terms,
            starts=tuple(each.from_date for each in rows),
            due=tuple(each.due_date for each in rows),
        )

        level = schedule.level_installment(terms, factors=factors)

        # Another way to the same number: the present value of n payments of one minor unit.
        discount, present_value = Fraction(1), Fraction(0)
        for numerator in factors.numerators:
            discount /= 1 + Fraction(numerator, factors.denominator)
            present_value += discount
        assert abs(level - terms.principal / present_value) < 1
