"""Products: publish one, revise its terms by a further version."""

import dataclasses
import uuid
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from loans import calendars, clock, db
from loans.core import money, rates, term_documents
from loans.core.documents import Fault, Fields, InvalidDocument
from loans.core.errors import LendingError
from loans.core.terms import Terms
from loans.models.product import Product, ProductVersion
from loans.queries import products
from loans.queries.products import ProductRecord
from loans.services import audit, outbox
from loans.services.context import Context


class ProductNotFound(LendingError):
    """There is no product, or no such version of it, with the identifier in the path."""

    code = "product_not_found"
    title = "Product not found"


class DuplicateProduct(LendingError):
    """Another product has the same code."""

    code = "duplicate_product"
    title = "Duplicate product"


class InvalidLimits(LendingError):
    """A lower limit of a product lies above its upper limit."""

    code = "invalid_limits"
    title = "Invalid limits"


# What an application brings, so that the terms of a product leave it out; holidays are pinned by the application.
BROUGHT = ("principal", "installments", "start_date", "first_due_date", "holidays")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a product lends, in minor units, and in how many installments it is repaid."""

    principal_min: int
    principal_max: int
    installments_min: int
    installments_max: int


def publish(  # noqa: PLR0913 - what a product consists of
    session: Session,
    *,
    code: str,
    name: str,
    currency: str,
    limits: Limits,
    terms: Mapping[str, object],
    context: Context,
    description: str | None = None,
    pointer: str = "#",
) -> ProductRecord:
    """Publish a product with version 1 of its terms, a document of loans.core.term_documents.

    `pointer` is the place of that document in the one that the caller was given.

    :raises DuplicateProduct: if another one has the same code.
    :raises InvalidLimits: if a lower limit lies above its upper one.
    :raises InvalidDocument: if a loan at either limit could not have such terms; it names every fault.
    """
    agreed = _read(terms, limits=limits, currency=currency, pointer=pointer, on=context.business_date)
    product_id = clock.uuid7()
    inserted = session.execute(
        insert(Product.__table__)
        .values(
            id=product_id,
            code=code,
            name=name,
            description=description,
            currency=currency,
            version=1,
            created_at=context.now,
            updated_at=context.now,
        )
        .on_conflict_do_nothing(index_elements=["code"])
        .returning(sa.literal(1))
    ).scalar_one_or_none()
    if inserted is None:
        raise DuplicateProduct(f"a product with code {code!r} exists", field="code")
    _write_version(session, product_id=product_id, version=1, limits=limits, agreed=agreed, context=context)
    return get(session, product_id=product_id)


def revise(
    session: Session,
    *,
    product_id: uuid.UUID,
    limits: Limits,
    terms: Mapping[str, object],
    context: Context,
    pointer: str = "#",
) -> ProductRecord:
    """Give a product a further version of its limits and terms, for loans applied for from now on.

    :raises ProductNotFound: if there is no such product.
    :raises InvalidLimits: if a lower limit lies above its upper one.
    :raises InvalidDocument: if a loan at either limit could not have such terms; it names every fault.
    """
    table = Product.__table__
    row = session.execute(
        sa.update(table)
        .where(table.c.id == product_id)
        .values(version=table.c.version + 1, updated_at=context.now)
        .returning(table.c.version, table.c.currency)
    ).one_or_none()
    if row is None:
        raise ProductNotFound(f"there is no product {product_id}")
    agreed = _read(terms, limits=limits, currency=row.currency, pointer=pointer, on=context.business_date)
    _write_version(
        session,
        product_id=product_id,
        version=row.version,
        limits=limits,
        agreed=agreed,
        context=context,
    )
    return get(session, product_id=product_id)


def get(session: Session, *, product_id: uuid.UUID, version: int | None = None) -> ProductRecord:
    """Give a product in its newest version, or in the one asked for.

    :raises ProductNotFound: if there is none.
    """
    if version is None:
        record = products.find(session, product_id=product_id)
    else:
        record = products.find_version(session, product_id=product_id, version=version)
    if record is None:
        wanted = f"product {product_id}" if version is None else f"version {version} of product {product_id}"
        raise ProductNotFound(f"there is no {wanted}")
    return record


def lock_version(session: Session, *, product_id: uuid.UUID) -> int:
    """Keep others from revising a product until the transaction ends, and give its newest version.

    :raises ProductNotFound: if there is none.
    """
    table = Product.__table__
    query = sa.select(table.c.version).where(table.c.id == product_id).with_for_update()
    version: int | None = session.execute(query).scalar_one_or_none()
    if version is None:
        raise ProductNotFound(f"there is no product {product_id}")
    return version


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Agreed:
    """The terms of a loan at the upper limits, and the document of what the product sets of them."""

    terms: Terms
    document: Mapping[str, object]


def _read(terms: Mapping[str, object], *, limits: Limits, currency: str, pointer: str, on: date) -> _Agreed:
    """Read the terms of a product as those of a loan at its lower limits and at its upper ones.

    :raises InvalidLimits: if a lower limit lies above its upper one.
    :raises InvalidDocument: if no loan could have such terms at one of them; it names every fault.
    """
    for field, lower, upper in (
        ("principal_min", limits.principal_min, limits.principal_max),
        ("installments_min", limits.installments_min, limits.installments_max),
    ):
        if lower > upper:
            raise InvalidLimits(f"{field} must not lie above {field[:-3]}max", field=field)
    faults = [
        Fault(pointer=f"{pointer}/{name}", code="invalid", detail="Comes with the application.")
        for name in BROUGHT
        if name in terms
    ]
    own = {name: value for name, value in terms.items() if name not in BROUGHT}
    read: Terms | None = None
    for limit in ("min", "max"):
        loan = own | {
            "currency": currency,
            "principal": money.format_amount(getattr(limits, f"principal_{limit}"), currency),
            "installments": getattr(limits, f"installments_{limit}"),
        }
        found: list[Fault] = []
        fields = Fields(loan, pointer=pointer, faults=found)
        read = term_documents.take(fields, resolve_calendar=calendars.resolve, starts=on)
        faults += [
            each for each in (_of_limit(fault, pointer, limit) for fault in found) if each not in faults
        ]
    if faults or read is None:
        raise InvalidDocument(faults)
    calendar = own.get("holiday_calendar")
    written = term_documents.write(read, holiday_calendar=None if calendar is None else str(calendar))
    document = {name: value for name, value in written.items() if name not in BROUGHT}
    return _Agreed(terms=read, document=document)


def _of_limit(fault: Fault, pointer: str, limit: str) -> Fault:
    """Name the limit at fault: a loan has one principal and one number of installments, a product two of each."""
    for name in ("principal", "installments"):
        if fault.pointer == f"{pointer}/{name}":
            return dataclasses.replace(fault, pointer=f"{fault.pointer}_{limit}")
    return fault


def _write_version(
    session: Session,
    *,
    product_id: uuid.UUID,
    version: int,
    limits: Limits,
    agreed: _Agreed,
    context: Context,
) -> None:
    currency = agreed.terms.currency
    facts = {
        "product_id": str(product_id),
        "version": version,
        "currency": currency,
        "principal_min": money.format_amount(limits.principal_min, currency),
        "principal_max": money.format_amount(limits.principal_max, currency),
        "installments_min": limits.installments_min,
        "installments_max": limits.installments_max,
        "terms": agreed.document,
    }
    db.execute_together(
        session,
        sa.insert(ProductVersion.__table__).values(
            product_id=product_id,
            version=version,
            **dataclasses.asdict(limits),
            annual_rate=Decimal(rates.format_rate(agreed.terms.annual_rate)),
            method=agreed.terms.method.value,
            terms=agreed.document,
            created_at=context.now,
        ),
        outbox.announce(("product.published",), subject_id=product_id, payload=facts, context=context),
        audit.record(
            "product.publish",
            subject_type="product",
            subject_id=product_id,
            before=None,
            after=facts,
            context=context,
        ),
    )
