"""Blueprint explanations: why a figure is what it is, step by step."""

import uuid
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from loans import clock
from loans.api import security
from loans.api.endpoint import Blueprint, query
from loans.core import explanations
from loans.core.steps import Explanation
from loans.queries.loans import LoanRecord
from loans.schemas.explanations import ExplanationOut
from loans.schemas.loans import AsOfArgs, OnArgs
from loans.services import inspection

blueprint = Blueprint(
    "explanations",
    __name__,
    url_prefix="/api/v1/loans/<uuid:loan_id>",
    description="Why a figure is what it is.",
)

View = dict[str, Any]


@query(
    blueprint,
    "/installments/<int:number>/explanation",
    scope="loans:read",
    args=AsOfArgs,
    returns=ExplanationOut,
)
def explain_installment(session: Session, args: dict[str, Any], loan_id: uuid.UUID, number: int) -> View:
    """Explain what an installment asks for, and what was paid of it."""
    record, terms, told = inspection.history(session, loan_id=loan_id, known_at=args["known_at"])
    found = explanations.explain_installment(terms, told, number=number, as_of=args["as_of"] or _today())
    return _shown(record, found)


@query(
    blueprint,
    "/transactions/<uuid:event_id>/explanation",
    scope="loans:read",
    args=AsOfArgs,
    returns=ExplanationOut,
)
def explain_transaction(
    session: Session, args: dict[str, Any], loan_id: uuid.UUID, event_id: uuid.UUID
) -> View:
    """Explain what an event did: where its money went and why, or what it made of the schedule."""
    record, terms, told = inspection.history(session, loan_id=loan_id, known_at=args["known_at"])
    found = explanations.explain_event(terms, told, event_id=event_id, as_of=args["as_of"] or _today())
    return _shown(record, found)


@query(blueprint, "/payoff/explanation", scope="loans:read", args=OnArgs, returns=ExplanationOut)
def explain_payoff(session: Session, args: dict[str, Any], loan_id: uuid.UUID) -> View:
    """Explain what pays a loan off on a day."""
    record, terms, told = inspection.history(session, loan_id=loan_id)
    return _shown(record, explanations.explain_payoff(terms, told, on=args["on"] or _today()))


def _today() -> date:
    return clock.business_date(security.settings().business_timezone)


def _shown(record: LoanRecord, found: Explanation) -> View:
    """Give an explanation with the product whose terms the loan has."""
    return found.to_json() | {
        "loan_id": record.id,
        "product_id": record.product_id,
        "product_version": record.product_version,
        "text": found.text,
    }
