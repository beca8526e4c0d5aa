"""Events that change what falls due: disbursements, rate changes, pauses, reschedules, re-ages, fees.

Rules: docs/lending-rules.md, sections 4, 6 and 7.
"""

from datetime import date
from itertools import accumulate
from typing import ClassVar

from loans.core import dates, money, notes, passing, planning
from loans.core.account import Account, Applied, Part
from loans.core.charges import Collection, FeeTime
from loans.core.errors import LendingError
from loans.core.events import Event, EventKind
from loans.core.rows import FEE, INTEREST, PENALTY, PRINCIPAL, Row
from loans.core.terms import INSTALLMENTS_MAX, YEARS_MAX, Grace, InvalidTerms, Method, Pause, falls_on
from loans.core.timeline import Timeline
from loans.core.trace import Charge


class AmountNotPositive(LendingError):
    """Money that moves must be more than nothing."""

    code: ClassVar[str] = "amount_not_positive"
    title: ClassVar[str] = "Amount not positive"


class DisbursementDiffers(LendingError):
    """The amount paid out is not the principal agreed, or more than is left of it."""

    code: ClassVar[str] = "disbursement_differs"
    title: ClassVar[str] = "Disbursement differs from the principal"


class InvalidChange(LendingError):
    """The change to the schedule contradicts the loan or itself."""

    code: ClassVar[str] = "invalid_change"
    title: ClassVar[str] = "Invalid change"


def disburse(account: Account, event: Event) -> None:
    """Pay out: the first time lay the schedule out, later add to the balance and plan anew.

    :raises DisbursementDiffers: if the amount is not the principal, or more than is left of it.
    """
    terms, amount = account.terms, event.amount or 0
    is_first = account.disbursed_on is None
    _check_disbursement(account, amount)
    if is_first:
        planning.start(account, on=event.date)
        account.dated_fees = passing.dated_fees(account)
    else:
        if not any(row.due_date > event.date for row in account.open_rows):
            raise DisbursementDiffers(
                "The last installment is due: nothing more can be paid out.", field="date"
            )
        planning.open_for_change(account, on=event.date)
    added = _upfront_fees(account, amount, is_first=is_first, on=event.date)
    principal = amount + added
    account.paid_out += amount
    account.tranches += 1
    account.disbursed += principal
    account.principal_outstanding += principal
    if is_first:
        principal -= _down_payment(account, amount)
    account.undue += principal
    account.financed += principal
    planning.plan_anew(account)
    account.applied.append(Applied(event.id, amount))
    if is_first and terms.down_payment.amount >= amount + added:
        raise InvalidTerms("down_payment must be less than what is disbursed.", field="down_payment")


def _check_disbursement(account: Account, amount: int) -> None:
    terms = account.terms
    if account.paid_out == terms.principal:
        raise DisbursementDiffers("All that was agreed has been disbursed.", field="amount")
    if amount <= 0:
        raise AmountNotPositive("amount must be more than zero.", field="amount")
    agreed = money.format_amount(terms.principal, terms.currency)
    if terms.tranches_max == 1 and amount != terms.principal:
        raise DisbursementDiffers(
            f"The loan must be disbursed in full: {agreed} {terms.currency}.", field="amount"
        )
    if account.tranches >= terms.tranches_max:
        raise DisbursementDiffers(
            f"The loan is paid out in at most {terms.tranches_max} disbursement(s).", field="amount"
        )
    if account.paid_out + amount > terms.principal:
        left = money.format_amount(terms.principal - account.paid_out, terms.currency)
        raise DisbursementDiffers(
            f"At most {left} {terms.currency} of {agreed} is left to disburse.", field="amount"
        )


def _down_payment(account: Account, amount: int) -> int:
    """Ask for the down payment on the day of the disbursement, and give it."""
    down = account.terms.down_payment
    if not down.is_asked:
        return 0
    asked = down.amount or money.divide(
        amount * down.percent.numerator, down.percent.denominator * 100, rounding=account.terms.rounding
    )
    account.rows[0].set_principal(asked)
    return asked


def _upfront_fees(account: Account, amount: int, *, is_first: bool, on: date) -> int:
    """Charge the fees of a disbursement, and give what of them is lent on top."""
    added = 0
    for fee in account.terms.fees:
        if fee.charged is not FeeTime.UPFRONT or (fee.amount and not is_first):
            continue
        price = fee.price(amount, rounding=account.terms.rounding)
        if fee.collection is Collection.ADDED:
            added += price
        else:
            account.fees_deducted += price
        if account.trace is not None:
            account.trace.charge(Charge.of_fee(fee, 0, on, amount, price))
    if account.fees_deducted > account.paid_out + amount:
        raise InvalidTerms("Fees deducted must be less than what is disbursed.", field="fees")
    account.fees_added += added
    return added


def change_rate(account: Account, event: Event) -> None:
    """Let another rate hold from a date on, and plan anew."""
    planning.open_for_change(account, on=event.date)
    account.timeline.change_rate(event.date, event.annual_rate or account.terms.annual_rate * 0)
    planning.plan_anew(account)
    account.applied.append(Applied(event.id, 0))


def pause(account: Account, event: Event) -> None:
    """Let no interest accrue from the event's date up to another, and plan anew.

    :raises InvalidChange: if the pause ends before it begins.
    """
    if event.until is None or event.until <= event.date:
        raise InvalidChange(f"The pause must end after {event.date}, when it begins.", field="until")
    planning.open_for_change(account, on=event.date)
    account.timeline.stop(Pause(event.date, event.until))
    planning.plan_anew(account)
    account.applied.append(Applied(event.id, 0))


def reschedule(account: Account, event: Event) -> None:
    """Replace the rows that are not due yet; a re-age takes the overdue ones with it.

    :raises InvalidChange: if nothing is to change, or the new schedule contradicts itself or never ends.
    """
    changes = (event.first_due_date, event.installments, event.installment_amount, event.grace)
    if event.kind is EventKind.RESCHEDULE and all(each is None for each in changes):
        raise InvalidChange("A reschedule must change something.", field="installments")
    planning.open_for_change(account, on=event.date)
    _close_due(account, event.date)
    old = account.open_rows
    if account.is_settled:
        raise InvalidChange("Nothing is left to pay.", field="date")
    if not old and event.kind is EventKind.RESCHEDULE:
        raise InvalidChange("Nothing is left to fall due: re-age the arrears instead.", field="date")
    moved = _take_overdue(account, event) if event.kind is EventKind.RE_AGE else [0, 0, 0, 0]
    account.offset, left = _periods_left(account, old, event.date)
    account.rows = account.rows[: account.current] + account.rows[account.plan_end :]
    account.current = len(account.rows)
    if account.trace is not None:
        account.trace.replace_rows(event.id, first=account.current + 1, applied=len(account.applied))
    grace, count = event.grace or _grace_left(old), event.installments or left
    _check_count(count, grace, rows=1 if account.terms.method is Method.BULLET else count)
    ends = _new_ends(account, event, count=count)
    begins = (account.timeline.period_start(account.mark) if old else None) or max(event.date, account.mark)
    _rebuild_timeline(account, begins=begins, ends=ends)
    planning.add_rows(account, ends=ends, from_date=old[0].from_date if old else begins, grace=grace)
    if account.terms.method is Method.BULLET:
        account.rows[-1].period += count - 1
    _hand_over(account, old, moved)
    planning.plan_anew(account)
    if event.installment_amount is not None:
        _fix_level(account, event)
    account.applied.append(Applied(event.id, 0))


def _periods_left(account: Account, old: list[Row], on: date) -> tuple[int, int]:
    """Count the periods since the anchor that are over, and those that the rows to be replaced stand for."""
    if old and account.terms.method is not Method.BULLET:
        return old[0].period, len(old)
    account.offset = 0
    over = sum(end <= on for end in planning.ends(account, count=INSTALLMENTS_MAX))
    return over, old[0].period + 1 - over if old else 1


def _grace_left(old: list[Row]) -> Grace:
    """Give what is left of the grace on principal and interest; that from interest stays where it is in time."""
    return Grace(principal=sum(row.no_principal for row in old), interest=sum(row.deferred for row in old))


def _close_due(account: Account, on: date) -> None:
    """Fix rows that are due though their period has not ended, and the last row of a daily loan after its due date."""
    for row in account.open_rows:
        if row.due_date > on:
            return
        account.put_off = account.put_off + row.own if row.deferred else 0
        account.undue -= row.planned - row.ahead
        account.carried = 0
        account.mark = max(on, row.to_date)
        account.current += 1


def _take_overdue(account: Account, event: Event) -> list[int]:
    """Take out of overdue rows what they ask for: principal to be planned anew, the rest due with the first new row."""
    moved = [0, 0, 0, 0]
    for row in account.rows:
        if row.due_date > event.date:
            continue
        taken = [row.unpaid(component) for component in range(4)]
        for component, unpaid in enumerate(taken):
            row.due[component] -= unpaid
            moved[component] += unpaid
        if account.trace is not None:
            account.trace.take(event.id, row.number, taken)
        row.penalty_accrued = 0
        row.penalty_fixed = row.due[PENALTY]
        if row.settled_on is None:
            row.settled_on = event.date
    account.undue += moved[PRINCIPAL]
    return moved


def _check_count(count: int, grace: Grace, *, rows: int) -> None:
    if not 1 <= count <= INSTALLMENTS_MAX:
        raise InvalidChange(f"installments must be from 1 to {INSTALLMENTS_MAX}.", field="installments")
    if max(grace.principal, grace.interest) >= rows or grace.interest_free > rows:
        raise InvalidChange("grace must leave an installment to pay what it spares.", field="grace")


def _new_ends(account: Account, event: Event, *, count: int) -> tuple[date, ...]:
    """List the ends of the new periods."""
    is_counted = event.installment_amount is None or event.installments is not None
    if event.first_due_date is not None:
        due_day = account.terms.due_day
        if due_day is not None and not falls_on(event.first_due_date, due_day):
            raise InvalidChange(f"first_due_date must fall on due_day {due_day}.", field="first_due_date")
        account.anchor = (event.date, event.first_due_date)
        account.offset = 0
    ends = planning.ends(account, count=count if is_counted else INSTALLMENTS_MAX)
    if not is_counted:
        ends = tuple(end for end in ends if planning.is_in_time(end, event.date))
    # What a settled loan asks for again may lie before the end of the rows it had.
    earliest = max([event.date, *(row.due_date for row in account.rows[-1:])])
    if ends[0] <= earliest:
        raise InvalidChange(
            f"The first new installment must fall due after {earliest}.", field="first_due_date"
        )
    if not planning.is_in_time(ends[-1], event.date):
        raise InvalidChange(
            f"The last new installment would fall due more than {YEARS_MAX} years after {event.date}.",
            field="installments",
        )
    return ends[-1:] if account.terms.method is Method.BULLET else ends


def _rebuild_timeline(account: Account, *, begins: date, ends: tuple[date, ...]) -> None:
    """Measure the new periods: the current one goes on, to its new end."""
    old, terms = account.timeline, account.terms
    regular = dates.period_start(ends[0], frequency=terms.frequency, due_day=planning.anchor_day(account))
    timeline = Timeline(
        terms,
        bounds=[begins, *ends],
        regular_start=regular,
        due_day=planning.anchor_day(account),
        common=old,
    )
    account.carried *= timeline.scale // old.scale
    account.timeline = timeline
    account.mark = max(account.mark, begins)


def _hand_over(account: Account, old: list[Row], moved: list[int]) -> None:
    """Give the first new row what had been paid ahead, and what is due with it of other rows.

    Interest goes to the first one that asks for any.
    """
    row = account.rows[account.current]
    asking = next(each for each in account.open_rows if not each.deferred)
    account.reopen(row)
    for each in old:
        for component in (PENALTY, FEE, INTEREST, PRINCIPAL):
            heir = asking if component == INTEREST else row
            heir.paid[component] += each.paid[component]
            heir.waived[component] += each.waived[component]
        row.ahead += each.ahead
        row.extra_paid += each.extra_paid
        row.add_extra_principal(each.extra)
        asking.add_moved_interest(each.moved)
        asking.moved_paid += each.moved_paid
        row.add_fee(each.fixed_fee)
        row.add_penalty(each.due[PENALTY])
    asking.add_moved_interest(moved[INTEREST])
    row.add_fee(moved[FEE])
    row.add_penalty(moved[PENALTY])


def _fix_level(account: Account, event: Event) -> None:
    """Keep to an installment that was agreed, with as many rows as it takes."""
    if account.terms.method is not Method.EQUAL_INSTALLMENTS:
        raise InvalidChange("installment_amount belongs to equal_installments.", field="installment_amount")
    account.level = event.installment_amount or 0
    if account.trace is not None:
        notes.agreed_level(account, account.trace)
    planning.project(account)
    if event.installments is not None:
        return
    rows, balloon = account.open_rows, account.terms.balloon
    if rows[-1].planned + rows[-1].own - balloon > account.level:
        raise InvalidChange(
            "installment_amount is too small: it would never repay the loan.", field="installment_amount"
        )
    del account.rows[account.current + _rows_needed(account) :]
    account.plan_end = len(account.rows)
    # The last of them takes the balloon along.
    planning.project(account)


def _rows_needed(account: Account) -> int:
    """Count the open rows after which nothing is left but the balloon; after those in grace there is one at least."""
    rows = account.open_rows
    in_grace = sum(row.no_principal or row.deferred for row in rows)
    left = accumulate(
        (row.ahead - row.planned for row in rows), initial=account.undue - account.terms.balloon
    )
    enough = (count for count, rest in enumerate(left) if rest <= 0 and count > in_grace)
    return next(enough, len(rows))


def charge_fee(account: Account, event: Event) -> None:
    """Ask for a fee with the first row due on or after its date."""
    row = passing.row_due_from(account, event.date)
    account.reopen(row)
    row.add_fee(event.amount or 0)
    account.applied.append(
        Applied(event.id, event.amount or 0, parts=(Part(row.number, fee=event.amount or 0),))
    )


def charge_late_fee(account: Account, event: Event) -> None:
    """Ask for a late fee with the oldest overdue row, or with the next one due."""
    overdue = account.asking(event.date)
    row = (
        overdue[0]
        if overdue and overdue[0].due_date < event.date
        else passing.row_due_from(account, event.date)
    )
    account.reopen(row)
    row.add_penalty(event.amount or 0)
    account.applied.append(
        Applied(event.id, event.amount or 0, parts=(Part(row.number, penalty=event.amount or 0),))
    )
