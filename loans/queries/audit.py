"""Audit records as they are stored: page, walk whole chains, each a batch at a time."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.models.audit import AuditHead, AuditRecord
from loans.queries import paging

RECORDS = AuditRecord.__table__
HEADS = AuditHead.__table__
# What the indexes of the list begin with, in this order; an index has two of them at most.
LEADING = ("actor", "action", "subject_type")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A row of `audit_records`."""

    id: uuid.UUID
    subject_type: str
    subject_id: uuid.UUID
    sequence: int
    action: str
    actor: str
    approved_by: str | None
    request_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    recorded_at: datetime
    previous_hash: bytes | None
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list of records is filtered by; all apply, both moments included."""

    subject_id: uuid.UUID | None = None
    subject_type: str | None = None
    actor: str | None = None
    action: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A record as its chain has it: `written` is its content in canonical form but for the hash before.

    `head_sequence` and `head_hash` are those of its subject's end, None where none is known.
    """

    subject_type: str
    subject_id: uuid.UUID
    sequence: int
    action: str
    written: dict[str, str]
    previous_hash: bytes | None
    hash: bytes
    head_sequence: int | None
    head_hash: bytes | None


COLUMNS = tuple(RECORDS.c[field.name] for field in fields(AuditEntry))
# As the canonical form has them (docs/audit.md): how PostgreSQL writes JSON is a part of it.
WRITTEN = {
    "id": sa.func.to_json(RECORDS.c.id),
    "actor": sa.func.to_json(RECORDS.c.actor),
    "after": RECORDS.c.after,
    "action": sa.func.to_json(RECORDS.c.action),
    "before": RECORDS.c.before,
    "sequence": RECORDS.c.sequence,
    "request_id": sa.func.to_json(RECORDS.c.request_id),
    "subject_id": sa.func.to_json(RECORDS.c.subject_id),
    "approved_by": sa.func.to_json(RECORDS.c.approved_by),
    "recorded_at": sa.func.to_json(
        sa.func.to_char(RECORDS.c.recorded_at.op("AT TIME ZONE")("UTC"), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    ),
    "subject_type": sa.func.to_json(RECORDS.c.subject_type),
}


def page(session: Session, *, wanted: Wanted, cursor: str | None, limit: int) -> paging.Page[AuditEntry]:
    """Give a page of records, newest first; those of one subject in the order of its chain.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    asked = {field.name: getattr(wanted, field.name) for field in fields(Wanted)}
    tag = paging.tag("audit", asked)
    is_few = wanted.subject_id is not None or wanted.request_id is not None
    query = sa.select(*COLUMNS)
    place: tuple[sa.ColumnElement[Any], ...] = (RECORDS.c.recorded_at, RECORDS.c.id)
    reads: tuple[Callable[[str], object], ...] = (datetime.fromisoformat, uuid.UUID)
    if wanted.subject_id is not None:
        place, reads = (RECORDS.c.sequence,), (int,)
    led = [] if is_few else [name for name in LEADING if getattr(wanted, name) is not None]
    columns, values = [RECORDS.c[name] for name in led], [getattr(wanted, name) for name in led]
    query = query.where(*(_equal(wanted) if is_few else ()), *_bounds(wanted, columns=columns, values=values))
    before = paging.after(cursor, tag=tag, reads=reads)
    if before is not None:
        query = query.where(sa.tuple_(*columns, *place) < sa.tuple_(*values, *before))
    query = query.order_by(*(column.desc() for column in (*columns, *place))).limit(limit + 1)
    rows = session.execute(query).mappings().all()
    keys = [tuple(row[column] for column in place) for row in rows]
    return paging.page([AuditEntry(**row) for row in rows], limit=limit, keys=keys, tag=tag)


def page_of_subject(
    session: Session, *, subject_id: uuid.UUID, cursor: str | None, limit: int
) -> paging.Page[AuditEntry]:
    """Give a page of a subject's records, oldest first, as they are chained.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    tag = paging.tag("audit_chain", {"subject_id": subject_id})
    (after,) = paging.after(cursor, tag=tag, reads=(int,)) or (0,)
    rows = session.execute(
        sa.select(*COLUMNS)
        .where(RECORDS.c.subject_id == subject_id, RECORDS.c.sequence > after)
        .order_by(RECORDS.c.sequence)
        .limit(limit + 1)
    ).mappings()
    entries = [AuditEntry(**row) for row in rows]
    return paging.page(entries, limit=limit, keys=[(entry.sequence,) for entry in entries], tag=tag)


def count(session: Session) -> int:
    """Count all records."""
    return session.execute(sa.select(sa.func.count()).select_from(RECORDS)).scalar_one()


def links(session: Session, *, size: int) -> Iterator[tuple[Link, ...]]:
    """Give all records, chain by chain and each from its start, at most `size` at a time."""
    place = (RECORDS.c.subject_id, RECORDS.c.sequence)
    query = (
        sa.select(
            *place,
            *(RECORDS.c[name] for name in ("subject_type", "action", "previous_hash", "hash")),
            *(
                sa.func.coalesce(sa.cast(value, sa.Text), "null").label(f"written_{name}")
                for name, value in WRITTEN.items()
            ),
            HEADS.c.sequence.label("head_sequence"),
            HEADS.c.hash.label("head_hash"),
        )
        .select_from(RECORDS.outerjoin(HEADS, HEADS.c.subject_id == RECORDS.c.subject_id))
        .order_by(*place)
        .limit(size)
    )
    bound: tuple[uuid.UUID, int] | None = None
    while True:
        after = query if bound is None else query.where(sa.tuple_(*place) > sa.tuple_(*bound))
        batch = tuple(_link(row) for row in session.execute(after).mappings())
        if not batch:
            return
        yield batch
        bound = (batch[-1].subject_id, batch[-1].sequence)


def heads_without_records(session: Session) -> list[tuple[uuid.UUID, int]]:
    """Give the subjects, with how many records they had, of which none is left."""
    left = sa.exists().where(RECORDS.c.subject_id == HEADS.c.subject_id)
    rows = session.execute(
        sa.select(HEADS.c.subject_id, HEADS.c.sequence)
        .where(HEADS.c.sequence > 0, ~left)
        .order_by(HEADS.c.subject_id)
    )
    return [tuple(row) for row in rows]


def _equal(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    for name in ("subject_id", "request_id", *LEADING):
        if getattr(wanted, name) is not None:
            yield RECORDS.c[name] == getattr(wanted, name)


def _bounds(
    wanted: Wanted, *, columns: Sequence[sa.ColumnElement[Any]], values: Sequence[object]
) -> Iterator[sa.ColumnElement[bool]]:
    """Give both ends of a list as comparisons of rows over an index, so that no other index can serve (ADR 26).

    Given plain conditions, PostgreSQL takes them to be spread evenly over time and walks all that is newer.
    """
    for moment, is_lower in ((wanted.since, True), (wanted.until, False)):
        ends = [] if moment is None else [moment]
        if columns or ends:
            here = sa.tuple_(*columns, *([RECORDS.c.recorded_at] if ends else []))
            there = sa.tuple_(*values, *ends)
            yield here >= there if is_lower else here <= there


def _link(row: sa.RowMapping) -> Link:
    return Link(
        **{
            name: row[name]
            for name in (
                *("subject_type", "subject_id", "sequence", "action"),
                *("previous_hash", "hash", "head_sequence", "head_hash"),
            )
        },
        written={name: row[f"written_{name}"] for name in WRITTEN},
    )
