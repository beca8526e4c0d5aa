"""Product: what the lender offers. Its terms are versions that never change once a loan may have pinned them."""

import uuid
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from loans.db import db

RATE = sa.Numeric(10, 6)  # percent per year
METHODS = "method IN ('equal_installments', 'equal_principal')"
FREQUENCY_UNITS = "frequency_unit IN ('week', 'month')"
DAY_COUNTS = "day_count IN ('30/360', 'ACT/365F', 'EQUAL_PERIODS')"
ROUNDINGS = "rounding IN ('half_even', 'half_up', 'up', 'down')"


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


class ProductVersion(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes Model at run time
    """The terms and limits of a product from some moment on. Amounts in minor units, rate in percent a year."""

    __tablename__ = "product_versions"
    __table_args__ = (
        sa.CheckConstraint("principal_min BETWEEN 1 AND principal_max", name="principal_limits"),
        sa.CheckConstraint("installments_min BETWEEN 1 AND installments_max", name="installments_limits"),
        sa.CheckConstraint("annual_rate >= 0", name="annual_rate_not_negative"),
        sa.CheckConstraint("frequency_every >= 1", name="frequency_every_positive"),
        sa.CheckConstraint(METHODS, name="method_known"),
        sa.CheckConstraint(FREQUENCY_UNITS, name="frequency_unit_known"),
        sa.CheckConstraint(DAY_COUNTS, name="day_count_known"),
        sa.CheckConstraint(ROUNDINGS, name="rounding_known"),
    )

    product_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("products.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    principal_min: Mapped[int] = mapped_column(sa.BigInteger)
    principal_max: Mapped[int] = mapped_column(sa.BigInteger)
    installments_min: Mapped[int]
    installments_max: Mapped[int]
    annual_rate: Mapped[Decimal] = mapped_column(RATE)
    method: Mapped[str] = mapped_column(sa.Text)
    frequency_every: Mapped[int]
    frequency_unit: Mapped[str] = mapped_column(sa.Text)
    day_count: Mapped[str] = mapped_column(sa.Text)
    rounding: Mapped[str] = mapped_column(sa.Text)
    allocation: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
