"""Loan, its events and its installments. Rows that belong to a loan have keys that begin with loan_id.

`loan_events` are the facts; `installments` and the snapshot columns of `loans` are a cache of their fold, written
in the same transaction and compared with a fold from scratch by `flask verify`.
"""

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db
from loans.models.product import METHODS, RATE, TERMS, EarlierTerms

STATUSES = "status IN ('pending', 'approved', 'rejected', 'cancelled', 'disbursed', 'repaid', 'defaulted')"
# Kinds that move or charge money, and the others (loans.core.events).
MONEY_KINDS = (
    "'disbursed', 'fee', 'late_fee', 'goodwill_credit', 'repayment', 'payoff', 'chargeback', 'refund',"
    " 'recovery'"
)
OTHER_KINDS = (
    "'applied', 'approved', 'rejected', 'cancelled', 'rate_change', 'interest_pause', 'reschedule', 're_age',"
    " 'fee_waiver', 'interest_waiver', 'charge_off', 'write_off', 'reversal'"
)
# Of the others, those that are stored with what they came to.
WAIVERS = "'fee_waiver', 'interest_waiver'"
# Nothing waives principal, so it has no such column.
LOAN_AMOUNTS = (
    "disbursed, credit_balance,"
    " principal_paid, interest_paid, fee_paid, penalty_paid,"
    " principal_written_off, interest_written_off, fee_written_off, penalty_written_off,"
    " principal_outstanding, interest_outstanding, fee_outstanding, penalty_outstanding,"
    " interest_waived, fee_waived, penalty_waived"
)
INSTALLMENT_AMOUNTS = (
    "principal, interest, fee, penalty,"
    " principal_paid, interest_paid, fee_paid, penalty_paid,"
    " principal_written_off, interest_written_off, fee_written_off, penalty_written_off,"
    " interest_waived, fee_waived, penalty_waived"
)
# Where a date is missing it lies beyond every date there is: the order of a list has a place for each loan.
NEVER = "'9999-12-31'::date"
OUTSTANDING = "principal_outstanding + interest_outstanding + fee_outstanding + penalty_outstanding"


def amount() -> Mapped[int]:
    """Make a column for an amount in minor units, which may be nothing."""
    return mapped_column(sa.BigInteger, server_default="0")


class Loan(EarlierTerms, db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """What was agreed (never updated after the application) and the snapshot of the fold. Minor units, percent.

    `terms` is the document of loans.core.term_documents, with the holidays pinned. The snapshot is that of `as_of`.
    `EarlierTerms` are columns that no code uses any more; a later release drops them.
    """

    __tablename__ = "loans"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["product_id", "product_version"], ["product_versions.product_id", "product_versions.version"]
        ),
        sa.CheckConstraint("principal > 0", name="principal_positive"),
        sa.CheckConstraint("annual_rate >= 0", name="annual_rate_not_negative"),
        sa.CheckConstraint("installments BETWEEN 1 AND 600", name="installments_limits"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_iso_4217"),
        sa.CheckConstraint(METHODS, name="method_known"),
        sa.CheckConstraint(TERMS, name="terms_object"),
        sa.CheckConstraint(STATUSES, name="status_known"),
        sa.CheckConstraint("as_of >= last_event_on", name="as_of_not_before_events"),
        sa.CheckConstraint(f"least({LOAN_AMOUNTS}) >= 0", name="balances_not_negative"),
        # What was charged back is principal once more, beyond what was disbursed.
        sa.CheckConstraint(
            "disbursed <= principal_paid + principal_written_off + principal_outstanding",
            name="principal_adds_up",
        ),
        sa.CheckConstraint(
            "status <> 'repaid' OR principal_outstanding + interest_outstanding + fee_outstanding"
            " + penalty_outstanding = 0",
            name="repaid_owes_nothing",
        ),
        sa.Index("ix_loans_borrower_id_id", "borrower_id", "id"),
        sa.Index("ix_loans_currency_id", "currency", "id"),
        # The restricted client that applied for it (ADR 35).
        sa.Index("ix_loans_owner_id_id", "owner_id", "id", postgresql_where=sa.text("owner_id IS NOT NULL")),
        sa.Index("ix_loans_product_id_id", "product_id", "id"),
        sa.Index("ix_loans_status_id", "status", "id"),
        # Each order of the list, below the status (loans.queries.loan_list).
        sa.Index("ix_loans_principal", "status", "currency", "principal", "id"),
        sa.Index("ix_loans_outstanding", "status", "currency", sa.text(f"({OUTSTANDING})"), "id"),
        sa.Index("ix_loans_created_at", "status", "created_at", "id"),
        sa.Index("ix_loans_applied_on", "status", "applied_on", "id"),
        *(
            sa.Index(f"ix_loans_{name}", "status", sa.text(f"(coalesce({name}, {NEVER}))"), "id")
            for name in ("next_due_date", "disbursed_on", "maturity_date")
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    external_id: Mapped[str | None] = mapped_column(sa.Text, unique=True)
    owner_id: Mapped[uuid.UUID | None]
    borrower_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("borrowers.id"))
    product_id: Mapped[uuid.UUID]
    product_version: Mapped[int]

    principal: Mapped[int] = mapped_column(sa.BigInteger)
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    annual_rate: Mapped[Decimal] = mapped_column(RATE)
    method: Mapped[str] = mapped_column(sa.Text)
    installments: Mapped[int]
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB)

    status: Mapped[str] = mapped_column(sa.Text)
    as_of: Mapped[date]
    applied_on: Mapped[date]
    approved_on: Mapped[date | None]
    disbursed_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    charged_off_on: Mapped[date | None]
    maturity_date: Mapped[date | None]
    disbursed: Mapped[int] = mapped_column(sa.BigInteger)
    principal_paid: Mapped[int] = mapped_column(sa.BigInteger)
    interest_paid: Mapped[int] = mapped_column(sa.BigInteger)
    fee_paid: Mapped[int] = amount()
    penalty_paid: Mapped[int] = amount()
    interest_waived: Mapped[int] = amount()
    fee_waived: Mapped[int] = amount()
    penalty_waived: Mapped[int] = amount()
    principal_written_off: Mapped[int] = amount()
    interest_written_off: Mapped[int] = amount()
    fee_written_off: Mapped[int] = amount()
    penalty_written_off: Mapped[int] = amount()
    principal_outstanding: Mapped[int] = mapped_column(sa.BigInteger)
    interest_outstanding: Mapped[int] = mapped_column(sa.BigInteger)
    fee_outstanding: Mapped[int] = amount()
    penalty_outstanding: Mapped[int] = amount()
    credit_balance: Mapped[int] = amount()
    next_due_date: Mapped[date | None]
    next_due_amount: Mapped[int] = mapped_column(sa.BigInteger)

    event_count: Mapped[int]
    last_event_on: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


class LoanEvent(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """A dated fact about a loan, never changed once recorded. `sequence` counts a loan's events without gaps.

    `details` is what belongs to its kind alone (loans.core.event_documents).
    """

    __tablename__ = "loan_events"
    __table_args__ = (
        sa.UniqueConstraint("loan_id", "id"),
        sa.ForeignKeyConstraint(
            ["loan_id", "reverses"], ["loan_events.loan_id", "loan_events.id"], name="fk_loan_events_reverses"
        ),
        sa.UniqueConstraint("loan_id", "reverses", name="uq_loan_events_reversed_once"),
        sa.CheckConstraint(f"kind IN ({MONEY_KINDS}, {OTHER_KINDS})", name="kind_known"),
        sa.CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="reversal_names_an_event"),
        sa.CheckConstraint(
            f"CASE WHEN kind IN ({MONEY_KINDS}, {WAIVERS}) THEN amount > 0 ELSE amount = 0 END",
            name="amount_fits_kind",
        ),
        sa.CheckConstraint("jsonb_typeof(details) = 'object'", name="details_object"),
    )

    loan_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("loans.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(sa.Text)
    effective_date: Mapped[date]
    amount: Mapped[int] = mapped_column(sa.BigInteger)
    reverses: Mapped[uuid.UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sa.text("'{}'::jsonb"))
    note: Mapped[str | None] = mapped_column(sa.Text)
    reference: Mapped[str | None] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.Text)
    approved_by: Mapped[str | None] = mapped_column(sa.Text)
    recorded_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


class Installment(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """One row of a disbursed loan's schedule, with what has been paid of it. Minor units."""

    __tablename__ = "installments"
    __table_args__ = (
        sa.CheckConstraint("number >= 1", name="number_positive"),
        sa.CheckConstraint("kind IN ('down_payment', 'installment', 'extra')", name="kind_known"),
        sa.CheckConstraint("from_date <= to_date AND from_date <= due_date", name="dates_increase"),
        sa.CheckConstraint(f"least({INSTALLMENT_AMOUNTS}) >= 0", name="amounts_not_negative"),
        sa.CheckConstraint(
            "principal_paid + principal_written_off <= principal"
            " AND interest_paid + interest_waived + interest_written_off <= interest"
            " AND fee_paid + fee_waived + fee_written_off <= fee"
            " AND penalty_paid + penalty_waived + penalty_written_off <= penalty",
            name="not_oversettled",
        ),
    )

    loan_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("loans.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.Text, server_default="installment")
    from_date: Mapped[date]
    to_date: Mapped[date]
    due_date: Mapped[date]
    principal: Mapped[int] = mapped_column(sa.BigInteger)
    interest: Mapped[int] = mapped_column(sa.BigInteger)
    fee: Mapped[int] = amount()
    penalty: Mapped[int] = amount()
    principal_paid: Mapped[int] = mapped_column(sa.BigInteger)
    interest_paid: Mapped[int] = mapped_column(sa.BigInteger)
    fee_paid: Mapped[int] = amount()
    penalty_paid: Mapped[int] = amount()
    interest_waived: Mapped[int] = amount()
    fee_waived: Mapped[int] = amount()
    penalty_waived: Mapped[int] = amount()
    principal_written_off: Mapped[int] = amount()
    interest_written_off: Mapped[int] = amount()
    fee_written_off: Mapped[int] = amount()
    penalty_written_off: Mapped[int] = amount()
    settled_on: Mapped[date | None]
