"""What follows from time alone: periods end, dated fees fall, late fees and penalty interest accrue.

Rules: docs/lending-rules.md, sections 5, 6 and 7. Everything here happens at the start of its day.
"""

from datetime import date, timedelta
from fractions import Fraction

from loans.core import daycount, money, planning, timeline, work
from loans.core.account import Account
from loans.core.charges import Fee, FeeTime
from loans.core.daycount import DayCount
from loans.core.rows import FEE, INTEREST, PENALTY, PRINCIPAL, Row, RowKind
from loans.core.trace import Charge

_LAST_CLOSE = date.max - timedelta(days=1)


def pass_to(account: Account, on: date) -> None:
    """Let time pass up to the start of a day."""
    terms = account.terms
    if account.written_off_on is None:
        if terms.late_fee is None and not account.dated_fees:
            _close_until(account, on)
        else:
            _step_until(account, on)
        _fix_last(account, on)
        if terms.penalty_rate:
            _accrue_penalties(account, on)
    account.day = on


def _next_close(account: Account) -> date:
    """Give the end of the current period; a daily loan's last row stays open, its interest goes on."""
    if account.current >= account.plan_end or (account.is_daily and account.current == account.plan_end - 1):
        return date.max
    return account.rows[account.current].to_date


def _close_until(account: Account, on: date) -> None:
    # The last day of the calendar stands for never.
    while _next_close(account) <= min(on, _LAST_CLOSE):
        close(account)


def _step_until(account: Account, on: date) -> None:
    """Take what time brings in the order of its days; on one day a period ends, then fees fall, then late fees."""
    while True:
        closes, falls = _next_close(account), account.dated_fees[0][0] if account.dated_fees else date.max
        late = _next_late(account)
        first = min(closes, falls, late)
        if first > min(on, _LAST_CLOSE):
            return
        if closes == first:
            close(account)
        elif falls == first:
            day, at = account.dated_fees.pop(0)
            if not account.is_settled:
                _charge_dated(account, account.terms.fees[at], day)
        else:
            _charge_late(account, first)


def close(account: Account) -> None:
    """End the current period: what its row asks for is fixed."""
    row = account.rows[account.current]
    if account.is_daily:
        account.accrue(row.to_date)
        was = row.own, row.planned
        row.gathered = 0 if row.deferred else account.put_off
        row.set_own(account.rounded(account.carried))
        balloon = min(account.terms.balloon, account.undue)
        row.set_principal(row.ahead + min(planning.asked_principal(account, row), account.undue - balloon))
        if was != (row.own, row.planned) and account.terms.fees:
            planning.plan_fees(account, [row])
        account.is_planned = False
    account.put_off = account.put_off + row.own if row.deferred else 0
    account.undue -= row.planned - row.ahead
    account.carried = 0
    account.mark = row.to_date
    account.current += 1


def _fix_last(account: Account, on: date) -> None:
    """Bring the interest of a daily loan's last row up to a day on or after its due date."""
    if not account.is_daily or account.current != account.plan_end - 1:
        return
    row = account.rows[account.current]
    if row.due_date > on:
        return
    row.gathered = account.put_off
    row.set_principal(row.ahead + account.undue)
    if account.day < row.due_date:
        account.accrue(row.due_date)
        row.set_own(account.rounded(account.carried))
        planning.plan_fees(account, [row])
    account.accrue(on)
    row.set_own(account.rounded(account.carried))
    account.is_planned = True


def row_due_from(account: Account, on: date) -> Row:
    """Give the first installment due on or after a day; after the last one, a row of its own."""
    for row in account.rows:
        if row.due_date >= on and row.kind is not RowKind.DOWN_PAYMENT:
            return row
    last = account.rows[-1]
    row = Row(last.number + 1, RowKind.EXTRA, last.due_date, on, on)
    account.rows.append(row)
    return row


def _charge_dated(account: Account, fee: Fee, day: date) -> None:
    """Charge a fee whose day has come."""
    price = fee.price(account.disbursed, rounding=account.terms.rounding)
    if not price:
        return
    row = row_due_from(account, day)
    account.reopen(row)
    row.add_fee(price)
    if account.trace is not None:
        account.trace.charges.append(Charge.of_fee(fee, row.number, day, account.disbursed, price))


def dated_fees(account: Account) -> list[tuple[date, int]]:
    """List the days on which dated fees fall, with their places in the terms, in order."""
    return sorted(
        (fee.date, at)
        for at, fee in enumerate(account.terms.fees)
        if fee.charged is FeeTime.DATED and fee.date is not None
    )


def _next_late(account: Account) -> date:
    """Give the day on which the next row is late enough for a late fee."""
    late_fee = account.terms.late_fee
    if late_fee is None or account.late_from >= len(account.rows):
        return date.max
    due = account.rows[account.late_from].due_date
    days = late_fee.grace_days + 1
    return due + timedelta(days=days) if (date.max - due).days > days else date.max


def _charge_late(account: Account, day: date) -> None:
    """Charge the late fee of a row that is still unpaid, and look at the next row."""
    row, late_fee = account.rows[account.late_from], account.terms.late_fee
    account.late_from += 1
    _fix_last(account, day)
    account.day = day
    overdue = row.unpaid(FEE) + row.unpaid(INTEREST) + row.unpaid(PRINCIPAL)
    if late_fee is not None and overdue > 0:
        price = late_fee.price(overdue, rounding=account.terms.rounding)
        account.reopen(row)
        row.add_penalty(price)
        if account.trace is not None:
            account.trace.charges.append(Charge.of_fee(late_fee, row.number, day, overdue, price))


def _accrue_penalties(account: Account, on: date) -> None:
    """Bring the penalty interest of overdue rows up to a day."""
    terms = account.terms
    rate = timeline.micro(terms.penalty_rate)
    counted = _counted(account)
    for row in account.rows[account.oldest :]:
        begins = row.penalized_to or row.due_date
        if begins >= on:
            continue
        principal = row.unpaid(PRINCIPAL)
        if principal > 0:
            parts, year = _overdue_part(counted, row.due_date, begins, on)
            account.work.add(work.ROW_PENALIZED)
            row.penalty_accrued += principal * rate * parts
            scale = year * timeline.PER_CENT
            penalty = money.divide(row.penalty_accrued, scale, rounding=terms.rounding)
            row.due[PENALTY] = row.penalty_fixed + penalty
            if account.trace is not None:
                years = Fraction(parts, year)
                account.trace.penalty(row.number, (begins, on), principal, terms.penalty_rate, years)
        row.penalized_to = on


def _overdue_part(counted: DayCount, due: date, start: date, end: date) -> tuple[int, int]:
    """Measure days of being overdue, always counted from the due date so that their parts add up."""
    until_end, year = daycount.year_fraction(counted, from_date=due, to_date=end)
    return until_end - daycount.year_fraction(counted, from_date=due, to_date=start)[0], year


def per_diem(account: Account, on: date) -> int:
    """Compute what one more day adds to the payoff amount: interest and penalty interest, rounded."""
    if on == date.max or account.written_off_on is not None:
        return 0
    tomorrow = on + timedelta(days=1)
    terms, scale = account.terms, account.timeline.scale
    added = account.interest_of_day(on)
    if not terms.penalty_rate:
        return account.rounded(added)
    rate, counted = timeline.micro(terms.penalty_rate), _counted(account)
    year, penalty = 1, 0
    for row in account.rows[account.oldest :]:
        if row.due_date <= on and row.unpaid(PRINCIPAL) > 0:
            parts, year = _overdue_part(counted, row.due_date, on, tomorrow)
            penalty += row.unpaid(PRINCIPAL) * rate * parts
    year *= timeline.PER_CENT
    return money.divide(added * year + penalty * scale, scale * year, rounding=terms.rounding)


def _counted(account: Account) -> DayCount:
    """Give the day count of penalty interest, which knows no periods."""
    day_count = account.terms.day_count
    return DayCount.ACT_365F if day_count is DayCount.EQUAL_PERIODS else day_count
