"""What part of a year lies between two dates, as an exact fraction."""

import calendar
from datetime import date
from enum import StrEnum
from typing import assert_never

from loans.core.dates import Frequency, PeriodUnit

_FEBRUARY = 2
_DAYS_PER_MONTH_30_360 = 30
_PERIODS_PER_YEAR = {PeriodUnit.WEEK: 52, PeriodUnit.MONTH: 12}


class DayCount(StrEnum):
    """How the days of a period are counted against a year."""

    THIRTY_360 = "30/360"
    ACT_365F = "ACT/365F"
    EQUAL_PERIODS = "EQUAL_PERIODS"


def year_fraction(
    day_count: DayCount, *, from_date: date, to_date: date, frequency: Frequency
) -> tuple[int, int]:
    """Measure the period from one date up to, not including, another as numerator and denominator of a year.

    Equal periods do not look at the dates: a month is 1/12 and a week 1/52 of a year.
    """
    if to_date < from_date:
        raise AssertionError(f"a period cannot run backwards, from {from_date} to {to_date}")
    match day_count:
        case DayCount.THIRTY_360:
            return _days_30_360(from_date, to_date), 360
        case DayCount.ACT_365F:
            return (to_date - from_date).days, 365
        case DayCount.EQUAL_PERIODS:
            return frequency.every, _PERIODS_PER_YEAR[frequency.unit]
        case unknown:
            assert_never(unknown)


def _days_30_360(from_date: date, to_date: date) -> int:
    """Count days by the US (SIA) 30/360 rule, which treats the end of February as a 30th."""
    first, last = from_date.day, to_date.day
    if _ends_february(from_date):
        if _ends_february(to_date):
            last = _DAYS_PER_MONTH_30_360
        first = _DAYS_PER_MONTH_30_360
    if last > _DAYS_PER_MONTH_30_360 and first >= _DAYS_PER_MONTH_30_360:
        last = _DAYS_PER_MONTH_30_360
    first = min(first, _DAYS_PER_MONTH_30_360)
    months = (to_date.year - from_date.year) * 12 + to_date.month - from_date.month
    return months * _DAYS_PER_MONTH_30_360 + last - first


def _ends_february(day: date) -> bool:
    """Tell whether a date is the last day of February."""
    return day.month == _FEBRUARY and day.day == calendar.monthrange(day.year, _FEBRUARY)[1]
