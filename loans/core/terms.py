"""What lender and borrower agreed: fixed once the loan exists."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar

from loans.core import money, rates
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.errors import LendingError
from loans.core.money import Rounding

# A fifty-year monthly loan. No retail loan is longer, and a limit bounds the work of one schedule.
INSTALLMENTS_MAX = 600
YEARS_MAX = 50
_PERIODS_MAX = {PeriodUnit.WEEK: YEARS_MAX * 52, PeriodUnit.MONTH: YEARS_MAX * 12}


class InvalidTerms(LendingError):
    """The terms contradict one another or exceed a limit."""

    code: ClassVar[str] = "invalid_terms"
    title: ClassVar[str] = "Invalid terms"


class Method(StrEnum):
    """How principal is spread over the installments."""

    EQUAL_INSTALLMENTS = "equal_installments"
    EQUAL_PRINCIPAL = "equal_principal"


class Component(StrEnum):
    """What an installment consists of."""

    INTEREST = "interest"
    PRINCIPAL = "principal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The agreed terms of one loan: principal in minor units, annual rate in percent.

    :raises InvalidTerms: if a value is outside its limits.
    :raises UnknownCurrency: if the currency is not known.
    """

    principal: int
    currency: str
    annual_rate: Fraction
    method: Method
    installments: int
    frequency: Frequency
    day_count: DayCount
    rounding: Rounding = Rounding.HALF_EVEN
    allocation: tuple[Component, ...] = (Component.INTEREST, Component.PRINCIPAL)

    def __post_init__(self) -> None:
        for name in ("principal", "annual_rate", "installments"):
            if isinstance(getattr(self, name), float):
                raise TypeError(f"{name} must be exact, not a float")
        money.exponent(self.currency)
        self._check_limits()
        if sorted(self.allocation) != sorted(Component):
            raise InvalidTerms(
                f"allocation must name each of {', '.join(sorted(Component))} exactly once.",
                field="allocation",
            )

    def _check_limits(self) -> None:
        """Refuse amounts, rates and lengths outside their limits."""
        if not 1 <= self.principal <= money.AMOUNT_MAX:
            lowest = money.format_amount(1, self.currency)
            highest = money.format_amount(money.AMOUNT_MAX, self.currency)
            raise InvalidTerms(f"principal must be from {lowest} to {highest}.", field="principal")
        if not 0 <= self.annual_rate <= rates.RATE_MAX:
            raise InvalidTerms(
                f"annual_rate must be from 0 to {rates.RATE_MAX} percent.", field="annual_rate"
            )
        if not 1 <= self.installments <= INSTALLMENTS_MAX:
            raise InvalidTerms(f"installments must be from 1 to {INSTALLMENTS_MAX}.", field="installments")
        if self.installments * self.frequency.every > _PERIODS_MAX[self.frequency.unit]:
            raise InvalidTerms(
                f"{self.installments} installments every {self.frequency.every} {self.frequency.unit}s"
                f" are longer than {YEARS_MAX} years.",
                field="installments",
            )
