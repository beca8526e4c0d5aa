"""What interest costs between two days: rate times part of a year, as whole numbers over one denominator."""

import itertools
import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from operator import itemgetter

from loans.core import daycount
from loans.core.daycount import DayCount
from loans.core.terms import Pause, Terms

# A rate in percent has at most six decimals, so in millionths of a percent it is whole; the rest is per cent.
MICRO = 10**6
PER_CENT = MICRO * 100
_PLAIN_DAYS = {DayCount.ACT_360: 360, DayCount.ACT_365F: 365}
_DENOMINATORS = {DayCount.THIRTY_360: 360, DayCount.THIRTY_E_360: 360, DayCount.ACT_ACT: 365 * 366}
_YEAR_OF_DAYS = 365


def micro(rate: Fraction) -> int:
    """Give a rate in percent as a whole number of millionths of a percent."""
    scaled, rest = divmod(rate.numerator * MICRO, rate.denominator)
    if rest:
        raise AssertionError(f"{rate} percent has more than six decimals")
    return scaled


class Timeline:
    """The periods of a loan and what interest costs in them.

    `bounds` are the start of the first period and the end of each. `factor(a, b)` is over `scale`: a balance times
    a factor divided by the scale is the interest in minor units.
    """

    __slots__ = (
        "_after",
        "_day_count",
        "_days",
        "_den",
        "_offsets",
        "_prefix",
        "_rates",
        "_segments",
        "_stops",
        "_whole_factors",
        "bounds",
        "scale",
    )

    def __init__(
        self,
        terms: Terms,
        *,
        bounds: Sequence[date],
        regular_start: date | None = None,
        due_day: int | None = None,
        common: "Timeline | None" = None,
    ) -> None:
        self.bounds = list(bounds)
        self._day_count = terms.day_count
        self._rates = [(date.min, micro(terms.annual_rate))]
        self._stops: list[Pause] = []
        self._segments: list[tuple[date, date, int]] = []
        self._whole_factors: list[int] = []
        self._offsets: list[int] = []
        self._days = [(end - start).days for start, end in itertools.pairwise(self.bounds)]
        wholes = self._wholes(terms, regular_start, due_day)
        if common is not None:
            self._rates, self._stops = list(common.rates), list(common.stops)
            wholes = self._refine(wholes, common)
        prefix = [0]
        for whole in wholes:
            prefix.append(prefix[-1] + whole)
        self._prefix = prefix
        self.scale = PER_CENT * self._den
        self._set_segments()

    def _wholes(self, terms: Terms, regular_start: date | None, due_day: int | None) -> list[int]:
        """Measure each period in parts of a year over the common denominator `_den`."""
        bounds, plain = self.bounds, _PLAIN_DAYS.get(self._day_count)
        if plain is not None:
            self._den, self._after = plain, 1
            return self._days
        known = _DENOMINATORS.get(self._day_count)
        if known is not None:
            self._den, self._after = known, 1
            return [self._measured(start, end) for start, end in itertools.pairwise(bounds)]
        whole = Fraction(*daycount.equal_period(terms.frequency))
        first = whole
        if regular_start != bounds[0]:
            first = Fraction(
                *daycount.equal_periods(
                    terms.frequency, from_date=bounds[0], to_date=bounds[1], due_day=due_day
                )
            )
        parts = math.lcm(*set(self._days))
        self._den = math.lcm(whole.denominator, first.denominator, _YEAR_OF_DAYS) * parts
        self._after = self._den // _YEAR_OF_DAYS
        regular = whole.numerator * (self._den // whole.denominator)
        return [first.numerator * (self._den // first.denominator)] + [regular] * (len(bounds) - 2)

    def _refine(self, wholes: list[int], common: "Timeline") -> list[int]:
        """Make the denominator a multiple of another timeline's, so that what it has measured stays whole."""
        finer = math.lcm(self.scale_of(self._den), common.scale) // self.scale_of(self._den)
        self._den *= finer
        self._after *= finer
        return [whole * finer for whole in wholes] if self._day_count is DayCount.EQUAL_PERIODS else wholes

    @staticmethod
    def scale_of(denominator: int) -> int:
        """Give the scale that belongs to a denominator of parts of a year."""
        return PER_CENT * denominator

    def period_start(self, day: date) -> date | None:
        """Give the start of the period that holds a day; None after the last one."""
        at = bisect_right(self.bounds, day)
        return self.bounds[at - 1] if 0 < at < len(self.bounds) else None

    def _measured(self, start: date, end: date) -> int:
        return daycount.year_fraction(self._day_count, from_date=start, to_date=end)[0]

    @property
    def rates(self) -> list[tuple[date, int]]:
        """The rates from their dates on, in millionths of a percent."""
        return self._rates

    @property
    def stops(self) -> list[Pause]:
        """The ranges of days that bear no interest."""
        return self._stops

    def pause_on(self, day: date) -> Pause | None:
        """Give the pause on whose account a day bears no interest, if there is one."""
        return next((each for each in self._stops if each.from_date <= day < each.until), None)

    def change_rate(self, on: date, rate: Fraction) -> None:
        """Let another rate hold from a date on."""
        self._rates = [each for each in self._rates if each[0] < on]
        self._rates.append((on, micro(rate)))
        self._set_segments()

    def stop(self, pause: Pause) -> None:
        """Let no interest accrue on the days of a pause."""
        self._stops.append(pause)
        self._set_segments()

    def _set_segments(self) -> None:
        """Cut time where the rate changes or a pause begins or ends; empty if neither ever happens."""
        self._whole_factors = []
        if len(self._rates) == 1 and not self._stops:
            self._segments = []
            return
        cuts = sorted(
            {day for day, _ in self._rates} | {day for p in self._stops for day in (p.from_date, p.until)}
        )
        rates = dict(self._rates)
        turns: Counter[date] = Counter()
        for pause in self._stops:
            turns[pause.from_date] += 1
            turns[pause.until] -= 1
        self._segments, self._offsets = [], []
        rate, stopped, total, measured = 0, 0, 0, 0
        for start, end in itertools.pairwise([*cuts, date.max]):
            rate = rates.get(start, rate)
            stopped += turns[start]
            holds = 0 if stopped else rate
            # What is to be added to rate times part of a year, both of a day in the segment.
            self._offsets.append(total - holds * measured)
            self._segments.append((start, end, holds))
            reached = self.part(end) if end > self.bounds[0] else 0
            total += holds * (reached - measured)
            measured = reached

    def part(self, day: date) -> int:
        """Measure from the first period's start to a day in parts of a year over the denominator."""
        bounds = self.bounds
        at = bisect_right(bounds, day) - 1
        if at < 0:
            raise AssertionError(f"{day} is before {bounds[0]}")
        start = bounds[at]
        days = day.toordinal() - start.toordinal()
        if not days:
            return self._prefix[at]
        if self._day_count in _PLAIN_DAYS:
            return self._prefix[at] + days
        if self._day_count in _DENOMINATORS:
            return self._prefix[at] + self._measured(start, day)
        if at == len(self._days):
            return self._prefix[at] + days * self._after
        return self._prefix[at] + (self._prefix[at + 1] - self._prefix[at]) * days // self._days[at]

    def factor(self, start: date, end: date) -> int:
        """Compute rate times part of a year from one day up to, not including, another, over `scale`."""
        if end <= start:
            return 0
        if not self._segments:
            return self._rates[0][1] * (self.part(end) - self.part(start))
        return self._since_start(end) - self._since_start(start)

    def _since_start(self, day: date) -> int:
        """Add up rate times part of a year from the first period's start to a day."""
        at = bisect_right(self._segments, day, key=itemgetter(0)) - 1
        return self._offsets[at] + self._segments[at][2] * self.part(day)

    def since_start(self, days: Sequence[date]) -> list[int]:
        """List the factor from the first period's start to each of some days, in order and none before it."""
        if not self._segments:
            return [self._rates[0][1] * self.part(day) for day in days]
        return [self._since_start(day) for day in days]

    def pieces(self, start: date, end: date) -> list[tuple[date, date, int, int]]:
        """List (from, to, rate in millionths of a percent, part of a year over the denominator)."""
        if end <= start:
            return []
        if not self._segments:
            return [(start, end, self._rates[0][1], self.part(end) - self.part(start))]
        found = []
        first = max(bisect_right(self._segments, start, key=itemgetter(0)) - 1, 0)
        for begins, ends, rate in itertools.islice(self._segments, first, None):
            if begins >= end:
                break
            low, high = max(start, begins), min(end, ends)
            found.append((low, high, rate, self.part(high) - self.part(low)))
        return found

    def wholes(self) -> list[int]:
        """List the factor of each whole period, over `scale`."""
        if not self._whole_factors:
            until = self._prefix
            rate = self._rates[0][1]
            if self._segments:
                until, rate = self._until_bounds(), 1
            self._whole_factors = [rate * (after - before) for before, after in itertools.pairwise(until)]
        return self._whole_factors

    def _until_bounds(self) -> list[int]:
        """List the factor from the first period's start to each bound, over `scale`."""
        found, at, last = [], 0, len(self._segments) - 1
        for day, measured in zip(self.bounds, self._prefix, strict=True):
            while at < last and self._segments[at + 1][0] <= day:
                at += 1
            found.append(self._offsets[at] + self._segments[at][2] * measured)
        return found

    def wholes_between(self, first_end: date, last_end: date) -> list[int]:
        """List the factors of the periods after the one that ends on a date, to the one that ends on another."""
        first, last = bisect_left(self.bounds, first_end), bisect_left(self.bounds, last_end)
        is_known = 0 < first < len(self.bounds) and last < len(self.bounds)
        if is_known and self.bounds[first] == first_end and self.bounds[last] == last_end:
            return self.wholes()[first:last]
        return []
