"""Blueprint borrowers."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from loans import clock
from loans.api import loan_lists, security
from loans.api.endpoint import Blueprint, command, query
from loans.api.publishing import CHANGE
from loans.api.shapes import Shape
from loans.queries import borrowers as stored
from loans.queries.borrowers import BorrowerRecord
from loans.schemas.borrower_views import (
    EXPANSIONS,
    VIEWS,
    BorrowerListArgs,
    OneBorrowerArgs,
    ShapedBorrowerOut,
    ShapedBorrowerPage,
)
from loans.schemas.borrowers import BorrowerChangeIn, BorrowerIn, BorrowerOut, BorrowerPage
from loans.services import borrowers
from loans.services.context import Context

blueprint = Blueprint("borrowers", __name__, url_prefix="/api/v1/borrowers", description="Who owes.")

View = dict[str, Any]


@command(
    blueprint,
    "",
    scope="borrowers:write",
    accepts=BorrowerIn,
    returns=BorrowerOut,
    status=201,
    location=lambda borrower: f"/api/v1/borrowers/{borrower.id}",
)
def create_borrower(session: Session, context: Context, body: dict[str, Any]) -> BorrowerRecord:
    """Register a borrower."""
    return borrowers.register(session, **body, context=context)


@query(
    blueprint,
    "",
    scope="borrowers:read",
    args=BorrowerListArgs,
    returns=BorrowerPage,
    shape=Shape(whole=ShapedBorrowerPage, views=VIEWS, expansions=EXPANSIONS),
)
def list_borrowers(session: Session, args: dict[str, Any]) -> View:
    """List borrowers, newest first; `q` finds those with words that begin so."""
    filters = {name: args[name] for name in ("cursor", "limit", "external_id", "q")}
    page = stored.page(session, **filters)
    return {"items": _shown(session, page.items, expand=args["expand"]), "next_cursor": page.next_cursor}


@query(
    blueprint,
    "/<uuid:borrower_id>",
    scope="borrowers:read",
    args=OneBorrowerArgs,
    returns=BorrowerOut,
    version=lambda borrower: borrower["version"],
    shape=Shape(whole=ShapedBorrowerOut, views=VIEWS, expansions=EXPANSIONS),
)
def get_borrower(session: Session, args: dict[str, Any], borrower_id: uuid.UUID) -> View:
    """Get a borrower."""
    record = borrowers.get(session, borrower_id=borrower_id)
    return _shown(session, [record], expand=args["expand"])[0]


@command(
    blueprint,
    "/<uuid:borrower_id>",
    scope="borrowers:write",
    accepts=BorrowerChangeIn,
    returns=BorrowerOut,
    kind=CHANGE,
)
def change_borrower(
    session: Session, context: Context, body: dict[str, Any], borrower_id: uuid.UUID
) -> BorrowerRecord:
    """Change some fields of a borrower; `If-Match` says which state of them you have seen."""
    return borrowers.change(session, borrower_id=borrower_id, fields=body, context=context)


def _shown(session: Session, records: Sequence[BorrowerRecord], *, expand: tuple[str, ...]) -> list[View]:
    shown = [{name: getattr(record, name) for name in stored.NAMES} for record in records]
    if expand:
        loans = loan_lists.of_borrowers(
            session,
            [record.id for record in records],
            names=expand,
            on=clock.business_date(security.settings().business_timezone),
        )
        for borrower in shown:
            borrower["loans"] = loans[borrower["id"]]
    return shown
