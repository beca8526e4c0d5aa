"""Lists whose only order is the newest first: by identifier, which grows with time."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.queries import paging

T = TypeVar("T")


def page(  # noqa: PLR0913 - what such a list is
    session: Session,
    columns: Sequence[sa.ColumnElement[Any]],
    *,
    by: sa.ColumnElement[Any],
    makes: Callable[..., T],
    tag: str,
    cursor: str | None,
    limit: int,
) -> paging.Page[T]:
    """Give a page of records, newest first by their identifiers; `makes` makes one of the columns of its row.

    :raises InvalidCursor: if the cursor is not one of the list with this tag.
    """
    query = sa.select(*columns).order_by(by.desc()).limit(limit + 1)
    before = paging.after(cursor, tag=tag, reads=(uuid.UUID,))
    if before is not None:
        query = query.where(by < before[0])
    rows = session.execute(query).mappings().all()
    records = [makes(**row) for row in rows]
    return paging.page(records, limit=limit, keys=[(row[by],) for row in rows], tag=tag)
