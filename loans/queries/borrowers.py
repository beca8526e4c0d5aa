"""Borrowers as they are stored: find and page."""

import uuid
from dataclasses import dataclass, fields
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.models import borrower as models
from loans.queries import paging

BORROWERS = models.Borrower.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowerRecord:
    """A row of `borrowers`."""

    id: uuid.UUID
    external_id: str | None
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    date_of_birth: date | None
    created_at: datetime


COLUMNS = tuple(BORROWERS.c[field.name] for field in fields(BorrowerRecord))


def find(session: Session, *, borrower_id: uuid.UUID) -> BorrowerRecord | None:
    """Give a borrower, or None."""
    row = session.execute(sa.select(*COLUMNS).where(BORROWERS.c.id == borrower_id)).mappings().one_or_none()
    return None if row is None else BorrowerRecord(**row)


def page(
    session: Session, *, cursor: str | None, limit: int, external_id: str | None = None
) -> paging.Page[BorrowerRecord]:
    """Give a page of borrowers, newest first.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    query = sa.select(*COLUMNS).order_by(BORROWERS.c.id.desc()).limit(limit + 1)
    if external_id is not None:
        query = query.where(BORROWERS.c.external_id == external_id)
    before = paging.after_id(cursor)
    if before is not None:
        query = query.where(BORROWERS.c.id < before)
    records = [BorrowerRecord(**row) for row in session.execute(query).mappings()]
    return paging.page(records, limit=limit, keys=[record.id for record in records])
