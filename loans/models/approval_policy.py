"""Approval policy: which commands need a second person, from some moment on. Insert-only by trigger (ADR 34)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db


class ApprovalPolicy(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """One version of the policy, the newest of which holds. `rules` is a list of objects, empty for none."""

    __tablename__ = "approval_policies"
    __table_args__ = (
        sa.CheckConstraint("version >= 1", name="version_positive"),
        sa.CheckConstraint("jsonb_typeof(rules) = 'array'", name="rules_array"),
    )

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    note: Mapped[str | None] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
