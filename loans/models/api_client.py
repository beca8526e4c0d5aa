"""API client: a program that calls, what it may do, and from where. Its keys are rows of `api_keys`."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, CIDR
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db


class ApiClient(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """A program. `allowed_addresses` NULL means that it may call from anywhere.

    `own_loans_only` never changes: what a client made before it was restricted would not be its own.
    """

    __tablename__ = "api_clients"
    __table_args__ = (
        sa.CheckConstraint("cardinality(scopes) > 0", name="scopes_not_empty"),
        sa.CheckConstraint("cardinality(allowed_addresses) > 0", name="allowed_addresses_not_empty"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    allowed_addresses: Mapped[list[str] | None] = mapped_column(ARRAY(CIDR))
    own_loans_only: Mapped[bool] = mapped_column(server_default=sa.false())
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    disabled_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
