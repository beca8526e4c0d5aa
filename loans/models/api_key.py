"""API key: how a client proves who it is. The secret itself is never stored, only its HMAC."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db


class ApiKey(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """A client's key. `secret_hash` is deferred so that it is not loaded by accident.

    `name` and `scopes` are the client's, copied when the key is issued, for the release before clients; this one
    does not read them.
    """

    __tablename__ = "api_keys"
    __table_args__ = (sa.CheckConstraint("cardinality(scopes) > 0", name="scopes_not_empty"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("api_clients.id"), index=True)
    name: Mapped[str] = mapped_column(sa.Text)
    secret_hash: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
