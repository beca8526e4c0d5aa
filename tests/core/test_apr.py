from fractions import Fraction

import pytest

from loans.core import apr, irr
from loans.core.apr import CostOfCredit
from loans.core.irr import NoRate
from tests.core.flows import MONTHLY, advance, payment, payments


class TestExampleByHand:
    # docs/annual-percentage-rates.md works these out.
    ADVANCES = (advance(100000, "2023-01-01"),)
    PAYMENTS = (payment(5000, "2023-01-01"), payment(120000, "2024-07-01"))

    def test_has_the_rate_of_the_european_union(self):
        assert apr.apr_eu(self.ADVANCES, self.PAYMENTS) == Fraction("16.852613")

    def test_has_the_rate_of_the_united_states(self):
        assert apr.apr_us(self.ADVANCES, self.PAYMENTS, frequency=MONTHLY) == Fraction("16.622801")

    def test_has_the_effective_rate(self):
        assert irr.effective_rate(self.ADVANCES + self.PAYMENTS) == Fraction("16.869249")

    def test_has_the_cost(self):
        cost = apr.cost_of_credit(self.ADVANCES, self.PAYMENTS)

        assert cost == CostOfCredit(amount_financed=95000, total_of_payments=120000, total_cost=25000)


class TestCostOfCredit:
    def test_is_what_is_paid_less_what_is_received(self):
        advances = [advance(60000, "2023-01-15"), advance(40000, "2023-02-01")]

        cost = apr.cost_of_credit(advances, payments(34002, first="2023-02-15", count=3))

        assert cost == CostOfCredit(amount_financed=100000, total_of_payments=102006, total_cost=2006)

    def test_takes_charges_of_the_first_day_off_the_amount_financed(self):
        paid = [payment(2500, "2023-01-15"), *payments(34002, first="2023-02-15", count=3)]

        cost = apr.cost_of_credit([advance(100000, "2023-01-15")], paid)

        assert cost == CostOfCredit(amount_financed=97500, total_of_payments=102006, total_cost=4506)

    def test_without_payments_is_a_gain(self):
        cost = apr.cost_of_credit([advance(100000, "2023-01-15")], [])

        assert cost == CostOfCredit(amount_financed=100000, total_of_payments=0, total_cost=-100000)

    def test_needs_an_advance(self):
        with pytest.raises(NoRate, match="Without an advance"):
            apr.cost_of_credit([], [payment(100, "2023-01-15")])
