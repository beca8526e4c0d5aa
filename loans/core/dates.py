"""Periods between installments and the dates they fall due."""

import calendar
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta
from enum import StrEnum
from typing import ClassVar

from loans.core.errors import LendingError

_MONTHS_PER_YEAR = 12
_DAYS_PER_WEEK = 7


class InvalidFrequency(LendingError):
    """The length of a period is outside its limits."""

    code: ClassVar[str] = "invalid_frequency"
    title: ClassVar[str] = "Invalid frequency"


class DateOutOfRange(LendingError):
    """A date would fall outside the calendar, years 1 to 9999."""

    code: ClassVar[str] = "date_out_of_range"
    title: ClassVar[str] = "Date out of range"


class PeriodUnit(StrEnum):
    """What a period is counted in."""

    WEEK = "week"
    MONTH = "month"


# A period is at most a year: 52 weeks or 12 months.
_EVERY_MAX = {PeriodUnit.WEEK: 52, PeriodUnit.MONTH: 12}


@dataclass(frozen=True, slots=True)
class Frequency:
    """One installment every so many weeks or months.

    :raises InvalidFrequency: if a period is shorter than one unit or longer than a year.
    """

    every: int
    unit: PeriodUnit

    def __post_init__(self) -> None:
        most = _EVERY_MAX[self.unit]
        if not 1 <= self.every <= most:
            raise InvalidFrequency(
                f"A period must be 1 to {most} {self.unit}s, not {self.every}.",
                field="frequency",
            )


def add_months(day: date, months: int, *, field: str = "date") -> date:
    """Move a date by whole months, to the last day of the month where the day does not exist.

    :raises DateOutOfRange: if the result is not in years 1 to 9999.
    """
    year, month_index = divmod(day.year * _MONTHS_PER_YEAR + day.month - 1 + months, _MONTHS_PER_YEAR)
    if not MINYEAR <= year <= MAXYEAR:
        raise DateOutOfRange(f"{months} months from {day} is outside the calendar.", field=field)
    month = month_index + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def due_date(start: date, *, frequency: Frequency, number: int, field: str = "date") -> date:
    """Find the date on which one installment falls due, counted from the start date.

    Each date is computed from the start, never from the date before it: a loan of 31 January is due on
    28 February and then on 31 March, not on 28 March.

    :raises DateOutOfRange: if the date is after year 9999.
    """
    units = frequency.every * number
    if frequency.unit is PeriodUnit.MONTH:
        return add_months(start, units, field=field)
    try:
        return start + timedelta(days=units * _DAYS_PER_WEEK)
    except OverflowError:
        raise DateOutOfRange(f"{units} weeks from {start} is outside the calendar.", field=field) from None


def due_dates(start: date, *, frequency: Frequency, count: int, field: str = "date") -> tuple[date, ...]:
    """List the dates on which installments 1 to `count` fall due.

    :raises DateOutOfRange: if a date is after year 9999.
    """
    return tuple(
        due_date(start, frequency=frequency, number=number, field=field) for number in range(1, count + 1)
    )
