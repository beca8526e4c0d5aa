"""A loan is a fold: its state is its terms and its events, and nothing else."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import ClassVar

from loans.core import allocation, dates, events, lifecycle, money, schedule
from loans.core.allocation import Allocation
from loans.core.errors import LendingError
from loans.core.events import Event, EventKind
from loans.core.lifecycle import Status
from loans.core.schedule import Installment
from loans.core.terms import Terms


class AmountNotPositive(LendingError):
    """Money that moves must be more than nothing."""

    code: ClassVar[str] = "amount_not_positive"
    title: ClassVar[str] = "Amount not positive"


class DisbursementDiffers(LendingError):
    """The amount paid out is not the principal agreed."""

    code: ClassVar[str] = "disbursement_differs"
    title: ClassVar[str] = "Disbursement differs from the principal"


class DateTooEarly(LendingError):
    """The event is dated before the step of the loan's life that it follows."""

    code: ClassVar[str] = "date_too_early"
    title: ClassVar[str] = "Date too early"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanState:
    """Where a loan stands after its events, amounts in minor units.

    `installments` may hold only the unsettled ones, as a caller loads them to apply one repayment: the totals
    stand on their own and are never summed up from the rows.
    """

    terms: Terms
    status: Status | None
    installments: tuple[Installment, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    applied_on: date | None = None
    approved_on: date | None = None
    closed_on: date | None = None
    disbursed_on: date | None = None
    disbursed: int = 0
    principal_paid: int = 0
    interest_paid: int = 0
    principal_outstanding: int = 0
    interest_outstanding: int = 0

    @property
    def outstanding(self) -> int:
        """Everything still to be paid, due or not."""
        return self.principal_outstanding + self.interest_outstanding

    @property
    def next_due(self) -> Installment | None:
        """The oldest installment that is not settled."""
        return next((each for each in self.installments if not each.is_settled), None)

    @property
    def maturity_date(self) -> date | None:
        """The due date of the last installment, once the loan is disbursed."""
        if self.disbursed_on is None:
            return None
        return dates.due_date(
            self.disbursed_on, frequency=self.terms.frequency, number=self.terms.installments
        )

    def days_past_due(self, on: date) -> int:
        """Count the days since the oldest unsettled due date; due today is not past due."""
        oldest = self.next_due
        return 0 if oldest is None else max((on - oldest.due_date).days, 0)

    def overdue(self, on: date) -> int:
        """Add up what should have been paid before a date and was not."""
        return sum(each.outstanding for each in self.installments if each.due_date < on)


def empty(terms: Terms) -> LoanState:
    """Make the state of a loan to which nothing has happened."""
    return LoanState(terms=terms, status=None)


def fold(terms: Terms, events_told: Iterable[Event], *, as_of: date | None = None) -> LoanState:
    """Compute a loan's state from its terms and events, told in any order, up to and including `as_of`.

    :raises LendingError: if the events contradict the rules: see `step` and `events.in_order`.
    """
    history = events.in_order(events_told)
    counting = (event for event in history if as_of is None or event.date <= as_of)
    return functools.reduce(step, counting, empty(terms))


def step(state: LoanState, event: Event) -> LoanState:
    """Apply one event that comes after all earlier ones in the order of their keys.

    :raises TransitionNotAllowed: if the loan's status does not admit the event.
    :raises DateTooEarly: if the event is dated before the step of the loan's life that it follows.
    :raises AmountNotPositive: if money moves and the amount is not positive.
    :raises DisbursementDiffers: if the amount disbursed is not the principal agreed.
    :raises Overpayment: if a repayment is more than is owed.
    """
    if event.kind is EventKind.REVERSAL:
        raise AssertionError(f"reversal {event.id} cannot be stepped: fold the history anew")
    status = lifecycle.next_status(state.status, event.kind)
    check_date(state, on=event.date)
    return _APPLY[event.kind](state, event, status)


def check_date(state: LoanState, *, on: date) -> None:
    """Refuse a date before the latest step of the loan's life: application, approval or disbursement.

    :raises DateTooEarly: if the date is before that step.
    """
    steps = [day for day in (state.applied_on, state.approved_on, state.disbursed_on) if day is not None]
    earliest = max(steps, default=on)
    if on < earliest:
        raise DateTooEarly(
            f"{on} is before {earliest}, when the loan became {state.status}.",
            field="date",
            earliest=earliest.isoformat(),
        )


def _submit(state: LoanState, event: Event, status: Status) -> LoanState:
    """Open the loan with its application."""
    return replace(state, status=status, applied_on=event.date)


def _approve(state: LoanState, event: Event, status: Status) -> LoanState:
    """Record the day of approval."""
    return replace(state, status=status, approved_on=event.date)


def _close(state: LoanState, event: Event, status: Status) -> LoanState:
    """End a loan of which nothing was ever paid out."""
    return replace(state, status=status, closed_on=event.date)


def _disburse(state: LoanState, event: Event, status: Status) -> LoanState:
    """Pay the principal out and lay out the schedule from that day."""
    _check_positive(event)
    if event.amount != state.terms.principal:
        agreed = money.format_amount(state.terms.principal, state.terms.currency)
        raise DisbursementDiffers(
            f"The loan must be disbursed in full: {agreed} {state.terms.currency}.", field="amount"
        )
    installments = schedule.build(state.terms, start_date=event.date)
    return replace(
        state,
        status=status,
        installments=installments,
        disbursed_on=event.date,
        disbursed=event.amount,
        principal_outstanding=event.amount,
        interest_outstanding=sum(each.interest for each in installments),
    )


def _repay(state: LoanState, event: Event, status: Status) -> LoanState:
    """Settle what the repayment reaches and close the loan when nothing is left."""
    _check_positive(event)
    installments, allocations = allocation.allocate(
        event.amount,
        state.installments,
        order=state.terms.allocation,
        event_id=event.id,
        on=event.date,
        currency=state.terms.currency,
    )
    principal = sum(each.principal for each in allocations)
    interest = sum(each.interest for each in allocations)
    is_closed = event.amount == state.outstanding
    return replace(
        state,
        status=Status.REPAID if is_closed else status,
        closed_on=event.date if is_closed else None,
        installments=installments,
        allocations=state.allocations + allocations,
        principal_paid=state.principal_paid + principal,
        interest_paid=state.interest_paid + interest,
        principal_outstanding=state.principal_outstanding - principal,
        interest_outstanding=state.interest_outstanding - interest,
    )


def _check_positive(event: Event) -> None:
    """Refuse an amount of nothing or less."""
    if event.amount <= 0:
        raise AmountNotPositive("amount must be more than zero.", field="amount")


# A reversal has no place here: what it reverses is left out of the history, and the history is folded anew.
_APPLY: Mapping[EventKind, Callable[[LoanState, Event, Status], LoanState]] = MappingProxyType(
    {
        EventKind.APPLIED: _submit,
        EventKind.APPROVED: _approve,
        EventKind.REJECTED: _close,
        EventKind.CANCELLED: _close,
        EventKind.DISBURSED: _disburse,
        EventKind.REPAYMENT: _repay,
    }
)
