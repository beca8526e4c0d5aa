"""The outbox: what others are to be told, as rows of the same transaction (ADR 0014)."""

import uuid
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from loans import clock, db
from loans.models.outbox import OutboxEvent
from loans.services.context import Context

Row = Mapping[str, object]


def announce(
    event_types: tuple[str, ...], *, subject_id: uuid.UUID, payload: Mapping[str, object], context: Context
) -> sa.Insert:
    """Give the statement that writes public events such as `loan.disbursed`, in the order given."""
    return announce_all(rows(event_types, subject_id=subject_id, payload=payload, context=context))


def announce_all(told: Sequence[Row]) -> sa.Insert:
    """Give the statement that writes public events in the order given."""
    # One statement for all: the parts of db.execute_together run in no certain order, the rows of one part do.
    return db.insert_rows(OutboxEvent.__table__, rows=told)


def rows(
    event_types: tuple[str, ...], *, subject_id: uuid.UUID, payload: Mapping[str, object], context: Context
) -> list[Row]:
    """Make public events of one subject, in the order given."""
    return [
        {
            "event_id": clock.uuid7(),
            "type": event_type,
            "subject_id": subject_id,
            "payload": dict(payload),
            "occurred_at": context.now,
            "request_id": context.request_id,
            "traceparent": context.traceparent,
        }
        for event_type in event_types
    ]
