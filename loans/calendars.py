"""Holiday calendars of countries, from the library that keeps them up to date.

The core takes holidays as values. What `resolve` gives is pinned on a loan when the loan is made, so a later
version of the library, which may know more or better, changes no loan that exists.
"""

import functools
import re
from datetime import date
from typing import ClassVar

import holidays as public_holidays

from loans.core.business_days import Holidays
from loans.core.errors import LendingError

# The part of ISO 3166-2 after the hyphen. The library also knows towns and regions, by names with spaces.
_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}")
# Longer than any loan.
_YEARS_MAX = 100
# How many calendars are kept ready. Fifty years of one hold some six hundred dates.
_KEPT_MAX = 64


class UnknownCalendar(LendingError):
    """There is no holiday calendar of that code."""

    code: ClassVar[str] = "unknown_calendar"
    title: ClassVar[str] = "Unknown holiday calendar"


@functools.cache
def codes() -> tuple[str, ...]:
    """List the codes of all calendars, sorted: ISO 3166 countries and their subdivisions, as "US" and "US-NY"."""
    supported = public_holidays.list_supported_countries(include_aliases=False)
    subdivisions = (
        f"{country}-{subdivision}"
        for country, names in supported.items()
        for subdivision in names
        if _SUBDIVISION.fullmatch(subdivision)
    )
    return tuple(sorted([*supported, *subdivisions]))


def resolve(code: str, *, first_year: int, last_year: int) -> Holidays:
    """Look up the weekend and the public holidays of a country or subdivision, from one year through another.

    A holiday that is moved because it falls on a weekend is there on both days. Dates that follow the moon are
    the library's estimates. Where a country moved its weekend within these years, the days that were not
    always off are there one by one. A weekend day on which a country works, to make up for another, stays a
    weekend day. Few holidays are known before 1950 or after 2100.

    :raises UnknownCalendar: if no calendar has that code.
    """
    if not 0 <= last_year - first_year <= _YEARS_MAX:
        raise AssertionError(f"a calendar must span 0 to {_YEARS_MAX} years, not {first_year} to {last_year}")
    if code not in codes():
        raise UnknownCalendar(
            f"There is no holiday calendar {code!r}; use a country of ISO 3166 such as 'KE', or a subdivision"
            " such as 'US-NY'.",
            field="holiday_calendar",
        )
    return _looked_up(code, first_year, last_year)


@functools.lru_cache(maxsize=_KEPT_MAX)
def _looked_up(code: str, first_year: int, last_year: int) -> Holidays:
    """Ask the library for a calendar that it has."""
    country, _, subdivision = code.partition("-")
    known = public_holidays.country_holidays(
        country, subdiv=subdivision or None, years=range(first_year, last_year + 1), expand=False
    )
    first, last = date(first_year, 1, 1), date(last_year, 12, 31)
    days = [date.fromordinal(ordinal) for ordinal in range(first.toordinal(), last.toordinal() + 1)]
    days_off = {day for day in days if known.is_weekend(day)}
    weekend = frozenset(range(7)) - {day.weekday() for day in days if day not in days_off}
    return Holidays(
        weekend=weekend,
        days=frozenset(known) | {day for day in days_off if day.weekday() not in weekend},
    )
