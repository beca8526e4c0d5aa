"""The plan: what falls due when. Rules: docs/lending-rules.md, sections 2 and 4.

`start` and `add_rows` make the rows, `_level` or `_share` finds the installment, `project` spreads what is not yet due.
"""

import itertools
from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from loans.core import business_days, dates, money, notes, schedule, work
from loans.core.account import Account
from loans.core.business_days import Convention, Holidays
from loans.core.charges import FeeBase, FeeTime
from loans.core.rows import INTEREST, PRINCIPAL, Row, RowKind
from loans.core.terms import YEARS_MAX, Grace, InterestFree, InvalidTerms, Method, Terms
from loans.core.timeline import Timeline
from loans.core.trace import Charge

_LEVEL = frozenset({Method.EQUAL_INSTALLMENTS})
# What `_fill` can plan.
_BY_METHOD = frozenset({Method.EQUAL_INSTALLMENTS, Method.EQUAL_PRINCIPAL})
_SHARED = frozenset({Method.EQUAL_PRINCIPAL, Method.FLAT})
_NO_GRACE = Grace()
# Of fifty yearly periods the last may lie a little after the fiftieth anniversary, by leap days and a late start.
_DAYS_PER_YEAR = 373
_WEEKEND = Holidays(weekend=frozenset({5, 6}), days=frozenset())


def start(account: Account, *, on: date) -> None:
    """Make the rows of a loan whose first disbursement is on a date; nothing is planned yet.

    :raises InvalidDueDates: if the first installment would not fall due after that date.
    :raises DateOutOfRange: if an installment would fall due after year 9999.
    """
    terms = account.terms
    account.anchor = (terms.start_date or on, terms.first_due_date)
    periods = ends(account, count=terms.installments)
    if periods[0] <= on:
        raise dates.InvalidDueDates(
            f"The first installment would fall due on {periods[0]}, not after the disbursement on {on}.",
            field="first_due_date",
        )
    if not is_in_time(periods[-1], on):
        raise dates.InvalidDueDates(
            f"The last installment would fall due on {periods[-1]}, more than {YEARS_MAX} years after {on}.",
            field="first_due_date",
        )
    if terms.method is Method.BULLET:
        account.offset = len(periods) - 1
        periods = periods[-1:]
    regular = dates.period_start(periods[0], frequency=terms.frequency, due_day=anchor_day(account))
    account.timeline = Timeline(
        terms, bounds=[on, *periods], regular_start=regular, due_day=anchor_day(account)
    )
    for pause in terms.pauses:
        account.timeline.stop(pause)
    account.mark = account.day = account.disbursed_on = on
    if terms.down_payment.is_asked:
        account.rows.append(Row(1, RowKind.DOWN_PAYMENT, on, on, on))
    account.current = len(account.rows)
    add_rows(account, ends=periods, from_date=on, grace=terms.grace)


def is_in_time(day: date, on: date) -> bool:
    """Tell whether a due date is no later than the longest loan from a day on would have it."""
    return (day - on).days <= YEARS_MAX * _DAYS_PER_YEAR


def anchor_day(account: Account) -> int | None:
    """Give the day of the month on which installments fall due, where one is fixed."""
    terms = account.terms
    if terms.due_day is not None:
        return terms.due_day
    began, first = account.anchor
    return (first or began).day


def ends(account: Account, *, count: int) -> tuple[date, ...]:
    """List the next ends of periods, counted on from those that have been."""
    terms = account.terms
    began, first = account.anchor
    return dates.due_dates(
        began,
        frequency=terms.frequency,
        count=account.offset + count,
        first_due_date=first,
        due_day=terms.due_day,
    )[account.offset :]


def add_rows(account: Account, *, ends: Sequence[date], from_date: date, grace: Grace) -> None:
    """Append the rows of periods that end on the dates given, with grace in the first of them.

    :raises InvalidTerms: if the business-day convention lets two of them fall due on one day.
    """
    account.work.add(len(ends) * work.ROW_MADE)
    rows = account.rows
    numbered = len(rows)
    if grace.interest_free:
        account.timeline.stop(
            InterestFree(max(from_date, account.mark), ends[min(grace.interest_free, len(ends)) - 1])
        )
    previous = rows[-1].due_date if rows else from_date
    begins = from_date
    for at, end in enumerate(ends):
        due = end if account.terms.convention is Convention.UNADJUSTED else _adjusted(account.terms, end)
        if due <= previous:
            raise InvalidTerms(
                f"Installment {numbered + at + 1} would fall due on {due}, not after {previous}.",
                field="business_day_convention",
            )
        row = Row(numbered + at + 1, RowKind.INSTALLMENT, begins, min(end, due), due)
        if account.trace is not None:
            account.trace.ends[row.number] = end
        row.period = account.offset + at
        row.no_principal = at < grace.principal
        row.deferred = at < grace.interest
        rows.append(row)
        begins, previous = row.to_date, due
    account.plan_end = len(rows)


def _adjusted(terms: Terms, day: date) -> date:
    return business_days.adjust(day, convention=terms.convention, holidays=terms.holidays or _WEEKEND)


def open_for_change(account: Account, *, on: date) -> None:
    """Carry interest up to the day of a change of plan."""
    account.accrue(on)
    if not account.is_planned:
        project(account)


def forget_emptied(account: Account) -> None:
    """Forget the rows after the current one that early money has left with nothing to ask for."""
    rows = account.rows
    while account.plan_end == len(rows) and account.plan_end - account.current > 1 and rows[-1].total == 0:
        rows.pop()
        account.plan_end -= 1
        # Interest that grace has put off is due with the last row at the latest.
        rows[-1].deferred = False


def plan_anew(account: Account, *, keep_level: bool = False) -> None:
    """Plan the open rows with a new level installment or share, unless the old one is to be kept.

    The account must have been opened for the change.
    """
    rows = account.open_rows
    if not rows:
        return
    method = account.terms.method
    if not account.is_daily:
        rows[0].opening = account.undue
    if not keep_level:
        for row in rows:
            row.credited, row.cleared = row.ahead, row.interest_settled
        if method in _LEVEL:
            account.level = _level(account, rows)
        elif method in _SHARED:
            account.level = _share(account, rows)
    project(account)


def _balloon(account: Account) -> int:
    return min(account.terms.balloon, account.undue)


def _factors(account: Account, rows: Sequence[Row]) -> list[int]:
    """List what interest costs in the open periods, the first one from the mark on, over the timeline's scale."""
    timeline = account.timeline
    is_moved = account.terms.convention is not Convention.UNADJUSTED
    wholes = [] if is_moved else timeline.wholes_between(rows[0].to_date, rows[-1].to_date)
    if len(wholes) == len(rows) - 1:
        return [timeline.factor(account.mark, rows[0].to_date), *wholes]
    # Measuring each day takes about as long again as the rest.
    account.work.add(len(rows))
    until = timeline.since_start([row.to_date for row in rows])
    rest = [after - before for before, after in itertools.pairwise(until)]
    return [timeline.factor(account.mark, rows[0].to_date), *rest]


def _level(account: Account, rows: Sequence[Row]) -> int:
    """Find the level installment of the open rows, rounded once.

    A = (b(1+f1)...(1+fn) + c(1+f2)...(1+fn) - B) / Fn with F1 = 1, Fk = 1 + F(k-1) x (1+fk), over the rows that pay
    principal; c counts only where the first of them is the current one. Everything is scaled to whole numbers.
    """
    scale = account.timeline.scale
    factors = _factors(account, rows)
    at = next((at for at, row in enumerate(rows) if not row.no_principal), len(rows) - 1)
    carried = 0
    if at == 0:
        # Of what was received the interest put off by rows that are over comes first.
        carried = account.carried - max(rows[0].interest_settled - account.put_off, 0) * scale
    used, multiple, balloon = factors[at:], account.terms.installment_multiple, _balloon(account)
    level = max(
        schedule.level_rounded(
            account.undue,
            used,
            scale=scale,
            carried=carried,
            balloon=balloon,
            rounding=account.terms.rounding,
            multiple=multiple,
        ),
        _least(account),
    )
    if account.trace is not None:
        exact = schedule.level_fraction(account.undue, used, scale=scale, carried=carried, balloon=balloon)
        notes.level(
            account,
            account.trace,
            first=rows[at].number,
            balloon=balloon,
            accrued=Fraction(carried, scale),
            factors=[Fraction(each, scale) for each in used],
            unrounded=Fraction(*exact),
            rounded=level,
        )
    return level


def _least(account: Account) -> int:
    """Give what a level installment or share is at least: one multiple, if a multiple was agreed."""
    multiple = account.terms.installment_multiple
    return multiple if multiple > 1 and account.undue else 0


def _share(account: Account, rows: Sequence[Row]) -> int:
    """Find the equal share of principal, rounded once."""
    paying = sum(not row.no_principal for row in rows) or 1
    multiple = account.terms.installment_multiple
    spread = account.undue - _balloon(account)
    share = max(
        money.divide(spread, paying * multiple, rounding=account.terms.rounding) * multiple,
        _least(account),
    )
    if account.trace is not None:
        notes.share(
            account,
            account.trace,
            count=paying,
            balloon=_balloon(account),
            unrounded=Fraction(spread, paying),
            rounded=share,
        )
    return share


def project(account: Account) -> None:
    """Spread what is not yet due over the open rows, keeping the level installment or share."""
    account.is_planned = True
    rows = account.open_rows
    if not rows:
        return
    account.work.add(len(rows) * (work.FEES + len(account.terms.fees)) // work.FEES)
    factors = _factors(account, rows)
    if account.is_fresh and _is_plain(account):
        _fill(account, rows, factors, balance=account.undue)
    else:
        _spread(account, rows, factors)
    if account.trace is not None:
        notes.plan(account, account.trace)
    if account.terms.fees:
        plan_fees(account, rows)


def _is_plain(account: Account) -> bool:
    """Tell whether no rule but the method shapes the rows."""
    method = account.terms.method
    is_bare = account.terms.grace == _NO_GRACE and not account.terms.down_payment.is_asked
    return is_bare and method in _BY_METHOD


def _plain_from(account: Account, rows: Sequence[Row]) -> int:
    """Find the row from which on nothing but the method shapes the rows and no money has reached them."""
    at = len(rows)
    if account.terms.method in _BY_METHOD:
        while at > 1 and rows[at - 1].is_untouched:
            at -= 1
    return at


def _fill(account: Account, rows: Sequence[Row], factors: Sequence[int], *, balance: int) -> None:
    """Plan rows of which no period has begun and no money has reached any by the same loop as a bare schedule."""
    rounding, is_daily = account.terms.rounding, account.is_daily and not account.is_fresh
    scale, keep = account.timeline.scale, _balloon(account)
    if account.terms.method in _LEVEL:
        principal, interest, balances = schedule.spread_level(
            balance, factors, scale=scale, level=account.level, keep=keep, rounding=rounding
        )
    else:
        principal, interest, balances = schedule.spread_share(
            balance, factors, scale=scale, share=account.level, keep=keep, rounding=rounding
        )
    for row, asked, own, closing in zip(rows, principal, interest, balances, strict=True):
        row.own, row.planned, row.gathered = own, asked, 0
        row.due[INTEREST], row.due[PRINCIPAL] = own, asked
        if not is_daily:
            row.opening = balance
        balance = closing


def _spread(account: Account, rows: Sequence[Row], factors: Sequence[int]) -> None:
    """Plan rows of which some may be paid ahead, in grace or in a period that has begun."""
    flat = _flat_interest(account, factors) if account.terms.method is Method.FLAT else None
    scale, rounding, is_daily = account.timeline.scale, account.terms.rounding, account.is_daily
    balance, put_off, last = account.undue, account.put_off, len(rows) - 1
    keep = _balloon(account)
    plain = _plain_from(account, rows)
    for at, row in enumerate(rows):
        if at == plain and not put_off:
            _fill(account, rows[at:], factors[at:], balance=balance)
            return
        if flat is not None:
            own = flat[at]
        elif at:
            own = money.divide(balance * factors[at], scale, rounding=rounding)
        else:
            own = money.divide(account.carried + account.base * factors[0], scale, rounding=rounding)
        if at and not is_daily:
            row.opening = balance
        row.gathered = 0 if row.deferred else put_off
        row.set_own(own)
        put_off = put_off + row.own if row.deferred else 0
        asked = balance if at == last else min(asked_principal(account, row), balance - keep)
        row.set_principal(row.ahead + asked)
        balance -= asked


def asked_principal(account: Account, row: Row) -> int:
    """Give the principal that the method asks for with a row, beyond what has been paid ahead; at least 0."""
    method = account.terms.method
    if row.no_principal:
        return 0
    if method in _LEVEL:
        return max(account.level - (row.own - row.own_cleared) - (row.ahead - row.credited), 0)
    if method in _SHARED:
        return max(account.level - (row.ahead - row.credited), 0)
    return 0


def _flat_interest(account: Account, factors: Sequence[int]) -> list[int]:
    """Share out the interest of a flat loan equally; the last row takes what rounding left."""
    # Where no principal is left to plan, nothing more is earned.
    total = account.carried + (account.financed * sum(factors) if account.undue else 0)
    scale, count = account.timeline.scale, len(factors)
    whole = money.divide(total, scale, rounding=account.terms.rounding)
    share = money.divide(total, scale * count, rounding=account.terms.rounding)
    if account.trace is not None:
        notes.sharing(account, account.trace, factor=Fraction(sum(factors), scale), whole=whole)
    shares = []
    for _ in range(count - 1):
        shares.append(min(share, whole))
        whole -= shares[-1]
    return [*shares, whole]


def plan_fees(account: Account, rows: Sequence[Row]) -> None:
    """Plan the fees that come with installments: only with those that ask for something."""
    terms, trace = account.terms, account.trace
    fees = [fee for fee in terms.fees if fee.charged is FeeTime.PER_INSTALLMENT]
    if not fees:
        return
    for row in rows:
        if row.due_date <= account.day:
            # Fixed when it fell due, though a daily loan's last row goes on to bear interest.
            continue
        # What is due here of other rows has borne its fee there.
        interest = row.due[INTEREST] - row.moved
        installment = interest + row.due[PRINCIPAL] - row.extra
        bases = {
            FeeBase.PRINCIPAL: account.disbursed,
            FeeBase.INTEREST: interest,
            FeeBase.INSTALLMENT: installment,
        }
        charged = fees if installment else []
        prices = [fee.price(bases[fee.of], rounding=terms.rounding) for fee in charged]
        row.set_fee(sum(prices))
        if trace is not None:
            trace.planned_fees[row.number] = [
                Charge.of_fee(fee, row.number, row.due_date, bases[fee.of], price)
                for fee, price in zip(charged, prices, strict=True)
            ]
