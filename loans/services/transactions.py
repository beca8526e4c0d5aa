"""Transactions: the one path that every event of an approved or disbursed loan takes, and its way back.

Lock the loan, load its events, fold them, build the event, fold again, write the difference (ADR 0021).
"""

import dataclasses
import uuid
from collections.abc import Collection
from datetime import date

from sqlalchemy.orm import Session

from loans import clock, db, metrics
from loans.core import fold, lifecycle, money, work
from loans.core.account import Applied
from loans.core.changes import AmountNotPositive
from loans.core.errors import LendingError
from loans.core.events import DECISIONS, MONEY, RECEIPTS, Event, EventKind, ReversalRefused
from loans.core.lifecycle import TransitionNotAllowed
from loans.core.postings import Line
from loans.core.settlement import MoreThanThereIs
from loans.core.state import LoanState
from loans.core.terms import Terms
from loans.queries import loans
from loans.queries.loans import EventRecord, LoanRecord
from loans.services import loan_events
from loans.services.context import Context
from loans.services.loan_events import Change, Given, Recorded

# Kinds of event that come with an amount; without one, some of them mean all there is.
WITH_AMOUNT = MONEY | {EventKind.FEE_WAIVER, EventKind.INTEREST_WAIVER}


class TransactionNotFound(LendingError):
    """The loan has no transaction with the identifier in the path."""

    code = "transaction_not_found"
    title = "Transaction not found"


class ContradictsHistory(LendingError):
    """What was recorded of the loan before could not stand beside the event."""

    code = "contradicts_history"
    title = "Contradicts the history"


class CurrencyMismatch(LendingError):
    """The currency given is not the one of the product or loan."""

    code = "currency_mismatch"
    title = "Currency mismatch"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """An event of a loan: what it did as the history stands, who reversed it, and where the loan stands.

    `applied` is empty once it is reversed; `lines` is what a command has posted, and empty for one that only reads.
    """

    event: EventRecord
    applied: tuple[Applied, ...]
    reversal: EventRecord | None
    loan: LoanRecord
    state: LoanState
    lines: tuple[Line, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenLoan:
    """A locked loan with its terms, its events and the state that is stored of it."""

    record: LoanRecord
    terms: Terms
    history: tuple[EventRecord, ...]
    events: tuple[Event, ...]
    before: LoanState

    def with_event(self, recorded: Recorded) -> "OpenLoan":
        """Give the loan as it is once an event that was worked out is written."""
        return dataclasses.replace(
            self,
            record=recorded.loan,
            history=(*self.history, recorded.event),
            events=(*self.events, recorded.change.event),
            before=recorded.change.after,
        )

    def after(self, event: Event, *, context: Context) -> LoanState:
        """Compute the state that a further event leads to, as of today.

        :raises ContradictsHistory: if an event recorded before could not stand beside it.
        :raises HistoryTooLong: if the loan would take too long to compute from then on; a reversal never does.
        :raises LendingError: if the event itself is refused.
        """
        as_of = max(self.record.as_of, context.business_date)
        try:
            state = fold.fold(self.terms, [*self.events, event], as_of=as_of)
        except LendingError as error:
            other = next((each for each in self.events if each.id == error.event_id), None)
            if other is None:
                raise
            raise ContradictsHistory(
                f"The {other.kind} of {other.date} could not stand beside it: {error.detail}",
                event=str(other.id),
                because=error.code,
            ) from error
        work.check(event, work=state.work)
        return state

    def amount(self, text: str, *, currency: str | None) -> int:
        """Read an amount in the loan's currency as minor units.

        :raises CurrencyMismatch: if another currency is given.
        :raises InvalidAmount: if the text is not an amount of it.
        """
        if currency is not None and currency != self.record.currency:
            raise CurrencyMismatch(
                f"the loan is in {self.record.currency}, not in {currency}", field="currency"
            )
        return money.parse_amount(text, self.record.currency)

    def event(self, kind: EventKind, given: Given, *, amount: int | None = 0) -> Event:
        """Make an event of the loan, on the date given or else today, if its status admits it.

        :raises TransitionNotAllowed: if it does not.
        :raises AmountNotPositive: if its kind comes with an amount and that is zero.
        :raises DateInFuture: if the date lies after the business date.
        :raises DateTooEarly: if it lies before the disbursement, or the approval of a loan not disbursed.
        """
        lifecycle.next_status(self.before.status, kind)
        on = loan_events.effective_date(self.before, on=given.get("on"), context=given["context"])
        if amount == 0 and kind in WITH_AMOUNT:
            raise AmountNotPositive("amount must be more than zero.", field="amount")
        return Event(id=clock.uuid7(), kind=kind, date=on, amount=amount)


def open_loan(session: Session, *, loan_id: uuid.UUID) -> OpenLoan:
    """Lock a loan and fold its events up to the day of what is stored of it.

    :raises LoanNotFound: if there is none.
    :raises AssertionError: if what is stored is not the fold: nothing may be recorded on a damaged loan.
    """
    record = loan_events.lock(session, loan_id=loan_id)
    return opened(record, history=loans.events(session, loan_id=loan_id))


def opened(record: LoanRecord, *, history: tuple[EventRecord, ...]) -> OpenLoan:
    """Fold the events of a locked loan up to the day of what is stored of it.

    :raises AssertionError: if what is stored is not the fold: nothing may be recorded on a damaged loan.
    """
    terms = loans.terms(record)
    events = tuple(loans.event(each, currency=record.currency) for each in history)
    before = fold.fold(terms, events, as_of=record.as_of)
    for column, value in loan_events.snapshot(before).items():
        if getattr(record, column) != value:
            stored = getattr(record, column)
            raise AssertionError(
                f"loan {record.id}: {column} is stored as {stored} and folds to {value} (I2)"
            )
    return OpenLoan(record=record, terms=terms, history=history, events=events, before=before)


def record(session: Session, *, loan: OpenLoan, event: Event, given: Given) -> Transaction:
    """Write an event of an open loan.

    :raises LendingError: if the event contradicts the rest of the history.
    """
    return write(
        session, loan=loan, event=event, after=loan.after(event, context=given["context"]), given=given
    )


def record_whole(session: Session, *, loan: OpenLoan, event: Event, given: Given) -> Transaction:
    """Write an event of an open loan that takes its whole amount, or without one all there is.

    :raises MoreThanThereIs: if its amount is more than there is, or there is nothing; it names what there is.
    :raises LendingError: if the event contradicts the rest of the history.
    """
    after, there = _take(loan, event, context=given["context"])
    if there == 0 or (event.amount is not None and event.amount > there):
        raise MoreThanThereIs.of(event.amount, available=there, currency=loan.record.currency)
    if event.amount is None:
        # The amount is stored, so that an event recorded later does not change what was meant.
        event = dataclasses.replace(event, amount=there)
        after, taken_then = _take(loan, event, context=given["context"])
        if taken_then != there:
            raise AssertionError(f"{event} took {there} and, with that for its amount, {taken_then}")
    return write(session, loan=loan, event=event, after=after, given=given)


def _take(loan: OpenLoan, event: Event, *, context: Context) -> tuple[LoanState, int]:
    """Give the state that an event leads to, and how much of its amount it could take without a loss to others.

    Those of its kind and day are told by size, so that a larger one leaves the smaller ones less than they took.
    """
    beside = [
        each
        for each in loan.events
        if (each.kind, each.date, each.repayment) == (event.kind, event.date, event.repayment)
    ]
    try:
        after = loan.after(event, context=context)
    except ContradictsHistory as error:
        if event.amount is None or error.extensions["event"] not in {str(each.id) for each in beside}:
            raise
        # Told last, without an amount, it takes what the others leave.
        rest = dataclasses.replace(event, amount=None)
        available = taken(loan.after(rest, context=context), event=rest)
        raise MoreThanThereIs.of(event.amount, available=available, currency=loan.record.currency) from error
    lost = sum(taken(loan.before, event=each) - taken(after, event=each) for each in beside)
    return after, max(taken(after, event=event) - lost, 0)


def write(session: Session, *, loan: OpenLoan, event: Event, after: LoanState, given: Given) -> Transaction:
    """Write an event of an open loan with the state that it leads to."""
    recorded = work_out(loan, event=event, after=after, given=given)
    loan_events.write(session, further=[recorded], context=given["context"])
    return Transaction(
        event=recorded.told,
        applied=applied_by(after, event_id=event.id),
        reversal=None,
        loan=recorded.loan,
        state=after,
        lines=recorded.change.lines,
    )


def work_out(loan: OpenLoan, *, event: Event, after: LoanState, given: Given) -> Recorded:
    """Give what is to be written of an event with the state that it leads to; nothing is written yet."""
    change = Change(
        event=event,
        before=loan.before,
        after=after,
        note=given.get("note"),
        reference=given.get("reference"),
    )
    return loan_events.work_out(loan.record, change=change, context=given["context"])


def reverse(
    session: Session,
    *,
    loan_id: uuid.UUID,
    event_id: uuid.UUID,
    context: Context,
    note: str | None = None,
    kinds: Collection[EventKind] = tuple(EventKind),
) -> Transaction:
    """Reverse an event: the loan stands as though it had never happened. Events of other than `kinds` are not seen.

    :raises LoanNotFound: if there is no such loan.
    :raises TransactionNotFound: if the loan has no such event.
    :raises ReversalRefused: if it cannot be reversed, has been, or something else rests on it.
    :raises LendingError: if the rest of the history would contradict itself without it.
    """
    loan = open_loan(session, loan_id=loan_id)
    target, reversal = _find(loan.history, loan_id=loan_id, event_id=event_id, kinds=kinds)
    if reversal is not None:
        raise ReversalRefused(f"Event {event_id} was reversed on {reversal.effective_date}.")
    _check_nothing_rests_on(loan, target)
    lifecycle.next_status(loan.before.status, EventKind.REVERSAL)
    event = Event(
        id=clock.uuid7(),
        kind=EventKind.REVERSAL,
        date=loan_events.effective_date(loan.before, on=None, context=context),
        reverses=event_id,
    )
    try:
        after = loan.after(event, context=context)
    except ContradictsHistory as error:
        raise ReversalRefused(
            f"Event {event_id} cannot be reversed: {error.detail}", event=error.extensions["event"]
        ) from error
    change = Change(
        event=event,
        before=loan.before,
        after=after,
        note=note,
        reversed_kind=EventKind(target.kind),
    )
    changed, recorded = loan_events.record(session, loan=loan.record, change=change, context=context)
    if target.kind in RECEIPTS:
        db.after_commit(session, metrics.repayments_reversed.labels(currency=changed.currency).inc)
    return Transaction(
        event=target, applied=(), reversal=recorded, loan=changed, state=change.after, lines=change.lines
    )


def get(
    session: Session,
    *,
    loan_id: uuid.UUID,
    event_id: uuid.UUID,
    business_date: date,
    kinds: Collection[EventKind] = tuple(EventKind),
) -> Transaction:
    """Give an event of a loan and what it did, as the history stands now, and the loan as of today.

    Events of other than `kinds` are not seen.

    :raises LoanNotFound: if there is no such loan.
    :raises TransactionNotFound: if the loan has no such event.
    """
    record = loan_events.get(session, loan_id=loan_id)
    history = loans.events(session, loan_id=loan_id)
    target, reversal = _find(history, loan_id=loan_id, event_id=event_id, kinds=kinds)
    events = [loans.event(each, currency=record.currency) for each in history]
    state = fold.fold(loans.terms(record), events, as_of=max(record.as_of, business_date))
    return Transaction(
        event=loan_events.told(target, state=state),
        applied=applied_by(state, event_id=event_id),
        reversal=reversal,
        loan=record,
        state=state,
    )


def applied_by(state: LoanState, *, event_id: uuid.UUID) -> tuple[Applied, ...]:
    """Give what an event did to a loan."""
    return tuple(each for each in state.applied if each.event_id == event_id)


def not_allowed(state: LoanState, *, detail: str) -> TransitionNotAllowed:
    """Make the refusal of an event that the status alone would admit: an error to raise."""
    return TransitionNotAllowed(detail, loan_status=None if state.status is None else state.status.value)


def taken(state: LoanState, *, event: Event) -> int:
    """Add up what an event took of its amount, in minor units."""
    return sum(each.amount for each in applied_by(state, event_id=event.id))


def _find(
    history: tuple[EventRecord, ...],
    *,
    loan_id: uuid.UUID,
    event_id: uuid.UUID,
    kinds: Collection[EventKind],
) -> tuple[EventRecord, EventRecord | None]:
    """Give an event and, if there is one, its reversal."""
    target = next((each for each in history if each.id == event_id and each.kind in kinds), None)
    if target is None:
        raise TransactionNotFound(f"loan {loan_id} has no event {event_id}")
    return target, next((each for each in history if each.reverses == event_id), None)


def _check_nothing_rests_on(loan: OpenLoan, target: EventRecord) -> None:
    """Refuse to reverse a disbursement that others follow, and a repayment that was charged back."""
    gone = {each.reverses for each in loan.events}
    standing = [each for each in loan.events if each.reverses is None and each.id not in gone]
    resting: list[Event] = []
    if target.kind == EventKind.DISBURSED:
        place = next(each.key for each in standing if each.id == target.id)
        resting = [each for each in standing if each.kind not in DECISIONS and each.key > place]
    elif target.kind in RECEIPTS:
        resting = [each for each in standing if each.repayment == target.id]
    if resting:
        last = max(resting, key=lambda each: each.key)
        raise ReversalRefused(
            f"Event {target.id} cannot be reversed while the {last.kind} of {last.date} rests on it: reverse that"
            " first.",
            event=str(last.id),
        )
