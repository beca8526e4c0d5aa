"""Product: what the lender offers. Its terms are versions that never change once a loan may have pinned them."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db

RATE = sa.Numeric(10, 6)  # percent per year
METHODS = "method IN ('equal_installments', 'equal_principal', 'flat', 'interest_only', 'bullet')"
TERMS = "jsonb_typeof(terms) = 'object'"


class Product(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """What is offered, in one currency. `version` is the newest of its product_versions."""

    __tablename__ = "products"
    __table_args__ = (
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_iso_4217"),
        sa.CheckConstraint("version >= 1", name="version_positive"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(sa.Text, unique=True)
    name: Mapped[str] = mapped_column(sa.Text)
    description: Mapped[str | None] = mapped_column(sa.Text)
    currency: Mapped[str] = mapped_column(sa.CHAR(3))
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


class EarlierTerms:
    """Terms as columns, of which the release before this one reads and writes its own; null in every newer row."""

    frequency_every: Mapped[int | None]
    frequency_unit: Mapped[str | None] = mapped_column(sa.Text)
    day_count: Mapped[str | None] = mapped_column(sa.Text)
    rounding: Mapped[str | None] = mapped_column(sa.Text)
    allocation: Mapped[list[str] | None] = mapped_column(ARRAY(sa.Text))


class ProductVersion(EarlierTerms, db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """The limits and terms of a product from some moment on. Amounts in minor units, rate in percent a year.

    `terms` is the document of loans.core.term_documents without what an application brings. `EarlierTerms` are columns
    that no code uses any more; a later release drops them.
    """

    __tablename__ = "product_versions"
    __table_args__ = (
        sa.CheckConstraint("principal_min BETWEEN 1 AND principal_max", name="principal_limits"),
        sa.CheckConstraint("installments_min BETWEEN 1 AND installments_max", name="installments_limits"),
        sa.CheckConstraint("annual_rate >= 0", name="annual_rate_not_negative"),
        sa.CheckConstraint(METHODS, name="method_known"),
        sa.CheckConstraint(TERMS, name="terms_object"),
    )

    product_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("products.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    principal_min: Mapped[int] = mapped_column(sa.BigInteger)
    principal_max: Mapped[int] = mapped_column(sa.BigInteger)
    installments_min: Mapped[int]
    installments_max: Mapped[int]
    annual_rate: Mapped[Decimal] = mapped_column(RATE)
    method: Mapped[str] = mapped_column(sa.Text)
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
