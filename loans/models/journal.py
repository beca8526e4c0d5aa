"""The journal: accounts, entries and lines. Rows are only ever inserted; triggers refuse anything else.

Only loans.ledger may import this module. A deferred trigger refuses an entry whose lines do not sum to zero in
each currency (migration 0004).
"""

import uuid
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db


class LedgerAccount(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """An account of the general ledger; the chart is loans.core.postings.ACCOUNTS."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        sa.CheckConstraint(
            "kind IN ('asset', 'liability', 'equity', 'income', 'expense')", name="kind_known"
        ),
    )

    code: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[str] = mapped_column(sa.Text)


class JournalEntry(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """What one event of a loan did to the ledger: at most one entry an event, hence the key."""

    __tablename__ = "journal_entries"
    __table_args__ = (
        sa.ForeignKeyConstraint(["loan_id", "sequence"], ["loan_events.loan_id", "loan_events.sequence"]),
    )

    loan_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    effective_date: Mapped[date]
    posted_on: Mapped[date]
    recorded_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


class JournalLine(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """One leg of an entry, in minor units: a debit is positive, a credit negative."""

    __tablename__ = "journal_lines"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["loan_id", "sequence"], ["journal_entries.loan_id", "journal_entries.sequence"]
        ),
        sa.CheckConstraint("amount <> 0", name="amount_not_zero"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_iso_4217"),
    )

    loan_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account: Mapped[str] = mapped_column(sa.ForeignKey("ledger_accounts.code"))
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    amount: Mapped[int] = mapped_column(sa.BigInteger)
