"""The audit trail: who did what, with the object before and after, as rows of the same transaction."""

import uuid
from collections.abc import Mapping

import sqlalchemy as sa

from loans import clock
from loans.models.audit import AuditRecord
from loans.services.context import Context


def record(
    action: str,
    *,
    subject_type: str,
    subject_id: uuid.UUID,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
    context: Context,
) -> sa.Insert:
    """Give the statement that writes one audit record; `before` is None for a creation."""
    return sa.insert(AuditRecord.__table__).values(
        id=clock.uuid7(),
        subject_type=subject_type,
        subject_id=subject_id,
        action=action,
        actor=context.actor,
        approved_by=context.approved_by,
        request_id=context.request_id,
        before=sa.null() if before is None else dict(before),
        after=sa.null() if after is None else dict(after),
        recorded_at=context.now,
    )
