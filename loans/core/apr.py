"""Annual percentage rates as the European Union and the United States define them, and the cost of credit.

docs/annual-percentage-rates.md has the rules, their sources and examples worked by hand. Flows are positive to the
borrower, as advances are, and negative from the borrower, as payments are; charges on the day of the first advance
are payments of that day.
"""

import calendar
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from loans.core import dates, irr
from loans.core.dates import PERIODS_PER_YEAR, Frequency, PeriodUnit
from loans.core.irr import CashFlow, NoRate

_DAYS_PER_WEEK = 7
_DAYS_PER_YEAR = 365
_MONTHS_PER_YEAR = 12
_LAST_DAY_OF_LEAP_FEBRUARY = (2, 29)
_WEEKLY = Frequency(1, PeriodUnit.WEEK)
_MONTHLY = Frequency(1, PeriodUnit.MONTH)
_YEARLY = Frequency(1, PeriodUnit.YEAR)
# The intervals of the directive. It knows whole weeks, months and years only.
_INTERVALS = {
    PeriodUnit.DAY: _YEARLY,
    PeriodUnit.WEEK: _WEEKLY,
    PeriodUnit.SEMI_MONTH: _MONTHLY,
    PeriodUnit.MONTH: _MONTHLY,
    PeriodUnit.YEAR: _YEARLY,
}
_COUNTED_IN_MONTHS = {PeriodUnit.MONTH, PeriodUnit.SEMI_MONTH, PeriodUnit.YEAR}
# The days of a unit of Regulation Z, to whom every month has 30.
_DAYS_PER_UNIT = {
    PeriodUnit.DAY: 1,
    PeriodUnit.WEEK: _DAYS_PER_WEEK,
    PeriodUnit.SEMI_MONTH: 15,
    PeriodUnit.MONTH: 30,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CostOfCredit:
    """What a loan costs, in minor units.

    The amount financed is what the borrower can use: all advances less what is paid on the day of the first. The
    total of payments is everything paid on later days; the total cost is the difference.
    """

    amount_financed: int
    total_of_payments: int
    total_cost: int


def cost_of_credit(advances: Sequence[CashFlow], payments: Sequence[CashFlow]) -> CostOfCredit:
    """Add up what is financed, what is paid and the difference, in minor units.

    :raises NoRate: if there is no advance, or a payment comes before the first one.
    """
    start = _first_advance(advances, payments)
    at_once = sum(flow.amount for flow in payments if flow.date == start)
    financed = sum(flow.amount for flow in advances) + at_once
    paid = at_once - sum(flow.amount for flow in payments)
    return CostOfCredit(amount_financed=financed, total_of_payments=paid, total_cost=paid - financed)


def apr_eu(
    advances: Sequence[CashFlow], payments: Sequence[CashFlow], *, unit: PeriodUnit = PeriodUnit.MONTH
) -> Fraction:
    """Compute the annual percentage rate of charge of the European Union, in percent per year.

    It is the effective rate over intervals counted back from each payment to the first advance: whole years, months
    or weeks first, as `unit` says, then days. Give the unit of the loan's frequency. Loans by the half month count
    in months, and loans by the day in years, since the directive knows no other periods.

    :raises NoRate: if no single rate from -99.9 to 100000 percent solves the flows.
    """
    start = _first_advance(advances, payments)
    due_day = _due_day(start, payments)
    timed = sorted(
        (_years_between(start, day, unit=unit, due_day=due_day), amount)
        for day, amount in irr.net_by_date([*advances, *payments]).items()
    )
    return irr.solve(
        irr.Equation(
            amounts=tuple(amount for _, amount in timed),
            discounts=irr.compound([years for years, _ in timed]),
            periods_per_year=Fraction(1),
            compounds=True,
        )
    )


def apr_us(advances: Sequence[CashFlow], payments: Sequence[CashFlow], *, frequency: Frequency) -> Fraction:
    """Compute the annual percentage rate of Regulation Z, Appendix J, in percent per year.

    It is the rate per unit-period times the unit-periods in a year, by the actuarial method: whole unit-periods
    compound, the fraction left earns simple interest. The unit-period is the period of `frequency`; of one advance
    and one payment it is the term, but at most a year.

    :raises NoRate: if no single rate from -99.9 to 100000 percent solves the flows.
    """
    start = _first_advance(advances, payments)
    due_day = _due_day(start, payments)
    days = {flow.date for flow in (*advances, *payments) if flow.amount}
    per_year, time = _unit_periods(start, days, frequency=frequency, due_day=due_day)
    timed = sorted(
        ((time[day], amount) for day, amount in irr.net_by_date([*advances, *payments]).items()),
        # A whole period and no fraction is the same moment as no whole period and a fraction of one.
        key=lambda flow: flow[0][0] + flow[0][1],
    )
    return irr.solve(
        irr.Equation(
            amounts=tuple(amount for _, amount in timed),
            discounts=_with_odd_days([moment for moment, _ in timed]),
            periods_per_year=per_year,
            compounds=False,
        )
    )


def _first_advance(advances: Sequence[CashFlow], payments: Sequence[CashFlow]) -> date:
    """Find the date from which all time is counted.

    :raises NoRate: if there is no advance, or a payment comes before the first one.
    """
    if any(flow.amount < 0 for flow in advances) or any(flow.amount > 0 for flow in payments):
        raise AssertionError(f"advances must be positive and payments negative: {advances}, {payments}")
    start = min((flow.date for flow in advances if flow.amount), default=None)
    if start is None:
        raise NoRate("Without an advance there is no rate.")
    early = min((flow.date for flow in payments if flow.amount), default=start)
    if early < start:
        raise NoRate(f"The payment of {early} comes before the first advance, on {start}.")
    return start


def _due_day(start: date, payments: Sequence[CashFlow]) -> int:
    """Find the day of the month on which the payments fall due, to tell 28 February from the end of February.

    Payments on the last day of each month are counted from month end to month end, and those on the 29th or 30th
    take the last day of February: Appendix J (b)(3)(iv). It is the latest day among them, unless the day of the
    first advance fits them all.
    """
    days = [flow.date for flow in payments if flow.amount and flow.date != start]
    if all(day.day == min(start.day, dates.month_length(day.year, day.month)) for day in days):
        return start.day
    return max(day.day for day in days)


def _years_between(start: date, end: date, *, unit: PeriodUnit, due_day: int) -> Fraction:
    """Measure an interval in years: whole units counted back from its end, and the days left at its beginning.

    A month is a twelfth of a year and a week a 52nd. Days are over 365, or over 366 when 29 February lies in the
    year that ends with the last of them: Directive (EU) 2023/2225, Annex III, remark (c).
    """
    frequency = _INTERVALS[unit]
    whole, reached = dates.whole_periods_back(
        end,
        from_date=start,
        frequency=frequency,
        due_day=None if frequency is _WEEKLY else due_day,
    )
    per_year = PERIODS_PER_YEAR[frequency.unit]
    after_february = (reached.month, reached.day) >= _LAST_DAY_OF_LEAP_FEBRUARY
    year = _DAYS_PER_YEAR + calendar.isleap(reached.year if after_february else reached.year - 1)
    return Fraction(whole * year + (reached - start).days * per_year, per_year * year)


def _unit_periods(
    start: date, days: AbstractSet[date], *, frequency: Frequency, due_day: int
) -> tuple[Fraction, dict[date, tuple[int, Fraction]]]:
    """Tell how many unit-periods a year has, and how many, whole and in part, lie between the start and each day.

    Of one advance and one payment the unit-period is the term: Appendix J (b)(4)(ii), (5)(vi) and (5)(vii). A term
    of a year or more is counted in years.
    """
    if len(days - {start}) == 1:
        end = max(days)
        months, reached = dates.whole_periods_back(end, from_date=start, frequency=_MONTHLY, due_day=due_day)
        if months < _MONTHS_PER_YEAR:
            whole = reached == start
            term = (
                Fraction(_MONTHS_PER_YEAR, months) if whole else Fraction(_DAYS_PER_YEAR, (end - start).days)
            )
            return term, {start: (0, Fraction(0)), end: (1, Fraction(0))}
        frequency = _YEARLY
    frequency = _standard(frequency)
    per_year = Fraction(PERIODS_PER_YEAR[frequency.unit], frequency.every)
    return per_year, {day: _split(start, day, frequency=frequency, due_day=due_day) for day in days}


def _standard(frequency: Frequency) -> Frequency:
    """Name a period as Appendix J (b)(3)(iii) does: 7 days are a week, two half months a month, 12 months a year."""
    every, unit = frequency.every, frequency.unit
    if unit is PeriodUnit.DAY and every % _DAYS_PER_WEEK == 0:
        return Frequency(every // _DAYS_PER_WEEK, PeriodUnit.WEEK)
    if unit is PeriodUnit.SEMI_MONTH and every % 2 == 0:
        every, unit = every // 2, PeriodUnit.MONTH
    # A unit-period is at most a year: (b)(4)(i).
    if (unit is PeriodUnit.MONTH and every == _MONTHS_PER_YEAR) or every > _DAYS_PER_YEAR:
        return _YEARLY
    return Frequency(every, unit)


def _split(start: date, day: date, *, frequency: Frequency, due_day: int) -> tuple[int, Fraction]:
    """Count whole unit-periods back from a day to the start, and the part left: Appendix J (b)(5)(ii) to (v)."""
    unit, elapsed = frequency.unit, (day - start).days
    if unit in _COUNTED_IN_MONTHS:
        months, reached = dates.whole_periods_back(day, from_date=start, frequency=_MONTHLY, due_day=due_day)
        odd_days = (reached - start).days
        if unit is PeriodUnit.YEAR:
            years, months = divmod(months, _MONTHS_PER_YEAR)
            if odd_days == 0:
                return years, Fraction(months, _MONTHS_PER_YEAR)
            begins = dates.whole_periods_back(day, from_date=start, frequency=_YEARLY, due_day=due_day)[1]
            return years, Fraction((begins - start).days, _DAYS_PER_YEAR)
        elapsed = months * _DAYS_PER_UNIT[PeriodUnit.MONTH] + odd_days
    whole, left = divmod(elapsed, frequency.every * _DAYS_PER_UNIT[unit])
    return whole, Fraction(left, frequency.every * _DAYS_PER_UNIT[unit])


def _with_odd_days(moments: Sequence[tuple[int, Fraction]]) -> Callable[[Decimal], Sequence[Decimal]]:
    """Make the discount factors 1 / ((1 + f i)(1 + i)^t) of Appendix J (b)(8), t whole unit-periods and a part f."""
    wholes = {whole for whole, _ in moments}
    parts = {part for _, part in moments}

    def discounts(log_growth: Decimal) -> Sequence[Decimal]:
        growth = log_growth.exp()
        rate = growth - 1
        compounded = {whole: growth**-whole for whole in wholes}
        simple = {part: 1 + rate * part.numerator / part.denominator for part in parts}
        return [compounded[whole] / simple[part] for whole, part in moments]

    return discounts
