"""Sections 3, 4 and 9 of the rules: parts of a year, F(a, b) and what has accrued."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from loans.core import daycount
from loans.core.daycount import DayCount
from tests.core.reference.book import INTEREST, PRINCIPAL

ONE_DAY = timedelta(days=1)


def year_part(loan, from_date, to_date):
    """Section 3: after the last period, and for penalties, EQUAL_PERIODS counts ACT/365F."""
    day_count = loan.terms.day_count
    if day_count is DayCount.EQUAL_PERIODS:
        day_count = DayCount.ACT_365F
    return Fraction(*daycount.year_fraction(day_count, from_date=from_date, to_date=to_date))


def part_up_to(loan, period, day):
    """Section 3, part of a period: from its start up to a day in it."""
    if period.part is None:
        return year_part(loan, period.start, day)
    return period.part * (day - period.start).days / (period.end - period.start).days


def rate_on(loan, day):
    """Section 7, rate_change: the rate from its date on, as a fraction of the principal a year."""
    return next(rate for from_date, rate in reversed(loan.rates) if from_date <= day) / 100


def is_paused(loan, day):
    return any(from_date <= day < until for from_date, until in loan.pauses)


def _stretches(loan):
    """The periods, and whatever lies after one of them up to the next: section 3, after the last period."""
    for number, period in enumerate(loan.periods):
        later = loan.periods[number + 1 :]
        until = later[0].start if later else date.max
        # A period that a reschedule cut off goes up to where the next one starts.
        yield period.start, min(period.end, until), period, True
        yield period.end, until, period, False


def interest_factor(loan, from_date, to_date):
    """F(a, b) of section 3: the sum over the parts with one rate of rate x part of a year."""
    turns = {day for day, _ in loan.rates}
    turns |= {day for pause in loan.pauses for day in pause}
    total = Fraction(0)
    for start, end, period, is_within in _stretches(loan):
        begin, finish = max(from_date, start), min(to_date, end)
        if begin >= finish:
            continue
        days = [begin, *sorted(day for day in turns if begin < day < finish), finish]
        for first, last in pairwise(days):
            if is_paused(loan, first):
                continue
            if is_within:
                part = part_up_to(loan, period, last) - part_up_to(loan, period, first)
            else:
                part = year_part(loan, period.end, last) - year_part(loan, period.end, first)
            total += rate_on(loan, first) * part
    return total


def deferred(loan, row, today):
    """Section 4, grace: the interest of the rows in interest grace right before a row, up to today, each rounded."""
    rows = loan.installments()
    total = 0
    for earlier in reversed(rows[: rows.index(row)]):
        if not earlier.interest_grace:
            break
        total += loan.round(accrued_by_itself(loan, earlier, today))
    return total


def accrued_by_itself(loan, row, today):
    """Section 9: what has accrued in a row up to today, at most its interest."""
    if loan.is_daily:
        return row.accrued
    if loan.is_flat:
        return min(accrued_flat(row, today), row.exact)
    return min(row.accrued, row.exact)


def accrued_flat(row, today):
    """Section 4, flat: *c*; a plan anew may have shared what had accrued among rows, of which this one has a part."""
    passed = (min(today, row.end) - row.planned_on).days
    return row.accrued_then + flat_interest_a_day(row) * max(passed, 0)


def accrued_to_plan(loan, row, today):
    """Section 4: *c*, before what is paid or waived of it."""
    return accrued_flat(row, today) if loan.is_flat else accrued_by_itself(loan, row, today)


def flat_interest_a_day(row):
    """Section 9: what is left of the row's interest, over the days that are left of it."""
    days = (row.end - row.planned_on).days
    return max(Fraction(0), row.exact - row.accrued_then) / days if days else Fraction(0)


def accrued(loan, row, today):
    """What has accrued in a row up to today, rounded, with what grace has put off to it; nothing while in grace."""
    if row.interest_grace:
        return 0
    return loan.round(accrued_by_itself(loan, row, today)) + deferred(loan, row, today)


def accrued_unpaid(loan, row, today):
    """Section 1: what is posted or paid is the rounded sum so far."""
    return max(0, accrued(loan, row, today) - row.settled_of_plan(INTEREST))


def interest_of_day(loan, day):
    """The row in which interest of a day accrues, and how much, exact; none once the plan has ended (section 11)."""
    if loan.ended:
        return None, Fraction(0)
    next_day = day + ONE_DAY
    if loan.is_daily:
        balance = loan.principal_outstanding()
        return accruing_row(loan), balance * interest_factor(loan, day, next_day) if balance else Fraction(0)
    for row in loan.installments():
        if row.start <= day < row.end:
            if loan.is_flat:
                return row, flat_interest_a_day(row)
            return row, row.balance * interest_factor(loan, day, next_day)
    return None, Fraction(0)


def penalty_of_day(loan, row, day):
    """Section 6: penalty interest on the overdue principal of a row, from its due date on."""
    principal = loan.unpaid(row, PRINCIPAL)
    if row.due > day or not principal or not loan.terms.penalty_rate:
        return Fraction(0)
    part = year_part(loan, row.due, day + ONE_DAY) - year_part(loan, row.due, day)
    return loan.terms.penalty_rate / 100 * principal * part


def accrue_day(loan, day):
    """Let one day pass: interest by sections 5 and 9, penalty interest by section 6."""
    row, interest = interest_of_day(loan, day)
    if row is not None:
        row.accrued += interest
    for each in loan.rows:
        each.penalty_accrued += penalty_of_day(loan, each, day)
    if loan.is_daily and row is not None and not loan.rows_to_come():
        # Section 5: after the last due date interest goes on and belongs to the last row.
        whole = accrued(loan, row, day)
        row.planned[INTEREST] = max(whole - row.stays[INTEREST], row.planned[INTEREST])


def accruing_row(loan):
    """Section 5: the row to which interest of today belongs."""
    rows = loan.rows_to_come()
    return rows[0] if rows else loan.installments()[-1]
