"""Repayments: record one, reverse one."""

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from loans import clock, db, metrics
from loans.core import fold, lifecycle, money
from loans.core.allocation import Allocation, Overpayment
from loans.core.errors import LendingError
from loans.core.events import Event, EventKind, ReversalRefused
from loans.core.fold import LoanState
from loans.queries import loans
from loans.queries.loans import EventRecord, LoanRecord
from loans.services import loan_events
from loans.services.context import Context
from loans.services.loan_events import Change
from loans.services.origination import CurrencyMismatch


class RepaymentNotFound(LendingError):
    """The loan has no repayment with the identifier in the path."""

    code = "repayment_not_found"
    title = "Repayment not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repayment:
    """A recorded repayment: its event, how it was spread, who reversed it, and the loan it left."""

    event: EventRecord
    allocations: tuple[Allocation, ...]
    reversal: EventRecord | None
    loan: LoanRecord


def record(  # noqa: PLR0913 - what a repayment consists of
    session: Session,
    *,
    loan_id: uuid.UUID,
    amount: str,
    currency: str,
    context: Context,
    on: date | None = None,
    reference: str | None = None,
    note: str | None = None,
) -> Repayment:
    """Record money received against a loan; `amount` is a decimal string.

    :raises LoanNotFound: if there is no such loan.
    :raises CurrencyMismatch: if the loan is in another currency.
    :raises InvalidAmount: if the amount is not one in that currency.
    :raises TransitionNotAllowed: if the loan is not disbursed, or repaid already.
    :raises DateInFuture: if `on` lies after the business date.
    :raises DateTooEarly: if `on` lies before the disbursement.
    :raises AmountNotPositive: if the amount is zero.
    :raises Overpayment: if it is more than is owed; its payoff_amount closes the loan.
    """
    loan = loan_events.lock(session, loan_id=loan_id)
    if currency != loan.currency:
        raise CurrencyMismatch(f"the loan is in {loan.currency}, not in {currency}", field="currency")
    minor = money.parse_amount(amount, currency)
    stored = loans.state(loan, installments=())
    lifecycle.next_status(stored.status, EventKind.REPAYMENT)
    event = Event(
        id=clock.uuid7(),
        kind=EventKind.REPAYMENT,
        date=loan_events.effective_date(stored, on=on, context=context),
        amount=minor,
    )
    before, after = _repay(session, loan=loan, event=event)
    change = Change(event=event, before=before, after=after, note=note, reference=reference)
    changed, recorded = loan_events.record(session, loan=loan, change=change, context=context)
    db.after_commit(session, metrics.repayments.labels(currency=currency).inc)
    return Repayment(
        event=recorded, allocations=_allocations_of(after, event.id), reversal=None, loan=changed
    )


def reverse(
    session: Session,
    *,
    loan_id: uuid.UUID,
    repayment_id: uuid.UUID,
    context: Context,
    note: str | None = None,
) -> Repayment:
    """Undo a repayment: the loan stands as though it had never come in.

    :raises LoanNotFound: if there is no such loan.
    :raises RepaymentNotFound: if the loan has no such repayment.
    :raises ReversalRefused: if it has been reversed already.
    """
    loan = loan_events.lock(session, loan_id=loan_id)
    history = loans.events(session, loan_id=loan_id)
    target, reversal = _find(history, loan_id=loan_id, repayment_id=repayment_id)
    if reversal is not None:
        raise ReversalRefused(f"repayment {repayment_id} was reversed on {reversal.effective_date}")
    before = loans.state(loan, installments=loans.installments(session, loan_id=loan_id))
    lifecycle.next_status(before.status, EventKind.REVERSAL)
    event = Event(
        id=clock.uuid7(),
        kind=EventKind.REVERSAL,
        date=loan_events.effective_date(before, on=None, context=context),
        reverses=target.id,
    )
    after = fold.fold(before.terms, [*(loans.event(each) for each in history), event])
    change = Change(event=event, before=before, after=after, note=note)
    changed, recorded = loan_events.record(session, loan=loan, change=change, context=context)
    db.after_commit(session, metrics.repayments_reversed.labels(currency=loan.currency).inc)
    return Repayment(event=target, allocations=(), reversal=recorded, loan=changed)


def get(session: Session, *, loan_id: uuid.UUID, repayment_id: uuid.UUID) -> Repayment:
    """Give a repayment, spread as the loan's history stands now.

    :raises LoanNotFound: if there is no such loan.
    :raises RepaymentNotFound: if the loan has no such repayment.
    """
    loan = loan_events.get(session, loan_id=loan_id)
    history = loans.events(session, loan_id=loan_id)
    target, reversal = _find(history, loan_id=loan_id, repayment_id=repayment_id)
    state = fold.fold(loans.terms(loan), [loans.event(each) for each in history])
    return Repayment(
        event=target, allocations=_allocations_of(state, target.id), reversal=reversal, loan=loan
    )


def _repay(session: Session, *, loan: LoanRecord, event: Event) -> tuple[LoanState, LoanState]:
    """Give the loan's state before and after a repayment.

    After the loan's last event one step over the unsettled installments is enough, whatever the loan's age; a
    payment dated earlier folds the whole history again (ADR 0016).
    """
    if event.amount > loan.total_outstanding:
        raise Overpayment(
            f"{money.format_amount(event.amount, loan.currency)} is more than is owed:"
            f" {money.format_amount(loan.total_outstanding, loan.currency)} closes the loan",
            field="amount",
            payoff_amount=loan.total_outstanding,
            currency=loan.currency,
        )
    if event.date > loan.last_event_on:
        before = loans.state(loan, installments=loans.unsettled_installments(session, loan_id=loan.id))
        return before, fold.step(before, event)
    before = loans.state(loan, installments=loans.installments(session, loan_id=loan.id))
    history = [loans.event(each) for each in loans.events(session, loan_id=loan.id)]
    return before, fold.fold(before.terms, [*history, event])


def _find(
    history: tuple[EventRecord, ...], *, loan_id: uuid.UUID, repayment_id: uuid.UUID
) -> tuple[EventRecord, EventRecord | None]:
    """Give a repayment and, if there is one, its reversal."""
    target = next(
        (each for each in history if each.id == repayment_id and each.kind == EventKind.REPAYMENT), None
    )
    if target is None:
        raise RepaymentNotFound(f"loan {loan_id} has no repayment {repayment_id}")
    return target, next((each for each in history if each.reverses == repayment_id), None)


def _allocations_of(state: LoanState, event_id: uuid.UUID) -> tuple[Allocation, ...]:
    return tuple(each for each in state.allocations if each.event_id == event_id)
