"""Rate limit: how much of a budget is used in its present window. Unlogged: a crash forgets it, which harms nobody."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db


class RateLimit(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """The window of one budget. `granted` is what the last request for tokens got of `used`."""

    __tablename__ = "rate_limits"
    __table_args__ = (
        sa.CheckConstraint("granted BETWEEN 0 AND used", name="granted_is_used"),
        {"prefixes": ["UNLOGGED"]},
    )

    key: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    ends_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    used: Mapped[int]
    granted: Mapped[int]
