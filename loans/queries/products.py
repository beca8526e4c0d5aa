"""Products as they are stored: find and page, each with one of its versions."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.models import product as models
from loans.queries import paging

PRODUCTS = models.Product.__table__
VERSIONS = models.ProductVersion.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRecord:
    """A product with the limits and terms of one version. Amounts in minor units, rate in percent a year.

    `terms` is the document of loans.core.term_documents without what an application brings.
    """

    id: uuid.UUID
    code: str
    name: str
    description: str | None
    currency: str
    version: int
    principal_min: int
    principal_max: int
    installments_min: int
    installments_max: int
    annual_rate: Decimal
    method: str
    terms: dict[str, Any]
    created_at: datetime
    updated_at: datetime


OF_PRODUCT = ("id", "code", "name", "description", "currency", "created_at", "updated_at")
COLUMNS = tuple(
    (PRODUCTS if field.name in OF_PRODUCT else VERSIONS).c[field.name] for field in fields(ProductRecord)
)
NEWEST = sa.and_(VERSIONS.c.product_id == PRODUCTS.c.id, VERSIONS.c.version == PRODUCTS.c.version)


def find(session: Session, *, product_id: uuid.UUID) -> ProductRecord | None:
    """Give a product in its newest version, or None."""
    query = sa.select(*COLUMNS).join(VERSIONS, NEWEST).where(PRODUCTS.c.id == product_id)
    row = session.execute(query).mappings().one_or_none()
    return None if row is None else ProductRecord(**row)


def find_many(session: Session, *, product_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, ProductRecord]:
    """Give products in their newest versions."""
    query = sa.select(*COLUMNS).join(VERSIONS, NEWEST).where(PRODUCTS.c.id.in_(list(product_ids)))
    return {row["id"]: ProductRecord(**row) for row in session.execute(query).mappings()}


def find_version(session: Session, *, product_id: uuid.UUID, version: int) -> ProductRecord | None:
    """Give a product as it was in one version, or None."""
    query = (
        sa.select(*COLUMNS)
        .join(VERSIONS, VERSIONS.c.product_id == PRODUCTS.c.id)
        .where(PRODUCTS.c.id == product_id, VERSIONS.c.version == version)
    )
    row = session.execute(query).mappings().one_or_none()
    return None if row is None else ProductRecord(**row)


def find_versions(
    session: Session, *, versions: Collection[tuple[uuid.UUID, int]]
) -> dict[tuple[uuid.UUID, int], ProductRecord]:
    """Give products in these versions of them."""
    query = (
        sa.select(*COLUMNS)
        .join(VERSIONS, VERSIONS.c.product_id == PRODUCTS.c.id)
        .where(sa.tuple_(VERSIONS.c.product_id, VERSIONS.c.version).in_(list(versions)))
    )
    found = [ProductRecord(**row) for row in session.execute(query).mappings()]
    return {(record.id, record.version): record for record in found}


def page(
    session: Session, *, cursor: str | None, limit: int, code: str | None = None
) -> paging.Page[ProductRecord]:
    """Give a page of products in their newest versions, newest product first.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    query = sa.select(*COLUMNS).join(VERSIONS, NEWEST).order_by(PRODUCTS.c.id.desc()).limit(limit + 1)
    if code is not None:
        query = query.where(PRODUCTS.c.code == code)
    tag = paging.tag("products", {"code": code})
    before = paging.after(cursor, tag=tag, reads=(uuid.UUID,))
    if before is not None:
        query = query.where(PRODUCTS.c.id < before[0])
    records = [ProductRecord(**row) for row in session.execute(query).mappings()]
    return paging.page(records, limit=limit, keys=[(record.id,) for record in records], tag=tag)
