"""Where money goes: which rows, and which parts of them, an amount settles. Rules: docs/lending-rules.md, section 8."""

import functools
import uuid
from collections.abc import Sequence
from datetime import date
from itertools import groupby

from loans.core import planning
from loans.core.account import Account, Applied, Part
from loans.core.rows import FEE, INDEX, INTEREST, PENALTY, PRINCIPAL, Row
from loans.core.terms import SAVING, Across, Bucket, EarlyPayment, Method, Timing

# Looked up once: a member is found in its enumeration several times as slowly as a name in its module.
_PAST_DUE, _VERTICAL = Timing.PAST_DUE, Across.VERTICAL
_DUE, _IN_ADVANCE = (Timing.PAST_DUE, Timing.DUE), (Timing.IN_ADVANCE,)


class Allocation:
    """The money of one event on its way into the rows."""

    __slots__ = ("account", "left", "on", "parts")

    def __init__(self, account: Account, amount: int, on: date) -> None:
        self.account = account
        self.left = amount
        self.on = on
        # What each row has received of this money: lists by component.
        self.parts: dict[int, list[int]] = {}

    def pay(self, row: Row, component: int, most: int) -> int:
        """Pay at most so much of a component of a row, and give what was paid."""
        amount = min(self.left, most)
        if amount <= 0:
            return 0
        self.left -= amount
        row.paid[component] += amount
        part = self.parts.setdefault(row.number, [0, 0, 0, 0])
        part[component] += amount
        if component == INTEREST:
            row.note_interest(amount)
        elif component == PRINCIPAL:
            self.account.principal_outstanding -= amount
        return amount

    def pay_ahead(self, row: Row, most: int) -> int:
        """Pay principal of a row that is still planned: first what no plan knows, then planned principal."""
        extra = self.pay(row, PRINCIPAL, min(most, row.extra - row.extra_paid))
        row.extra_paid += extra
        ahead = self.pay(row, PRINCIPAL, most - extra)
        row.ahead += ahead
        self.account.undue -= ahead
        return extra + ahead

    def settle_dates(self) -> None:
        """Date the rows that this money has settled."""
        for number in self.parts:
            row = self.account.rows[number - 1]
            row.settled_on = self.on if row.unpaid_total == 0 else None

    def applied(self, event_id: uuid.UUID, amount: int) -> Applied:
        """Tell what the money did."""
        parts = tuple(Part(number, *paid) for number, paid in sorted(self.parts.items()))
        return Applied(event_id, amount, credit=self.left, parts=parts)


def allocate(account: Account, amount: int, *, on: date) -> Allocation:
    """Spread money over the rows: past due, due, in advance. What is left over is the customer's credit."""
    money = Allocation(account, amount, on)
    _pay_due(money)
    if money.left:
        if not account.is_planned and not _goes_by_installments(account):
            planning.project(account)
        _pay_in_advance(money)
    money.settle_dates()
    return money


def _goes_by_installments(account: Account) -> bool:
    """Tell whether early money settles whole installments, each by the level alone, without a look at the plan.

    In grace there is no whole installment to settle.
    """
    terms = account.terms
    is_next = terms.early_payment is EarlyPayment.NEXT_INSTALLMENTS
    is_level = account.is_daily and is_next and terms.method is Method.EQUAL_INSTALLMENTS
    return is_level and not any(row.deferred or row.no_principal for row in account.open_rows[:1])


@functools.lru_cache(maxsize=256)
def _groups(order: tuple[Bucket, ...], timings: tuple[Timing, ...]) -> tuple[tuple[Timing, list[int]], ...]:
    """Give the buckets of some timings in order, neighbours of one timing together."""
    return tuple(
        (timing, [INDEX[component] for _, component in buckets])
        for timing, buckets in groupby(order, key=lambda bucket: bucket[0])
        if timing in timings
    )


def _pay_due(money: Allocation) -> None:
    """Pay what is past due or due on the day."""
    rows = money.account.asking(money.on)
    if not rows:
        return
    # What a daily loan's interest accrues on changes, and with it what is planned.
    money.account.is_planned = money.account.is_planned and not money.account.is_daily
    on = money.on
    for timing, components in _groups(money.account.terms.allocation, _DUE):
        is_late = timing is _PAST_DUE
        _pay_buckets(money, [row for row in rows if (row.due_date < on) == is_late], components)


def _pay_buckets(money: Allocation, rows: Sequence[Row], components: Sequence[int]) -> None:
    """Pay components of rows that are fixed: row by row, or component by component."""
    if money.account.terms.across is _VERTICAL:
        for component in components:
            for row in rows:
                _pay_fixed(money, row, component)
    else:
        for row in rows:
            for component in components:
                _pay_fixed(money, row, component)


def _pay_fixed(money: Allocation, row: Row, component: int) -> None:
    """Pay a component of a row, whether its plan is done with or not."""
    if not money.left:
        return
    unpaid = row.unpaid(component)
    if unpaid <= 0:
        return
    if component != PRINCIPAL:
        money.pay(row, component, unpaid)
    elif money.account.is_open(row):
        money.pay_ahead(row, unpaid)
    else:
        paid = money.pay(row, PRINCIPAL, unpaid)
        row.extra_paid = min(row.extra, row.extra_paid + paid)


def _pay_in_advance(money: Allocation) -> None:
    """Pay rows that are not due yet, by the rule for early money."""
    account = money.account
    terms = account.terms
    closed = account.rows[account.oldest : account.current] + account.rows[account.plan_end :]
    # Their period is over, their due date was moved: what they ask for is fixed.
    fixed = [row for row in closed if row.due_date > money.on]
    order = [component for _, group in _groups(terms.allocation, _IN_ADVANCE) for component in group]
    is_last = terms.early_payment is EarlyPayment.LAST_INSTALLMENT
    if not terms.saves_interest:
        rows = fixed + [row for row in account.open_rows if row.due_date > money.on]
        _pay_buckets(money, rows[::-1] if is_last else rows, order)
        return
    account.accrue(money.on)
    if is_last:
        _pay_last(money, order, fixed)
    else:
        _pay_buckets(money, fixed, _in_turn(order))
        if money.left and account.open_rows:
            _pay_saving(money, order)
    account.is_planned = not account.open_rows
    if money.left:
        _pay_charged(money, order)


def _pay_charged(money: Allocation, order: Sequence[int]) -> None:
    """Pay penalties and fees that are charged with rows to come, when nothing else is left to pay."""
    for row in money.account.rows[money.account.oldest :]:
        if row.due_date <= money.on:
            continue
        for component in order:
            if component == PENALTY:
                money.pay(row, PENALTY, row.unpaid(PENALTY))
            elif component == FEE:
                money.pay(row, FEE, row.fixed_fee - row.paid[FEE] - row.waived[FEE])


def _pay_saving(money: Allocation, order: Sequence[int]) -> None:
    """Pay open rows where early money pays of interest only what has accrued."""
    terms = money.account.terms
    if terms.early_payment in SAVING:
        _pay_to_save(money, order)
    elif _goes_by_installments(money.account):
        _pay_installments(money, order)
    else:
        _pay_next(money, order)


def _pay_accrued(money: Allocation) -> None:
    """Pay the interest that has accrued, put off by grace or not, in the row with which it is due."""
    account = money.account
    row = _row_of_accrued(account)
    accrued = account.put_off + account.rounded(account.carried)
    money.pay(row, INTEREST, row.interest_owed(accrued))


def _row_of_accrued(account: Account) -> Row:
    """Give the row with which accrued interest is due: the first one that is not in grace."""
    return next(row for row in account.open_rows if not row.deferred or row.number == account.plan_end)


def _in_turn(order: Sequence[int]) -> list[int]:
    """Leave of an order what early money pays where it saves interest: interest and principal."""
    return [component for component in order if component in {INTEREST, PRINCIPAL}]


def _pay_to_save(money: Allocation, order: Sequence[int]) -> None:
    """Pay accrued interest and principal in the current row, and plan the rest anew: shorter or lower."""
    account = money.account
    lowers = account.terms.early_payment is EarlyPayment.LOWER_INSTALLMENT
    planning.open_for_change(account, on=money.on)
    row = account.rows[account.current]
    for component in _in_turn(order):
        if component == INTEREST:
            _pay_accrued(money)
        else:
            before = row.ahead
            money.pay_ahead(row, account.undue + row.extra - row.extra_paid)
            # It comes on top of the installment, which stays what it was.
            row.credited += row.ahead - before
    planning.plan_anew(account, keep_level=not lowers)
    planning.forget_emptied(account)


def _pay_last(money: Allocation, order: Sequence[int], fixed: Sequence[Row]) -> None:
    """Pay accrued interest in the current row and principal of the last rows first, then those that are fixed."""
    rows = money.account.open_rows
    for component in _in_turn(order):
        if component == INTEREST and rows:
            _pay_accrued(money)
        elif component == PRINCIPAL:
            for row in reversed(rows):
                money.pay_ahead(row, row.unpaid(PRINCIPAL))
        for row in reversed(fixed):
            _pay_fixed(money, row, component)


def _pay_next(money: Allocation, order: Sequence[int]) -> None:
    """Pay principal of the next rows, and at the place of its row the interest that has accrued."""
    account = money.account
    rows, components = account.open_rows, _in_turn(order)
    owing = _row_of_accrued(account)
    if account.terms.across is Across.VERTICAL:
        turns = [(row, component) for component in components for row in rows]
    else:
        turns = [(row, component) for row in rows for component in components]
    for row, component in turns:
        if component == PRINCIPAL:
            money.pay_ahead(row, row.unpaid(PRINCIPAL))
        elif row is owing:
            _pay_accrued(money)


def _pay_installments(money: Allocation, order: Sequence[int]) -> None:
    """Pay level installments of a daily loan ahead; one that is paid in full ends its period early."""
    account = money.account
    while money.left:
        row = account.rows[account.current]
        row.gathered = account.put_off
        accrued = account.rounded(account.carried)
        is_last = account.current == account.plan_end - 1
        for component in _in_turn(order):
            if component == INTEREST:
                _pay_accrued(money)
            else:
                room = _room(account, row, accrued=accrued, is_last=is_last)
                money.pay_ahead(row, room + row.extra - row.extra_paid)
        is_paid = row.interest_owed(row.gathered + accrued) == 0
        if is_last or not is_paid or _room(account, row, accrued=accrued, is_last=False) > 0:
            return
        _end_early(account, row, accrued=accrued, on=money.on)


def _room(account: Account, row: Row, *, accrued: int, is_last: bool) -> int:
    """Give how much principal a level installment still has room for if its interest stays as accrued."""
    if is_last:
        return account.undue
    balloon = min(account.terms.balloon, account.undue)
    own, row.own = row.own, max(accrued, row.interest_received)
    asked = planning.asked_principal(account, row)
    row.own = own
    return min(asked, account.undue - balloon)


def _end_early(account: Account, row: Row, *, accrued: int, on: date) -> None:
    """Settle a row with the interest accrued so far; what accrues from this day on belongs to the next row."""
    row.set_own(accrued)
    row.set_principal(row.ahead)
    planning.plan_fees(account, [row])
    row.to_date = on
    if account.trace is not None:
        account.trace.planned.pop(row.number, None)
    account.put_off = 0
    account.carried = 0
    account.mark = on
    account.current += 1
    account.rows[account.current].from_date = on


def settle(account: Account, money: Allocation) -> None:
    """Pay everything that ends the loan on a day: what is due, accrued interest and all principal.

    Interest and fees of installments to come are no longer asked for.
    """
    end_plan(account, on=money.on)
    for row in account.rows[account.oldest :]:
        for component in (PENALTY, FEE, INTEREST, PRINCIPAL):
            money.pay(row, component, row.unpaid(component))
        row.extra_paid = row.extra
    money.settle_dates()


def end_plan(account: Account, *, on: date) -> None:
    """Fix the open rows as they stand on a day: interest as accrued, no fees of installments to come."""
    for row in account.rows[account.oldest : account.current]:
        if row.due_date > on:
            row.set_fee(0)
            if account.trace is not None:
                account.trace.planned_fees.pop(row.number, None)
    if account.current >= account.plan_end:
        return
    if not account.is_planned:
        planning.project(account)
    put_off, accrued = account.put_off, account.rounded(account.accrued(on))
    if account.trace is not None:
        account.trace.accrued(account.timeline, account.accruals(on))
    rows = account.open_rows
    for at, row in enumerate(rows):
        if row.due_date > on:
            row.deferred = row.deferred and at < len(rows) - 1
            row.gathered = 0 if row.deferred else put_off
            own = accrued if at == 0 else 0
            row.set_own(own if account.is_daily else min(own, row.own))
            row.set_fee(0)
        put_off = put_off + row.own if row.deferred else 0
        account.undue -= row.planned - row.ahead
    planning.forget_emptied(account)
    if account.trace is not None:
        account.trace.end(account.open_rows, on)
    account.put_off = account.carried = 0
    account.current = account.plan_end
    account.is_planned = True


def amount_to_settle(account: Account, on: date) -> list[int]:
    """Compute what ends the loan on a day, by component; nothing is changed. Section 9."""
    owed = [0, 0, 0, account.undue]
    put_off, accrued = account.put_off, account.rounded(account.accrued(on))
    for at in range(account.oldest, len(account.rows)):
        row = account.rows[at]
        is_open = account.current <= at < account.plan_end
        owed[PENALTY] += row.unpaid(PENALTY)
        is_due = row.due_date <= on
        fee_received = row.paid[FEE] + row.waived[FEE] + row.lost[FEE]
        owed[FEE] += row.unpaid(FEE) if is_due else max(row.fixed_fee - fee_received, 0)
        if not is_open or is_due:
            owed[INTEREST] += row.unpaid(INTEREST)
            owed[PRINCIPAL] += row.unpaid(PRINCIPAL)
            if is_open:
                owed[PRINCIPAL] -= row.planned - row.ahead
                put_off = put_off + row.own if row.deferred else 0
            continue
        own = accrued if at == account.current else 0
        put_off += own if account.is_daily else min(own, row.own)
        if not row.deferred or at == account.plan_end - 1:
            owed[INTEREST] += row.interest_owed(put_off)
            put_off = 0
        owed[PRINCIPAL] += row.extra - row.extra_paid
    return owed
