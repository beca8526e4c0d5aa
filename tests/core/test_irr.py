from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import irr
from loans.core.irr import CashFlow, NoRate
from tests.core.flows import advance, payment

HALF_A_MILLIONTH = Fraction(1, 2 * 10**6)
NEW_YEAR = date(2023, 1, 1)


def after(years, amount):
    """Make a flow a whole number of years of 365 days after the first, so that its power is a fraction."""
    return CashFlow(NEW_YEAR + timedelta(days=365 * years), amount)


def present_value(flows, rate):
    """Discount flows made by `after` exactly, at a rate in percent."""
    return sum(flow.amount / (1 + rate / 100) ** ((flow.date - NEW_YEAR).days // 365) for flow in flows)


@st.composite
def loans(draw):
    """Draw what is received at once and paid back in up to eight years, for any price or loss."""
    repaid = draw(st.lists(st.integers(1, 10**7), min_size=1, max_size=8))
    lent = draw(st.integers(max(1, sum(repaid) // 100), sum(repaid) * 5))
    return [after(0, lent), *(after(number, -amount) for number, amount in enumerate(repaid, start=1))]


class TestEffectiveRate:
    def test_of_a_year_is_what_is_paid_over_what_is_received(self):
        flows = [advance(100000, "2023-01-01"), payment(110000, "2024-01-01")]

        rate = irr.effective_rate(flows)

        assert rate == 10

    def test_counts_a_leap_year_as_366_days_over_365(self):
        # 1.1 ** (365 / 366) = 1.1 x exp(-0.0953101798 / 366) = 1.1 x 0.9997396236 = 1.0997135859
        flows = [advance(100000, "2024-01-01"), payment(110000, "2025-01-01")]

        rate = irr.effective_rate(flows)

        assert rate == Fraction("9.971359")

    def test_matches_the_example_of_a_spreadsheet(self):
        # Microsoft's documentation of the XIRR function gives 0.373362535.
        flows = [
            advance(1000000, "2008-01-01"),
            payment(275000, "2008-03-01"),
            payment(425000, "2008-10-30"),
            payment(325000, "2009-02-15"),
            payment(275000, "2009-04-01"),
        ]

        rate = irr.effective_rate(flows)

        assert abs(rate - Fraction("37.3362535")) <= Fraction("0.000001")

    def test_is_exactly_zero_where_nothing_is_charged(self):
        flows = [advance(100000, "2023-01-01"), payment(33333, "2023-02-01"), payment(66667, "2023-03-01")]

        rate = irr.effective_rate(flows)

        assert rate == 0

    def test_is_negative_where_less_comes_back(self):
        flows = [after(0, 100000), after(1, -90000)]

        rate = irr.effective_rate(flows)

        assert rate == -10

    def test_of_a_price_too_small_to_show_is_zero(self):
        # One cent on a billion is 0.000000001 percent.
        flows = [after(0, 10**11), after(1, -(10**11) - 1)]

        rate = irr.effective_rate(flows)

        assert rate == 0

    @pytest.mark.parametrize(
        ("repaid", "percent"),
        [
            (220_000_001_000, "10.000001"),  # 10.0000005
            (220_000_000_998, "10"),  # 10.000000499
            (179_999_999_000, "-10"),  # -10.0000005
            (179_999_998_998, "-10.000001"),  # -10.000000501
        ],
    )
    def test_is_rounded_half_up_to_six_decimals(self, repaid, percent):
        flows = [after(0, 200_000_000_000), after(1, -repaid)]

        rate = irr.effective_rate(flows)

        assert rate == Fraction(percent)

    def test_adds_up_the_flows_of_one_day(self):
        flows = [after(0, 100000), after(0, -5000), after(1, -60000), after(1, -44500)]

        rate = irr.effective_rate(flows)

        assert rate == 10

    @pytest.mark.parametrize(("lent", "repaid", "percent"), [(1, 1001, "100000"), (1000, 1, "-99.9")])
    def test_reaches_its_limits(self, lent, repaid, percent):
        rate = irr.effective_rate([after(0, lent), after(1, -repaid)])

        assert rate == Fraction(percent)

    def test_keeps_its_digits_over_fifty_years_of_days(self):
        # One percent a day on an unchanging debt is 1.01 ** 365 - 1 a year: 36.783434332887 times the debt.
        days = 50 * 365
        flows = [CashFlow(NEW_YEAR + timedelta(days=day), -100) for day in range(1, days)]
        flows += [CashFlow(NEW_YEAR, 10000), CashFlow(NEW_YEAR + timedelta(days=days), -10100)]

        rate = irr.effective_rate(flows)

        assert rate == Fraction("3678.343433")

    @given(loans())
    def test_brackets_the_only_change_of_sign(self, flows):
        rate = irr.effective_rate(flows)

        assert present_value(flows, rate - HALF_A_MILLIONTH) <= 0
        assert present_value(flows, rate + HALF_A_MILLIONTH) > 0

    @given(loans(), st.randoms(use_true_random=False))
    def test_does_not_depend_on_the_order_of_flows(self, flows, random):
        shuffled = random.sample(flows, len(flows))

        assert irr.effective_rate(shuffled) == irr.effective_rate(flows)

    @given(loans(), st.integers(2, 10**6))
    def test_does_not_depend_on_the_size_of_amounts(self, flows, times):
        scaled = [CashFlow(flow.date, flow.amount * times) for flow in flows]

        assert irr.effective_rate(scaled) == irr.effective_rate(flows)


class TestSeveralChangesOfSign:
    def test_leave_one_rate_while_the_borrower_owes(self):
        # At 100 percent: 1000 grows to 2000, 1500 is paid, 500 grows to 1000, 1000 more makes 2000, 4000 is paid.
        flows = [after(0, 1000), after(1, -1500), after(2, 1000), after(3, -4000)]

        rate = irr.effective_rate(flows)

        assert rate == 100

    def test_leave_one_rate_where_an_overpayment_comes_back(self):
        # 1000 u^2 - 1100 u + 50 = 0 has u = (1100 + sqrt(1010000)) / 2000 = (1100 + 1004.9875621) / 2000, and
        # u = 0.0475062, a loss of 95 percent on a loan that costs 50, which is not meant.
        flows = [after(0, 1000), after(1, -1100), after(2, 50)]

        rate = irr.effective_rate(flows)

        assert rate == Fraction("5.249378")

    def test_leave_one_rate_where_a_loss_follows_an_overpayment(self):
        # u^3 - 2 u^2 + 15 u - 10 = 0 has the one solution u = 0.7100211376 below 1.
        flows = [after(0, 100), after(1, -200), after(2, 1500), after(3, -1000)]

        rate = irr.effective_rate(flows)

        assert rate == Fraction("-28.997886")

    def test_are_refused_where_they_leave_three_rates(self):
        # 1000 (u - 1.1) (u - 1.2) (u - 1.3): 10, 20 and 30 percent all solve it.
        flows = [after(0, 1000), after(1, -3600), after(2, 4310), after(3, -1716)]

        with pytest.raises(NoRate, match="More than one rate"):
            irr.effective_rate(flows)


class TestNoRate:
    @pytest.mark.parametrize(
        ("flows", "reason"),
        [
            ([], "Nothing is paid back"),
            ([after(0, 1000)], "Nothing is paid back"),
            ([after(0, 1000), after(0, -900)], "Nothing is paid back"),
            ([after(0, 1000), after(0, -1000)], "Nothing is paid back"),
            ([after(0, -1000), after(1, 1100)], "pays before receiving"),
            ([after(0, 1), after(1, -1002)], "No rate up to 100000 percent"),
            ([after(0, 1001), after(1, -1)], "No rate down to -99.9 percent"),
            ([after(0, 1000), after(1, -950), after(2, 30)], "No rate down to -99.9 percent"),
        ],
        ids=[
            "nothing",
            "no payment",
            "part of it on the same day",
            "all on the same day",
            "payment first",
            "too dear",
            "too cheap",
            "too cheap and receives last",
        ],
    )
    def test_says_what_is_wrong(self, flows, reason):
        with pytest.raises(NoRate, match=reason):
            irr.effective_rate(flows)
