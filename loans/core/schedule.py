"""The schedule of a loan to which nothing has happened yet: what falls due when, to the minor unit.

Rules: docs/lending-rules.md, sections 2 to 4. `spread_level` and `spread_share` are also how `planning` first fills the
rows of a loan; a loan with grace, pauses, fees or an irregular first period is laid out there.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from loans.core import dates, money
from loans.core.daycount import DayCount
from loans.core.money import Rounding
from loans.core.terms import Method, Terms
from loans.core.timeline import PER_CENT, Timeline, micro

_YEARS = {DayCount.ACT_360: 360, DayCount.ACT_365F: 365}
# Looked up once: a member is found in its enumeration several times as slowly as a name in its module.
_HALF_EVEN = Rounding.HALF_EVEN
_EQUAL_INSTALLMENTS = Method.EQUAL_INSTALLMENTS
_EQUAL_PERIODS = DayCount.EQUAL_PERIODS
# Up to so many rows the exact fraction is found sooner than bounds of it.
_EXACT_MAX = 24
# Binary places of the bounds: an installment has at most 60 bits before the point, 600 rows lose at most 12 more.
_BITS = 128


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule by columns, in minor units: installment *i* runs from `from_dates[i]` up to `due_dates[i]`."""

    from_dates: tuple[date, ...]
    due_dates: tuple[date, ...]
    principal: list[int]
    interest: list[int]
    balances: list[int]

    def rows(self) -> Iterator[tuple[int, date, date, int, int, int]]:
        """Give (number, from, due, principal, interest, closing balance) row by row."""
        numbers = range(1, len(self.due_dates) + 1)
        return zip(
            numbers,
            self.from_dates,
            self.due_dates,
            self.principal,
            self.interest,
            self.balances,
            strict=True,
        )


def build(terms: Terms, *, start_date: date) -> Schedule:
    """Lay out a loan of equal installments or equal principal without grace, pauses, fees or moved due dates.

    :raises DateOutOfRange: if an installment would fall due after year 9999.
    """
    due = dates.due_dates(start_date, frequency=terms.frequency, count=terms.installments)
    starts = (start_date, *due[:-1])
    factors, scale = _factors(terms, start_date, due)
    if terms.method is _EQUAL_INSTALLMENTS:
        level = level_rounded(
            terms.principal, factors, scale=scale, carried=0, balloon=terms.balloon, rounding=terms.rounding
        )
        principal, interest, balances = spread_level(
            terms.principal, factors, scale=scale, level=level, keep=terms.balloon, rounding=terms.rounding
        )
    else:
        share = money.divide(terms.principal - terms.balloon, terms.installments, rounding=terms.rounding)
        principal, interest, balances = spread_share(
            terms.principal, factors, scale=scale, share=share, keep=terms.balloon, rounding=terms.rounding
        )
    return Schedule(starts, due, principal, interest, balances)


def _factors(terms: Terms, start_date: date, due: tuple[date, ...]) -> tuple[list[int], int]:
    """List what interest costs in each period, as numerators over one denominator, in lowest terms."""
    rate, frequency = micro(terms.annual_rate), terms.frequency
    if terms.day_count is _EQUAL_PERIODS:
        whole, scale = rate * frequency.every, PER_CENT * dates.PERIODS_PER_YEAR[frequency.unit]
        shrink = math.gcd(whole, scale)
        return [whole // shrink] * len(due), scale // shrink
    year = _YEARS.get(terms.day_count)
    if year is None:
        timeline = Timeline(terms, bounds=[start_date, *due])
        factors, scale = timeline.wholes(), timeline.scale
    else:
        ordinals = [start_date.toordinal(), *map(date.toordinal, due)]
        factors = [rate * (end - start) for start, end in itertools.pairwise(ordinals)]
        scale = PER_CENT * year
    shrink = math.gcd(scale, *factors)
    return [factor // shrink for factor in factors], scale // shrink


def level_rounded(  # noqa: PLR0913 - what a level installment is found from
    balance: int,
    factors: Sequence[int],
    *,
    scale: int,
    carried: int,
    balloon: int,
    rounding: Rounding,
    multiple: int = 1,
) -> int:
    """Find the level installment, rounded once to a multiple.

    Of many rows the exact fraction has tens of thousands of digits. It is looked for between two bounds first; where
    they do not round to the same amount, as on both sides of a tie, the fraction itself decides.
    """
    is_long = len(factors) > _EXACT_MAX and factors.count(factors[0]) < len(factors)
    if is_long:
        low, high = _level_bounds(balance, factors, scale=scale, carried=carried, balloon=balloon)
        least = money.divide(low[0], low[1] * multiple, rounding=rounding)
        if least == money.divide(high[0], high[1] * multiple, rounding=rounding):
            return least * multiple
    numerator, denominator = level_fraction(balance, factors, scale=scale, carried=carried, balloon=balloon)
    return money.divide(numerator, denominator * multiple, rounding=rounding) * multiple


def _level_bounds(
    balance: int, factors: Sequence[int], *, scale: int, carried: int, balloon: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Give two fractions between which the level installment lies: see `level_fraction`.

    Growth and annuity are numbers of `_BITS` binary places, rounded down in one line of them and up in the other.
    """
    one = 1 << _BITS
    growth, growth_high, annuity, annuity_high = one, one, 0, 0
    later, later_high = one, one
    known, rate = -1, 0
    for at, factor in enumerate(factors):
        if factor != known:
            known, rate = factor, (factor << _BITS) // scale
        above = rate + 1
        growth += growth * rate >> _BITS
        growth_high += (growth_high * above >> _BITS) + 1
        annuity += (annuity * rate >> _BITS) + one
        annuity_high += (annuity_high * above >> _BITS) + 1 + one
        if at and carried:
            later += later * rate >> _BITS
            later_high += (later_high * above >> _BITS) + 1
    if carried < 0:
        later, later_high = later_high, later
    low = balance * growth - balloon * one + carried * later // scale
    high = balance * growth_high - balloon * one - (-carried * later_high // scale)
    # A negative amount is the lower the fewer rows share it.
    return (low, annuity_high if low >= 0 else annuity), (high, annuity if high >= 0 else annuity_high)


def level_fraction(
    balance: int, factors: Sequence[int], *, scale: int, carried: int, balloon: int
) -> tuple[int, int]:
    """Give the level installment as numerator and denominator.

    A = (b(1+f1)...(1+fn) + c(1+f2)...(1+fn) - B) / Fn with F1 = 1, Fk = 1 + F(k-1) x (1+fk): the present value of the
    installments equals the principal. Everything is scaled to whole numbers; `carried` is c over `scale`.
    """
    first, count = factors[0], len(factors)
    if not carried and first and factors.count(first) == count:
        # The geometric series: A = (P(1+f)^n - B) x f / ((1+f)^n - 1).
        shrink = math.gcd(scale, first)
        small, step = scale // shrink, first // shrink
        growth, flat = (small + step) ** count, small**count
        return (balance * growth - balloon * flat) * step, small * (growth - flat)
    shrink = math.gcd(scale, *factors)
    small = scale // shrink
    growth, annuity, power, later = 1, 0, 1, 1
    for at, factor in enumerate(factors):
        grown = small + factor // shrink
        growth *= grown
        if at and carried:
            later *= grown
        annuity = annuity * grown + power
        power *= small
    return shrink * (balance * growth - balloon * power) + carried * later, shrink * small * annuity


def spread_level(
    balance: int, factors: Sequence[int], *, scale: int, level: int, keep: int, rounding: Rounding
) -> tuple[list[int], list[int], list[int]]:
    """Give principal, interest and closing balance of rows that ask for a level installment.

    The last row takes all that is left; the others leave the balloon `keep`. Of nearly all loans each row asks for no
    less than its interest and for no more than there is: that is tried first.
    """
    if rounding is _HALF_EVEN:
        plain = _spread_plainly(balance, factors, scale=scale, level=level, keep=keep)
        if plain is not None:
            return plain
    principal, interest, balances = [], [], []
    for factor in factors:
        cost = money.divide(balance * factor, scale, rounding=rounding)
        asked = min(max(level - cost, 0), balance - keep)
        balance -= asked
        interest.append(cost)
        principal.append(asked)
        balances.append(balance)
    principal[-1] += balance
    balances[-1] = 0
    return principal, interest, balances


def _spread_plainly(
    balance: int, factors: Sequence[int], *, scale: int, level: int, keep: int
) -> tuple[list[int], list[int], list[int]] | None:
    """Do what `spread_level` does, rounded half to even, unless a row needs a bound: None then.

    The rounding is written out, since a call for each row would cost as much as the rest of it.
    """
    if scale & 1:
        scale, factors = 2 * scale, [2 * factor for factor in factors]
    half = scale // 2
    principal, interest, balances = [], [], []
    for factor in factors:
        raised = balance * factor + half
        cost = raised // scale
        # A tie was rounded up; the even amount is the one below.
        if cost & 1 and cost * scale == raised:
            cost -= 1
        asked = level - cost
        balance -= asked
        interest.append(cost)
        principal.append(asked)
        balances.append(balance)
    # If no row asks for less than its interest, the balance never rises: the last but one is the lowest that counts.
    if max(interest) > level or (len(balances) > 1 and balances[-2] < keep):
        return None
    principal[-1] += balance
    balances[-1] = 0
    return principal, interest, balances


def spread_share(
    balance: int, factors: Sequence[int], *, scale: int, share: int, keep: int, rounding: Rounding
) -> tuple[list[int], list[int], list[int]]:
    """Give principal, interest and closing balance of rows that ask for an equal share of principal."""
    principal, interest, balances = [], [], []
    for factor in factors:
        asked = min(share, balance - keep)
        interest.append(money.divide(balance * factor, scale, rounding=rounding))
        balance -= asked
        principal.append(asked)
        balances.append(balance)
    principal[-1] += balance
    balances[-1] = 0
    return principal, interest, balances
