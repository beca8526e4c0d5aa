"""Blueprint products."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from loans.api.endpoint import Blueprint, command, query
from loans.core import money
from loans.queries import products as stored
from loans.queries.paging import Page
from loans.queries.products import ProductRecord
from loans.schemas.products import ProductArgs, ProductIn, ProductOut, ProductPage, ProductVersionIn
from loans.services import products
from loans.services.context import Context
from loans.services.products import Limits

blueprint = Blueprint("products", __name__, url_prefix="/api/v1/products", description="What is offered.")


def _version(product: ProductRecord) -> int:
    return product.version


@command(
    blueprint,
    "",
    scope="products:write",
    accepts=ProductIn,
    returns=ProductOut,
    status=201,
    location=lambda product: f"/api/v1/products/{product.id}",
)
def create_product(session: Session, context: Context, body: dict[str, Any]) -> ProductRecord:
    """Publish a product with version 1 of its terms."""
    described = {name: body.pop(name) for name in ("code", "name", "description", "currency")}
    limits = _limits(body, currency=described["currency"])
    return products.publish(session, **described, limits=limits, terms=body["terms"], context=context)


@command(
    blueprint,
    "/<uuid:product_id>/versions",
    scope="products:write",
    accepts=ProductVersionIn,
    returns=ProductOut,
    status=201,
    location=lambda product: f"/api/v1/products/{product.id}/versions/{product.version}",
)
def create_version(
    session: Session, context: Context, body: dict[str, Any], product_id: uuid.UUID
) -> ProductRecord:
    """Give a product a further version of its terms; loans keep the version they were applied for."""
    limits = _limits(body, currency=products.get(session, product_id=product_id).currency)
    return products.revise(
        session, product_id=product_id, limits=limits, terms=body["terms"], context=context
    )


@query(blueprint, "", scope="products:read", args=ProductArgs, returns=ProductPage)
def list_products(session: Session, args: dict[str, Any]) -> Page[ProductRecord]:
    """List products in their newest versions, newest product first."""
    return stored.page(session, **args)


@query(blueprint, "/<uuid:product_id>", scope="products:read", returns=ProductOut, version=_version)
def get_product(session: Session, product_id: uuid.UUID) -> ProductRecord:
    """Get a product in its newest version."""
    return products.get(session, product_id=product_id)


@query(
    blueprint,
    "/<uuid:product_id>/versions/<int:version>",
    scope="products:read",
    returns=ProductOut,
    version=_version,
)
def get_version(session: Session, product_id: uuid.UUID, version: int) -> ProductRecord:
    """Get a product as it was in one version."""
    return products.get(session, product_id=product_id, version=version)


def _limits(body: dict[str, Any], *, currency: str) -> Limits:
    principal = {
        name: money.parse_amount(body[name], currency, field=name)
        for name in ("principal_min", "principal_max")
    }
    return Limits(
        **principal, installments_min=body["installments_min"], installments_max=body["installments_max"]
    )
