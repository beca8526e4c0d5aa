"""Money as a whole number of a currency's minor units, and the only place where anything is rounded."""

import re
from enum import StrEnum
from typing import ClassVar, assert_never

from loans.core import currencies
from loans.core.errors import LendingError

# Largest amount of one loan or payment, in minor units. Fifty years of interest at 1000 percent on it
# still fit a BIGINT, and it is below 2**53, so a client that reads it as a double keeps every digit.
AMOUNT_MAX = 10**15

# No amount up to AMOUNT_MAX needs more digits; a limit keeps the conversion of hostile input cheap.
_DIGITS_MAX = 18
_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


class UnknownCurrency(LendingError):
    """The currency is not a current ISO 4217 code."""

    code: ClassVar[str] = "unknown_currency"
    title: ClassVar[str] = "Unknown currency"


class InvalidAmount(LendingError):
    """The text is not an amount of the currency."""

    code: ClassVar[str] = "invalid_amount"
    title: ClassVar[str] = "Invalid amount"


class Rounding(StrEnum):
    """Where a value between two minor units goes."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"
    UP = "up"
    DOWN = "down"


def exponent(currency: str) -> int:
    """Look up the number of decimal places of a currency.

    :raises UnknownCurrency: if the code is not a current ISO 4217 code.
    """
    try:
        return currencies.MINOR_UNITS[currency]
    except KeyError:
        raise UnknownCurrency(
            f"{currency!r} is not a currency code of ISO 4217; use three capital letters such as 'KES'.",
            field="currency",
        ) from None


def parse_amount(text: str, currency: str, *, field: str = "amount") -> int:
    """Read a plain decimal such as "12500.00" as a count of the currency's minor units.

    :raises InvalidAmount: if the text has a sign, an exponent, spaces or too many digits, or is too large.
    :raises UnknownCurrency: if the currency is not known.
    """
    if not isinstance(text, str):
        raise TypeError(f"an amount is read from text, not from {type(text).__name__}")
    places = exponent(currency)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise InvalidAmount(
            f"{field} must be a plain decimal without sign or spaces, such as"
            f" {format_amount(1250000, currency)!r}.",
            field=field,
        )
    whole, decimals = match[1], match[2] or ""
    if len(whole) + len(decimals) > _DIGITS_MAX:
        raise InvalidAmount(f"{field} must have at most {_DIGITS_MAX} digits.", field=field)
    if len(decimals) > places:
        raise InvalidAmount(f"{field} in {currency} must have at most {places} decimals.", field=field)
    minor = int(whole + decimals.ljust(places, "0"))
    if minor > AMOUNT_MAX:
        raise InvalidAmount(f"{field} must be at most {format_amount(AMOUNT_MAX, currency)}.", field=field)
    return minor


def format_amount(minor: int, currency: str) -> str:
    """Write a count of minor units as a decimal with all of the currency's decimals.

    :raises UnknownCurrency: if the currency is not known.
    """
    if not isinstance(minor, int):
        raise TypeError(f"an amount is a whole number of minor units, not {type(minor).__name__}")
    places = exponent(currency)
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor)).rjust(places + 1, "0")
    if places == 0:
        return sign + digits
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def divide(numerator: int, denominator: int, *, rounding: Rounding) -> int:
    """Divide exactly and round once, to a whole number of minor units.

    Up is away from zero and down is toward zero, so that a negative amount mirrors its positive twin.
    """
    if denominator <= 0:
        raise AssertionError(f"cannot round {numerator}/{denominator}: the denominator must be positive")
    quotient, remainder = divmod(abs(numerator), denominator)
    if remainder and _rounds_away(quotient, remainder, denominator, rounding):
        quotient += 1
    return -quotient if numerator < 0 else quotient


def _rounds_away(quotient: int, remainder: int, denominator: int, rounding: Rounding) -> bool:
    """Tell whether a magnitude between two whole numbers goes to the larger one."""
    match rounding:
        case Rounding.HALF_EVEN:
            return 2 * remainder > denominator or (2 * remainder == denominator and quotient % 2 == 1)
        case Rounding.HALF_UP:
            return 2 * remainder >= denominator
        case Rounding.UP:
            return True
        case Rounding.DOWN:
            return False
        case unknown:
            assert_never(unknown)
