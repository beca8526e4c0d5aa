"""Outbox event: what others are to be told, written in the transaction in which it became true (ADR 0014)."""

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db

# The transaction's number, or the newest that had ended by then: not less than those whose locks it waited for.
XID = (
    "greatest(((pg_current_xact_id())::text)::bigint,"
    " ((pg_snapshot_xmax(pg_current_snapshot()))::text)::bigint - 1)"
)


class OutboxEvent(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """A public event. `subject_id` is the loan, borrower or product it is about, `traceparent` the caller's trace.

    The feed's order is (era, xid, id): `xid` is a number of transactions, which is an order within an era (ADR 38).
    """

    __tablename__ = "outbox_events"
    __table_args__ = (
        sa.Index("ix_outbox_events_feed", "era", "xid", "id"),
        sa.Index("ix_outbox_events_type", "type", "era", "xid", "id"),
        sa.Index("ix_outbox_events_subject_id", "subject_id", "era", "xid", "id"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    event_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(sa.Text)
    subject_id: Mapped[uuid.UUID]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    occurred_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    request_id: Mapped[str | None] = mapped_column(sa.Text)
    traceparent: Mapped[str | None] = mapped_column(sa.Text)
    era: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("outbox_era()"))
    xid: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text(XID))


class OutboxEra(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """The time of one database cluster on one timeline, within which the numbers of transactions only grow."""

    __tablename__ = "outbox_eras"
    __table_args__ = (sa.UniqueConstraint("system_identifier", "timeline_id"),)

    era: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    system_identifier: Mapped[int] = mapped_column(sa.BigInteger)
    timeline_id: Mapped[int]
    begun_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
