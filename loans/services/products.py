"""Products: publish one, revise its terms by a further version."""

import dataclasses
import uuid
from fractions import Fraction

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from loans import clock, db
from loans.core import money, rates
from loans.core.dates import Frequency
from loans.core.daycount import DayCount
from loans.core.errors import LendingError
from loans.core.money import Rounding
from loans.core.terms import Component, InvalidTerms, Method, Terms
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProductTerms:
    """What a version of a product sets. Amounts in minor units, rate in percent a year."""

    principal_min: int
    principal_max: int
    installments_min: int
    installments_max: int
    annual_rate: Fraction
    method: Method
    frequency: Frequency
    day_count: DayCount
    rounding: Rounding
    allocation: tuple[Component, ...]


def publish(  # noqa: PLR0913 - one argument a column
    session: Session,
    *,
    code: str,
    name: str,
    currency: str,
    terms: ProductTerms,
    context: Context,
    description: str | None = None,
) -> ProductRecord:
    """Publish a product with version 1 of its terms.

    :raises DuplicateProduct: if another one has the same code.
    :raises InvalidLimits: if a lower limit lies above its upper one.
    :raises InvalidTerms: if no loan could have such terms.
    """
    _check(terms, currency=currency)
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
    _write_version(session, product_id=product_id, version=1, terms=terms, currency=currency, context=context)
    return get(session, product_id=product_id)


def revise(
    session: Session, *, product_id: uuid.UUID, terms: ProductTerms, context: Context
) -> ProductRecord:
    """Give a product a further version of its terms, for loans applied for from now on.

    :raises ProductNotFound: if there is no such product.
    :raises InvalidLimits: if a lower limit lies above its upper one.
    :raises InvalidTerms: if no loan could have such terms.
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
    _check(terms, currency=row.currency)
    _write_version(
        session,
        product_id=product_id,
        version=row.version,
        terms=terms,
        currency=row.currency,
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


def _check(terms: ProductTerms, *, currency: str) -> None:
    """Refuse limits that exclude everything and terms that no loan could have at either limit."""
    limits = (
        ("principal_min", terms.principal_min, terms.principal_max),
        ("installments_min", terms.installments_min, terms.installments_max),
    )
    for field, lower, upper in limits:
        if lower > upper:
            raise InvalidLimits(f"{field} must not lie above {field[:-3]}max", field=field)
    for limit, principal, installments in (
        ("min", terms.principal_min, terms.installments_min),
        ("max", terms.principal_max, terms.installments_max),
    ):
        try:
            Terms(
                principal=principal,
                currency=currency,
                annual_rate=terms.annual_rate,
                method=terms.method,
                installments=installments,
                frequency=terms.frequency,
                day_count=terms.day_count,
                rounding=terms.rounding,
                allocation=terms.allocation,
            )
        except InvalidTerms as error:
            # A loan has one principal, a product two limits of it: name the one at fault.
            named = f"{error.field}_{limit}" if error.field in {"principal", "installments"} else error.field
            raise InvalidTerms(error.detail, field=named) from error


def _write_version(
    session: Session,
    *,
    product_id: uuid.UUID,
    version: int,
    terms: ProductTerms,
    currency: str,
    context: Context,
) -> None:
    agreed: dict[str, object] = {
        "installments_min": terms.installments_min,
        "installments_max": terms.installments_max,
        "annual_rate": rates.format_rate(terms.annual_rate),
        "method": terms.method.value,
        "frequency_every": terms.frequency.every,
        "frequency_unit": terms.frequency.unit.value,
        "day_count": terms.day_count.value,
        "rounding": terms.rounding.value,
        "allocation": [component.value for component in terms.allocation],
    }
    facts = agreed | {
        "product_id": str(product_id),
        "version": version,
        "currency": currency,
        "principal_min": money.format_amount(terms.principal_min, currency),
        "principal_max": money.format_amount(terms.principal_max, currency),
    }
    db.execute_together(
        session,
        sa.insert(ProductVersion.__table__).values(
            product_id=product_id,
            version=version,
            principal_min=terms.principal_min,
            principal_max=terms.principal_max,
            created_at=context.now,
            **agreed,
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
