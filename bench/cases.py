"""Loans to make schedules of: the three that are timed, and random ones from a fixed seed."""

import calendar
import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

SEED = 20_000
# Cents: 100.00 to 1,000,000.00, as many loans of hundreds as of hundred thousands, since small ones show a cent.
PRINCIPAL_DECADES = (10_000, 100_000, 1_000_000, 10_000_000)
RATE_MAX = 6_000
INSTALLMENTS_MAX = 120
FIRST_START, LAST_START = date(2000, 1, 1), date(2050, 12, 31)
MONTHS_PER_YEAR = 12


@dataclass(frozen=True, kw_only=True)
class Case:
    """A loan in equal monthly installments: principal in cents, annual rate in hundredths of a percent.

    The other forms in which libraries ask for the same are computed once, so that no library pays for them.
    """

    principal: int
    annual_rate: int
    installments: int
    start_date: date

    @functools.cached_property
    def units(self) -> float:
        """The principal in units of the currency."""
        return self.principal / 100

    @functools.cached_property
    def units_exact(self) -> Decimal:
        """The principal in units of the currency, exactly."""
        return Decimal(self.principal) / 100

    @functools.cached_property
    def percent(self) -> float:
        """The annual rate in percent."""
        return self.annual_rate / 100

    @functools.cached_property
    def percent_exact(self) -> Fraction:
        """The annual rate in percent, exactly."""
        return Fraction(self.annual_rate, 100)

    @functools.cached_property
    def share(self) -> float:
        """The annual rate as a share of one."""
        return self.annual_rate / 10_000

    @functools.cached_property
    def share_exact(self) -> Decimal:
        """The annual rate as a share of one, exactly."""
        return Decimal(self.annual_rate) / 10_000

    @functools.cached_property
    def effective(self) -> float:
        """The yearly rate that the monthly one compounds to, as a share of one."""
        return (1 + self.share / MONTHS_PER_YEAR) ** MONTHS_PER_YEAR - 1

    @functools.cached_property
    def due_dates(self) -> list[date]:
        """The dates on which the installments have to fall due."""
        return list(anchored(self.start_date, count=self.installments))


# The last day of a long month: every other month has to be shortened, and the next one must not stay short.
TIMED = tuple(
    Case(principal=1_000_000, annual_rate=rate, installments=count, start_date=date(2024, 1, 31))
    for count, rate in ((12, 2_400), (36, 2_400), (360, 600))
)


def drawn(count: int, *, seed: int = SEED) -> tuple[Case, ...]:
    """Draw so many random loans, the same ones for the same seed.

    Each decade of the principal is as likely as any other, and so is each rate, length and day.
    """
    source = random.Random(seed)  # noqa: S311 - loans to try, no secret
    days = (LAST_START - FIRST_START).days
    return tuple(
        Case(
            principal=_amount(source),
            annual_rate=source.randint(0, RATE_MAX),
            installments=source.randint(1, INSTALLMENTS_MAX),
            start_date=FIRST_START + timedelta(days=source.randint(0, days)),
        )
        for _ in range(count)
    )


def _amount(source: random.Random) -> int:
    """Draw a principal in cents."""
    decade = source.choice(PRINCIPAL_DECADES)
    return source.randint(decade, 10 * decade)


def anchored(start: date, *, count: int) -> Iterator[date]:
    """Give the same day of each following month, or the month's last day where it has no such day.

    Each date is counted from the start, so that after 29 February comes 31 March again. It is written apart from
    the code that it judges.
    """
    for number in range(1, count + 1):
        years, month = divmod(start.month - 1 + number, MONTHS_PER_YEAR)
        year = start.year + years
        yield date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
