"""Advances and payments in cents, as the tests of rates write them."""

from datetime import date

from loans.core import dates
from loans.core.dates import Frequency, PeriodUnit
from loans.core.irr import CashFlow

WEEKLY = Frequency(1, PeriodUnit.WEEK)
MONTHLY = Frequency(1, PeriodUnit.MONTH)
YEARLY = Frequency(1, PeriodUnit.YEAR)


def advance(amount, on):
    return CashFlow(date.fromisoformat(on), amount)


def payment(amount, on):
    return CashFlow(date.fromisoformat(on), -amount)


def payments(amount, *, first, count, frequency=MONTHLY):
    """Make equal payments, the first on a date and the others a period apart."""
    start = date.fromisoformat(first)
    later = dates.due_dates(start, frequency=frequency, count=count - 1) if count > 1 else ()
    return [CashFlow(day, -amount) for day in (start, *later)]
