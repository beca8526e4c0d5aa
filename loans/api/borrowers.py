"""Blueprint borrowers."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from loans.api.endpoint import Blueprint, command, query
from loans.queries import borrowers as stored
from loans.queries.borrowers import BorrowerRecord
from loans.queries.paging import Page
from loans.schemas.borrowers import BorrowerArgs, BorrowerIn, BorrowerOut, BorrowerPage
from loans.services import borrowers
from loans.services.context import Context

blueprint = Blueprint("borrowers", __name__, url_prefix="/api/v1/borrowers", description="Who owes.")


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


@query(blueprint, "", scope="borrowers:read", args=BorrowerArgs, returns=BorrowerPage)
def list_borrowers(session: Session, args: dict[str, Any]) -> Page[BorrowerRecord]:
    """List borrowers, newest first."""
    return stored.page(session, **args)


@query(blueprint, "/<uuid:borrower_id>", scope="borrowers:read", returns=BorrowerOut)
def get_borrower(session: Session, borrower_id: uuid.UUID) -> BorrowerRecord:
    """Get a borrower."""
    return borrowers.get(session, borrower_id=borrower_id)
