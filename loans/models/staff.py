"""Staff: people who log in, their sessions, and the refresh tokens of those. Tokens are stored as hashes only."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db

ROLES = "role IN ('admin', 'officer', 'teller', 'auditor')"


class StaffMember(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """A person. `username` is in lower case, so that it is unique whatever the case it is typed in.

    `password_changed_at` NULL means that somebody else has seen the password: it opens nothing until changed.
    """

    __tablename__ = "staff"
    __table_args__ = (
        sa.CheckConstraint("username = lower(username)", name="username_in_lower_case"),
        sa.CheckConstraint("length(username) BETWEEN 3 AND 64", name="username_length"),
        sa.CheckConstraint(ROLES, name="role_known"),
        sa.CheckConstraint("failed_logins >= 0", name="failed_logins_not_negative"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(sa.Text, unique=True)
    name: Mapped[str] = mapped_column(sa.Text)
    role: Mapped[str] = mapped_column(sa.Text)
    password_hash: Mapped[str] = mapped_column(sa.Text, deferred=True)
    password_changed_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    failed_logins: Mapped[int] = mapped_column(sa.SmallInteger)
    locked_until: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    disabled_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class StaffSession(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """What a login opened: the family of refresh tokens that came one from another."""

    __tablename__ = "staff_sessions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("staff.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class RefreshToken(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """One refresh token of a session; a used one is kept, since its second use ends the session."""

    __tablename__ = "refresh_tokens"

    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary, primary_key=True)
    session_id: Mapped[uuid.UUID] = mapped_column(
        sa.ForeignKey("staff_sessions.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
