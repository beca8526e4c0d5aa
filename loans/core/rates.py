"""Annual nominal rates in percent, exact."""

import re
from fractions import Fraction
from typing import ClassVar

from loans.core.errors import LendingError

# Percent per year. Beyond this a rate is a typing error, not a price.
RATE_MAX = 1000
DECIMALS_MAX = 6
_DECIMALS_MIN_SHOWN = 2
_DECIMAL = re.compile(rf"[0-9]{{1,4}}(?:\.[0-9]{{1,{DECIMALS_MAX}}})?")


class InvalidRate(LendingError):
    """The text is not a rate in percent per year."""

    code: ClassVar[str] = "invalid_rate"
    title: ClassVar[str] = "Invalid rate"


def parse_rate(text: str, *, field: str = "annual_rate") -> Fraction:
    """Read a plain decimal such as "24.00" as percent per year.

    :raises InvalidRate: if the text is not a decimal from 0 to 1000 with at most six decimals.
    """
    if not isinstance(text, str):
        raise TypeError(f"a rate is read from text, not from {type(text).__name__}")
    if _DECIMAL.fullmatch(text) is None:
        raise InvalidRate(
            f"{field} must be percent per year with at most {DECIMALS_MAX} decimals, such as '24.00'.",
            field=field,
        )
    rate = Fraction(text)
    if rate > RATE_MAX:
        raise InvalidRate(f"{field} must be at most {RATE_MAX} percent per year.", field=field)
    return rate


def format_rate(rate: Fraction) -> str:
    """Write a rate in percent per year as the shortest decimal that has at least two decimals."""
    scaled = rate * 10**DECIMALS_MAX
    if rate < 0 or scaled.denominator != 1:
        raise AssertionError(f"{rate} percent is not a rate with at most {DECIMALS_MAX} decimals")
    digits = str(scaled.numerator).rjust(DECIMALS_MAX + 1, "0")
    whole, decimals = digits[:-DECIMALS_MAX], digits[-DECIMALS_MAX:]
    return f"{whole}.{decimals.rstrip('0').ljust(_DECIMALS_MIN_SHOWN, '0')}"
