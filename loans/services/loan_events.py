"""Loan events: write one event of a loan with everything that follows from it.

This is the fourth of the five steps of every command (docs/architecture.md): the loan is locked, its state before and
after are known; what is left, but for the commit, is to write the event, the changed installments, the snapshot, the
journal difference, the public event and the audit record. All of it goes to the database in one statement, for one
event and for many.
"""

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Required, TypedDict

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans import db, ledger
from loans.core import event_documents, fold, money, postings
from loans.core.errors import LendingError
from loans.core.events import RECEIPTS, Event, EventKind
from loans.core.postings import Line
from loans.core.state import LoanState
from loans.models import loan as models
from loans.queries import loans
from loans.queries.loans import EventRecord, LoanRecord
from loans.services import audit, loan_rows, outbox
from loans.services.context import Context

LOANS = models.Loan.__table__
EVENTS = models.LoanEvent.__table__

# What others are told, by what happened. An event that closes the loan also tells loan.repaid.
PUBLIC_TYPES = {
    EventKind.APPLIED: "loan.applied",
    EventKind.APPROVED: "loan.approved",
    EventKind.REJECTED: "loan.rejected",
    EventKind.CANCELLED: "loan.cancelled",
    EventKind.DISBURSED: "loan.disbursed",
    EventKind.RATE_CHANGE: "loan.rate_changed",
    EventKind.INTEREST_PAUSE: "loan.interest_paused",
    EventKind.RESCHEDULE: "loan.rescheduled",
    EventKind.RE_AGE: "loan.re_aged",
    EventKind.FEE: "loan.fee_charged",
    EventKind.LATE_FEE: "loan.late_fee_charged",
    EventKind.FEE_WAIVER: "loan.fees_waived",
    EventKind.INTEREST_WAIVER: "loan.interest_waived",
    EventKind.GOODWILL_CREDIT: "loan.goodwill_credited",
    EventKind.REPAYMENT: "loan.repayment_recorded",
    EventKind.PAYOFF: "loan.paid_off",
    EventKind.CHARGEBACK: "loan.repayment_charged_back",
    EventKind.REFUND: "loan.refunded",
    EventKind.CHARGE_OFF: "loan.charged_off",
    EventKind.WRITE_OFF: "loan.written_off",
    EventKind.RECOVERY: "loan.recovered",
    EventKind.REVERSAL: "loan.event_reversed",
}
# Reversing money received has names of its own.
REPAYMENT_REVERSED = "loan.repayment_reversed"
REVERSE_REPAYMENT = "loan.reverse_repayment"
ACTIONS = {
    EventKind.APPLIED: "loan.apply",
    EventKind.APPROVED: "loan.approve",
    EventKind.REJECTED: "loan.reject",
    EventKind.CANCELLED: "loan.cancel",
    EventKind.DISBURSED: "loan.disburse",
    EventKind.RATE_CHANGE: "loan.change_rate",
    EventKind.INTEREST_PAUSE: "loan.pause_interest",
    EventKind.RESCHEDULE: "loan.reschedule",
    EventKind.RE_AGE: "loan.re_age",
    EventKind.FEE: "loan.charge_fee",
    EventKind.LATE_FEE: "loan.charge_late_fee",
    EventKind.FEE_WAIVER: "loan.waive_fees",
    EventKind.INTEREST_WAIVER: "loan.waive_interest",
    EventKind.GOODWILL_CREDIT: "loan.grant_credit",
    EventKind.REPAYMENT: "loan.record_repayment",
    EventKind.PAYOFF: "loan.pay_off",
    EventKind.CHARGEBACK: "loan.charge_back",
    EventKind.REFUND: "loan.refund",
    EventKind.CHARGE_OFF: "loan.charge_off",
    EventKind.WRITE_OFF: "loan.write_off",
    EventKind.RECOVERY: "loan.recover",
    EventKind.REVERSAL: "loan.reverse",
}


class LoanNotFound(LendingError):
    """There is no loan with the identifier in the path."""

    code = "loan_not_found"
    title = "Loan not found"


class DateInFuture(LendingError):
    """The date lies after the lender's business date: what has not happened cannot be recorded."""

    code = "date_in_future"
    title = "Date in the future"


class Given(TypedDict, total=False):
    """What every command on a loan takes: who asks, and the date, note and reference of the event."""

    context: Required[Context]
    on: date | None
    note: str | None
    reference: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One event of a loan with the loan's state before and after it; `reversed_kind` is that of what it reverses."""

    event: Event
    before: LoanState
    after: LoanState
    note: str | None = None
    reference: str | None = None
    reversed_kind: EventKind | None = None

    @property
    def lines(self) -> tuple[Line, ...]:
        """What the journal receives: the difference, with what time alone has earned since the state before."""
        return postings.difference(dict(self.before.balances), dict(self.after.balances))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event worked out and perhaps not written yet: the loan after it, its row, and the row as others are told."""

    loan: LoanRecord
    event: EventRecord
    told: EventRecord
    change: Change


def lock(session: Session, *, loan_id: uuid.UUID) -> LoanRecord:
    """Give a loan and keep others from changing it until the transaction ends.

    :raises LoanNotFound: if there is none.
    """
    record = loans.lock(session, loan_id=loan_id)
    if record is None:
        raise LoanNotFound(f"there is no loan {loan_id}")
    return record


def lock_version(session: Session, *, loan_id: uuid.UUID) -> int:
    """Keep others from changing a loan until the transaction ends, and count its events.

    :raises LoanNotFound: if there is none.
    """
    return lock(session, loan_id=loan_id).event_count


def get(session: Session, *, loan_id: uuid.UUID) -> LoanRecord:
    """Give a loan as it is.

    :raises LoanNotFound: if there is none.
    """
    record = loans.find(session, loan_id=loan_id)
    if record is None:
        raise LoanNotFound(f"there is no loan {loan_id}")
    return record


def effective_date(state: LoanState | None, *, on: date | None, context: Context) -> date:
    """Settle the date of an event: the one asked for, or today's business date.

    :raises DateInFuture: if it lies after the business date.
    :raises DateTooEarly: if it lies before the step of the loan's life that it follows.
    """
    settled = context.business_date if on is None else on
    if settled > context.business_date:
        raise DateInFuture(
            f"{settled} is after the business date {context.business_date}",
            field="date",
            business_date=context.business_date.isoformat(),
        )
    if state is not None:
        fold.check_date(state, on=settled)
    return settled


def record(
    session: Session, *, loan: LoanRecord, change: Change, context: Context
) -> tuple[LoanRecord, EventRecord]:
    """Write a further event of a locked loan and all that follows from it; give the event as others are told of it."""
    further = work_out(loan, change=change, context=context)
    write(session, further=[further], context=context)
    return further.loan, further.told


def work_out_first(loan: LoanRecord, *, change: Change, context: Context) -> Recorded:
    """Give what is to be written of a loan that has been applied for; nothing is written yet."""
    event = _event_record(loan, change, sequence=1, context=context)
    return Recorded(loan=loan, event=event, told=event, change=change)


def work_out(loan: LoanRecord, *, change: Change, context: Context) -> Recorded:
    """Give what is to be written of a further event of a locked loan; nothing is written yet."""
    event = _event_record(loan, change, sequence=loan.event_count + 1, context=context)
    columns = snapshot(change.after) | {
        "event_count": event.sequence,
        "last_event_on": max(loan.last_event_on, event.effective_date),
        "updated_at": context.now,
    }
    changed = dataclasses.replace(loan, **columns)  # type: ignore[arg-type] # the columns of a LoanRecord
    return Recorded(loan=changed, event=event, told=told(event, state=change.after), change=change)


def write_first(session: Session, *, first: Sequence[Recorded], context: Context) -> None:
    """Write new loans with the events of their applications, in one round trip."""
    # Sorted: a unique external_id makes others wait, and those who wait for one another must do so in one order.
    rows = sorted((each.loan for each in first), key=lambda loan: loan.external_id or "")
    db.execute_together(
        session,
        db.insert_rows(LOANS, rows=[_row(loan) for loan in rows]),
        db.insert_rows(EVENTS, rows=[_row(each.event) for each in first]),
        *_announcements(first, context=context),
    )


def write(session: Session, *, further: Sequence[Recorded], context: Context) -> None:
    """Write further events of locked loans and all that follows from them, in one round trip.

    Those of one loan stand in the order in which they were worked out, each upon the one before.
    """
    first: dict[uuid.UUID, Change] = {}
    last: dict[uuid.UUID, Recorded] = {}
    for each in further:
        first.setdefault(each.loan.id, each.change)
        last[each.loan.id] = each
    entries = [
        ledger.Entry(
            loan_id=each.loan.id,
            sequence=each.event.sequence,
            effective_date=each.event.effective_date,
            posted_on=context.business_date,
            recorded_at=context.now,
            currency=each.loan.currency,
            lines=each.change.lines,
        )
        for each in further
    ]
    schedules = [
        loan_rows.Schedules(loan_id, first[loan_id].before.installments, each.change.after.installments)
        for loan_id, each in last.items()
    ]
    db.execute_together(
        session,
        db.insert_rows(EVENTS, rows=[_row(each.event) for each in further]),
        loan_rows.update([_columns(each) for each in last.values()]),
        *loan_rows.replace_schedules(schedules),
        *ledger.post_all(entries),
        *_announcements(further, context=context),
    )


def _columns(recorded: Recorded) -> dict[str, object]:
    loan = recorded.loan
    return snapshot(recorded.change.after) | {
        name: getattr(loan, name) for name in ("id", "event_count", "last_event_on", "updated_at")
    }


def _row(record: LoanRecord | EventRecord) -> dict[str, object]:
    """Give the columns of a record as they are: dataclasses.asdict would copy each document to its leaves."""
    return {name: getattr(record, name) for name in record.__slots__}


def told(event: EventRecord, *, state: LoanState) -> EventRecord:
    """Give an event as others are told of it: a write-off, stored without an amount, with what it took in a state.

    What that is can change with events recorded later; once reversed it is nothing.
    """
    if event.kind != EventKind.WRITE_OFF:
        return event
    taken = sum(each.amount for each in state.applied if each.event_id == event.id)
    return dataclasses.replace(event, amount=taken)


def _event_record(loan: LoanRecord, change: Change, *, sequence: int, context: Context) -> EventRecord:
    event = change.event
    if event.amount is None:
        raise AssertionError(f"event {event.id} is to be stored without the amount that it came to")
    return EventRecord(
        loan_id=loan.id,
        sequence=sequence,
        id=event.id,
        kind=event.kind.value,
        effective_date=event.date,
        amount=event.amount,
        reverses=event.reverses,
        details=event_documents.details(event, currency=loan.currency),
        note=change.note,
        reference=change.reference,
        actor=context.actor,
        approved_by=context.approved_by,
        recorded_at=context.now,
    )


def snapshot(state: LoanState) -> dict[str, object]:
    """Give the columns of `loans` that cache a state."""
    next_due = state.next_due
    waived = {
        f"{name}_waived": amount for name, amount in state.waived._asdict().items() if name != "principal"
    }
    return {
        "status": None if state.status is None else state.status.value,
        "as_of": state.as_of,
        "approved_on": state.approved_on,
        "disbursed_on": state.disbursed_on,
        "closed_on": state.closed_on,
        "charged_off_on": state.charged_off_on,
        "maturity_date": state.maturity_date,
        "disbursed": state.disbursed,
        **{f"{name}_paid": amount for name, amount in state.paid._asdict().items()},
        **waived,
        **{f"{name}_written_off": amount for name, amount in state.written_off._asdict().items()},
        **{f"{name}_outstanding": amount for name, amount in state.outstanding._asdict().items()},
        "credit_balance": state.credit_balance,
        "next_due_date": None if next_due is None else next_due.due_date,
        "next_due_amount": 0 if next_due is None else next_due.outstanding.total,
    }


def _announcements(recorded: Sequence[Recorded], *, context: Context) -> tuple[sa.Insert, ...]:
    """Give the public events and the audit records of some events, in their order."""
    public: list[outbox.Row] = []
    trail: list[audit.Row] = []
    for each in recorded:
        public += _public(each, context=context)
        trail.append(_audited(each, context=context))
    return outbox.announce_all(public), audit.record_all(trail)


def _public(recorded: Recorded, *, context: Context) -> list[outbox.Row]:
    loan, event, change = recorded.loan, recorded.told, recorded.change
    payload = {
        "loan_id": str(loan.id),
        "borrower_id": str(loan.borrower_id),
        "event_id": str(event.id),
        "sequence": event.sequence,
        "date": event.effective_date.isoformat(),
        "amount": money.format_amount(event.amount, loan.currency),
        **({} if event.reverses is None else {"reverses": str(event.reverses)}),
        **_wire(change.after),
    }
    types = [REPAYMENT_REVERSED if change.reversed_kind in RECEIPTS else PUBLIC_TYPES[change.event.kind]]
    if change.after.status == "repaid" and change.before.status != "repaid":
        types.append("loan.repaid")
    return outbox.rows(tuple(types), subject_id=loan.id, payload=payload, context=context)


def _audited(recorded: Recorded, *, context: Context) -> audit.Row:
    change = recorded.change
    return audit.row(
        REVERSE_REPAYMENT if change.reversed_kind in RECEIPTS else ACTIONS[change.event.kind],
        subject_type="loan",
        subject_id=recorded.loan.id,
        before=None if change.before.status is None else _wire(change.before),
        after={"event_id": str(recorded.event.id), **_wire(change.after)},
        context=context,
    )


def _wire(state: LoanState) -> Mapping[str, object]:
    """Give the figures of a state as the wire writes them."""
    currency = state.terms.currency
    outstanding = {
        f"{name}_outstanding": money.format_amount(amount, currency)
        for name, amount in state.outstanding._asdict().items()
    }
    return {
        "status": None if state.status is None else state.status.value,
        "currency": currency,
        "disbursed": money.format_amount(state.disbursed, currency),
        **outstanding,
        "credit_balance": money.format_amount(state.credit_balance, currency),
    }
