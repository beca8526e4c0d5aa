"""Borrowers as they are stored: find, search and page."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Session

from loans.core.errors import LendingError
from loans.models import borrower as models
from loans.models.borrower import WORDS
from loans.queries import ownership, paging

# A search costs what its hits cost; nobody leafs through more.
HITS_MAX = 5000
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
    version: int = 1
    owner_id: uuid.UUID | None = None


class SearchTooBroad(LendingError):
    """More borrowers fit the words of `q` than a search looks through."""

    code = "search_too_broad"
    title = "Search too broad"


NAMES = tuple(field.name for field in fields(BorrowerRecord))
COLUMNS = tuple(BORROWERS.c[name] for name in NAMES)


def find(session: Session, *, borrower_id: uuid.UUID) -> BorrowerRecord | None:
    """Give a borrower, or None."""
    query = _own(session, sa.select(*COLUMNS).where(BORROWERS.c.id == borrower_id))
    row = session.execute(query).mappings().one_or_none()
    return None if row is None else BorrowerRecord(**row)


def find_many(session: Session, *, borrower_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, BorrowerRecord]:
    """Give the borrowers of these identifiers."""
    query = _own(session, sa.select(*COLUMNS).where(BORROWERS.c.id.in_(list(borrower_ids))))
    return {row["id"]: BorrowerRecord(**row) for row in session.execute(query).mappings()}


def page(
    session: Session, *, cursor: str | None, limit: int, external_id: str | None = None, q: str | None = None
) -> paging.Page[BorrowerRecord]:
    """Give a page of borrowers, newest first; `q` are beginnings of words in names, external id, e-mail and phone.

    :raises InvalidCursor: if the cursor is not one of this list with these filters.
    :raises SearchTooBroad: if more borrowers have such words than are looked through.
    """
    tag = paging.tag("borrowers", {"external_id": external_id, "q": q})
    before = paging.after(cursor, tag=tag, reads=(uuid.UUID,))
    query = _own(session, sa.select(*COLUMNS).order_by(BORROWERS.c.id.desc()).limit(limit + 1))
    if external_id is not None:
        query = query.where(BORROWERS.c.external_id == external_id)
    if before is not None:
        query = query.where(BORROWERS.c.id < before[0])
    if q is None:
        records = [BorrowerRecord(**row) for row in session.execute(query).mappings()]
    else:
        records = _search(session, query, q=q)
    return paging.page(records, limit=limit, keys=[(record.id,) for record in records], tag=tag)


def lock_version(session: Session, *, borrower_id: uuid.UUID) -> int | None:
    """Keep others from changing a borrower until the transaction ends, and give its version, or None."""
    query = sa.select(BORROWERS.c.version).where(BORROWERS.c.id == borrower_id).with_for_update()
    version: int | None = session.execute(_own(session, query)).scalar_one_or_none()
    return version


def _own(session: Session, query: sa.Select[Any]) -> sa.Select[Any]:
    return ownership.own(session, query, column=BORROWERS.c.owner_id)


def _search(session: Session, query: sa.Select[Any], *, q: str) -> list[BorrowerRecord]:
    """Narrow a query to the borrowers with such words, of whom the index gives at most so many."""
    words = sa.literal_column(WORDS, TSVECTOR())
    hits = (
        _own(session, sa.select(BORROWERS.c.id).where(words.bool_op("@@")(sa.func.borrower_query(q))))
        .limit(HITS_MAX + 1)
        .cte("hits")
        .prefix_with("MATERIALIZED")
    )
    count = sa.select(sa.func.count()).select_from(hits).scalar_subquery().label("hits")
    rows = session.execute(query.add_columns(count).join(hits, hits.c.id == BORROWERS.c.id)).mappings().all()
    if rows and rows[0]["hits"] > HITS_MAX:
        raise SearchTooBroad(f"more than {HITS_MAX} borrowers have such words: add another", field="q")
    return [BorrowerRecord(**{name: row[name] for name in NAMES}) for row in rows]
