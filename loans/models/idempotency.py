"""Idempotency key: the answer a command gave, so that its repetition gets the same one (ADR 0007)."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db


class IdempotencyKey(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """One answered command of one caller. The row is inserted in the transaction of the command's effect.

    `client_id` is the caller's: an API client or a staff member, hence without a foreign key. Once the answer has
    expired `body` is null; the row stays, so that the key never does anything again.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        sa.CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
        sa.Index("ix_idempotency_keys_answered", "created_at", postgresql_where=sa.text("body IS NOT NULL")),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(sa.LargeBinary)
    status: Mapped[int] = mapped_column(sa.SmallInteger)
    location: Mapped[str | None] = mapped_column(sa.Text)
    body: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
