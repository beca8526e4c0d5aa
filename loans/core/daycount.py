"""What part of a year lies between two dates, as an exact fraction."""

import calendar
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from loans.core import dates
from loans.core.dates import PERIODS_PER_YEAR, Frequency

_FEBRUARY = 2
# No February ends earlier, so that other days need no look at its length.
_FEBRUARY_LENGTH_MIN = 28
_DAYS_PER_MONTH_30_360 = 30
_DAYS_PER_YEAR_30_360 = 360
_DAYS_PER_YEAR = 365
_DAYS_PER_LEAP_YEAR = 366


class DayCount(StrEnum):
    """How the days of a period are counted against a year."""

    THIRTY_360 = "30/360"
    THIRTY_E_360 = "30E/360"
    ACT_360 = "ACT/360"
    ACT_365F = "ACT/365F"
    ACT_ACT = "ACT/ACT"
    EQUAL_PERIODS = "EQUAL_PERIODS"


def year_fraction(
    day_count: DayCount, *, from_date: date, to_date: date, frequency: Frequency | None = None
) -> tuple[int, int]:
    """Measure the period from one date up to, not including, another as numerator and denominator of a year.

    Equal periods need the frequency and do not look at the dates, which are those of one regular period: a
    month is 1/12 and a week 1/52 of a year. `equal_periods` measures any other period in them.
    """
    if to_date < from_date:
        raise AssertionError(f"a period cannot run backwards, from {from_date} to {to_date}")
    count = _COUNTS.get(day_count)
    if count is not None:
        return count(from_date, to_date)
    if day_count is not DayCount.EQUAL_PERIODS or frequency is None:
        raise AssertionError(f"cannot count days by {day_count} with frequency {frequency}")
    return equal_period(frequency)


def equal_period(frequency: Frequency) -> tuple[int, int]:
    """Give one regular period as numerator and denominator of a year."""
    return frequency.every, PERIODS_PER_YEAR[frequency.unit]


def equal_periods(
    frequency: Frequency, *, from_date: date, to_date: date, due_day: int | None = None
) -> tuple[int, int]:
    """Measure a period of any length in whole regular periods and days, as a fraction of a year.

    Whole periods are counted back from the later date, each the same part of a year, as Directive 2014/17/EU,
    Annex I, remark (c) counts them. Each day left over is 1/365, in leap years too, so that a day always
    costs the same. `due_day` counts as in `dates.period_start`.

    :raises InvalidDueDates: if the due day is not a day of the month.
    """
    count, begins = dates.whole_periods_back(
        to_date, from_date=from_date, frequency=frequency, due_day=due_day
    )
    numerator, denominator = count * frequency.every, PERIODS_PER_YEAR[frequency.unit]
    days = (begins - from_date).days
    if days == 0:
        return numerator, denominator
    return numerator * _DAYS_PER_YEAR + days * denominator, denominator * _DAYS_PER_YEAR


def _count_30_360(from_date: date, to_date: date) -> tuple[int, int]:
    """Count days by the US (SIA) 30/360 rule, which treats the end of February as a 30th."""
    first, last = from_date.day, to_date.day
    if _ends_february(from_date):
        if _ends_february(to_date):
            last = _DAYS_PER_MONTH_30_360
        first = _DAYS_PER_MONTH_30_360
    if last > _DAYS_PER_MONTH_30_360 and first >= _DAYS_PER_MONTH_30_360:
        last = _DAYS_PER_MONTH_30_360
    return _count_months_of_30(from_date, to_date, min(first, _DAYS_PER_MONTH_30_360), last)


def _count_30e_360(from_date: date, to_date: date) -> tuple[int, int]:
    """Count days by the Eurobond rule, 2006 ISDA Definitions 4.16(g), under which no month has a 31st."""
    first, last = min(from_date.day, _DAYS_PER_MONTH_30_360), min(to_date.day, _DAYS_PER_MONTH_30_360)
    return _count_months_of_30(from_date, to_date, first, last)


def _count_months_of_30(from_date: date, to_date: date, first: int, last: int) -> tuple[int, int]:
    """Count days in months of 30 from one day of the month to another."""
    months = (to_date.year - from_date.year) * 12 + to_date.month - from_date.month
    return months * _DAYS_PER_MONTH_30_360 + last - first, _DAYS_PER_YEAR_30_360


def _count_act_360(from_date: date, to_date: date) -> tuple[int, int]:
    """Count real days over 360, 2006 ISDA Definitions 4.16(e)."""
    return (to_date - from_date).days, _DAYS_PER_YEAR_30_360


def _count_act_365f(from_date: date, to_date: date) -> tuple[int, int]:
    """Count real days over 365, in leap years too, 2006 ISDA Definitions 4.16(d)."""
    return (to_date - from_date).days, _DAYS_PER_YEAR


def _count_act_act(from_date: date, to_date: date) -> tuple[int, int]:
    """Count real days, each over the length of the year it lies in, 2006 ISDA Definitions 4.16(b)."""
    denominator = _DAYS_PER_YEAR * _DAYS_PER_LEAP_YEAR
    years = (to_date.year - from_date.year) * denominator
    return years + _since_new_year(to_date) - _since_new_year(from_date), denominator


def _since_new_year(day: date) -> int:
    """Measure the part of a date's year before it, in parts of 365 x 366 to a year."""
    days = (day - date(day.year, 1, 1)).days
    return days * (_DAYS_PER_YEAR if calendar.isleap(day.year) else _DAYS_PER_LEAP_YEAR)


def _ends_february(day: date) -> bool:
    """Tell whether a date is the last day of February."""
    return (
        day.month == _FEBRUARY
        and day.day >= _FEBRUARY_LENGTH_MIN
        and day.day == dates.month_length(day.year, _FEBRUARY)
    )


# A table rather than a match: a schedule asks once per period, and comparing names one by one is slower.
_COUNTS: Mapping[DayCount, Callable[[date, date], tuple[int, int]]] = MappingProxyType(
    {
        DayCount.THIRTY_360: _count_30_360,
        DayCount.THIRTY_E_360: _count_30e_360,
        DayCount.ACT_360: _count_act_360,
        DayCount.ACT_365F: _count_act_365f,
        DayCount.ACT_ACT: _count_act_act,
    }
)
