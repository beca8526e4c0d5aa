"""Blueprint repayments: money received against a loan."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from loans import clock
from loans.api import security, views
from loans.api.endpoint import Blueprint, command, query
from loans.schemas.loans import ReversalIn
from loans.schemas.transactions import RepaymentIn, TransactionOut
from loans.services import repayments
from loans.services.context import Context

blueprint = Blueprint(
    "repayments",
    __name__,
    url_prefix="/api/v1/loans/<uuid:loan_id>/repayments",
    description="Money received.",
)

View = dict[str, Any]


def _version(transaction: View) -> int:
    count: int = transaction["loan"]["event_count"]
    return count


@command(
    blueprint,
    "",
    scope="repayments:write",
    accepts=RepaymentIn,
    returns=TransactionOut,
    status=201,
    location=lambda repayment: f"/api/v1/loans/{repayment['loan_id']}/repayments/{repayment['id']}",
)
def record_repayment(session: Session, context: Context, body: dict[str, Any], loan_id: uuid.UUID) -> View:
    """Record money received; more than is owed is refused with what closes the loan, or held if you say so."""
    repayment = repayments.record(session, loan_id=loan_id, on=body.pop("date"), **body, context=context)
    return views.transaction(repayment, on=context.business_date)


@query(blueprint, "/<uuid:repayment_id>", scope="loans:read", returns=TransactionOut, version=_version)
def get_repayment(session: Session, loan_id: uuid.UUID, repayment_id: uuid.UUID) -> View:
    """Get a repayment, spread as the loan's history stands now."""
    today = clock.business_date(security.settings().business_timezone)
    repayment = repayments.get(session, loan_id=loan_id, repayment_id=repayment_id, business_date=today)
    return views.transaction(repayment, on=today)


@command(
    blueprint,
    "/<uuid:repayment_id>/reverse",
    scope="repayments:reverse",
    accepts=ReversalIn,
    returns=TransactionOut,
    guarded="loans.reverse",
)
def reverse_repayment(
    session: Session, context: Context, body: dict[str, Any], loan_id: uuid.UUID, repayment_id: uuid.UUID
) -> View:
    """Undo a repayment: the loan stands as though it had never come in."""
    repayment = repayments.reverse(
        session, loan_id=loan_id, repayment_id=repayment_id, note=body["note"], context=context
    )
    return views.transaction(repayment, on=context.business_date)
