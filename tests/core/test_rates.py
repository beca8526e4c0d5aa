from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import rates
from loans.core.rates import InvalidRate


class TestParseRate:
    @pytest.mark.parametrize(
        ("text", "rate"),
        [
            ("24.00", Fraction(24)),
            ("24", Fraction(24)),
            ("9.4822", Fraction(94822, 10000)),
            ("0", Fraction(0)),
            ("0.000001", Fraction(1, 1000000)),
            ("1000", Fraction(1000)),
            ("1000.000000", Fraction(1000)),
        ],
    )
    def test_reads_percent_per_year_exactly(self, text, rate):
        assert rates.parse_rate(text) == rate

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "-1",
            "+1",
            "1e1",
            " 1",
            "1 ",
            "1\n",
            ".5",
            "5.",
            "1/2",
            "24%",
            "0.0000001",
            "10000",
            "NaN",
            "٢",
        ],
    )
    def test_refuses_what_is_not_a_plain_decimal(self, text):
        with pytest.raises(InvalidRate) as refused:
            rates.parse_rate(text)

        assert refused.value.field == "annual_rate"

    def test_refuses_a_rate_above_the_largest(self):
        with pytest.raises(InvalidRate, match="at most 1000 percent") as refused:
            rates.parse_rate("1000.000001", field="rate")

        assert refused.value.field == "rate"

    @pytest.mark.parametrize("value", [24.0, 24, None])
    def test_takes_nothing_but_text(self, value):
        with pytest.raises(TypeError):
            rates.parse_rate(value)


class TestFormatRate:
    @pytest.mark.parametrize(
        ("rate", "text"),
        [
            (Fraction(24), "24.00"),
            (Fraction("9.4822"), "9.4822"),
            (Fraction("12.5"), "12.50"),
            (Fraction(0), "0.00"),
            (Fraction(1000), "1000.00"),
            (Fraction("0.000001"), "0.000001"),
        ],
    )
    def test_is_the_shortest_with_two_decimals(self, rate, text):
        assert rates.format_rate(rate) == text

    @pytest.mark.parametrize("rate", [Fraction(1, 3), Fraction("0.0000001"), Fraction(-1)])
    def test_never_drops_a_digit_silently(self, rate):
        with pytest.raises(AssertionError):
            rates.format_rate(rate)

    @given(st.integers(0, 1000 * 10**6))
    def test_is_read_back_as_the_same_rate(self, millionths):
        rate = Fraction(millionths, 10**6)

        assert rates.parse_rate(rates.format_rate(rate)) == rate
