from datetime import date
from fractions import Fraction

import pytest

from loans.core import charges
from loans.core.charges import Fee, FeeBase, FeeTime, InvalidFee, LateFee
from loans.core.money import Rounding

DAY = date(2024, 3, 1)


class TestFee:
    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({}, "amount"),
            ({"amount": 1, "percent": Fraction(1)}, "amount"),
            ({"amount": -1}, "percent"),
            ({"amount": 10**15 + 1}, "percent"),
            ({"percent": Fraction(101)}, "percent"),
            ({"amount": 1, "date": DAY}, "date"),
            ({"amount": 1, "charged": FeeTime.DATED}, "date"),
            ({"percent": Fraction(1), "of": FeeBase.INTEREST}, "of"),
        ],
    )
    def test_is_refused_when_it_contradicts_itself(self, given, field):
        with pytest.raises(InvalidFee) as refused:
            Fee(**({"charged": FeeTime.UPFRONT} | given))

        assert (refused.value.code, refused.value.field) == ("invalid_fee", field)

    @pytest.mark.parametrize(
        ("given", "price"),
        [({"amount": 700}, 700), ({"percent": Fraction(1, 2)}, 2), ({"percent": Fraction(100)}, 500)],
    )
    def test_is_an_amount_or_a_percentage_rounded_once(self, given, price):
        # 0.5 % of 5.00 is 2.5 cents, half of them even.
        fee = Fee(charged=FeeTime.UPFRONT, **given)

        assert fee.price(500, rounding=Rounding.HALF_EVEN) == price


class TestLateFee:
    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({}, "amount"),
            ({"amount": 1, "grace_days": -1}, "grace_days"),
            ({"amount": 1, "grace_days": charges.GRACE_DAYS_MAX + 1}, "grace_days"),
            ({"amount": 1, "cap": 0}, "cap"),
        ],
    )
    def test_is_refused_when_it_contradicts_itself(self, given, field):
        with pytest.raises(InvalidFee) as refused:
            LateFee(**given)

        assert refused.value.field == field

    @pytest.mark.parametrize(("cap", "price"), [(None, 1700), (1699, 1699), (1701, 1700)])
    def test_is_at_most_its_cap(self, cap, price):
        # 5 % of 340.02 is 17.001.
        late_fee = LateFee(percent=Fraction(5), cap=cap)

        assert late_fee.price(34002, rounding=Rounding.HALF_EVEN) == price
