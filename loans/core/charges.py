"""Fees and late fees as they were agreed. Amounts in minor units."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar

from loans.core import money
from loans.core.errors import LendingError
from loans.core.money import Rounding

GRACE_DAYS_MAX = 366
PERCENT_MAX = 100


class InvalidFee(LendingError):
    """The fee contradicts itself or exceeds a limit."""

    code: ClassVar[str] = "invalid_fee"
    title: ClassVar[str] = "Invalid fee"


class FeeTime(StrEnum):
    """When a fee is charged."""

    UPFRONT = "upfront"
    PER_INSTALLMENT = "per_installment"
    DATED = "dated"


class FeeBase(StrEnum):
    """What a fee in percent is a part of."""

    PRINCIPAL = "principal"
    INTEREST = "interest"
    INSTALLMENT = "installment"


class Collection(StrEnum):
    """Whether an upfront fee is taken from what is paid out, or lent on top."""

    DEDUCTED = "deducted"
    ADDED = "added"


def _check_price(amount: int, percent: Fraction) -> None:
    """Refuse a price that is neither an amount nor a percentage, or both."""
    if not 0 <= amount <= money.AMOUNT_MAX or not 0 <= percent <= PERCENT_MAX:
        raise InvalidFee(f"percent must be from 0 to {PERCENT_MAX}.", field="percent")
    if (amount > 0) == (percent > 0):
        raise InvalidFee("Give either an amount or a percent above zero.", field="amount")


def _price(base: int, *, amount: int, percent: Fraction, rounding: Rounding) -> int:
    """Give the amount itself, or the percentage of a base, rounded once."""
    if amount:
        return amount
    return money.divide(base * percent.numerator, percent.denominator * 100, rounding=rounding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """One fee: an amount, or a percentage of `of`.

    :raises InvalidFee: if it has no price or two, no date or one too many, or a base that its time does not know.
    """

    name: str = "fee"
    charged: FeeTime
    amount: int = 0
    percent: Fraction = Fraction(0)
    of: FeeBase = FeeBase.PRINCIPAL
    collection: Collection = Collection.DEDUCTED
    date: dt.date | None = None

    def __post_init__(self) -> None:
        _check_price(self.amount, self.percent)
        if (self.charged is FeeTime.DATED) != (self.date is not None):
            raise InvalidFee("A dated fee, and no other, has a date.", field="date")
        if self.charged is not FeeTime.PER_INSTALLMENT and self.of is not FeeBase.PRINCIPAL:
            raise InvalidFee(
                "Only a fee per installment can be a percentage of its interest or of it.", field="of"
            )

    def price(self, base: int, *, rounding: Rounding) -> int:
        """Compute the fee for a base."""
        return _price(base, amount=self.amount, percent=self.percent, rounding=rounding)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFee:
    """What an installment costs that is still unpaid more than `grace_days` days after it was due.

    :raises InvalidFee: if it has no price or two, or a limit is exceeded.
    """

    name: str = "late fee"
    amount: int = 0
    percent: Fraction = Fraction(0)
    grace_days: int = 0
    cap: int | None = None

    def __post_init__(self) -> None:
        _check_price(self.amount, self.percent)
        if not 0 <= self.grace_days <= GRACE_DAYS_MAX:
            raise InvalidFee(f"grace_days must be from 0 to {GRACE_DAYS_MAX}.", field="grace_days")
        if self.cap is not None and self.cap <= 0:
            raise InvalidFee("cap must be more than zero.", field="cap")

    def price(self, overdue: int, *, rounding: Rounding) -> int:
        """Compute the late fee of an installment that still asks for `overdue`."""
        price = _price(overdue, amount=self.amount, percent=self.percent, rounding=rounding)
        return price if self.cap is None else min(price, self.cap)
