import json
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import apr, dates
from loans.core.dates import Frequency, PeriodUnit
from loans.core.irr import CashFlow, NoRate
from tests.core.flows import MONTHLY, WEEKLY, YEARLY, advance, payment, payments

DATA = Path(__file__).parents[1] / "data" / "apr_us_reg_z.json"
CASES = {case["id"]: case for case in json.loads(DATA.read_text())["cases"]}
UNIT_PERIODS = {
    "1 month": MONTHLY,
    "2 months": Frequency(2, PeriodUnit.MONTH),
    "4 weeks": Frequency(4, PeriodUnit.WEEK),
}
HALF_A_MILLIONTH = Fraction(1, 2 * 10**6)
EVERY_TWO_WEEKS = Frequency(2, PeriodUnit.WEEK)
EVERY_FOUR_WEEKS = Frequency(4, PeriodUnit.WEEK)
TWICE_A_MONTH = Frequency(1, PeriodUnit.SEMI_MONTH)
QUARTERLY = Frequency(3, PeriodUnit.MONTH)
PUBLISHED_ROUNDING = Fraction("0.005")


def cents(text):
    amount = Decimal(text) * 100
    assert amount == amount.to_integral_value()
    return int(amount)


def published_payments(inputs, frequency):
    """Date the payments of a case: by weeks from the advance, by months from the first payment."""
    calendar, first = inputs["calendar"], inputs["payment_series"][0]
    paid = []
    for series in inputs["payment_series"]:
        for t in range(series["t"], series["t"] + series["count"]):
            if frequency.unit is PeriodUnit.WEEK:
                days = (t + Fraction(series["f"])) * frequency.every * 7
                on = date.fromisoformat(calendar["advance"]) + timedelta(days=int(days))
            else:
                months = (t - first["t"]) * frequency.every
                on = dates.due_date(
                    date.fromisoformat(calendar["first_payment"]), frequency=MONTHLY, number=months
                )
            paid.append(CashFlow(on, -cents(series["amount"])))
    return paid


def value(rate, *, lent, repaid, odd_days):
    """Compute, exactly, what is lent less what is repaid month by month, at present value, as Appendix J has it."""
    monthly = rate / 1200
    first = 1 + Fraction(odd_days, 30) * monthly
    return lent - sum(
        amount / (first * (1 + monthly) ** month) for month, amount in enumerate(repaid, start=1)
    )


class TestPublishedCases:
    @pytest.mark.parametrize("case_id", sorted(CASES))
    def test_match(self, case_id):
        case = CASES[case_id]
        inputs = case["inputs"]
        frequency = UNIT_PERIODS[inputs["unit_period"]]
        (lent,) = inputs["advances"]
        advances = [advance(cents(lent["amount"]), inputs["calendar"]["advance"])]

        rate = apr.apr_us(advances, published_payments(inputs, frequency), frequency=frequency)

        expected = case["expected"]["apr_percent"]
        assert abs(rate - Fraction(expected)) <= Fraction(case["tolerance"]["apr_percent"])

    # Further examples of Appendix J (c), as the tests of https://github.com/simontreanor/FSharp.Finance.Personal
    # give them.
    @pytest.mark.parametrize(
        ("lent", "on", "paid", "frequency", "percent"),
        [
            (600000, "1978-02-10", payments(20000, first="1978-04-01", count=36), MONTHLY, "11.82"),
            (
                500000,
                "1978-02-23",
                [
                    *payments(21917, first="1978-03-01", count=12),
                    *payments(21917, first="1978-03-16", count=12),
                ],
                TWICE_A_MONTH,
                "10.34",
            ),
            (
                1000000,
                "1978-05-23",
                payments(38500, first="1978-10-01", count=40, frequency=QUARTERLY),
                QUARTERLY,
                "8.97",
            ),
            (
                50000,
                "1978-03-20",
                payments(1760, first="1978-04-21", count=30, frequency=WEEKLY),
                WEEKLY,
                "14.96",
            ),
            (
                40000,
                "1978-03-18",
                [
                    payment(3950, "1978-04-20"),
                    *payments(3831, first="1978-05-18", count=11, frequency=EVERY_FOUR_WEEKS),
                ],
                EVERY_FOUR_WEEKS,
                "28.50",
            ),
            (
                500000,
                "1978-01-10",
                [*payments(23000, first="1978-02-10", count=23), payment(28000, "1980-01-10")],
                MONTHLY,
                "10.50",
            ),
            (
                20000,
                "1978-04-03",
                [
                    *payments(950, first="1978-04-11", count=19, frequency=EVERY_TWO_WEEKS),
                    payment(3000, "1979-01-02"),
                ],
                EVERY_TWO_WEEKS,
                "12.22",
            ),
            (
                500000,
                "1978-01-10",
                [
                    payment(25000, "1978-02-10"),
                    *payments(23000, first="1978-03-10", count=22),
                    payment(28000, "1980-01-10"),
                ],
                MONTHLY,
                "10.90",
            ),
            (100000, "1978-01-03", [payment(108000, "1978-09-15")], MONTHLY, "11.45"),
        ],
        ids=["1-ii", "1-iii", "1-iv", "1-v", "2-ii", "3-i", "3-ii", "4-i", "5-i"],
    )
    def test_of_the_appendix_match(self, lent, on, paid, frequency, percent):
        rate = apr.apr_us([advance(lent, on)], paid, frequency=frequency)

        assert abs(rate - Fraction(percent)) <= PUBLISHED_ROUNDING


class TestAprUs:
    def test_is_nominal(self):
        # One percent a month.
        paid = [*payments(1000, first="2023-02-15", count=11), payment(101000, "2024-01-15")]

        rate = apr.apr_us([advance(100000, "2023-01-15")], paid, frequency=MONTHLY)

        assert rate == 12

    def test_charges_simple_interest_for_odd_days(self):
        # 16 January to 16 February is a month, 1 to 16 January half of one: 1000 x 1.005 x 1.01 = 1015.05. Of that
        # 515.05 is paid, and a month later 500 x 1.01.
        paid = [payment(51505, "2023-02-16"), payment(50500, "2023-03-16")]

        rate = apr.apr_us([advance(100000, "2023-01-01")], paid, frequency=MONTHLY)

        assert rate == 12

    def test_counts_from_month_end_to_month_end(self):
        # 31 January to 28 February is a month, 15 to 31 January 16 days: 1000 x (1 + 0.015 x 16 / 30) x 1.015.
        paid = [payment(2312, "2023-02-28"), payment(101500, "2023-03-31")]

        rate = apr.apr_us([advance(100000, "2023-01-15")], paid, frequency=MONTHLY)

        assert rate == 18

    def test_counts_every_interval_from_the_first_advance(self):
        # 1000 is 1010 after a month, with 1000 more 2010, then 2030.10; 1030.10 is paid, 1000 is 1010 at the end.
        advances = [advance(100000, "2023-01-01"), advance(100000, "2023-02-01")]
        paid = [payment(103010, "2023-03-01"), payment(101000, "2023-04-01")]

        rate = apr.apr_us(advances, paid, frequency=MONTHLY)

        assert rate == 12

    def test_takes_prepaid_charges_off_the_advance(self):
        # 1000 at the borrower's disposal, one percent a month.
        paid = [payment(5000, "2023-01-15"), payment(1000, "2023-02-15"), payment(101000, "2023-03-15")]

        rate = apr.apr_us([advance(105000, "2023-01-15")], paid, frequency=MONTHLY)

        assert rate == 12

    @pytest.mark.parametrize(
        ("due", "first_amount"),
        [
            # A year and 6 months, 1000 x 1.1 x 1.05 = 1155; a year and 73 days, 1000 x 1.1 x 1.02 = 1122.
            (["2024-07-01", "2025-07-01"], 15500),
            (["2024-03-15", "2025-03-15"], 12200),
        ],
        ids=["whole months", "days"],
    )
    def test_counts_the_odd_part_of_a_year(self, due, first_amount):
        paid = [payment(first_amount, due[0]), payment(110000, due[1])]

        rate = apr.apr_us([advance(100000, "2023-01-01")], paid, frequency=YEARLY)

        assert rate == 10

    @pytest.mark.parametrize(
        ("frequency", "due", "percent"),
        [
            # One percent a period, so as many percent as there are periods in a year.
            (Frequency(1, PeriodUnit.DAY), ["2023-01-02", "2023-01-03"], 365),
            (Frequency(10, PeriodUnit.DAY), ["2023-01-11", "2023-01-21"], Fraction("36.5")),
            (Frequency(14, PeriodUnit.DAY), ["2023-01-15", "2023-01-29"], 26),
            (Frequency(366, PeriodUnit.DAY), ["2024-01-01", "2025-01-01"], 1),
            (Frequency(1, PeriodUnit.WEEK), ["2023-01-08", "2023-01-15"], 52),
            (Frequency(52, PeriodUnit.WEEK), ["2023-12-31", "2024-12-29"], 1),
            (Frequency(1, PeriodUnit.SEMI_MONTH), ["2023-01-16", "2023-02-01"], 24),
            (Frequency(2, PeriodUnit.SEMI_MONTH), ["2023-02-01", "2023-03-01"], 12),
            (Frequency(3, PeriodUnit.SEMI_MONTH), ["2023-02-16", "2023-04-01"], 8),
            (Frequency(6, PeriodUnit.MONTH), ["2023-07-01", "2024-01-01"], 2),
            (Frequency(12, PeriodUnit.MONTH), ["2024-01-01", "2025-01-01"], 1),
            (Frequency(24, PeriodUnit.SEMI_MONTH), ["2024-01-01", "2025-01-01"], 1),
            (Frequency(1, PeriodUnit.YEAR), ["2024-01-01", "2025-01-01"], 1),
        ],
        ids=str,
    )
    def test_multiplies_the_rate_of_a_period(self, frequency, due, percent):
        paid = [payment(1000, due[0]), payment(101000, due[1])]

        rate = apr.apr_us([advance(100000, "2023-01-01")], paid, frequency=frequency)

        assert rate == percent

    def test_is_exactly_zero_where_nothing_is_charged(self):
        paid = payments(25000, first="2023-02-15", count=4)

        rate = apr.apr_us([advance(100000, "2023-01-15")], paid, frequency=MONTHLY)

        assert rate == 0

    @given(
        st.lists(st.integers(1, 10**8), min_size=2, max_size=24),
        st.integers(0, 20),
        st.integers(0, 27),
    )
    def test_brackets_the_change_of_sign(self, repaid, price_tenths, odd_days):
        # The price is nothing to twice what is lent.
        lent = max(1, sum(repaid) * 10 // (10 + price_tenths))
        due = dates.due_dates(date(2023, 1, 1), frequency=MONTHLY, count=len(repaid))
        start = date(2023, 1, 1) - timedelta(days=odd_days)
        paid = [CashFlow(day, -amount) for day, amount in zip(due, repaid, strict=True)]

        rate = apr.apr_us([CashFlow(start, lent)], paid, frequency=MONTHLY)

        facts = {"lent": lent, "repaid": repaid, "odd_days": odd_days}
        assert value(rate - HALF_A_MILLIONTH, **facts) <= 0
        assert value(rate + HALF_A_MILLIONTH, **facts) >= 0

    @given(st.randoms(use_true_random=False), st.integers(2, 10**6))
    def test_does_not_depend_on_the_order_or_the_size_of_flows(self, random, times):
        advances = [advance(100000 * times, "2023-01-01"), advance(100000 * times, "2023-02-01")]
        paid = [payment(103010 * times, "2023-03-01"), payment(101000 * times, "2023-04-01")]

        rate = apr.apr_us(random.sample(advances, 2), random.sample(paid, 2), frequency=MONTHLY)

        assert rate == 12


class TestSinglePayment:
    @pytest.mark.parametrize(
        ("start", "end", "repaid", "percent"),
        [
            ("2023-07-15", "2024-01-15", 104400, "8.8"),  # 4.4 percent, twice a year
            ("2023-01-31", "2023-02-28", 101000, "12"),  # one percent a month
            ("2023-01-01", "2023-03-15", 102000, "10"),  # 2 percent in 73 days, a fifth of 365
            ("2023-02-15", "2024-02-15", 110000, "10"),  # a year
            ("2023-01-15", "2025-01-15", 121000, "10"),  # 1.1 x 1.1
            ("2023-01-01", "2024-07-01", 115500, "10"),  # 1.1 x (1 + 0.1 x 6 / 12)
            ("2023-01-01", "2024-03-15", 112200, "10"),  # 1.1 x (1 + 0.1 x 73 / 365)
        ],
    )
    def test_takes_its_term_or_a_year_as_the_unit_period(self, start, end, repaid, percent):
        rate = apr.apr_us([advance(100000, start)], [payment(repaid, end)], frequency=WEEKLY)

        assert rate == Fraction(percent)

    def test_stays_single_beside_a_charge_of_the_first_day(self):
        paid = [payment(5000, "2023-07-15"), payment(104400, "2024-01-15")]

        rate = apr.apr_us([advance(105000, "2023-07-15")], paid, frequency=MONTHLY)

        assert rate == Fraction("8.8")


class TestNoRate:
    @pytest.mark.parametrize(
        ("advances", "paid", "reason"),
        [
            ([], [payment(1000, "2023-02-01")], "Without an advance"),
            ([advance(1000, "2023-01-01")], [], "Nothing is paid back"),
            ([advance(1000, "2023-01-02")], [payment(50, "2023-01-01")], "2023-01-01 comes before"),
            ([advance(1000, "2023-01-01")], [payment(1100, "2023-01-01")], "pays before receiving"),
            ([advance(1000, "2023-01-01")], [payment(1001001, "2024-01-01")], "up to 100000 percent"),
            ([advance(100000, "2023-01-01")], [payment(99, "2024-01-01")], "down to -99.9 percent"),
            (
                # 10, 20 and 30 percent solve it.
                [advance(100000, "2023-01-01"), advance(431000, "2025-01-01")],
                [payment(360000, "2024-01-01"), payment(171600, "2026-01-01")],
                "More than one rate",
            ),
        ],
    )
    def test_says_what_is_wrong(self, advances, paid, reason):
        with pytest.raises(NoRate, match=reason):
            apr.apr_us(advances, paid, frequency=YEARLY)
