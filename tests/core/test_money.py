import decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import currencies, money
from loans.core.money import AMOUNT_MAX, InvalidAmount, Rounding, UnknownCurrency

DECIMAL_MODES = {
    Rounding.HALF_EVEN: decimal.ROUND_HALF_EVEN,
    Rounding.HALF_UP: decimal.ROUND_HALF_UP,
    Rounding.UP: decimal.ROUND_UP,
    Rounding.DOWN: decimal.ROUND_DOWN,
}


class TestExponent:
    def test_is_the_number_of_decimals(self):
        assert money.exponent("KWD") == 3

    @pytest.mark.parametrize("code", ["XXX", "kes", "", "KES "])
    def test_refuses_what_is_not_a_currency(self, code):
        with pytest.raises(UnknownCurrency) as refused:
            money.exponent(code)

        assert refused.value.field == "currency"
        assert repr(code) in refused.value.detail


class TestParseAmount:
    @pytest.mark.parametrize(
        ("text", "currency", "minor"),
        [
            ("12500.00", "KES", 1250000),
            ("12500.5", "KES", 1250050),
            ("12500", "KES", 1250000),
            ("0.01", "KES", 1),
            ("0", "KES", 0),
            ("007.10", "KES", 710),
            ("12500", "JPY", 12500),
            ("1.234", "KWD", 1234),
            ("0.0001", "CLF", 1),
            ("10000000000000.00", "KES", AMOUNT_MAX),
        ],
    )
    def test_reads_minor_units(self, text, currency, minor):
        assert money.parse_amount(text, currency) == minor

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " 1",
            "1 ",
            "1\n",
            "-1",
            "+1",
            "1e3",
            "1,000",
            ".5",
            "5.",
            "1.2.3",
            "NaN",
            "Infinity",
            "0x1",
            "1_000",
        ],
    )
    def test_refuses_what_is_not_a_plain_decimal(self, text):
        with pytest.raises(InvalidAmount) as refused:
            money.parse_amount(text, "KES", field="principal")

        assert refused.value.field == "principal"
        assert refused.value.detail == (
            "principal must be a plain decimal without sign or spaces, such as '12500.00'."
        )

    @pytest.mark.parametrize("text", ["\u0661\u0662", "\uff11\uff12", "1\u066b5"])
    def test_refuses_digits_that_are_not_ascii(self, text):
        with pytest.raises(InvalidAmount):
            money.parse_amount(text, "KES")

    @pytest.mark.parametrize(("text", "currency"), [("1.001", "KES"), ("1.0", "JPY"), ("1.0000", "KWD")])
    def test_refuses_more_decimals_than_the_currency_has(self, text, currency):
        with pytest.raises(InvalidAmount, match="decimals"):
            money.parse_amount(text, currency)

    @pytest.mark.parametrize("text", ["1" * 19, "1" * 17 + ".11", "0" * 19, "9" * 100_000])
    def test_refuses_more_than_eighteen_digits(self, text):
        with pytest.raises(InvalidAmount, match="at most 18 digits"):
            money.parse_amount(text, "KES")

    def test_refuses_one_minor_unit_above_the_largest_amount(self):
        with pytest.raises(InvalidAmount, match=r"at most 10000000000000\.00"):
            money.parse_amount("10000000000000.01", "KES")

    @pytest.mark.parametrize("value", [12.5, 12, decimal.Decimal(12), None, True, b"12"])
    def test_takes_nothing_but_text(self, value):
        with pytest.raises(TypeError):
            money.parse_amount(value, "KES")

    def test_refuses_an_unknown_currency(self):
        with pytest.raises(UnknownCurrency):
            money.parse_amount("1", "XXX")


class TestFormatAmount:
    @pytest.mark.parametrize(
        ("minor", "currency", "text"),
        [
            (1250000, "KES", "12500.00"),
            (12500, "JPY", "12500"),
            (-100, "KES", "-1.00"),
            (-5, "KES", "-0.05"),
            (0, "KES", "0.00"),
            (0, "JPY", "0"),
            (7, "KWD", "0.007"),
            (12345, "CLF", "1.2345"),
        ],
    )
    def test_writes_every_decimal_of_the_currency(self, minor, currency, text):
        assert money.format_amount(minor, currency) == text

    def test_refuses_a_float(self):
        with pytest.raises(TypeError):
            money.format_amount(12.5, "KES")

    def test_refuses_an_unknown_currency(self):
        with pytest.raises(UnknownCurrency):
            money.format_amount(1, "XXX")

    @given(st.integers(0, AMOUNT_MAX), st.sampled_from(sorted(currencies.MINOR_UNITS)))
    def test_is_read_back_as_the_same_amount(self, minor, currency):
        assert money.parse_amount(money.format_amount(minor, currency), currency) == minor


class TestDivide:
    @pytest.mark.parametrize(
        ("numerator", "half_even", "half_up", "up", "down"),
        [
            (10, 1, 1, 1, 1),
            (14, 1, 1, 2, 1),
            (15, 2, 2, 2, 1),
            (16, 2, 2, 2, 1),
            (25, 2, 3, 3, 2),
            (5, 0, 1, 1, 0),
            (1, 0, 0, 1, 0),
            (0, 0, 0, 0, 0),
            (-5, 0, -1, -1, 0),
            (-14, -1, -1, -2, -1),
            (-15, -2, -2, -2, -1),
            (-25, -2, -3, -3, -2),
        ],
    )
    def test_rounds_tenths_by_each_mode(self, numerator, half_even, half_up, up, down):
        assert money.divide(numerator, 10, rounding=Rounding.HALF_EVEN) == half_even
        assert money.divide(numerator, 10, rounding=Rounding.HALF_UP) == half_up
        assert money.divide(numerator, 10, rounding=Rounding.UP) == up
        assert money.divide(numerator, 10, rounding=Rounding.DOWN) == down

    @given(st.integers(-(10**20), 10**20), st.integers(0, 12), st.sampled_from(Rounding))
    def test_agrees_with_decimal(self, numerator, places, rounding):
        with decimal.localcontext(prec=60):
            exact = decimal.Decimal(numerator).scaleb(-places)
            expected = int(exact.to_integral_value(rounding=DECIMAL_MODES[rounding]))

        assert money.divide(numerator, 10**places, rounding=rounding) == expected

    @given(st.integers(-(10**30), 10**30), st.integers(1, 10**30), st.sampled_from(Rounding))
    def test_mirrors_negative_amounts_and_stays_within_one_unit(self, numerator, denominator, rounding):
        rounded = money.divide(numerator, denominator, rounding=rounding)

        assert money.divide(-numerator, denominator, rounding=rounding) == -rounded
        assert abs(rounded * denominator - numerator) < denominator

    @pytest.mark.parametrize("denominator", [0, -1])
    def test_needs_a_positive_denominator(self, denominator):
        with pytest.raises(AssertionError, match=f"5/{denominator}"):
            money.divide(5, denominator, rounding=Rounding.DOWN)

    def test_stops_at_a_mode_it_does_not_know(self):
        with pytest.raises(AssertionError, match="half_down"):
            money.divide(1, 2, rounding="half_down")
