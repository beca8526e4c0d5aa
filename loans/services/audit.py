"""The audit trail: who did what, with the object before and after, as rows of the same transaction (ADR 37).

A trigger numbers each record within its subject and hashes it together with the hash of the one before.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import sqlalchemy as sa

from loans import clock, db
from loans.models.audit import AuditRecord
from loans.services.context import Context

# An action is named after what it is done to, `loan.approve`; these are recorded with something else.
SUBJECTS: Mapping[str, str] = MappingProxyType({"api_key": "api_client"})
Row = Mapping[str, object]


def subject_type_of(action: str) -> str:
    """Tell what an action is done to: it follows from the name, so that a list filtered by both needs no index more."""
    noun = action.partition(".")[0]
    return SUBJECTS.get(noun, noun)


def record(
    action: str,
    *,
    subject_type: str,
    subject_id: uuid.UUID,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
    context: Context,
) -> sa.Insert:
    """Give the statement that writes one audit record, as `row` makes it."""
    made = row(
        action,
        subject_type=subject_type,
        subject_id=subject_id,
        before=before,
        after=after,
        context=context,
    )
    return record_all([made])


def record_all(rows: Sequence[Row]) -> sa.Insert:
    """Give the statement that writes audit records in the order given: that in which their acts were done."""
    return db.insert_rows(AuditRecord.__table__, rows=rows)


def row(
    action: str,
    *,
    subject_type: str,
    subject_id: uuid.UUID,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
    context: Context,
) -> Row:
    """Make one audit record; `before` is None for a creation.

    :raises AssertionError: if the action is not named after the type of its subject, or a fact is a fraction, which has
        more than one way of being written and so no certain hash.
    """
    if subject_type_of(action) != subject_type:
        raise AssertionError(
            f"{action} is recorded of a {subject_type}: name it after that, or add it to SUBJECTS"
        )
    if _fraction(before) or _fraction(after):
        raise AssertionError(f"{action} has a number with a fraction: write it as text")
    return {
        "id": clock.uuid7(),
        "subject_type": subject_type,
        "subject_id": subject_id,
        "action": action,
        "actor": context.actor,
        "approved_by": context.approved_by,
        "request_id": context.request_id,
        "before": None if before is None else dict(before),
        "after": None if after is None else dict(after),
        "recorded_at": context.now,
    }


def _fraction(value: object) -> bool:
    """Tell whether something has a number that is not whole within it."""
    if isinstance(value, Mapping):
        return any(_fraction(each) for each in value.values())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return any(_fraction(each) for each in value)
    return isinstance(value, float)
