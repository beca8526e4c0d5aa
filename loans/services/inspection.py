"""Inspection: where a loan stands on any day, as it is known now or as it was known at a moment."""

import dataclasses
import uuid
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy.orm import Session

from loans.core import fold
from loans.core.events import Event, EventKind
from loans.core.fold import DateTooEarly
from loans.core.state import LoanState
from loans.core.terms import Terms
from loans.queries import loans
from loans.queries.loans import EventRecord, LoanRecord
from loans.queries.paging import Page
from loans.services import loan_events


def inspect(
    session: Session, *, loan_id: uuid.UUID, as_of: date, known_at: datetime | None = None
) -> tuple[LoanRecord, LoanState]:
    """Fold a loan up to a day, past or to come, from the events recorded by a moment or from all.

    A reversal that was recorded later does not count: what it reverses then stands.

    :raises LoanNotFound: if there is no such loan.
    :raises DateTooEarly: if the loan had not been applied for by then.
    """
    record, terms, events = history(session, loan_id=loan_id, known_at=known_at)
    state = fold.fold(terms, events, as_of=as_of)
    if state.status is None:
        raise _too_early(record, as_of=as_of, known_at=known_at)
    return record, state


def inspect_all(
    session: Session, *, records: Sequence[LoanRecord], as_of: date
) -> list[tuple[LoanRecord, LoanState]]:
    """Fold some loans up to a day, with one statement for the events of them all.

    Their terms are read too, since those of a page come without the holidays.
    """
    ids = [record.id for record in records]
    agreed = loans.terms_of_loans(session, loan_ids=ids)
    found = loans.events_of_loans(session, loan_ids=ids)
    states = []
    for record in records:
        events = [loans.event(each, currency=record.currency) for each in found[record.id]]
        states.append((record, fold.fold(agreed[record.id], events, as_of=max(as_of, record.applied_on))))
    return states


def _too_early(record: LoanRecord, *, as_of: date, known_at: datetime | None) -> DateTooEarly:
    """Say which of the two moments lies before the application."""
    is_known_too_early = known_at is not None and as_of >= record.applied_on
    known = "" if known_at is None else f", as it was known at {known_at.isoformat()}"
    return DateTooEarly(
        f"On {as_of}{known}, the loan had not been applied for.",
        field="known_at" if is_known_too_early else "as_of",
        earliest=(record.created_at if is_known_too_early else record.applied_on).isoformat(),
    )


def page_of_events(
    session: Session, *, loan_id: uuid.UUID, cursor: str | None, limit: int
) -> tuple[LoanRecord, Page[EventRecord]]:
    """Give a loan and a page of its events, oldest first; a write-off with what it took, as the history stands now.

    :raises LoanNotFound: if there is no such loan.
    :raises InvalidCursor: if the cursor is not one of this list.
    """
    record = loan_events.get(session, loan_id=loan_id)
    page = loans.page_of_events(session, loan_id=loan_id, cursor=cursor, limit=limit)
    if all(each.kind != EventKind.WRITE_OFF for each in page.items):
        return record, page
    _, terms, events = history(session, loan_id=loan_id)
    state = fold.fold(terms, events)
    items = tuple(loan_events.told(each, state=state) for each in page.items)
    return record, dataclasses.replace(page, items=items)


def history(
    session: Session, *, loan_id: uuid.UUID, known_at: datetime | None = None
) -> tuple[LoanRecord, Terms, tuple[Event, ...]]:
    """Give a loan with its terms and events: those recorded by a moment, or all.

    :raises LoanNotFound: if there is no such loan.
    """
    record = loan_events.get(session, loan_id=loan_id)
    events = tuple(
        loans.event(each, currency=record.currency)
        for each in loans.events(session, loan_id=loan_id)
        if known_at is None or each.recorded_at <= known_at
    )
    return record, loans.terms(record), events
