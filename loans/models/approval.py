"""Approval: a command that waits for a second person, and what became of it (ADR 34)."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db


class Approval(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """A command as its maker asked for it. `request` is canonical JSON: method, path and body, byte for byte.

    `amount`, in minor units, is what the policy looked at; NULL where the command has none. A pending request of which
    `expires_at` has passed is expired, without a word in its row.
    """

    __tablename__ = "approvals"
    __table_args__ = (
        sa.CheckConstraint("status IN ('pending', 'approved', 'rejected', 'withdrawn')", name="status_known"),
        sa.CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="amount_has_currency"),
        sa.CheckConstraint("(loan_id IS NULL) = (loan_version IS NULL)", name="loan_has_version"),
        sa.CheckConstraint(
            "(status = 'pending') = (decided_by IS NULL) AND (status = 'pending') = (decided_at IS NULL)",
            name="decided_by_somebody",
        ),
        sa.CheckConstraint(
            "CASE WHEN status IN ('approved', 'rejected') THEN decided_by <> maker"
            " WHEN status = 'withdrawn' THEN decided_by = maker ELSE true END",
            name="decided_by_another",
        ),
        # That the command is the one that was seen does not rest on our code alone.
        sa.CheckConstraint(
            "payload_sha256 = encode(sha256(convert_to(request, 'UTF8')), 'hex')", name="payload_is_hashed"
        ),
        sa.Index("ix_approvals_loan_id_id", "loan_id", "id"),
        sa.Index("ix_approvals_maker_id", "maker", "id"),
        sa.Index("ix_approvals_pending", "id", postgresql_where=sa.text("status = 'pending'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    command: Mapped[str] = mapped_column(sa.Text)
    request: Mapped[str] = mapped_column(sa.Text)
    payload_sha256: Mapped[str] = mapped_column(sa.Text)
    loan_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("loans.id"))
    loan_version: Mapped[int | None]
    is_conditional: Mapped[bool]
    amount: Mapped[int | None] = mapped_column(sa.BigInteger)
    currency: Mapped[str | None] = mapped_column(sa.CHAR(3))
    policy_version: Mapped[int] = mapped_column(sa.ForeignKey("approval_policies.version"))
    maker: Mapped[str] = mapped_column(sa.Text)
    status: Mapped[str] = mapped_column(sa.Text)
    requested_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    decided_by: Mapped[str | None] = mapped_column(sa.Text)
    decided_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    note: Mapped[str | None] = mapped_column(sa.Text)
    location: Mapped[str | None] = mapped_column(sa.Text)
