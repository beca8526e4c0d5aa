"""Borrower: the person or business that owes."""

import uuid
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db

# What is searched for; the function is made by migration 0008.
WORDS = "borrower_words(first_name, last_name, external_id, email, phone)"


class Borrower(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """Who owes. `external_id` is the caller's own reference and unique where given; `version` counts changes.

    `owner_id` is the restricted client that registered it (ADR 35), NULL for all others.
    """

    __tablename__ = "borrowers"
    __table_args__ = (
        sa.CheckConstraint("length(first_name) BETWEEN 1 AND 100", name="first_name_length"),
        sa.CheckConstraint("length(last_name) BETWEEN 1 AND 100", name="last_name_length"),
        sa.Index(
            "ix_borrowers_owner_id_id", "owner_id", "id", postgresql_where=sa.text("owner_id IS NOT NULL")
        ),
        sa.Index("ix_borrowers_words", sa.text(WORDS), postgresql_using="gin"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    external_id: Mapped[str | None] = mapped_column(sa.Text, unique=True)
    first_name: Mapped[str] = mapped_column(sa.Text)
    last_name: Mapped[str] = mapped_column(sa.Text)
    email: Mapped[str | None] = mapped_column(sa.Text)
    phone: Mapped[str | None] = mapped_column(sa.Text)
    date_of_birth: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    version: Mapped[int] = mapped_column(server_default="1")
    owner_id: Mapped[uuid.UUID | None]
