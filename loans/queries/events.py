"""Public events as they are stored: the feed, in an order in which nothing comes in behind a reader (ADR 38)."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from loans.models.outbox import OutboxEvent
from loans.queries import paging

EVENTS = OutboxEvent.__table__
# A place in the feed means the same whatever it is filtered by, so that a reader may change the filter.
TAG = paging.tag("events", {})
PLACE = (EVENTS.c.era, EVENTS.c.xid, EVENTS.c.id)
START = (0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """A row of `outbox_events`."""

    event_id: uuid.UUID
    type: str
    subject_id: uuid.UUID
    payload: dict[str, Any]
    occurred_at: datetime
    request_id: str | None
    traceparent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """Some events and the cursor behind the last of them, which there is always; whether there are more already."""

    items: tuple[EventRecord, ...]
    next_cursor: str
    has_more: bool


COLUMNS = tuple(EVENTS.c[field.name] for field in fields(EventRecord))


def find(session: Session, *, event_id: uuid.UUID) -> EventRecord | None:
    """Give an event, or None."""
    row = session.execute(sa.select(*COLUMNS).where(EVENTS.c.event_id == event_id)).mappings().one_or_none()
    return None if row is None else EventRecord(**row)


def feed(
    session: Session,
    *,
    cursor: str | None,
    limit: int,
    types: Collection[str] = (),
    subject_id: uuid.UUID | None = None,
) -> FeedPage:
    """Give the events after a cursor, or from the first one on, that no transaction can come in before any more.

    :raises InvalidCursor: if the cursor is not one of the feed.
    """
    after = paging.after(cursor, tag=TAG, reads=(int, int, int)) or START
    if subject_id is not None:
        # A subject has few events, of whatever types.
        settled = _settled(after, limit=limit, of=(EVENTS.c.subject_id, sa.literal(subject_id)))
        if types:
            settled = settled.where(EVENTS.c.type.in_(sorted(types)))
    elif types:
        settled = _of_types(after, types=types, limit=limit)
    else:
        settled = _settled(after, limit=limit)
    rows = session.execute(settled).mappings().all()
    shown = rows[:limit]
    last = tuple(shown[-1][column.name] for column in PLACE) if shown else after
    names = [column.name for column in COLUMNS]
    return FeedPage(
        items=tuple(EventRecord(**{name: row[name] for name in names}) for row in shown),
        next_cursor=paging.cursor_of(last, tag=TAG),
        has_more=len(rows) > limit,
    )


def _settled(
    after: tuple[int, ...],
    *,
    limit: int,
    of: tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]] | None = None,
) -> sa.Select[Any]:
    """Select the first events after a place whose transactions have ended, as have all with lower numbers.

    Those that are yet to commit have numbers from the oldest one still running on, and so come after all of these. In
    eras gone by nothing runs any more. `of` is a column that the index begins with and its value: both ends are
    comparisons of rows over the columns of one index, so that no other can serve (ADR 26).
    """
    running = sa.cast(
        sa.cast(sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot()), sa.Text), sa.BigInteger
    )
    # In subqueries, so that each is computed once and bounds the index.
    now = (sa.select(sa.func.outbox_era()).scalar_subquery(), sa.select(running).scalar_subquery())
    column, value = ([of[0]], [of[1]]) if of else ([], [])
    return (
        sa.select(*COLUMNS, *PLACE)
        .where(
            sa.tuple_(*column, *PLACE) > sa.tuple_(*value, *after),
            sa.tuple_(*column, EVENTS.c.era, EVENTS.c.xid) < sa.tuple_(*value, *now),
        )
        .order_by(*column, *PLACE)
        .limit(limit + 1)
    )


def _of_types(after: tuple[int, ...], *, types: Collection[str], limit: int) -> sa.Select[Any]:
    """Select the first events of each type, each from its part of an index: among them are the first of all."""
    wanted = sa.func.unnest(sa.cast(sorted(types), ARRAY(sa.Text))).column_valued("wanted")
    first = _settled(after, limit=limit, of=(EVENTS.c.type, wanted)).lateral("first")
    return (
        sa.select(*first.c)
        .select_from(sa.join(wanted.scalar_alias, first, sa.true()))
        .order_by(*(first.c[column.name] for column in PLACE))
        .limit(limit + 1)
    )
