"""The outbox: what others are to be told, as rows of the same transaction (ADR 0014)."""

import uuid
from collections.abc import Mapping

import sqlalchemy as sa

from loans import clock
from loans.models.outbox import OutboxEvent
from loans.services.context import Context


def announce(
    event_types: tuple[str, ...], *, subject_id: uuid.UUID, payload: Mapping[str, object], context: Context
) -> sa.Insert:
    """Give the statement that writes public events such as `loan.disbursed`, in the order given."""
    # One statement for all: the parts of db.execute_together run in no certain order, the rows of one part do.
    return sa.insert(OutboxEvent.__table__).values(
        [
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
    )
