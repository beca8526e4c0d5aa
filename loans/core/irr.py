"""The rate at which what a borrower receives and what the borrower pays are worth the same.

Such a rate is seldom a fraction, so this module and `apr`, alone in the core, compute with decimals: 50 digits,
where 15 would do to get the sixth decimal of a percent right. Amounts go in as whole minor units and a rate comes
out as an exact fraction, percent per year in millionths of a percent.
"""

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import ClassVar

from loans.core.errors import LendingError

_DAYS_PER_YEAR = 365
# The widest range of exponents, as centuries at the highest rates are part of the search.
_DIGITS = Context(prec=50, Emin=MIN_EMIN, Emax=MAX_EMAX)
_ONE = Decimal(1)
_HALVES_PER_PERCENT = 2 * 10**6
# From one odd half to the next.
_STEP = 2
# The odd halves just outside -99.9 and 100000 percent. A rate beyond is a slip in the flows, not a price.
_HALVES_MIN = -999 * _HALVES_PER_PERCENT // 10 - 1
_HALVES_MAX = 100_000 * _HALVES_PER_PERCENT + 1
# The estimate is only where the proof starts to look: a poor one costs time, never a digit.
_ESTIMATES_MAX = 20
_ESTIMATE_FIRST = Decimal("0.01")
_ESTIMATE_CLOSE = Decimal("1e-14")
_REACH_GROWTH = 64


class NoRate(LendingError):
    """No rate, or no single one, makes what is received and what is paid worth the same."""

    code: ClassVar[str] = "no_rate"
    title: ClassVar[str] = "No rate"


@dataclass(frozen=True, slots=True)
class CashFlow:
    """Money that moves on a date, in minor units: positive to the borrower, negative from the borrower."""

    date: date
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Equation:
    """Flows in the order of time, and how a rate discounts them.

    `amounts` are net flows in minor units. `discounts` gives the factor of each for a rate i per period, told as
    ln(1 + i). The annual rate is i times `periods_per_year`. `compounds` says that every factor is a power of
    1 + i, without simple interest for parts of a period.
    """

    amounts: tuple[int, ...]
    discounts: Callable[[Decimal], Sequence[Decimal]]
    periods_per_year: Fraction
    compounds: bool


def effective_rate(flows: Iterable[CashFlow]) -> Fraction:
    """Find the internal rate of return of dated flows in percent per year: real days over 365, compounded.

    :raises NoRate: if no single rate from -99.9 to 100000 percent solves them.
    """
    by_date = net_by_date(flows)
    days = sorted(by_date)
    return solve(
        Equation(
            amounts=tuple(by_date[day] for day in days),
            discounts=compound([Fraction(day.toordinal(), _DAYS_PER_YEAR) for day in days]),
            periods_per_year=Fraction(1),
            compounds=True,
        )
    )


def net_by_date(flows: Iterable[CashFlow]) -> dict[date, int]:
    """Add up the flows of each date, in minor units, leaving out the dates on which they cancel."""
    net: dict[date, int] = {}
    for flow in flows:
        net[flow.date] = net.get(flow.date, 0) + flow.amount
    return {day: amount for day, amount in net.items() if amount}


def compound(times: Sequence[Fraction]) -> Callable[[Decimal], Sequence[Decimal]]:
    """Make the discount factors (1 + i)^-t, relative to the first of `times`, which are in periods and rise."""
    gaps = [later - earlier for earlier, later in pairwise(times)]
    # A loan has few different gaps, so that few powers are taken however many flows there are.
    places = {gap: place for place, gap in enumerate(dict.fromkeys(gaps))}
    path = [places[gap] for gap in gaps]

    def discounts(log_growth: Decimal) -> Sequence[Decimal]:
        steps = [(-log_growth * gap.numerator / gap.denominator).exp() for gap in places]
        return list(accumulate((steps[place] for place in path), operator.mul, initial=_ONE))

    return discounts


def solve(equation: Equation) -> Fraction:
    """Find the rate in percent per year, rounded half up to six decimals.

    The digits are proven: the net present value changes its sign between half a millionth of a percent below the
    rate and half a millionth above it, and nowhere else on that side of zero. When the borrower pays back exactly
    what was received, the rate is exactly 0.

    :raises NoRate: if no single rate from -99.9 to 100000 percent solves the equation.
    """
    if not any(amount < 0 for amount in equation.amounts):
        raise NoRate("Nothing is paid back after the day on which money is received.")
    if equation.amounts[0] < 0:
        raise NoRate("The borrower pays before receiving anything.")
    if sum(equation.amounts) == 0:
        return Fraction(0)
    with localcontext(_DIGITS):
        search = _Search(equation)
        halves = search.bracket()
        if not search.is_single(halves):
            raise NoRate("More than one rate may solve these flows: the borrower is a creditor in between.")
    return Fraction(halves + 1, _HALVES_PER_PERCENT)


class _Search:
    """The hunt for the rate of one equation on the odd halves of a millionth of a percent.

    Between two neighboring odd halves lie all rates that round to the same millionth.
    """

    def __init__(self, equation: Equation) -> None:
        self._equation = equation
        self._amounts = [Decimal(amount) for amount in equation.amounts]
        per_year = equation.periods_per_year
        self._halves_per_period = (
            Decimal(100 * _HALVES_PER_PERCENT * per_year.numerator) / per_year.denominator
        )
        self._costs_money = sum(equation.amounts) < 0
        # At rate 0 the net present value is what is received less what is paid. So its sign is known there, and
        # the rate sought has the sign of the cost.
        self._low = -1 if self._costs_money else _HALVES_MIN
        self._high = _HALVES_MAX if self._costs_money else 1

    def bracket(self) -> int:
        """Find the odd half h with the net present value negative or 0 at h and positive at h + 2.

        :raises NoRate: if the net present value does not change its sign within the limits.
        """
        if self._costs_money and self._net(self._high) <= 0:
            raise NoRate(
                "No rate up to 100000 percent makes such payments worth as little as what is received."
            )
        if not self._costs_money and self._net(self._low) > 0:
            raise NoRate(
                "No rate down to -99.9 percent makes such payments worth as much as what is received."
            )
        low, high, reach = self._low, self._high, _STEP
        probe = min(max(self._estimate(), low + _STEP), high - _STEP)
        while high - low > _STEP:
            if not low < probe < high:
                probe = low + (high - low) // (2 * _STEP) * _STEP
            if self._net(probe) <= 0:
                low, probe = probe, probe + reach
            else:
                high, probe = probe, probe - reach
            reach *= _REACH_GROWTH
        return low

    def is_single(self, halves: int) -> bool:
        """Tell whether the flows are known to have one rate only, by one of three rules.

        One change of sign: later flows lose against earlier ones as the rate rises, so the net present value
        crosses zero once. Never a creditor: while the borrower owes, a higher rate only makes the debt grow. And
        the rule of Norstrøm (1972): one change of sign of the sums of the flows up to each date leaves one rate
        above 0; read from the end, one below 0. It needs compound interest throughout.
        """
        amounts = self._equation.amounts
        if _sign_changes(amounts) == 1:
            return True
        debts = accumulate(self._values(self._log_growth(halves))[:-1])
        if all(debt >= 0 for debt in debts):
            return True
        told = amounts if self._costs_money else amounts[::-1]
        return self._equation.compounds and _sign_changes(accumulate(told)) == 1

    def _estimate(self) -> int:
        """Guess the odd half below the rate.

        The logarithm of what is paid over what is received, each at present value, is nearly a straight line in
        ln(1 + i), so the secant method needs few steps.
        """
        least, most = self._log_growth(self._low), self._log_growth(self._high)
        before, now = Decimal(0), _ESTIMATE_FIRST if self._costs_money else -_ESTIMATE_FIRST
        height_before, height = self._height(before), self._height(now)
        steps_left = _ESTIMATES_MAX
        while steps_left and height != height_before and abs(now - before) > _ESTIMATE_CLOSE:
            steps_left -= 1
            step = height * (now - before) / (height - height_before)
            before, height_before = now, height
            now = min(max(now - step, least), most)
            height = self._height(now)
        return (math.floor((now.exp() - 1) * self._halves_per_period) + 1) // _STEP * _STEP - 1

    def _log_growth(self, halves: int) -> Decimal:
        """Turn an annual rate in halves of a millionth of a percent into ln(1 + i) per period."""
        return (1 + halves / self._halves_per_period).ln()

    def _values(self, log_growth: Decimal) -> list[Decimal]:
        """Discount every flow."""
        return list(map(operator.mul, self._amounts, self._equation.discounts(log_growth)))

    def _net(self, halves: int) -> Decimal:
        """Compute the net present value of all flows at an annual rate."""
        return sum(self._values(self._log_growth(halves)), start=Decimal(0))

    def _height(self, log_growth: Decimal) -> Decimal:
        """Compute ln(paid / received), each at present value."""
        values = self._values(log_growth)
        received = sum((value for value in values if value > 0), start=Decimal(0))
        paid = -sum((value for value in values if value < 0), start=Decimal(0))
        return (paid / received).ln()


def _sign_changes(amounts: Iterable[int]) -> int:
    """Count how often the sign changes from one amount to the next, zeros left out."""
    signs = [amount > 0 for amount in amounts if amount]
    return sum(map(operator.ne, signs, signs[1:]))
