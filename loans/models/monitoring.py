"""What the service remembers about itself for those who watch it: figures of the book, runs of the verification.

Nothing here is a fact of lending: all of it can be computed again.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db


class PortfolioFigures(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """Figures of the book, computed by one process for all: row 1 is what /metrics shows, row 2 the statistics.

    `due_at` is when they are to be computed again; whoever moves it on has taken on to do so.
    """

    __tablename__ = "portfolio_figures"
    __table_args__ = (sa.CheckConstraint("id IN (1, 2)", name="row_known"),)

    id: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True, autoincrement=False)
    due_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    taken_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class VerificationRun(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """A run of `flask verify` that came to its end, and how many differences it found."""

    __tablename__ = "verification_runs"
    __table_args__ = (sa.CheckConstraint("loans >= 0 AND faults >= 0", name="counts_not_negative"),)

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    finished_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    loans: Mapped[int] = mapped_column(sa.BigInteger)
    faults: Mapped[int] = mapped_column(sa.BigInteger)
