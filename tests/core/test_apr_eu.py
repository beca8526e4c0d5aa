import json
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import apr, dates
from loans.core.dates import PeriodUnit
from loans.core.irr import CashFlow, NoRate
from tests.core.flows import MONTHLY, WEEKLY, advance, payment, payments

DATA = Path(__file__).parents[1] / "data" / "apr_eu_uk.json"
CASES = {case["id"]: case for case in json.loads(DATA.read_text())["cases"]}
# Days over 365.25, the basis before Directive 2008/48/EC.
EXCLUDED = {"uk-haunts-single-7"}
MILLIONTH = Fraction(1, 10**6)


def cents(text):
    amount = Decimal(text) * 100
    assert amount == amount.to_integral_value()
    return int(amount)


def published_flows(streams):
    """Date the streams of a case, told in twelfths of a year or in days over 365, from a day without leap days."""
    start = date(1994, 1, 1)
    flows = []
    for stream in streams:
        first, step = Fraction(stream["first_t"]), Fraction(stream["step"])
        amounts = stream.get("amounts") or [stream["amount"]] * stream["count"]
        for number, amount in enumerate(amounts):
            years = first + number * step
            if (years * 12).denominator == 1:
                on = dates.due_date(start, frequency=MONTHLY, number=int(years * 12))
            else:
                assert (years * 365).denominator == 1
                on = start + timedelta(days=int(years * 365))
            flows.append((on, cents(amount)))
    return flows


def monthly_value(rate, *, lent, repaid):
    """Compute what is lent less what is repaid month by month, at present value, by the equation of the directive."""
    with localcontext() as context:
        context.prec = 40
        monthly = (1 + Decimal(rate.numerator) / rate.denominator / 100) ** (Decimal(1) / 12)
        return lent - sum(amount / monthly**month for month, amount in enumerate(repaid, start=1))


class TestPublishedCases:
    @pytest.mark.parametrize("case_id", sorted(set(CASES) - EXCLUDED))
    def test_match(self, case_id):
        case = CASES[case_id]
        advances = [CashFlow(on, amount) for on, amount in published_flows(case["inputs"]["drawdowns"])]
        paid = [CashFlow(on, -amount) for on, amount in published_flows(case["inputs"]["payments"])]
        unit = PeriodUnit.DAY if case_id == "eu-98-7-A1" else PeriodUnit.MONTH

        rate = apr.apr_eu(advances, paid, unit=unit)

        expected = case["expected"]["apr_percent"]
        assert abs(rate - Fraction(expected)) <= Fraction(case["tolerance"]["apr_percent"])

    @pytest.mark.parametrize(
        ("lent", "paid", "percent"),
        [
            # Directive 98/7/EC, Annex III.A, second example: 50 of the 1000 are kept for expenses.
            (95000, [payment(120000, "1995-07-01")], "16.9"),
            # Third example: two amounts of 600 after one year and two.
            (100000, [payment(60000, "1995-01-01"), payment(60000, "1996-01-01")], "13.1"),
        ],
        ids=["second example", "third example"],
    )
    def test_of_the_calendar_basis_match_to_one_decimal(self, lent, paid, percent):
        rate = apr.apr_eu([advance(lent, "1994-01-01")], paid, unit=PeriodUnit.YEAR)

        assert abs(rate - Fraction(percent)) <= Fraction("0.05")


class TestIntervals:
    # Those of 2012 and 2013 are examples of the European Commission, SWD(2012) 128, annex 1, 4.1.1, as the tests of
    # https://github.com/andrewmurphy353/curo give them; the others follow from Directive (EU) 2023/2225, Annex III.
    @pytest.mark.parametrize(
        ("unit", "start", "end", "years"),
        [
            ("month", "2019-01-12", "2020-01-12", Fraction(1)),
            ("month", "2012-01-12", "2012-02-15", Fraction(1, 12) + Fraction(3, 365)),
            ("month", "2012-01-12", "2012-03-15", Fraction(2, 12) + Fraction(3, 365)),
            ("month", "2012-01-12", "2012-04-15", Fraction(3, 12) + Fraction(3, 365)),
            ("month", "2013-01-12", "2013-02-15", Fraction(1, 12) + Fraction(3, 366)),
            ("month", "2013-01-12", "2013-03-15", Fraction(2, 12) + Fraction(3, 366)),
            ("month", "2013-01-12", "2013-04-15", Fraction(3, 12) + Fraction(3, 366)),
            ("month", "2013-02-25", "2013-03-28", Fraction(1, 12) + Fraction(3, 366)),
            ("month", "2013-02-26", "2013-03-29", Fraction(1, 12) + Fraction(2, 366)),
            ("month", "2012-02-26", "2012-03-29", Fraction(1, 12) + Fraction(3, 366)),
            ("month", "2012-02-26", "2012-02-26", Fraction(0)),
            ("month", "2024-12-31", "2025-02-28", Fraction(2, 12)),
            ("month", "2024-02-28", "2024-03-31", Fraction(1, 12) + Fraction(1, 366)),
            ("month", "2024-02-29", "2024-03-31", Fraction(1, 12)),
            ("month", "2024-01-31", "2024-02-29", Fraction(1, 12)),
            ("month", "2024-01-31", "2025-02-28", Fraction(13, 12)),
            ("semi_month", "2012-01-12", "2012-02-15", Fraction(1, 12) + Fraction(3, 365)),
            ("year", "2012-01-12", "2012-02-15", Fraction(34, 365)),
            ("year", "2012-01-12", "2013-02-15", 1 + Fraction(34, 365)),
            ("year", "2012-01-12", "2014-02-15", 2 + Fraction(34, 365)),
            ("year", "2020-01-01", "2021-03-15", 1 + Fraction(74, 366)),
            ("year", "2024-02-27", "2025-02-28", 1 + Fraction(1, 365)),
            ("year", "2024-02-29", "2025-03-31", 1 + Fraction(31, 366)),
            ("year", "2024-02-28", "2025-02-27", Fraction(365, 366)),
            ("year", "2024-02-29", "2025-02-28", Fraction(1)),
            ("year", "2023-02-28", "2024-02-29", Fraction(1)),
            ("day", "1994-01-01", "1995-07-01", Fraction(546, 365)),
            ("week", "2012-01-12", "2012-01-26", Fraction(2, 52)),
            ("week", "2012-01-12", "2013-01-10", Fraction(1)),
            ("week", "2012-01-12", "2012-01-30", Fraction(2, 52) + Fraction(4, 365)),
            ("week", "2012-01-12", "2013-01-12", 1 + Fraction(2, 365)),
        ],
    )
    def test_are_whole_units_back_from_the_end_and_then_days(self, unit, start, end, years):
        first, last = date.fromisoformat(start), date.fromisoformat(end)
        due_day = apr._due_day(first, [CashFlow(last, -1)])

        interval = apr._years_between(first, last, unit=PeriodUnit(unit), due_day=due_day)

        assert interval == years


class TestAprEu:
    def test_of_one_percent_a_month_is_its_twelfth_power(self):
        # 1.01 ** 12 = 1.126825030
        advances = [advance(100000, "2023-01-15")]
        paid = [*payments(1000, first="2023-02-15", count=11), payment(101000, "2024-01-15")]

        rate = apr.apr_eu(advances, paid)

        assert rate == Fraction("12.682503")

    def test_counts_52_weeks_as_a_year(self):
        # 364 days: 1.002 ** 52 = exp(52 x 0.00199800266) = exp(0.1038961385) = 1.1094852161
        advances = [advance(100000, "2023-01-02")]
        paid = [*payments(200, first="2023-01-09", count=51, frequency=WEEKLY), payment(100200, "2024-01-01")]

        rate = apr.apr_eu(advances, paid, unit=PeriodUnit.WEEK)

        assert rate == Fraction("10.948522")

    def test_puts_charges_of_the_first_day_at_time_zero(self):
        advances = [advance(105000, "2023-01-15")]
        paid = [payment(5000, "2023-01-15"), payment(110000, "2024-01-15")]

        rate = apr.apr_eu(advances, paid)

        assert rate == 10

    def test_counts_every_interval_from_the_first_advance(self):
        # One percent a month: 1000 is 1010 after a month, with 1000 more 2010, then 2030.10; 1030.10 is paid,
        # 1000 stays and is 1010 at the end.
        advances = [advance(100000, "2023-01-01"), advance(100000, "2023-02-01")]
        paid = [payment(103010, "2023-03-01"), payment(101000, "2023-04-01")]

        rate = apr.apr_eu(advances, paid)

        assert rate == Fraction("12.682503")

    @pytest.mark.parametrize(
        ("start", "due"),
        [
            ("2023-01-31", ["2023-02-28", "2023-03-31", "2023-04-30"]),
            ("2023-12-31", ["2024-01-31", "2024-02-29", "2024-03-31"]),
            ("2023-01-30", ["2023-02-28", "2023-03-30", "2023-04-30"]),
            ("2023-01-29", ["2023-02-28", "2023-03-29", "2023-04-29"]),
            ("2023-02-28", ["2023-03-31", "2023-04-30", "2023-05-31"]),
        ],
        ids=["on the 31st", "in a leap year", "on the 30th", "on the 29th", "from the end of February"],
    )
    def test_counts_from_month_end_to_month_end(self, start, due):
        paid = [payment(1000, due[0]), payment(1000, due[1]), payment(101000, due[2])]

        rate = apr.apr_eu([advance(100000, start)], paid)

        assert rate == Fraction("12.682503")

    def test_ignores_flows_of_nothing(self):
        advances = [advance(100000, "2023-01-15"), advance(0, "2022-12-01")]
        paid = [payment(0, "2022-12-01"), payment(110000, "2024-01-15"), payment(0, "2025-01-31")]

        rate = apr.apr_eu(advances, paid)

        assert rate == 10

    def test_is_exactly_zero_where_nothing_is_charged(self):
        rate = apr.apr_eu([advance(100000, "2023-01-15")], payments(25000, first="2023-02-15", count=4))

        assert rate == 0

    @given(st.integers(100, 10**9), st.lists(st.integers(1, 10**8), min_size=1, max_size=24))
    def test_brackets_the_change_of_sign(self, lent, repaid):
        start = date(2023, 1, 31)
        due = dates.due_dates(start, frequency=MONTHLY, count=len(repaid))
        paid = [CashFlow(day, -amount) for day, amount in zip(due, repaid, strict=True)]
        try:
            rate = apr.apr_eu([CashFlow(start, lent)], paid)
        except NoRate:
            rate = None

        if rate is None:
            least, most = Fraction("-99.9"), Fraction(100000)
            assert monthly_value(least, lent=lent, repaid=repaid) > 0 or (
                monthly_value(most, lent=lent, repaid=repaid) < 0
            )
        else:
            assert monthly_value(rate - MILLIONTH, lent=lent, repaid=repaid) < 0
            assert monthly_value(rate + MILLIONTH, lent=lent, repaid=repaid) > 0

    @given(st.randoms(use_true_random=False), st.integers(2, 10**6))
    def test_does_not_depend_on_the_order_or_the_size_of_flows(self, random, times):
        advances = [advance(100000 * times, "2023-01-01"), advance(100000 * times, "2023-02-01")]
        paid = [payment(103010 * times, "2023-03-01"), payment(101000 * times, "2023-04-01")]

        rate = apr.apr_eu(random.sample(advances, 2), random.sample(paid, 2))

        assert rate == Fraction("12.682503")


class TestNoRate:
    @pytest.mark.parametrize(
        ("advances", "paid", "reason"),
        [
            ([], [payment(1000, "2023-02-01")], "Without an advance"),
            ([advance(0, "2023-01-01")], [payment(1000, "2023-02-01")], "Without an advance"),
            ([advance(1000, "2023-01-01")], [], "Nothing is paid back"),
            ([advance(1000, "2023-01-01")], [payment(50, "2023-01-01")], "Nothing is paid back"),
            ([advance(1000, "2023-01-02")], [payment(50, "2023-01-01")], "2023-01-01 comes before"),
            ([advance(1000, "2023-01-01")], [payment(1001001, "2024-01-01")], "up to 100000 percent"),
            ([advance(100000, "2023-01-01")], [payment(99, "2024-01-01")], "down to -99.9 percent"),
        ],
    )
    def test_says_what_is_wrong(self, advances, paid, reason):
        with pytest.raises(NoRate, match=reason):
            apr.apr_eu(advances, paid)

    @pytest.mark.parametrize(
        ("advances", "paid"),
        [
            ([payment(1000, "2023-01-01")], [payment(1100, "2024-01-01")]),
            ([advance(1000, "2023-01-01")], [advance(1100, "2024-01-01")]),
        ],
        ids=["negative advance", "positive payment"],
    )
    def test_is_not_the_answer_to_flows_of_the_wrong_sign(self, advances, paid):
        with pytest.raises(AssertionError, match="must be positive and payments negative"):
            apr.apr_eu(advances, paid)
