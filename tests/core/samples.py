"""A small loan that can be worked by hand, and its events.

1000.00 at 12 % a year over three equal months: interest 10.00 + 6.70 + 3.37 = 20.07, so 1020.07 is repaid.
"""

import uuid
from datetime import date
from fractions import Fraction

from loans.core import fold
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.events import Event, EventKind
from loans.core.terms import Method, Terms

MONTHLY = Frequency(1, PeriodUnit.MONTH)
APPLIED_ON = date(2024, 1, 10)
APPROVED_ON = date(2024, 1, 12)
DISBURSED_ON = date(2024, 1, 15)
FIRST_DUE = date(2024, 2, 15)
SECOND_DUE = date(2024, 3, 15)
THIRD_DUE = date(2024, 4, 15)


def sample_terms(**changes):
    agreed = {
        "principal": 100000,
        "currency": "KES",
        "annual_rate": Fraction(12),
        "method": Method.EQUAL_INSTALLMENTS,
        "installments": 3,
        "frequency": MONTHLY,
        "day_count": DayCount.EQUAL_PERIODS,
    }
    return Terms(**(agreed | changes))


def happened(kind, on, amount=0, *, number=0, **fields):
    """Make an event whose id is a small number, so that failures are readable."""
    return Event(id=uuid.UUID(int=number), kind=kind, date=on, amount=amount, **fields)


APPLICATION = happened(EventKind.APPLIED, APPLIED_ON, number=1)
APPROVAL = happened(EventKind.APPROVED, APPROVED_ON, number=2)
DISBURSEMENT = happened(EventKind.DISBURSED, DISBURSED_ON, 100000, number=3)
ORIGINATION = (APPLICATION, APPROVAL, DISBURSEMENT)


def repayment(amount, *, on, number):
    return happened(EventKind.REPAYMENT, on, amount, number=number)


def reversal(of, *, on, number):
    return happened(EventKind.REVERSAL, on, number=number, reverses=of.id)


def folded(*told, on=None, **changes):
    """Fold the sample loan, with its terms changed as said, after its origination and what is told."""
    return fold.fold(sample_terms(**changes), [*ORIGINATION, *told], as_of=on)


def asked(state):
    """Give the principal and interest of each row."""
    return [(row.due.principal, row.due.interest) for row in state.installments]
