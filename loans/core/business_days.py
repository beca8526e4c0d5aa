"""Business days: which days payments fall on, and where the others move."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import ClassVar

from loans.core.errors import LendingError

# No lender closes for a month; a calendar that says so is wrong, and a limit bounds the search.
_SEARCH_DAYS_MAX = 31


class NoBusinessDay(LendingError):
    """There is no business day near enough for a date to move to."""

    code: ClassVar[str] = "no_business_day"
    title: ClassVar[str] = "No business day"


class Convention(StrEnum):
    """Where a date moves that is not a business day; the modified ones do not leave the month."""

    UNADJUSTED = "unadjusted"
    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified_following"
    PRECEDING = "preceding"
    MODIFIED_PRECEDING = "modified_preceding"


_FORWARD = (Convention.FOLLOWING, Convention.MODIFIED_FOLLOWING)
_MODIFIED = (Convention.MODIFIED_FOLLOWING, Convention.MODIFIED_PRECEDING)


@dataclass(frozen=True, slots=True)
class Holidays:
    """The days that are not business days: days of the week, 0 being Monday, and single dates."""

    weekend: frozenset[int]
    days: frozenset[date]
    # The calendar they were looked up in; they are what counts.
    code: str | None = field(default=None, compare=False)


def is_business_day(day: date, *, holidays: Holidays) -> bool:
    """Tell whether a date is neither a weekend nor a holiday."""
    return day.weekday() not in holidays.weekend and day not in holidays.days


def adjust(day: date, *, convention: Convention, holidays: Holidays) -> date:
    """Move a date that is not a business day to the nearest one in the direction of the convention.

    A modified convention turns round at the end of the month.

    :raises NoBusinessDay: if 31 days in that direction, or for a modified convention the month, have none.
    """
    if convention is Convention.UNADJUSTED or is_business_day(day, holidays=holidays):
        return day
    step = 1 if convention in _FORWARD else -1
    moved = _nearest(day, step=step, holidays=holidays)
    if convention in _MODIFIED and not _is_in_month(moved, day):
        moved = _nearest(day, step=-step, holidays=holidays)
        if not _is_in_month(moved, day):
            moved = None
    if moved is None:
        raise NoBusinessDay(
            f"The holiday calendar has no business day to which {day} could move by {convention}.",
            field="holiday_calendar",
        )
    return moved


def _nearest(day: date, *, step: int, holidays: Holidays) -> date | None:
    """Find the nearest business day forward or backward, if there is one within the search."""
    ordinal = day.toordinal()
    for number in range(1, _SEARCH_DAYS_MAX + 1):
        there = ordinal + step * number
        if not date.min.toordinal() <= there <= date.max.toordinal():
            return None
        candidate = date.fromordinal(there)
        if is_business_day(candidate, holidays=holidays):
            return candidate
    return None


def _is_in_month(moved: date | None, day: date) -> bool:
    """Tell whether a date was found and lies in the month of another."""
    return moved is not None and (moved.year, moved.month) == (day.year, day.month)
