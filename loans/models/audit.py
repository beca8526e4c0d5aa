"""Audit record: who did what to which object, and what it looked like before and after. Insert-only by trigger.

The records of a subject are a chain: a trigger numbers each, and hashes it together with the hash of the one before
(ADR 37, docs/audit.md). The end of each chain is kept apart, so that a missing end shows.
"""

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db

# Each order of the list of records is an index (ADR 26). A subject's own is the primary key.
ORDERS = {
    "ix_audit_records_recorded_at": (),
    "ix_audit_records_action": ("action",),
    "ix_audit_records_actor": ("actor",),
    "ix_audit_records_subject_type": ("subject_type",),
    "ix_audit_records_actor_action": ("actor", "action"),
    "ix_audit_records_actor_subject_type": ("actor", "subject_type"),
}


class AuditRecord(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """One act. Keyed by its subject first, so that a loan's audit trail lies with the loan."""

    __tablename__ = "audit_records"
    __table_args__ = (
        *(sa.Index(name, *columns, "recorded_at", "id") for name, columns in ORDERS.items()),
        sa.Index(
            "ix_audit_records_request_id",
            *("request_id", "recorded_at", "id"),
            postgresql_where=sa.text("request_id IS NOT NULL"),
        ),
        sa.CheckConstraint("(sequence = 1) = (previous_hash IS NULL)", name="previous_hash_but_of_first"),
    )

    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID]
    subject_type: Mapped[str] = mapped_column(sa.Text)
    action: Mapped[str] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.Text)
    approved_by: Mapped[str | None] = mapped_column(sa.Text)
    request_id: Mapped[str | None] = mapped_column(sa.Text)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    recorded_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    sequence: Mapped[int] = mapped_column(sa.FetchedValue(), primary_key=True, autoincrement=False)
    previous_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    hash: Mapped[bytes] = mapped_column(sa.LargeBinary, sa.FetchedValue())


class AuditHead(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """How many records a subject has, and the hash of the last. Written by the trigger alone; it only grows."""

    __tablename__ = "audit_heads"
    __table_args__ = (sa.CheckConstraint("(sequence = 0) = (hash IS NULL)", name="hash_of_last"),)

    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int]
    hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
