"""Loans as they are stored: find, lock, page; rows → core values."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.events import Event, EventKind
from loans.core.fold import LoanState
from loans.core.lifecycle import Status
from loans.core.money import Rounding
from loans.core.schedule import Installment
from loans.core.terms import Component, Method, Terms
from loans.models import loan as models
from loans.queries import paging

LOANS = models.Loan.__table__
EVENTS = models.LoanEvent.__table__
INSTALLMENTS = models.Installment.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanRecord:
    """A row of `loans`: what was agreed and the snapshot of the fold. Minor units, percent a year."""

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
    frequency_every: int
    frequency_unit: str
    day_count: str
    rounding: str
    allocation: list[str]
    status: str
    applied_on: date
    approved_on: date | None
    disbursed_on: date | None
    closed_on: date | None
    maturity_date: date | None
    disbursed: int
    principal_paid: int
    interest_paid: int
    principal_outstanding: int
    interest_outstanding: int
    next_due_date: date | None
    next_due_amount: int
    event_count: int
    last_event_on: date
    created_at: datetime
    updated_at: datetime

    @property
    def total_outstanding(self) -> int:
        """Everything on the schedule that is not paid yet: what closes the loan (ADR 0015)."""
        return self.principal_outstanding + self.interest_outstanding

    def days_past_due(self, on: date) -> int:
        """Count the days from the oldest unpaid due date to `on`; due today is not past due."""
        return max(0, (on - self.next_due_date).days) if self.next_due_date else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """A row of `loan_events`. Amount in minor units, 0 for events that move no money."""

    loan_id: uuid.UUID
    sequence: int
    id: uuid.UUID
    kind: str
    effective_date: date
    amount: int
    reverses: uuid.UUID | None
    note: str | None
    reference: str | None
    actor: str
    recorded_at: datetime


COLUMNS = tuple(LOANS.c[field.name] for field in fields(LoanRecord))
EVENT_COLUMNS = tuple(EVENTS.c[field.name] for field in fields(EventRecord))
# Filters with an index of their own over (filter, id), the narrowest first.
INDEXED = ("borrower_id", "product_id", "status", "currency")
INSTALLMENT_FIELDS = tuple(field.name for field in fields(Installment))
INSTALLMENT_COLUMNS = tuple(INSTALLMENTS.c[field.name] for field in fields(Installment))


def find(session: Session, *, loan_id: uuid.UUID) -> LoanRecord | None:
    """Give a loan, or None."""
    return _record(session.execute(sa.select(*COLUMNS).where(LOANS.c.id == loan_id)).one_or_none())


def lock(session: Session, *, loan_id: uuid.UUID) -> LoanRecord | None:
    """Give a loan as it is now and keep others from changing it until the transaction ends."""
    return _record(
        session.execute(sa.select(*COLUMNS).where(LOANS.c.id == loan_id).with_for_update()).one_or_none()
    )


def exists(session: Session, *, external_id: str) -> bool:
    """Tell whether a loan has an external_id."""
    return session.execute(sa.select(sa.exists().where(LOANS.c.external_id == external_id))).scalar_one()


def page(  # noqa: PLR0913 - one argument a filter
    session: Session,
    *,
    cursor: str | None,
    limit: int,
    status: str | None = None,
    currency: str | None = None,
    borrower_id: uuid.UUID | None = None,
    product_id: uuid.UUID | None = None,
    external_id: str | None = None,
) -> paging.Page[LoanRecord]:
    """Give a page of loans, newest first, that fit every filter given.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    wanted = {
        "status": status,
        "currency": currency,
        "borrower_id": borrower_id,
        "product_id": product_id,
        "external_id": external_id,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    query = _newest_first(given, before=paging.after_id(cursor)).limit(limit + 1)
    records = [LoanRecord(**row) for row in session.execute(query).mappings()]
    return paging.page(records, limit=limit, keys=[record.id for record in records])


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


def page_of_events(
    session: Session, *, loan_id: uuid.UUID, cursor: str | None, limit: int
) -> paging.Page[EventRecord]:
    """Give a page of a loan's events, oldest first.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    rows = session.execute(
        sa.select(*EVENT_COLUMNS)
        .where(EVENTS.c.loan_id == loan_id, EVENTS.c.sequence > paging.after_sequence(cursor))
        .order_by(EVENTS.c.sequence)
        .limit(limit + 1)
    ).mappings()
    records = [EventRecord(**row) for row in rows]
    return paging.page(records, limit=limit, keys=[record.sequence for record in records])


def installments(session: Session, *, loan_id: uuid.UUID) -> tuple[Installment, ...]:
    """Give a loan's whole schedule, or nothing before disbursement."""
    return installments_of_loans(session, loan_ids=[loan_id]).get(loan_id, ())


def installments_of_loans(
    session: Session, *, loan_ids: list[uuid.UUID]
) -> dict[uuid.UUID, tuple[Installment, ...]]:
    """Give the whole schedule of each loan."""
    rows = session.execute(
        sa.select(INSTALLMENTS.c.loan_id, *INSTALLMENT_COLUMNS)
        .where(INSTALLMENTS.c.loan_id.in_(loan_ids))
        .order_by(INSTALLMENTS.c.loan_id, INSTALLMENTS.c.number)
    )
    grouped: dict[uuid.UUID, list[Installment]] = {}
    for loan_id, *values in rows:
        grouped.setdefault(loan_id, []).append(_installment(values))
    return {loan_id: tuple(rows) for loan_id, rows in grouped.items()}


def unsettled_installments(session: Session, *, loan_id: uuid.UUID) -> tuple[Installment, ...]:
    """Give the installments of a loan that are not paid in full."""
    rows = session.execute(
        sa.select(*INSTALLMENT_COLUMNS)
        .where(INSTALLMENTS.c.loan_id == loan_id, INSTALLMENTS.c.settled_on.is_(None))
        .order_by(INSTALLMENTS.c.number)
    )
    return tuple(_installment(list(row)) for row in rows)


def terms(record: LoanRecord) -> Terms:
    """Give the agreed terms as the core knows them."""
    return Terms(
        principal=record.principal,
        currency=record.currency,
        annual_rate=Fraction(record.annual_rate),
        method=Method(record.method),
        installments=record.installments,
        frequency=Frequency(record.frequency_every, PeriodUnit(record.frequency_unit)),
        day_count=DayCount(record.day_count),
        rounding=Rounding(record.rounding),
        allocation=tuple(Component(name) for name in record.allocation),
    )


def state(record: LoanRecord, *, installments: tuple[Installment, ...]) -> LoanState:
    """Give the stored state; `installments` may be only the unsettled ones (ADR 0016)."""
    return LoanState(
        terms=terms(record),
        status=Status(record.status),
        installments=installments,
        applied_on=record.applied_on,
        approved_on=record.approved_on,
        disbursed_on=record.disbursed_on,
        closed_on=record.closed_on,
        disbursed=record.disbursed,
        principal_paid=record.principal_paid,
        interest_paid=record.interest_paid,
        principal_outstanding=record.principal_outstanding,
        interest_outstanding=record.interest_outstanding,
    )


def event(record: EventRecord) -> Event:
    """Give a stored event as the core knows it."""
    return Event(
        id=record.id,
        kind=EventKind(record.kind),
        date=record.effective_date,
        amount=record.amount,
        reverses=record.reverses,
    )


def _newest_first(given: Mapping[str, object], *, before: uuid.UUID | None) -> sa.Select[Any]:
    """Select the loans that fit every filter, in the order of an index that begins with one of them.

    With a plain equality the planner takes the filter's value for spread evenly over the book, walks all loans from
    the newest and throws away what does not fit. A range of one value, ordered by, leaves it no choice: a page then
    costs the same however rare its loans are and however deep it lies.
    """
    query = sa.select(*COLUMNS)
    leading = next((name for name in INDEXED if name in given), None)
    for name, value in given.items():
        if name != leading:
            query = query.where(LOANS.c[name] == value)
    if leading is None:
        query = query.order_by(LOANS.c.id.desc())
        return query if before is None else query.where(LOANS.c.id < before)
    column, value = LOANS.c[leading], given[leading]
    query = query.where(column >= value).order_by(column.desc(), LOANS.c.id.desc())
    if before is None:
        return query.where(column <= value)
    return query.where(sa.tuple_(column, LOANS.c.id) < sa.tuple_(sa.literal(value, column.type), before))


def _record(row: sa.Row[tuple[object, ...]] | None) -> LoanRecord | None:
    return None if row is None else LoanRecord(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def _installment(values: list[object]) -> Installment:
    return Installment(**dict(zip(INSTALLMENT_FIELDS, values, strict=True)))  # type: ignore[arg-type]
