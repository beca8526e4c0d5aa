"""Legacy loan: requests of the first API, those of the service that this one replaces included (migration 0001)."""

import uuid
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db


class LegacyLoan(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """A loan request of the first API. Its amount is a decimal, not minor units, and nothing is posted on it."""

    __tablename__ = "legacy_loans"
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="loans_pkey"),
        sa.CheckConstraint("amount > 0 AND amount <= 50000", name=sa.schema.conv("chk_amount_range")),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'disbursed', 'repaid', 'defaulted')",
            name=sa.schema.conv("chk_status_enum"),
        ),
        sa.Index("ix_legacy_loans_created_at_id", "created_at", "id"),
    )

    id: Mapped[uuid.UUID]
    borrower_id: Mapped[str] = mapped_column(sa.String)
    amount: Mapped[Decimal] = mapped_column(sa.Numeric(12, 2))
    currency: Mapped[str] = mapped_column(sa.String(3))
    status: Mapped[str] = mapped_column(sa.String)
    term_months: Mapped[int | None]
    interest_rate_apr: Mapped[Decimal | None] = mapped_column(sa.Numeric(5, 2))
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
