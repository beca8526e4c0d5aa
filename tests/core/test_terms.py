from datetime import date
from fractions import Fraction

import pytest

from loans.core.charges import Fee, FeeTime
from loans.core.dates import Frequency, PeriodUnit
from loans.core.money import AMOUNT_MAX, Rounding, UnknownCurrency
from loans.core.terms import (
    BUCKETS,
    DownPayment,
    EarlyPayment,
    Grace,
    InterestMode,
    InvalidTerms,
    Method,
    Pause,
)
from tests.core.samples import FIRST_DUE, sample_terms

FEE = Fee(charged=FeeTime.UPFRONT, amount=1)


class TestTerms:
    def test_have_the_defaults_of_the_rules(self):
        terms = sample_terms()

        assert terms.rounding is Rounding.HALF_EVEN
        assert [f"{timing}_{component}" for timing, component in terms.allocation] == [
            "past_due_penalty",
            "past_due_fee",
            "past_due_interest",
            "past_due_principal",
            "due_penalty",
            "due_fee",
            "due_interest",
            "due_principal",
            "in_advance_penalty",
            "in_advance_fee",
            "in_advance_interest",
            "in_advance_principal",
        ]
        assert (terms.across, terms.early_payment) == ("horizontal", "next_installments")
        assert (terms.interest_mode, terms.accounting) == ("scheduled", "accrual")
        assert (terms.suspend_after_days, terms.tranches_max) == (90, 1)

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
            {"installments": 600, "frequency": Frequency(2, PeriodUnit.SEMI_MONTH)},
            {"installments": 50, "frequency": Frequency(1, PeriodUnit.YEAR)},
            {"allocation": (*BUCKETS[7::-1], *BUCKETS[8:])},
            {"balloon": 99999},
            {"down_payment": DownPayment(amount=60000), "balloon": 39999},
            {"grace": Grace(principal=2, interest=2, interest_free=3)},
            {"due_day": 1},
            {"due_day": 31, "first_due_date": date(2024, 2, 29)},
            {"tranches_max": 100},
            {"fees": (FEE,) * 20},
            {"pauses": (Pause(date(2024, 2, 1), date(2024, 2, 2)),) * 100},
            {"penalty_rate": Fraction(1000)},
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
            ({"installments": 51, "frequency": Frequency(1, PeriodUnit.YEAR)}, "installments"),
            ({"installments": 600, "frequency": Frequency(3, PeriodUnit.SEMI_MONTH)}, "installments"),
            ({"penalty_rate": Fraction(1001)}, "penalty_rate"),
            ({"penalty_rate": Fraction(-1)}, "penalty_rate"),
            ({"allocation": ()}, "allocation.order"),
            ({"allocation": BUCKETS[:11]}, "allocation.order"),
            ({"allocation": (*BUCKETS[:11], BUCKETS[0])}, "allocation.order"),
            ({"allocation": (*BUCKETS, BUCKETS[0])}, "allocation.order"),
            ({"allocation": BUCKETS[::-1]}, "allocation.order"),
            ({"balloon": -1}, "balloon"),
            ({"balloon": 100000}, "balloon"),
            ({"balloon": 40000, "down_payment": DownPayment(amount=60000)}, "balloon"),
            ({"balloon": 1, "method": Method.BULLET}, "balloon"),
            ({"balloon": 1, "method": Method.INTEREST_ONLY}, "balloon"),
            ({"down_payment": DownPayment(amount=-1)}, "down_payment"),
            ({"down_payment": DownPayment(amount=100000)}, "down_payment"),
            ({"down_payment": DownPayment(percent=Fraction(100))}, "down_payment"),
            ({"installment_multiple": 0}, "installment_multiple"),
            ({"installment_multiple": AMOUNT_MAX + 1}, "installment_multiple"),
            ({"grace": Grace(principal=3)}, "grace.principal"),
            ({"grace": Grace(principal=-1)}, "grace.principal"),
            ({"grace": Grace(interest=3)}, "grace.interest"),
            ({"grace": Grace(interest_free=4)}, "grace.interest_free"),
            ({"grace": Grace(principal=1), "method": Method.BULLET}, "grace.principal"),
            ({"due_day": 0}, "due_day"),
            ({"due_day": 32}, "due_day"),
            ({"due_day": 30, "first_due_date": date(2024, 3, 31)}, "first_due_date"),
            ({"start_date": FIRST_DUE, "first_due_date": FIRST_DUE}, "first_due_date"),
            ({"tranches_max": 0}, "tranches_max"),
            ({"tranches_max": 101}, "tranches_max"),
            ({"pauses": (Pause(FIRST_DUE, FIRST_DUE),)}, "pauses"),
            ({"pauses": (Pause(date(2024, 2, 1), date(2024, 2, 2)),) * 101}, "pauses"),
            ({"fees": (FEE,) * 21}, "fees"),
            ({"method": Method.FLAT, "interest_mode": InterestMode.DAILY}, "interest_mode"),
            ({"method": Method.BULLET, "interest_mode": InterestMode.DAILY}, "interest_mode"),
            ({"method": Method.FLAT, "early_payment": EarlyPayment.SHORTER_TERM}, "early_payment"),
            ({"method": Method.BULLET, "early_payment": EarlyPayment.LOWER_INSTALLMENT}, "early_payment"),
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

    @pytest.mark.parametrize("name", ["principal", "annual_rate", "installments", "balloon", "penalty_rate"])
    def test_refuse_a_float(self, name):
        with pytest.raises(TypeError, match=name):
            sample_terms(**{name: 12.0})
