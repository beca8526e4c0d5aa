"""Loan, its events and its installments. Rows that belong to a loan have keys that begin with loan_id.

`loan_events` are the facts; `installments` and the snapshot columns of `loans` are a cache of their fold, written
in the same transaction and compared with a fold from scratch by `flask verify`.
"""

import uuid
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db
from loans.models.product import DAY_COUNTS, FREQUENCY_UNITS, METHODS, RATE, ROUNDINGS

STATUSES = "status IN ('pending', 'approved', 'rejected', 'cancelled', 'disbursed', 'repaid', 'defaulted')"
EVENT_KINDS = "kind IN ('applied', 'approved', 'rejected', 'cancelled', 'disbursed', 'repayment', 'reversal')"


class Loan(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """What was agreed (never updated after the application) and the snapshot of the fold. Minor units, percent."""

    __tablename__ = "loans"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["product_id", "product_version"], ["product_versions.product_id", "product_versions.version"]
        ),
        sa.CheckConstraint("principal > 0", name="principal_positive"),
        sa.CheckConstraint("annual_rate >= 0", name="annual_rate_not_negative"),
        sa.CheckConstraint("installments BETWEEN 1 AND 600", name="installments_limits"),
        sa.CheckConstraint("frequency_every >= 1", name="frequency_every_positive"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_iso_4217"),
        sa.CheckConstraint(METHODS, name="method_known"),
        sa.CheckConstraint(FREQUENCY_UNITS, name="frequency_unit_known"),
        sa.CheckConstraint(DAY_COUNTS, name="day_count_known"),
        sa.CheckConstraint(ROUNDINGS, name="rounding_known"),
        sa.CheckConstraint(STATUSES, name="status_known"),
        sa.CheckConstraint("disbursed IN (0, principal)", name="disbursed_in_full"),
        sa.CheckConstraint(
            "principal_outstanding >= 0 AND interest_outstanding >= 0"
            " AND principal_paid >= 0 AND interest_paid >= 0",
            name="balances_not_negative",
        ),
        sa.CheckConstraint("disbursed = principal_paid + principal_outstanding", name="principal_adds_up"),
        sa.CheckConstraint(
            "status <> 'repaid' OR principal_outstanding + interest_outstanding = 0",
            name="repaid_owes_nothing",
        ),
        sa.Index("ix_loans_borrower_id_id", "borrower_id", "id"),
        sa.Index("ix_loans_currency_id", "currency", "id"),
        sa.Index("ix_loans_product_id_id", "product_id", "id"),
        sa.Index("ix_loans_status_id", "status", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    external_id: Mapped[str | None] = mapped_column(sa.Text, unique=True)
    borrower_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("borrowers.id"))
    product_id: Mapped[uuid.UUID]
    product_version: Mapped[int]

    principal: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    annual_rate: Mapped[Decimal] = mapped_column(RATE)
    method: Mapped[str] = mapped_column(sa.Text)
    installments: Mapped[int]
    frequency_every: Mapped[int]
    frequency_unit: Mapped[str] = mapped_column(sa.Text)
    day_count: Mapped[str] = mapped_column(sa.Text)
    rounding: Mapped[str] = mapped_column(sa.Text)
    allocation: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))

    status: Mapped[str] = mapped_column(sa.Text)
    applied_on: Mapped[date]
    approved_on: Mapped[date | None]
    disbursed_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    maturity_date: Mapped[date | None]
    disbursed: Mapped[int] = mapped_column(sa.BigInteger)
    principal_paid: Mapped[int] = mapped_column(sa.BigInteger)
    interest_paid: Mapped[int] = mapped_column(sa.BigInteger)
    principal_outstanding: Mapped[int] = mapped_column(sa.BigInteger)
    interest_outstanding: Mapped[int] = mapped_column(sa.BigInteger)
    next_due_date: Mapped[date | None]
    next_due_amount: Mapped[int] = mapped_column(sa.BigInteger)

    event_count: Mapped[int]
    last_event_on: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


class LoanEvent(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """A dated fact about a loan, never changed once recorded. `sequence` counts a loan's events without gaps."""

    __tablename__ = "loan_events"
    __table_args__ = (
        sa.UniqueConstraint("loan_id", "id"),
        sa.ForeignKeyConstraint(
            ["loan_id", "reverses"], ["loan_events.loan_id", "loan_events.id"], name="fk_loan_events_reverses"
        ),
        sa.UniqueConstraint("loan_id", "reverses", name="uq_loan_events_reversed_once"),
        sa.CheckConstraint(EVENT_KINDS, name="kind_known"),
        sa.CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="reversal_names_an_event"),
        sa.CheckConstraint(
            "CASE WHEN kind IN ('disbursed', 'repayment') THEN amount > 0 ELSE amount = 0 END",
            name="amount_fits_kind",
        ),
    )

    loan_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("loans.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(sa.Text)
    effective_date: Mapped[date]
    amount: Mapped[int] = mapped_column(sa.BigInteger)
    reverses: Mapped[uuid.UUID | None]
    note: Mapped[str | None] = mapped_column(sa.Text)
    reference: Mapped[str | None] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.Text)
    recorded_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


class Installment(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """One row of a disbursed loan's schedule, with what has been paid of it. Minor units."""

    __tablename__ = "installments"
    __table_args__ = (
        sa.CheckConstraint("number >= 1", name="number_positive"),
        sa.CheckConstraint("from_date < due_date", name="dates_increase"),
        sa.CheckConstraint("principal >= 0 AND interest >= 0", name="amounts_not_negative"),
        sa.CheckConstraint("principal_paid BETWEEN 0 AND principal", name="principal_not_overpaid"),
        sa.CheckConstraint("interest_paid BETWEEN 0 AND interest", name="interest_not_overpaid"),
    )

    loan_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("loans.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    from_date: Mapped[date]
    due_date: Mapped[date]
    principal: Mapped[int] = mapped_column(sa.BigInteger)
    interest: Mapped[int] = mapped_column(sa.BigInteger)
    principal_paid: Mapped[int] = mapped_column(sa.BigInteger)
    interest_paid: Mapped[int] = mapped_column(sa.BigInteger)
    settled_on: Mapped[date | None]
