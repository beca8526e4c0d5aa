"""Published cases as they lie in tests/data, and the loans they describe."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.events import EventKind
from loans.core.terms import Method, Terms
from tests.core.samples import happened

DATA = Path(__file__).parents[1] / "data"
MONTHLY = Frequency(1, PeriodUnit.MONTH)
UNITS = {"DAYS": PeriodUnit.DAY, "WEEKS": PeriodUnit.WEEK, "MONTHS": PeriodUnit.MONTH}


def published(name):
    """Read the cases of one data file by their ids."""
    return {case["id"]: case for case in json.loads((DATA / f"{name}.json").read_text())["cases"]}


def scenarios():
    """Read the dated loan histories by their ids."""
    told = [json.loads(path.read_text()) for path in sorted((DATA / "scenarios").glob("*.json"))]
    return {each["id"]: each for each in told}


def cents(text):
    """Read a published amount, which may leave out trailing zeros, as whole cents; nothing is nothing."""
    amount = Decimal(text or 0) * 100
    assert amount == amount.to_integral_value()
    return int(amount)


def published_terms(*, principal, annual_rate, installments, **agreed):
    """Agree on a monthly loan of equal installments in euros, but for what is said."""
    usual = {
        "currency": "EUR",
        "method": Method.EQUAL_INSTALLMENTS,
        "frequency": MONTHLY,
        "day_count": DayCount.EQUAL_PERIODS,
    }
    return Terms(
        principal=principal, annual_rate=Fraction(annual_rate), installments=installments, **(usual | agreed)
    )


def originated(terms, *, on):
    """Tell that a loan was applied for, approved and paid out on one day."""
    day = date.fromisoformat(on)
    return [
        happened(EventKind.APPLIED, day, number=1),
        happened(EventKind.APPROVED, day, number=2),
        happened(EventKind.DISBURSED, day, terms.principal, number=3),
    ]
