"""Periods between installments and the dates they fall due."""

import calendar
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from loans.core.errors import LendingError

_MONTHS_PER_YEAR = 12
_HALF_MONTHS_PER_YEAR = 24
_DAY_OF_MONTH_MAX = 31
# Every month has this day, so dates up to it need no look at how long the month is.
_DAY_IN_EVERY_MONTH = 28
_HALF_MONTH_DAYS = 15
# The Gregorian calendar repeats after 400 years.
_MONTHS_PER_CYCLE = 400 * _MONTHS_PER_YEAR
_MONTH_LENGTHS = b"".join(
    bytes((31, 28 + calendar.isleap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)) for year in range(400)
)
# Months whose days are looked up: most loans begin and end in them.
_TABLE = range(1970 * _MONTHS_PER_YEAR, 2100 * _MONTHS_PER_YEAR)


class InvalidFrequency(LendingError):
    """The length of a period is outside its limits."""

    code: ClassVar[str] = "invalid_frequency"
    title: ClassVar[str] = "Invalid frequency"


class InvalidDueDates(LendingError):
    """The first due date or the due day does not fit the start or the frequency."""

    code: ClassVar[str] = "invalid_due_dates"
    title: ClassVar[str] = "Invalid due dates"


class DateOutOfRange(LendingError):
    """A date would fall outside the calendar, years 1 to 9999."""

    code: ClassVar[str] = "date_out_of_range"
    title: ClassVar[str] = "Date out of range"


class PeriodUnit(StrEnum):
    """What a period is counted in; a half month runs between two fixed days of each month."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    SEMI_MONTH = "semi_month"


# How many periods of one unit make a year, where a year is counted in equal periods.
PERIODS_PER_YEAR: Mapping[PeriodUnit, int] = MappingProxyType(
    {
        PeriodUnit.DAY: 365,
        PeriodUnit.WEEK: 52,
        PeriodUnit.MONTH: 12,
        PeriodUnit.YEAR: 1,
        PeriodUnit.SEMI_MONTH: 24,
    }
)

# A period is at most a year, which may be a leap year of 366 days.
_EVERY_MAX = {**PERIODS_PER_YEAR, PeriodUnit.DAY: 366}

_MONTHS_MIN = MINYEAR * _MONTHS_PER_YEAR
_MONTHS_MAX = MAXYEAR * _MONTHS_PER_YEAR + _MONTHS_PER_YEAR - 1
_DAYS_PER_UNIT = {PeriodUnit.DAY: 1, PeriodUnit.WEEK: 7}
# In days, in months, or in half months.
_STEPS_PER_UNIT = {
    **_DAYS_PER_UNIT,
    PeriodUnit.MONTH: 1,
    PeriodUnit.YEAR: _MONTHS_PER_YEAR,
    PeriodUnit.SEMI_MONTH: 1,
}


@dataclass(frozen=True, slots=True)
class Frequency:
    """One installment every so many days, weeks, months, years or half months.

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


def month_length(year: int, month: int) -> int:
    """Look up the number of days of a month."""
    return _MONTH_LENGTHS[(year * _MONTHS_PER_YEAR + month - 1) % _MONTHS_PER_CYCLE]


def due_date(
    start: date, *, frequency: Frequency, number: int, due_day: int | None = None, field: str = "date"
) -> date:
    """Find the date on which one installment, numbered from 1, falls due, counted from the start date.

    Each date is computed from the start, never from the date before it: a loan of 31 January is due on
    28 February and then on 31 March, not on 28 March.

    :raises InvalidDueDates: if the due day is not a day of the month, or the periods are days or weeks.
    :raises DateOutOfRange: if the date is after year 9999.
    """
    day = _anchor_day(start, frequency.unit, due_day)
    return _periods_from(start, range(number, number + 1), frequency, day, field)[0]


def due_dates(
    start: date,
    *,
    frequency: Frequency,
    count: int,
    first_due_date: date | None = None,
    due_day: int | None = None,
    field: str = "date",
) -> tuple[date, ...]:
    """List the dates on which installments 1 to `count` (at least 1) fall due, each after the one before.

    They are counted from the start, or from the first due date where there is one. `due_day` is the day of
    the month on which they fall, or the end of a shorter month; without it, it is the day of the date
    counted from. Half months fall on that day and on the one 15 days from it.

    :raises InvalidDueDates: if the first due date is not after the start, if the due day is not a day of the
        month, or if there is one and the periods are days or weeks.
    :raises DateOutOfRange: if a date is after year 9999.
    """
    if first_due_date is None:
        day = _anchor_day(start, frequency.unit, due_day)
        return _periods_from(start, range(1, count + 1), frequency, day, field)
    if first_due_date <= start:
        raise InvalidDueDates(
            f"The first due date must be after {start}, when the loan starts, not {first_due_date}.",
            field="first_due_date",
        )
    day = _anchor_day(first_due_date, frequency.unit, due_day)
    return (first_due_date, *_periods_from(first_due_date, range(1, count), frequency, day, field))


def period_start(
    first_due: date, *, frequency: Frequency, due_day: int | None = None, field: str = "date"
) -> date:
    """Find the date one regular period before a due date, where a regular first period would begin.

    `due_day` counts only for a date that falls on it, such as 28 February for the 31st: before 28 February
    comes 31 January then, and 28 January otherwise. Days and weeks do not look at it.

    :raises InvalidDueDates: if the due day is not a day of the month.
    :raises DateOutOfRange: if the date is before year 1.
    """
    day = _counting_day(first_due, frequency.unit, due_day)
    return _periods_from(first_due, range(-1, 0), frequency, day, field)[0]


def whole_periods_back(
    to_date: date, *, from_date: date, frequency: Frequency, due_day: int | None = None
) -> tuple[int, date]:
    """Count the regular periods that fit between two dates, back from the later one, and find their start.

    `due_day` counts as in `period_start`.

    :raises InvalidDueDates: if the due day is not a day of the month.
    """
    if to_date < from_date:
        raise AssertionError(f"periods cannot be counted back from {to_date} to {from_date}")
    day = _counting_day(to_date, frequency.unit, due_day)
    count = _position(to_date, frequency.unit, day) - _position(from_date, frequency.unit, day)
    count //= _step(frequency)
    begins = _periods_from(to_date, range(-count, 1 - count), frequency, day, "date")[0]
    if begins >= from_date:
        return count, begins
    # In months, what begins in the same month may begin before the date: one period fewer fits.
    count -= 1
    return count, _periods_from(to_date, range(-count, 1 - count), frequency, day, "date")[0]


def _periods_from(
    origin: date, numbers: range, frequency: Frequency, day: int, field: str
) -> tuple[date, ...]:
    """List the dates so many periods after a date, or before it where the numbers are negative.

    `day` is the day of the month to keep to, which days and weeks do not look at.
    """
    unit = frequency.unit
    position, step = _position(origin, unit, day), _step(frequency)
    positions = range(position + numbers.start * step, position + numbers.stop * step, step)
    if unit in _DAYS_PER_UNIT:
        return _on_days(positions, field)
    if unit is PeriodUnit.SEMI_MONTH:
        return _on_half_months(positions, _half_month_days(day), field)
    return _on_months(positions, day, field)


def _anchor_day(origin: date, unit: PeriodUnit, due_day: int | None) -> int:
    """Settle the day of the month that due dates keep to, counted from a date."""
    if due_day is None:
        return origin.day
    if unit in _DAYS_PER_UNIT:
        raise InvalidDueDates(f"Periods in {unit}s have no due day of the month.", field="due_day")
    if not 1 <= due_day <= _DAY_OF_MONTH_MAX:
        raise InvalidDueDates(f"due_day must be 1 to {_DAY_OF_MONTH_MAX}, not {due_day}.", field="due_day")
    return due_day


def _counting_day(day: date, unit: PeriodUnit, due_day: int | None) -> int:
    """Settle the day of the month for counting back from a date: its own, unless it falls on the due day.

    Counted back from 20 February, a month begins on 20 January, also where later installments fall on the 15th.
    """
    if unit in _DAYS_PER_UNIT:
        return day.day
    anchor = _anchor_day(day, unit, due_day)
    days = _half_month_days(anchor) if unit is PeriodUnit.SEMI_MONTH else (anchor,)
    length = month_length(day.year, day.month)
    return anchor if day.day in {min(each, length) for each in days} else day.day


def _position(day: date, unit: PeriodUnit, anchor: int) -> int:
    """Place a date on the line of the unit's days, months or half months, at the last one not after it."""
    if unit in _DAYS_PER_UNIT:
        return day.toordinal()
    month = _month_index(day)
    if unit is not PeriodUnit.SEMI_MONTH:
        return month
    first, second = _half_month_days(anchor)
    second = min(second, month_length(day.year, day.month))
    return 2 * month - 1 + (day.day >= first) + (day.day >= second)


def _step(frequency: Frequency) -> int:
    """Measure a period in days, months or half months."""
    return frequency.every * _STEPS_PER_UNIT[frequency.unit]


def _on_days(ordinals: range, field: str) -> tuple[date, ...]:
    """List the dates with these ordinals, 1 being the first day of year 1."""
    _check_calendar(ordinals, date.min.toordinal(), date.max.toordinal(), field)
    return tuple(map(date.fromordinal, ordinals))


def _on_months(months: range, day: int, field: str) -> tuple[date, ...]:
    """List a day of each of these months, or the month's last day where it is shorter."""
    if _TABLE.start <= months.start and months.stop - months.step < _TABLE.stop:
        return _table(day)[months.start - _TABLE.start : months.stop - _TABLE.start : months.step]
    _check_calendar(months, _MONTHS_MIN, _MONTHS_MAX, field)
    return _days_of(months, day)


@functools.cache
def _table(day: int) -> tuple[date, ...]:
    """Give a day of each month of the table: a schedule takes a slice of it sooner than it makes dates."""
    return _days_of(_TABLE, day)


def _days_of(months: range, day: int) -> tuple[date, ...]:
    """List a day of each of these months, or the month's last day where it is shorter."""
    if day <= _DAY_IN_EVERY_MONTH:
        return tuple([date(month // _MONTHS_PER_YEAR, month % _MONTHS_PER_YEAR + 1, day) for month in months])
    # A conditional instead of min() saves a third of the time.
    return tuple(
        [
            date(
                month // _MONTHS_PER_YEAR,
                month % _MONTHS_PER_YEAR + 1,
                day if day < (last := _MONTH_LENGTHS[month % _MONTHS_PER_CYCLE]) else last,
            )
            for month in months
        ]
    )


def _on_half_months(positions: range, days: tuple[int, int], field: str) -> tuple[date, ...]:
    """List the days of these half months, the even ones being the first of a month."""
    _check_calendar(positions, 2 * _MONTHS_MIN, 2 * _MONTHS_MAX + 1, field)
    return tuple(
        [
            date(
                half // _HALF_MONTHS_PER_YEAR,
                half // 2 % _MONTHS_PER_YEAR + 1,
                min(days[half % 2], _MONTH_LENGTHS[half // 2 % _MONTHS_PER_CYCLE]),
            )
            for half in positions
        ]
    )


def _half_month_days(due_day: int) -> tuple[int, int]:
    """Pair a day of the month with the one 15 days from it."""
    if due_day <= _HALF_MONTH_DAYS:
        return due_day, due_day + _HALF_MONTH_DAYS
    return min(due_day - _HALF_MONTH_DAYS, _HALF_MONTH_DAYS), due_day


def _month_index(day: date) -> int:
    """Number the months since year 0."""
    return day.year * _MONTHS_PER_YEAR + day.month - 1


def _check_calendar(positions: range, least: int, most: int, field: str) -> None:
    """Refuse positions that leave the calendar at either end."""
    if positions and not least <= positions[0] <= positions[-1] <= most:
        raise DateOutOfRange("The date would fall outside the calendar, years 1 to 9999.", field=field)
