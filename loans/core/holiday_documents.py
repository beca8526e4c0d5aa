"""The holidays of a loan as part of a JSON-like document of terms: looked up by a code, or pinned day by day."""

from dataclasses import replace
from datetime import MAXYEAR, MINYEAR
from typing import Protocol

from loans.core import documents
from loans.core.business_days import Holidays
from loans.core.documents import Fields
from loans.core.errors import LendingError

CODE_LENGTH_MAX = 10
# A hundred years with a holiday each week leave room for the others.
HOLIDAYS_MAX = 10_000
DAYS_PER_WEEK = 7
# Holidays are pinned for longer than the schedule runs, since a reschedule may prolong it.
YEARS_SPARE = 5
# A due date beyond this is out of every calendar's sight.
YEARS_MAX = 100


class ResolveCalendar(Protocol):
    """Looks up a country's holiday calendar, from one year through another."""

    def __call__(self, code: str, *, first_year: int, last_year: int) -> Holidays:
        """Give the calendar, or refuse a code that is not known."""


def take_holidays(
    fields: Fields, *, years: range | None, resolve_calendar: ResolveCalendar | None
) -> Holidays | None:
    """Read the holidays of a loan out of the document that has them, noting faults.

    Those that are pinned come first; else the calendar is looked up for the years of the schedule, and some more.
    """
    code = fields.read("holiday_calendar", documents.text(longest=CODE_LENGTH_MAX))
    pinned = fields.child("holidays")
    if pinned is not None:
        return replace(_take_pinned(pinned), code=code)
    if code is None:
        return None
    if resolve_calendar is None:
        fields.note("holiday_calendar", "Comes without its holidays.")
        return None
    if years is None:
        fields.note("holiday_calendar", "Needs a start_date: holidays are looked up from there on.")
        return None
    # A due date at the turn of the year may move into the year before.
    first = max(years.start - 1, MINYEAR)
    last = min(years.stop - 1 + YEARS_SPARE, first + YEARS_MAX, MAXYEAR)
    try:
        return replace(resolve_calendar(code, first_year=first, last_year=last), code=code)
    except LendingError as error:
        fields.note("holiday_calendar", error.detail, code=error.code)
        return None


def write_holidays(holidays: Holidays) -> dict[str, object]:
    """Write holidays day by day, in order."""
    return {
        "weekend": sorted(holidays.weekend),
        "days": [day.isoformat() for day in sorted(holidays.days)],
    }


def _take_pinned(fields: Fields) -> Holidays:
    fields.require("weekend", "days")
    weekend = fields.each("weekend", documents.whole(least=0, most=DAYS_PER_WEEK - 1), most=DAYS_PER_WEEK)
    days = fields.each("days", documents.day, most=HOLIDAYS_MAX)
    fields.finish()
    return Holidays(weekend=frozenset(weekend or ()), days=frozenset(days or ()))
