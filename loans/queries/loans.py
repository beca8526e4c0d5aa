"""Loans as they are stored: find, lock, page; rows → core values."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from loans.core import event_documents, term_documents
from loans.core.events import Event, EventKind
from loans.core.rows import RowKind
from loans.core.state import Amounts, Installment
from loans.core.terms import Terms
from loans.models import loan as models
from loans.queries import ownership, paging

LOANS = models.Loan.__table__
EVENTS = models.LoanEvent.__table__
INSTALLMENTS = models.Installment.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanRecord:
    """A row of `loans`: what was agreed and the snapshot of the fold as of a day. Minor units, percent a year."""

    id: uuid.UUID
    external_id: str | None
    borrower_id: uuid.UUID
    product_id: uuid.UUID
    product_version: int
    principal: int
    currency: str
    annual_rate: Decimal
    method: str
    installments: int
    terms: dict[str, Any]
    status: str
    as_of: date
    applied_on: date
    approved_on: date | None
    disbursed_on: date | None
    closed_on: date | None
    charged_off_on: date | None
    maturity_date: date | None
    disbursed: int
    principal_paid: int
    interest_paid: int
    fee_paid: int
    penalty_paid: int
    interest_waived: int
    fee_waived: int
    penalty_waived: int
    principal_written_off: int
    interest_written_off: int
    fee_written_off: int
    penalty_written_off: int
    principal_outstanding: int
    interest_outstanding: int
    fee_outstanding: int
    penalty_outstanding: int
    credit_balance: int
    next_due_date: date | None
    next_due_amount: int
    event_count: int
    last_event_on: date
    created_at: datetime
    updated_at: datetime
    owner_id: uuid.UUID | None = None

    @property
    def total_outstanding(self) -> int:
        """Everything on the schedule that is neither paid nor given up, due or not."""
        return (
            self.principal_outstanding
            + self.interest_outstanding
            + self.fee_outstanding
            + self.penalty_outstanding
        )

    def days_past_due(self, on: date) -> int:
        """Count the days from the oldest unpaid due date to `on`; due today is not past due."""
        return max(0, (on - self.next_due_date).days) if self.next_due_date else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """A row of `loan_events`. Amount in minor units, 0 for events that have none."""

    loan_id: uuid.UUID
    sequence: int
    id: uuid.UUID
    kind: str
    effective_date: date
    amount: int
    reverses: uuid.UUID | None
    details: dict[str, Any]
    note: str | None
    reference: str | None
    actor: str
    approved_by: str | None
    recorded_at: datetime


COLUMNS = tuple(LOANS.c[field.name] for field in fields(LoanRecord))
EVENT_COLUMNS = tuple(EVENTS.c[field.name] for field in fields(EventRecord))


def find(session: Session, *, loan_id: uuid.UUID) -> LoanRecord | None:
    """Give a loan, or None."""
    query = ownership.own(session, sa.select(*COLUMNS).where(LOANS.c.id == loan_id), column=LOANS.c.owner_id)
    return _record(session.execute(query).one_or_none())


def lock(session: Session, *, loan_id: uuid.UUID) -> LoanRecord | None:
    """Give a loan as it is now and keep others from changing it until the transaction ends."""
    query = sa.select(*COLUMNS).where(LOANS.c.id == loan_id).with_for_update()
    return _record(session.execute(ownership.own(session, query, column=LOANS.c.owner_id)).one_or_none())


def lock_all(session: Session, *, loan_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, LoanRecord]:
    """Give loans as they are now and keep others from changing them until the transaction ends.

    They are locked in the order of their identifiers: who locks several does not wait in a circle with another.
    """
    query = sa.select(*COLUMNS).where(_among(LOANS.c.id, loan_ids)).order_by(LOANS.c.id).with_for_update()
    return {row["id"]: LoanRecord(**row) for row in session.execute(query).mappings()}


def lock_only(session: Session, *, loan_ids: Collection[uuid.UUID]) -> None:
    """Keep others from changing loans until the transaction ends, however many, without reading them."""
    query = sa.select(LOANS.c.id).where(_among(LOANS.c.id, loan_ids)).order_by(LOANS.c.id).with_for_update()
    session.execute(query).all()


def external_ids(session: Session, *, among: Collection[str]) -> frozenset[str]:
    """Give those external_ids that a loan has."""
    query = sa.select(LOANS.c.external_id).where(_among(LOANS.c.external_id, among))
    return frozenset(session.execute(query).scalars())


def exists(session: Session, *, external_id: str) -> bool:
    """Tell whether a loan, whosever it is, has an external_id."""
    query = sa.select(sa.exists().where(LOANS.c.external_id == external_id))
    return session.execute(ownership.of_whole_book(query)).scalar_one()


def batch_after(session: Session, *, loan_id: uuid.UUID | None, size: int) -> tuple[LoanRecord, ...]:
    """Give at most `size` loans in the order of their identifiers, those after `loan_id`."""
    query = sa.select(*COLUMNS).order_by(LOANS.c.id).limit(size)
    if loan_id is not None:
        query = query.where(LOANS.c.id > loan_id)
    return tuple(LoanRecord(**row) for row in session.execute(query).mappings())


def count(session: Session) -> int:
    """Count all loans."""
    return session.execute(sa.select(sa.func.count()).select_from(LOANS)).scalar_one()


def events(session: Session, *, loan_id: uuid.UUID) -> tuple[EventRecord, ...]:
    """Give every event of a loan in the order in which they were recorded."""
    return events_of_loans(session, loan_ids=[loan_id]).get(loan_id, ())


def events_of_loans(
    session: Session, *, loan_ids: list[uuid.UUID]
) -> dict[uuid.UUID, tuple[EventRecord, ...]]:
    """Give every event of each loan in the order in which they were recorded."""
    rows = session.execute(
        sa.select(*EVENT_COLUMNS)
        .where(EVENTS.c.loan_id.in_(loan_ids))
        .order_by(EVENTS.c.loan_id, EVENTS.c.sequence)
    ).mappings()
    grouped: dict[uuid.UUID, list[EventRecord]] = {}
    for row in rows:
        grouped.setdefault(row["loan_id"], []).append(EventRecord(**row))
    return {loan_id: tuple(records) for loan_id, records in grouped.items()}


def standing_amount(session: Session, *, loan_id: uuid.UUID, kinds: Collection[EventKind]) -> int:
    """Add up the events of some kinds of a loan that have not been reversed, in minor units."""
    reversal = EVENTS.alias("reversal")
    is_gone = sa.exists().where(reversal.c.loan_id == loan_id, reversal.c.reverses == EVENTS.c.id)
    total = sa.func.coalesce(sa.func.sum(EVENTS.c.amount), 0)
    query = sa.select(sa.cast(total, sa.BigInteger)).where(
        EVENTS.c.loan_id == loan_id, EVENTS.c.kind.in_([kind.value for kind in kinds]), ~is_gone
    )
    return session.execute(query).scalar_one()


def page_of_events(
    session: Session, *, loan_id: uuid.UUID, cursor: str | None, limit: int
) -> paging.Page[EventRecord]:
    """Give a page of a loan's events, oldest first.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    tag = paging.tag("loan_events", {"loan_id": loan_id})
    after = paging.after(cursor, tag=tag, reads=(int,)) or (0,)
    rows = session.execute(
        sa.select(*EVENT_COLUMNS)
        .where(EVENTS.c.loan_id == loan_id, EVENTS.c.sequence > after[0])
        .order_by(EVENTS.c.sequence)
        .limit(limit + 1)
    ).mappings()
    records = [EventRecord(**row) for row in rows]
    return paging.page(records, limit=limit, keys=[(record.sequence,) for record in records], tag=tag)


def installments(session: Session, *, loan_id: uuid.UUID) -> tuple[Installment, ...]:
    """Give a loan's whole schedule, or nothing before disbursement."""
    return installments_of_loans(session, loan_ids=[loan_id]).get(loan_id, ())


def installments_of_loans(
    session: Session, *, loan_ids: list[uuid.UUID]
) -> dict[uuid.UUID, tuple[Installment, ...]]:
    """Give the whole schedule of each loan."""
    found = session.execute(
        sa.select(INSTALLMENTS)
        .where(INSTALLMENTS.c.loan_id.in_(loan_ids))
        .order_by(INSTALLMENTS.c.loan_id, INSTALLMENTS.c.number)
    )
    grouped: dict[uuid.UUID, list[Installment]] = {}
    for row in found.mappings():
        grouped.setdefault(row["loan_id"], []).append(_installment(row))
    return {loan_id: tuple(rows) for loan_id, rows in grouped.items()}


def terms_of_loans(session: Session, *, loan_ids: list[uuid.UUID]) -> dict[uuid.UUID, Terms]:
    """Give the whole agreed terms of each loan."""
    query = sa.select(LOANS.c.id, LOANS.c.terms).where(LOANS.c.id.in_(loan_ids))
    rows = session.execute(ownership.own(session, query, column=LOANS.c.owner_id))
    return {row.id: term_documents.read(row.terms) for row in rows}


def terms(record: LoanRecord) -> Terms:
    """Give the agreed terms as the core knows them."""
    return term_documents.read(record.terms)


def event(record: EventRecord, *, currency: str) -> Event:
    """Give a stored event as the core knows it."""
    return event_documents.from_columns(
        record.id,
        kind=EventKind(record.kind),
        date=record.effective_date,
        amount=record.amount,
        reverses=record.reverses,
        details=record.details,
        currency=currency,
    )


def installment_columns(row: Installment) -> dict[str, object]:
    """Give the columns of a row of a schedule, but for its loan."""
    due, paid, waived, lost = row.due, row.paid, row.waived, row.written_off
    return {
        "number": row.number,
        "kind": row.kind.value,
        "from_date": row.from_date,
        "to_date": row.to_date,
        "due_date": row.due_date,
        **due._asdict(),
        **{f"{name}_paid": amount for name, amount in paid._asdict().items()},
        **{f"{name}_waived": amount for name, amount in waived._asdict().items() if name != "principal"},
        **{f"{name}_written_off": amount for name, amount in lost._asdict().items()},
        "settled_on": row.settled_on,
    }


def _among(column: sa.ColumnElement[Any], values: Collection[Any]) -> sa.ColumnElement[bool]:
    # One array, so that the statement is the same whatever their number.
    return column == sa.func.any(sa.literal(list(values), postgresql.ARRAY(column.type)))


def _record(row: sa.Row[tuple[object, ...]] | None) -> LoanRecord | None:
    return None if row is None else LoanRecord(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def _installment(row: sa.RowMapping) -> Installment:
    return Installment(
        row["number"],
        RowKind(row["kind"]),
        row["from_date"],
        row["to_date"],
        row["due_date"],
        Amounts(*(row[name] for name in Amounts._fields)),
        Amounts(*(row[f"{name}_paid"] for name in Amounts._fields)),
        # Nothing waives principal, so there is no column of it.
        Amounts(*(row.get(f"{name}_waived", 0) for name in Amounts._fields)),
        Amounts(*(row[f"{name}_written_off"] for name in Amounts._fields)),
        row["settled_on"],
    )
