from fractions import Fraction

import pytest

from loans.core.dates import Frequency, PeriodUnit
from loans.core.money import AMOUNT_MAX, Rounding, UnknownCurrency
from loans.core.terms import Component, InvalidTerms
from tests.core.samples import sample_terms


class TestTerms:
    def test_round_half_even_and_pay_interest_first_unless_told_otherwise(self):
        terms = sample_terms()

        assert terms.rounding is Rounding.HALF_EVEN
        assert terms.allocation == (Component.INTEREST, Component.PRINCIPAL)

    @pytest.mark.parametrize(
        "changes",
        [
            {"principal": 1},
            {"principal": AMOUNT_MAX},
            {"annual_rate": Fraction(0)},
            {"annual_rate": Fraction(1000)},
            {"installments": 1},
            {"installments": 600},
            {"installments": 50, "frequency": Frequency(12, PeriodUnit.MONTH)},
            {"installments": 50, "frequency": Frequency(52, PeriodUnit.WEEK)},
            {"allocation": (Component.PRINCIPAL, Component.INTEREST)},
        ],
    )
    def test_reach_their_limits(self, changes):
        terms = sample_terms(**changes)

        assert all(getattr(terms, name) == value for name, value in changes.items())

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"principal": 0}, "principal"),
            ({"principal": -1}, "principal"),
            ({"principal": AMOUNT_MAX + 1}, "principal"),
            ({"annual_rate": Fraction(-1, 10)}, "annual_rate"),
            ({"annual_rate": Fraction(1001)}, "annual_rate"),
            ({"installments": 0}, "installments"),
            ({"installments": 601}, "installments"),
            ({"installments": 51, "frequency": Frequency(12, PeriodUnit.MONTH)}, "installments"),
            ({"installments": 51, "frequency": Frequency(52, PeriodUnit.WEEK)}, "installments"),
            ({"allocation": ()}, "allocation"),
            ({"allocation": (Component.INTEREST,)}, "allocation"),
            ({"allocation": (Component.INTEREST, Component.INTEREST)}, "allocation"),
            ({"allocation": (*Component, Component.INTEREST)}, "allocation"),
        ],
    )
    def test_refuse_what_is_beyond_them_by_name(self, changes, field):
        with pytest.raises(InvalidTerms) as refused:
            sample_terms(**changes)

        assert refused.value.field == field
        assert refused.value.code == "invalid_terms"

    def test_say_how_long_is_too_long(self):
        with pytest.raises(InvalidTerms) as refused:
            sample_terms(installments=201, frequency=Frequency(3, PeriodUnit.MONTH))

        assert refused.value.detail == "201 installments every 3 months are longer than 50 years."

    def test_say_amounts_in_the_currency(self):
        with pytest.raises(InvalidTerms) as refused:
            sample_terms(principal=0, currency="JPY")

        assert refused.value.detail == "principal must be from 1 to 1000000000000000."

    def test_refuse_an_unknown_currency(self):
        with pytest.raises(UnknownCurrency):
            sample_terms(currency="XXX")

    @pytest.mark.parametrize("name", ["principal", "annual_rate", "installments"])
    def test_refuse_a_float(self, name):
        with pytest.raises(TypeError, match=name):
            sample_terms(**{name: 12.0})
