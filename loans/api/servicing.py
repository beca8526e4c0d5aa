"""Blueprint servicing: what is charged, waived, agreed anew, given back and given up while a loan runs."""

import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from loans.api import views
from loans.api.endpoint import Blueprint, command
from loans.core import rates
from loans.schemas.loans import CommandIn
from loans.schemas.servicing import (
    ChargebackIn,
    ChargeIn,
    InterestPauseIn,
    MoneyIn,
    PayoffIn,
    RateChangeIn,
    RefundIn,
    RescheduleIn,
    WaiverIn,
)
from loans.schemas.transactions import TransactionOut
from loans.services import repayments, servicing, settlements
from loans.services.context import Context
from loans.services.transactions import Transaction

blueprint = Blueprint(
    "servicing",
    __name__,
    url_prefix="/api/v1/loans/<uuid:loan_id>",
    description="What happens while a loan runs.",
)

View = dict[str, Any]
Body = dict[str, Any]


def _location(transaction: View) -> str:
    return f"/api/v1/loans/{transaction['loan_id']}/transactions/{transaction['id']}"


def _run(
    service: Callable[..., Transaction], session: Session, context: Context, body: Body, **given: Any
) -> View:
    """Run a service with what the body gives, and show what it recorded."""
    recorded = service(session, on=body.pop("date"), **body, **given, context=context)
    return views.transaction(recorded, on=context.business_date)


CREATED: dict[str, Any] = {"returns": TransactionOut, "status": 201, "location": _location}


@command(blueprint, "/charges", scope="loans:service", accepts=ChargeIn, **CREATED)
def charge(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Charge a fee, or a late fee."""
    services = {"fee": servicing.charge_fee, "late_fee": servicing.charge_late_fee}
    return _run(services[body.pop("type")], session, context, body, loan_id=loan_id)


@command(blueprint, "/waivers", scope="loans:service", accepts=WaiverIn, guarded="loans.waive", **CREATED)
def waive(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Waive unpaid fees and penalties, or unpaid interest."""
    narrowed = {"installment": body.pop("installment"), "component": body.pop("component")}
    if body.pop("type") == "fee":
        return _run(servicing.waive_fees, session, context, body, loan_id=loan_id, **narrowed)
    return _run(servicing.waive_interest, session, context, body, loan_id=loan_id)


@command(
    blueprint,
    "/rate-changes",
    scope="loans:approve",
    accepts=RateChangeIn,
    guarded="loans.change_rate",
    **CREATED,
)
def change_rate(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Let another annual rate hold from a date on; the installments not yet due are planned anew."""
    rate = rates.format_rate(body.pop("annual_rate"))
    return _run(servicing.change_rate, session, context, body, loan_id=loan_id, annual_rate=rate)


@command(
    blueprint,
    "/pauses",
    scope="loans:service",
    accepts=InterestPauseIn,
    guarded="loans.pause_interest",
    **CREATED,
)
def pause_interest(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Let no interest accrue from a date until another."""
    return _run(servicing.pause_interest, session, context, body, loan_id=loan_id)


@command(
    blueprint,
    "/reschedules",
    scope="loans:service",
    accepts=RescheduleIn,
    guarded="loans.reschedule",
    **CREATED,
)
def reschedule(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Replace the installments that are not due yet."""
    return _run(servicing.reschedule, session, context, body, loan_id=loan_id)


@command(
    blueprint,
    "/re-ages",
    scope="loans:service",
    accepts=RescheduleIn,
    guarded="loans.re_age",
    **CREATED,
)
def re_age(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Replace the installments that are not due yet, and take what is overdue with them."""
    return _run(servicing.re_age, session, context, body, loan_id=loan_id)


@command(blueprint, "/payoff", scope="repayments:write", accepts=PayoffIn, **CREATED)
def pay_off(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Record the money that ends a loan on a date, whatever the schedule still asks for."""
    return _run(repayments.payoff, session, context, body, loan_id=loan_id)


@command(
    blueprint,
    "/goodwill-credits",
    scope="loans:service",
    accepts=MoneyIn,
    guarded="loans.grant_credit",
    **CREATED,
)
def grant_credit(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Credit a loan out of goodwill: like a repayment, paid for by the lender."""
    return _run(settlements.grant_credit, session, context, body, loan_id=loan_id)


@command(
    blueprint,
    "/chargebacks",
    scope="loans:service",
    accepts=ChargebackIn,
    guarded="loans.charge_back",
    **CREATED,
)
def charge_back(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Take a repayment back, or part of it: what it had paid is owed again."""
    repayment_id = body.pop("repayment")
    return _run(settlements.charge_back, session, context, body, loan_id=loan_id, repayment_id=repayment_id)


@command(blueprint, "/refunds", scope="loans:service", accepts=RefundIn, guarded="loans.refund", **CREATED)
def refund(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Pay out the customer's credit balance, or give back fees and penalties that were paid."""
    return _run(settlements.refund, session, context, body, loan_id=loan_id)


@command(
    blueprint, "/charge-off", scope="loans:approve", accepts=CommandIn, guarded="loans.charge_off", **CREATED
)
def charge_off(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Take the loss in the books; the borrower owes what he owed."""
    return _run(settlements.charge_off, session, context, body, loan_id=loan_id)


@command(
    blueprint, "/write-off", scope="loans:approve", accepts=CommandIn, guarded="loans.write_off", **CREATED
)
def write_off(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Give up all that is unpaid: the loan is defaulted."""
    return _run(settlements.write_off, session, context, body, loan_id=loan_id)


@command(blueprint, "/recoveries", scope="repayments:write", accepts=MoneyIn, **CREATED)
def recover(session: Session, context: Context, body: Body, loan_id: uuid.UUID) -> View:
    """Record money received after a write-off."""
    return _run(settlements.recover, session, context, body, loan_id=loan_id)
