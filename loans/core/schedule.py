"""The schedule of a loan: what falls due when, to the minor unit."""

import math
from dataclasses import dataclass
from datetime import date

from loans.core import dates, daycount, money
from loans.core.terms import Method, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Installment:
    """One row of a schedule, in minor units, for the period from `from_date` up to `due_date`."""

    number: int
    from_date: date
    due_date: date
    principal: int
    interest: int
    principal_paid: int = 0
    interest_paid: int = 0
    settled_on: date | None = None

    @property
    def amount(self) -> int:
        """What falls due in all."""
        return self.principal + self.interest

    @property
    def paid(self) -> int:
        """What has been paid in all."""
        return self.principal_paid + self.interest_paid

    @property
    def principal_outstanding(self) -> int:
        """Principal not yet paid."""
        return self.principal - self.principal_paid

    @property
    def interest_outstanding(self) -> int:
        """Interest not yet paid."""
        return self.interest - self.interest_paid

    @property
    def outstanding(self) -> int:
        """What is not yet paid in all."""
        return self.amount - self.paid

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to pay; an installment of nothing is settled from the start."""
        return self.outstanding == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """The interest of each period per unit of balance, as numerators over one denominator."""

    numerators: tuple[int, ...]
    denominator: int


def build(terms: Terms, *, start_date: date) -> tuple[Installment, ...]:
    """Lay out every installment of a loan whose interest starts on `start_date`.

    :raises DateOutOfRange: if an installment would fall due after year 9999.
    """
    due = dates.due_dates(start_date, frequency=terms.frequency, count=terms.installments)
    starts = (start_date, *due[:-1])
    factors = period_factors(terms, starts=starts, due=due)
    level = level_installment(terms, factors=factors) if terms.method is Method.EQUAL_INSTALLMENTS else 0
    share = money.divide(terms.principal, terms.installments, rounding=terms.rounding)
    balance = terms.principal
    rows = []
    for number, (from_date, due_date, numerator) in enumerate(
        zip(starts, due, factors.numerators, strict=True), start=1
    ):
        interest = money.divide(balance * numerator, factors.denominator, rounding=terms.rounding)
        if number == terms.installments:
            # Whatever rounding left over belongs to the last installment, so principal sums to what was lent.
            principal = balance
        else:
            planned = level - interest if terms.method is Method.EQUAL_INSTALLMENTS else share
            principal = min(max(planned, 0), balance)
        rows.append(
            Installment(
                number=number, from_date=from_date, due_date=due_date, principal=principal, interest=interest
            )
        )
        balance -= principal
    return tuple(rows)


def period_factors(terms: Terms, *, starts: tuple[date, ...], due: tuple[date, ...]) -> Factors:
    """Compute rate times year fraction of each period, exactly, over one common denominator."""
    fractions = [
        daycount.year_fraction(
            terms.day_count, from_date=from_date, to_date=due_date, frequency=terms.frequency
        )
        for from_date, due_date in zip(starts, due, strict=True)
    ]
    year = math.lcm(*{denominator for _, denominator in fractions})
    numerators = [
        terms.annual_rate.numerator * numerator * (year // denominator)
        for numerator, denominator in fractions
    ]
    # The rate is in percent, hence the 100.
    denominator = terms.annual_rate.denominator * 100 * year
    # The level installment multiplies these once per period: small numbers keep that fast.
    shrink = math.gcd(denominator, *numerators)
    return Factors(
        numerators=tuple(numerator // shrink for numerator in numerators), denominator=denominator // shrink
    )


def level_installment(terms: Terms, *, factors: Factors) -> int:
    """Find the equal installment that repays the principal, rounded once, in minor units.

    It is P x product(1 + f) / F with F(1) = 1 and F(k) = 1 + F(k-1) x (1 + f(k)), which holds for periods of
    unequal length too and gives P / n when the rate is zero. Here every term is scaled by a power of the
    denominator, so that all of them are whole numbers.
    """
    growth, annuity, scale = 1, 0, 1
    for numerator in factors.numerators:
        grown = factors.denominator + numerator
        growth *= grown
        annuity = annuity * grown + scale
        scale *= factors.denominator
    return money.divide(terms.principal * growth, factors.denominator * annuity, rounding=terms.rounding)
