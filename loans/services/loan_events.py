"""Loan events: write one event of a loan with everything that follows from it.

This is the fourth of the five steps of every command (docs/architecture.md): the loan is locked, its state before and
after are known; what is left, but for the commit, is to write the event, the changed installments, the snapshot, the
journal difference, the public event and the audit record. All of it goes to the database in one statement.
"""

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Required, TypedDict

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from loans import db, ledger
from loans.core import event_documents, fold, money, postings
from loans.core.errors import LendingError
from loans.core.events import RECEIPTS, Event, EventKind
from loans.core.postings import Line
from loans.core.state import Installment, LoanState
from loans.models import loan as models
from loans.queries import loans
from loans.queries.loans import EventRecord, LoanRecord
from loans.services import audit, outbox
from loans.services.context import Context

LOANS = models.Loan.__table__
EVENTS = models.LoanEvent.__table__
INSTALLMENTS = models.Installment.__table__

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
    """Write a further event of a locked loan and all that follows from it; give the event as others are told of it."""
    event = _event_record(loan, change, sequence=loan.event_count + 1, context=context)
    columns = snapshot(change.after) | {
        "event_count": event.sequence,
        "last_event_on": max(loan.last_event_on, event.effective_date),
        "updated_at": context.now,
    }
    announced = told(event, state=change.after)
    changed = dataclasses.replace(loan, **columns)  # type: ignore[arg-type] # the columns of a LoanRecord
    entry = ledger.Entry(
        loan_id=loan.id,
        sequence=event.sequence,
        effective_date=event.effective_date,
        posted_on=context.business_date,
        recorded_at=context.now,
        currency=loan.currency,
        lines=change.lines,
    )
    db.execute_together(
        session,
        sa.insert(EVENTS).values(dataclasses.asdict(event)),
        sa.update(LOANS).where(LOANS.c.id == loan.id).values(columns),
        *_installment_writes(loan.id, before=change.before.installments, after=change.after.installments),
        *ledger.post(entry),
        *_announcements(changed, announced, change=change, context=context),
    )
    return changed, announced


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


def _installment_writes(
    loan_id: uuid.UUID, *, before: Sequence[Installment], after: Sequence[Installment]
) -> tuple[sa.Insert | sa.Delete, ...]:
    """Give the statements that bring the stored schedule from the state before to the one after.

    What is stored is what the state before says (I2), so it need not be read.
    """
    stored = {row.number: row for row in before}
    changed = [row for row in after if stored.get(row.number) != row]
    writes: list[sa.Insert | sa.Delete] = []
    if changed:
        writes.append(_upsert(loan_id, [loans.installment_columns(row) for row in changed]))
    if len(after) < len(before):
        gone = sa.and_(INSTALLMENTS.c.loan_id == loan_id, INSTALLMENTS.c.number > len(after))
        writes.append(sa.delete(INSTALLMENTS).where(gone))
    return tuple(writes)


def _upsert(loan_id: uuid.UUID, rows: list[dict[str, object]]) -> sa.Insert:
    """Insert rows or replace those of the same number, as a table of arrays: one statement whatever their number."""
    names = list(rows[0])
    arrays = [
        sa.bindparam(
            f"installment_{name}",
            [row[name] for row in rows],
            postgresql.ARRAY(INSTALLMENTS.c[name].type),
        )
        for name in names
    ]
    columns = (
        sa.func.unnest(*arrays)
        .table_valued(*(sa.column(name, INSTALLMENTS.c[name].type) for name in names))
        .render_derived(name="changed")
    )
    statement = postgresql.insert(INSTALLMENTS).from_select(
        ["loan_id", *names], sa.select(sa.literal(loan_id, sa.Uuid()), *columns.c)
    )
    return statement.on_conflict_do_update(
        index_elements=["loan_id", "number"],
        set_={name: statement.excluded[name] for name in names if name != "number"},
    )


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
        **({} if event.reverses is None else {"reverses": str(event.reverses)}),
        **_wire(change.after),
    }
    public_type, action = PUBLIC_TYPES[change.event.kind], ACTIONS[change.event.kind]
    if change.reversed_kind in RECEIPTS:
        public_type, action = REPAYMENT_REVERSED, REVERSE_REPAYMENT
    types = [public_type]
    if change.after.status == "repaid" and change.before.status != "repaid":
        types.append("loan.repaid")
    told = outbox.announce(tuple(types), subject_id=loan.id, payload=payload, context=context)
    trail = audit.record(
        action,
        subject_type="loan",
        subject_id=loan.id,
        before=None if change.before.status is None else _wire(change.before),
        after={"event_id": str(event.id), **_wire(change.after)},
        context=context,
    )
    return told, trail


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
