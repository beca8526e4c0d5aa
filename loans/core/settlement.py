"""Events that move money or give it up: repayments, payoffs, waivers, chargebacks, refunds, losses, recoveries.

Rules: docs/lending-rules.md, sections 7 to 9. A waiver or goodwill credit that finds less than it names takes what
there is; a chargeback or refund is money that has moved, so it is refused.
"""

from datetime import date
from typing import ClassVar

from loans.core import allocation, money, passing, planning
from loans.core.account import Account, Applied, Part
from loans.core.allocation import Allocation
from loans.core.changes import AmountNotPositive, InvalidChange
from loans.core.errors import LendingError
from loans.core.events import Event, EventKind, RefundOf
from loans.core.rows import FEE, INTEREST, PENALTY, PRINCIPAL, Row
from loans.core.terms import Component


class UnknownRepayment(LendingError):
    """A chargeback names an event that is not a repayment of this loan."""

    code: ClassVar[str] = "unknown_repayment"
    title: ClassVar[str] = "Unknown repayment"


_GOODWILL_CREDIT = EventKind.GOODWILL_CREDIT


class MoreThanThereIs(LendingError):
    """The amount of a credit, waiver, chargeback or refund is more than there is to credit, waive or give back."""

    code: ClassVar[str] = "more_than_there_is"
    title: ClassVar[str] = "More than there is"

    @classmethod
    def of(cls, amount: int | None, *, available: int, currency: str) -> "MoreThanThereIs":
        """Make the refusal of an amount, or without one of all there is, in minor units: an error to raise."""
        there = money.format_amount(available, currency)
        detail = "Nothing is left of it."
        if amount is not None:
            wanted = money.format_amount(amount, currency)
            detail = f"{wanted} {currency} is more than the {there} {currency} there is."
        return cls(detail, field="amount", available=there, currency=currency)


def receive(account: Account, event: Event) -> None:
    """Take a repayment, a goodwill credit or a payoff: spread it, or end the loan with it.

    :raises AmountNotPositive: if it is nothing.
    """
    amount = event.amount
    if amount is not None and amount <= 0:
        raise AmountNotPositive("amount must be more than zero.", field="amount")
    owed = None
    if _may_end(account, event) and (amount is None or amount >= account.principal_outstanding):
        owed = sum(allocation.amount_to_settle(account, event.date))
    if amount is None:
        amount = owed or 0
    money = _spread(account, amount, owed=owed, on=event.date)
    if event.kind is _GOODWILL_CREDIT:
        # The lender gives what there is to pay, and owes nobody the rest.
        amount -= money.left
        money.left = 0
        account.goodwill += amount
    else:
        account.received += amount
        account.receipts.add(event.id)
    account.credit += money.left
    account.applied.append(money.applied(event.id, amount))


def _spread(account: Account, amount: int, *, owed: int | None, on: date) -> Allocation:
    """Let money end the loan, if it is enough for what is owed (None where that does not count), or spread it."""
    if owed is not None and amount >= owed:
        money = Allocation(account, amount, on)
        allocation.settle(account, money)
    else:
        money = allocation.allocate(account, amount, on=on)
    if money.left and account.principal_outstanding == 0 and account.current < account.plan_end:
        allocation.end_plan(account, on=on)
    return money


def _may_end(account: Account, event: Event) -> bool:
    """Tell whether the payoff amount is enough to end the loan: always for a payoff, else where interest is saved."""
    return event.kind is EventKind.PAYOFF or account.terms.saves_interest


def use_credit(account: Account, event: Event) -> None:
    """Let a credit balance pay what has been asked for anew."""
    if not account.credit or account.is_settled:
        return
    owed = sum(allocation.amount_to_settle(account, event.date)) if account.terms.saves_interest else None
    money = _spread(account, account.credit, owed=owed, on=event.date)
    account.credit = money.left
    account.applied.append(money.applied(event.id, 0))


def waive_fees(account: Account, event: Event) -> None:
    """Waive unpaid penalties and fees, oldest row first; all of them if no amount is given."""
    components = [PENALTY, FEE]
    if event.component is not None:
        components = [PENALTY] if event.component is Component.PENALTY else [FEE]
    rows = [row for row in account.rows if event.installment in {None, row.number}]
    waiver = _Waiver(account, event)
    for component in components:
        for row in rows:
            unpaid = row.unpaid(component)
            if component == FEE and row.due_date > event.date:
                # What comes with an installment is not charged before it is due.
                unpaid = min(unpaid, row.fixed_fee - row.paid[FEE] - row.waived[FEE])
            waiver.take(row, component, unpaid)
    waiver.done()


def waive_interest(account: Account, event: Event) -> None:
    """Waive unpaid interest, oldest row first; without an amount, what is due and accrued."""
    if not account.is_planned:
        planning.project(account)
    waiver = _Waiver(account, event)
    account.accrue(event.date)
    is_limited = account.terms.saves_interest or event.amount is None
    accrued = account.put_off + account.rounded(account.carried) if account.open_rows else 0
    for row in account.rows:
        unpaid = row.unpaid(INTEREST)
        if account.is_open(row) and not row.deferred:
            if is_limited and row.due_date > event.date:
                unpaid = min(unpaid, row.interest_owed(accrued))
            # What has accrued, in grace too, is due with the first row that asks for interest.
            accrued = 0
        waiver.take(row, INTEREST, unpaid)
    waiver.done()
    if account.is_daily:
        account.is_planned = False


class _Waiver:
    """What one waiver gives up."""

    def __init__(self, account: Account, event: Event) -> None:
        self.account = account
        self.event = event
        self.left = event.amount
        self.taken: dict[int, list[int]] = {}

    def take(self, row: Row, component: int, most: int) -> None:
        """Waive at most so much of a component of a row."""
        amount = most if self.left is None else min(most, self.left)
        if amount <= 0:
            return
        row.waived[component] += amount
        if component == INTEREST:
            row.note_interest(amount)
        self.taken.setdefault(row.number, [0, 0, 0, 0])[component] += amount
        if self.left is not None:
            self.left -= amount
        if row.unpaid_total == 0:
            row.settled_on = self.event.date

    def done(self) -> None:
        """Tell what was waived."""
        parts = tuple(Part(number, *taken) for number, taken in sorted(self.taken.items()))
        amount = sum(sum(taken) for taken in self.taken.values())
        self.account.applied.append(Applied(self.event.id, amount, parts=parts))


def charge_back(account: Account, event: Event) -> None:
    """Owe again what a repayment had paid: from the credit it left, then principal, interest, fees, penalties.

    :raises UnknownRepayment: if the event named is not a repayment that counts.
    :raises MoreThanThereIs: if less of it is left.
    """
    paid = next((each for each in account.applied if each.event_id == event.repayment), None)
    if paid is None or paid.event_id not in account.receipts:
        raise UnknownRepayment(f"Event {event.repayment} is not a repayment of this loan.", field="repayment")
    taken_back = account.taken_back.setdefault(paid.event_id, [0, 0, 0, 0, 0])
    there = paid.amount - sum(taken_back)
    left = amount = there if event.amount is None else event.amount
    if amount > there:
        raise MoreThanThereIs.of(amount, available=there, currency=account.terms.currency)
    from_credit = min(left, paid.credit - taken_back[4], account.credit)
    account.credit -= from_credit
    taken_back[4] += from_credit
    left -= from_credit
    account.received -= amount
    parts = [0, 0, 0, 0]
    for component in (PRINCIPAL, INTEREST, FEE, PENALTY):
        had = sum((each.penalty, each.fee, each.interest, each.principal)[component] for each in paid.parts)
        parts[component] = min(left, had - taken_back[component])
        taken_back[component] += parts[component]
        left -= parts[component]
    # What the credit of the repayment has paid since: owed again as principal.
    parts[PRINCIPAL] += left
    taken_back[PRINCIPAL] += left
    owed: tuple[Part, ...] = ()
    if any(parts):
        owed = (Part(_owe_again(account, event.date, parts), *parts),)
    account.applied.append(Applied(event.id, amount, parts=owed))


def _owe_again(account: Account, on: date, parts: list[int]) -> int:
    """Ask for amounts with the first installment due on or after a day, or with a row of its own; give its number."""
    account.accrue(on)
    row = passing.row_due_from(account, on)
    account.reopen(row)
    row.add_penalty(parts[PENALTY])
    row.add_fee(parts[FEE])
    row.add_moved_interest(parts[INTEREST])
    row.add_extra_principal(parts[PRINCIPAL])
    account.principal_outstanding += parts[PRINCIPAL]
    for component, amount in enumerate(parts):
        account.charged_back[component] += amount
    account.is_planned = account.is_planned and not account.is_daily
    return row.number


def refund(account: Account, event: Event) -> None:
    """Pay out the customer's credit balance, or give back fees and penalties that were paid; all without an amount.

    :raises AmountNotPositive: if it is nothing.
    :raises MoreThanThereIs: if less is there.
    """
    there = refundable_fees(account) if event.of is RefundOf.FEE else account.credit
    amount = there if event.amount is None else event.amount
    if amount <= 0 and event.amount is not None:
        raise AmountNotPositive("amount must be more than zero.", field="amount")
    if amount > there:
        raise MoreThanThereIs.of(amount, available=there, currency=account.terms.currency)
    if event.of is RefundOf.FEE:
        account.fees_refunded += amount
    else:
        account.credit -= amount
        account.refunded += amount
    account.applied.append(Applied(event.id, amount))


def refundable_fees(account: Account) -> int:
    """Add up the fees and penalties that were paid, deducted or added, without those given back or charged back."""
    paid = sum(row.paid[FEE] + row.paid[PENALTY] for row in account.rows)
    given_back = account.fees_refunded + account.charged_back[FEE] + account.charged_back[PENALTY]
    return max(paid + account.fees_deducted + account.fees_added - given_back, 0)


def write_off(account: Account, event: Event) -> None:
    """Give up all that is unpaid."""
    allocation.end_plan(account, on=event.date)
    parts = []
    amount = 0
    for row in account.rows:
        lost = [row.unpaid(component) for component in range(4)]
        if any(lost):
            row.lost = lost
            amount += sum(lost)
            parts.append(Part(row.number, *lost))
    account.principal_outstanding = 0
    account.written_off_on = event.date
    account.applied.append(Applied(event.id, amount, parts=tuple(parts)))


def charge_off(account: Account, event: Event) -> None:
    """Mark the day on which the books take the loss.

    :raises InvalidChange: if they have taken it.
    """
    if account.charged_off_on is not None:
        raise InvalidChange(f"The loan was charged off on {account.charged_off_on} already.", field="date")
    account.charged_off_on = event.date
    account.applied.append(Applied(event.id, 0))


def recover(account: Account, event: Event) -> None:
    """Take money after a write-off."""
    amount = event.amount or 0
    if amount <= 0:
        raise AmountNotPositive("amount must be more than zero.", field="amount")
    account.recovered += amount
    account.applied.append(Applied(event.id, amount))


def check_taken(event: Event, applied: Applied | None, *, currency: str) -> None:
    """Refuse a new event that could not take its whole amount.

    :raises MoreThanThereIs: if it took less; its extension `available` is what it could take.
    """
    if event.amount is not None and applied is not None and applied.amount < event.amount:
        raise MoreThanThereIs.of(event.amount, available=applied.amount, currency=currency)
