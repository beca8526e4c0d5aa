"""Loan events: write one event of a loan with everything that follows from it.

This is the last of the five steps of every command (docs/architecture.md): the loan is locked, its state before and
after are known; what is left is to write the event, the changed installments, the snapshot, the journal difference,
the public event and the audit record. All of it goes to the database in one statement.
"""

import dataclasses
import uuid
from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from loans import db, ledger
from loans.core import fold, money, postings
from loans.core.errors import LendingError
from loans.core.events import Event, EventKind
from loans.core.fold import LoanState
from loans.core.schedule import Installment
from loans.models import loan as models
from loans.queries import loans
from loans.queries.loans import EventRecord, LoanRecord
from loans.services import audit, outbox
from loans.services.context import Context

LOANS = models.Loan.__table__
EVENTS = models.LoanEvent.__table__
INSTALLMENTS = models.Installment.__table__

# What others are told, by what happened. A repayment that closes the loan also tells loan.repaid.
PUBLIC_TYPES = {
    EventKind.APPLIED: "loan.applied",
    EventKind.APPROVED: "loan.approved",
    EventKind.REJECTED: "loan.rejected",
    EventKind.CANCELLED: "loan.cancelled",
    EventKind.DISBURSED: "loan.disbursed",
    EventKind.REPAYMENT: "loan.repayment_recorded",
    EventKind.REVERSAL: "loan.repayment_reversed",
}
ACTIONS = {
    EventKind.APPLIED: "loan.apply",
    EventKind.APPROVED: "loan.approve",
    EventKind.REJECTED: "loan.reject",
    EventKind.CANCELLED: "loan.cancel",
    EventKind.DISBURSED: "loan.disburse",
    EventKind.REPAYMENT: "loan.record_repayment",
    EventKind.REVERSAL: "loan.reverse_repayment",
}


class LoanNotFound(LendingError):
    """There is no loan with the identifier in the path."""

    code = "loan_not_found"
    title = "Loan not found"


class DateInFuture(LendingError):
    """The date lies after the lender's business date: what has not happened cannot be recorded."""

    code = "date_in_future"
    title = "Date in the future"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One event of a loan with the loan's state before and after it."""

    event: Event
    before: LoanState
    after: LoanState
    note: str | None = None
    reference: str | None = None


def lock(session: Session, *, loan_id: uuid.UUID) -> LoanRecord:
    """Give a loan and keep others from changing it until the transaction ends.

    :raises LoanNotFound: if there is none.
    """
    record = loans.lock(session, loan_id=loan_id)
    if record is None:
        raise LoanNotFound(f"there is no loan {loan_id}")
    return record


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


def record_first(
    session: Session, *, loan: LoanRecord, change: Change, context: Context
) -> tuple[LoanRecord, EventRecord]:
    """Write a new loan with the event of its application."""
    event = _event_record(loan, change, sequence=1, context=context)
    db.execute_together(
        session,
        sa.insert(LOANS).values(dataclasses.asdict(loan)),
        sa.insert(EVENTS).values(dataclasses.asdict(event)),
        *_announcements(loan, event, change=change, context=context),
    )
    return loan, event


def record(
    session: Session, *, loan: LoanRecord, change: Change, context: Context
) -> tuple[LoanRecord, EventRecord]:
    """Write a further event of a locked loan and all that follows from it."""
    event = _event_record(loan, change, sequence=loan.event_count + 1, context=context)
    columns = snapshot(change.after) | {
        "event_count": event.sequence,
        "last_event_on": max(loan.last_event_on, event.effective_date),
        "updated_at": context.now,
    }
    changed = dataclasses.replace(loan, **columns)  # type: ignore[arg-type] # the columns of a LoanRecord
    entry = ledger.Entry(
        loan_id=loan.id,
        sequence=event.sequence,
        effective_date=event.effective_date,
        posted_on=context.business_date,
        recorded_at=context.now,
        currency=loan.currency,
        lines=postings.difference(change.before, change.after),
    )
    db.execute_together(
        session,
        sa.insert(EVENTS).values(dataclasses.asdict(event)),
        sa.update(LOANS).where(LOANS.c.id == loan.id).values(columns),
        *_installment_writes(loan.id, change),
        *ledger.post(entry),
        *_announcements(changed, event, change=change, context=context),
    )
    return changed, event


def _event_record(loan: LoanRecord, change: Change, *, sequence: int, context: Context) -> EventRecord:
    return EventRecord(
        loan_id=loan.id,
        sequence=sequence,
        id=change.event.id,
        kind=change.event.kind.value,
        effective_date=change.event.date,
        amount=change.event.amount,
        reverses=change.event.reverses,
        note=change.note,
        reference=change.reference,
        actor=context.actor,
        recorded_at=context.now,
    )


def snapshot(state: LoanState) -> dict[str, object]:
    """Give the columns of `loans` that cache a state."""
    next_due = state.next_due
    return {
        "status": None if state.status is None else state.status.value,
        "approved_on": state.approved_on,
        "disbursed_on": state.disbursed_on,
        "closed_on": state.closed_on,
        "maturity_date": state.maturity_date,
        "disbursed": state.disbursed,
        "principal_paid": state.principal_paid,
        "interest_paid": state.interest_paid,
        "principal_outstanding": state.principal_outstanding,
        "interest_outstanding": state.interest_outstanding,
        "next_due_date": None if next_due is None else next_due.due_date,
        "next_due_amount": 0 if next_due is None else next_due.outstanding,
    }


def _installment_writes(loan_id: uuid.UUID, change: Change) -> tuple[sa.Insert | sa.Update, ...]:
    """Give the statement that brings the stored schedule from the state before to the one after."""
    stored = {row.number: row for row in change.before.installments}
    rows = [row for row in change.after.installments if stored.get(row.number) != row]
    if not rows:
        return ()
    columns = _unnested(rows)
    if not stored:
        names = [column.name for column in columns.c]
        selected = sa.select(sa.literal(loan_id, sa.Uuid()), *columns.c)
        return (sa.insert(INSTALLMENTS).from_select(["loan_id", *names], selected),)
    return (
        sa.update(INSTALLMENTS)
        .where(INSTALLMENTS.c.loan_id == loan_id, INSTALLMENTS.c.number == columns.c.number)
        .values({name: columns.c[name] for name in ("principal_paid", "interest_paid", "settled_on")}),
    )


def _unnested(rows: list[Installment]) -> sa.TableValuedAlias:
    """Give installments as a table of arrays: one statement whatever their number."""
    names = [field.name for field in dataclasses.fields(Installment)]
    arrays = [
        sa.bindparam(
            f"installment_{name}", [getattr(row, name) for row in rows], ARRAY(INSTALLMENTS.c[name].type)
        )
        for name in names
    ]
    columns = [sa.column(name, INSTALLMENTS.c[name].type) for name in names]
    return sa.func.unnest(*arrays).table_valued(*columns).render_derived(name="changed")


def _announcements(
    loan: LoanRecord, event: EventRecord, *, change: Change, context: Context
) -> tuple[sa.Insert, ...]:
    """Give the public events and the audit record of one event."""
    payload = {
        "loan_id": str(loan.id),
        "borrower_id": str(loan.borrower_id),
        "event_id": str(event.id),
        "sequence": event.sequence,
        "date": event.effective_date.isoformat(),
        "amount": money.format_amount(event.amount, loan.currency),
        **_wire(change.after),
    }
    types: tuple[str, ...] = (PUBLIC_TYPES[change.event.kind],)
    if change.after.status == "repaid" and change.before.status != "repaid":
        types = (*types, "loan.repaid")
    told = outbox.announce(types, subject_id=loan.id, payload=payload, context=context)
    trail = audit.record(
        ACTIONS[change.event.kind],
        subject_type="loan",
        subject_id=loan.id,
        before=None if change.before.status is None else _wire(change.before),
        after={"event_id": str(event.id), **_wire(change.after)},
        context=context,
    )
    return told, trail


def _wire(state: LoanState) -> dict[str, object]:
    """Give the figures of a state as the wire writes them."""
    currency = state.terms.currency
    return {
        "status": None if state.status is None else state.status.value,
        "currency": currency,
        "disbursed": money.format_amount(state.disbursed, currency),
        "principal_outstanding": money.format_amount(state.principal_outstanding, currency),
        "interest_outstanding": money.format_amount(state.interest_outstanding, currency),
    }
