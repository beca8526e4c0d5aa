"""Blueprint transactions: one event of a running loan, and the way back."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from loans import clock
from loans.api import security, views
from loans.api.endpoint import Blueprint, command, query
from loans.schemas.loans import ReversalIn
from loans.schemas.transactions import TransactionOut
from loans.services import transactions
from loans.services.context import Context

blueprint = Blueprint(
    "transactions",
    __name__,
    url_prefix="/api/v1/loans/<uuid:loan_id>/transactions",
    description="What happened to a loan, one by one.",
)

View = dict[str, Any]


def _version(transaction: View) -> int:
    count: int = transaction["loan"]["event_count"]
    return count


@query(blueprint, "/<uuid:event_id>", scope="loans:read", returns=TransactionOut, version=_version)
def get_transaction(session: Session, loan_id: uuid.UUID, event_id: uuid.UUID) -> View:
    """Get an event of a loan and what it did, as the loan's history stands now."""
    today = clock.business_date(security.settings().business_timezone)
    found = transactions.get(session, loan_id=loan_id, event_id=event_id, business_date=today)
    return views.transaction(found, on=today)


@command(
    blueprint,
    "/<uuid:event_id>/reverse",
    scope="loans:approve",
    accepts=ReversalIn,
    returns=TransactionOut,
    guarded="loans.reverse",
)
def reverse_transaction(
    session: Session, context: Context, body: dict[str, Any], loan_id: uuid.UUID, event_id: uuid.UUID
) -> View:
    """Reverse an event: the loan stands as though it had never happened."""
    reversed_ = transactions.reverse(
        session, loan_id=loan_id, event_id=event_id, note=body["note"], context=context
    )
    return views.transaction(reversed_, on=context.business_date)
