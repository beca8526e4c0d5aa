"""Blueprint loans: from application to disbursement, and everything there is to read about a loan."""

import uuid
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from loans import clock, ledger
from loans.api import loan_lists, security, views
from loans.api.endpoint import Blueprint, command, query
from loans.api.shapes import Shape
from loans.core.fold import DateTooEarly
from loans.queries import loan_list, paging
from loans.schemas.common import PageArgs
from loans.schemas.loan_list import (
    EXPANSIONS,
    VIEWS,
    LoanArgs,
    LoanPage,
    OneLoanArgs,
    ShapedLoanOut,
    ShapedLoanPage,
)
from loans.schemas.loans import (
    ApplicationIn,
    AsOfArgs,
    DecisionIn,
    DisbursementIn,
    EntryPage,
    EventPage,
    LoanOut,
    OnArgs,
    ScheduleOut,
)
from loans.schemas.transactions import PayoffQuoteOut
from loans.services import inspection, loan_events, origination
from loans.services.context import Context

blueprint = Blueprint(
    "loans", __name__, url_prefix="/api/v1/loans", description="From application to repaid."
)

View = dict[str, Any]
SHAPE = Shape(whole=ShapedLoanOut, views=VIEWS, expansions=EXPANSIONS)
SHAPE_OF_PAGE = Shape(whole=ShapedLoanPage, views=VIEWS, expansions=EXPANSIONS)


@command(
    blueprint,
    "",
    scope="loans:write",
    accepts=ApplicationIn,
    returns=LoanOut,
    status=201,
    location=lambda loan: f"/api/v1/loans/{loan['id']}",
)
def apply(session: Session, context: Context, body: dict[str, Any]) -> View:
    """Apply for a loan on a product's newest terms."""
    given = {"amount": body.pop("principal"), "on": body.pop("date"), **body}
    return views.decided(origination.apply(session, **given, context=context), on=context.business_date)


@query(blueprint, "", scope="loans:read", args=LoanArgs, returns=LoanPage, shape=SHAPE_OF_PAGE)
def list_loans(session: Session, args: dict[str, Any]) -> View:
    """List loans that fit every filter. Figures are those of each loan's `as_of`; a full view has today's."""
    today = _today()
    page = loan_list.page(
        session,
        wanted=loan_lists.wanted(args, on=today),
        cursor=args["cursor"],
        limit=args["limit"],
    )
    if args["view"] == "full":
        reached = inspection.inspect_all(session, records=page.items, as_of=today)
        shown = [views.loan(loan, state, on=today) for loan, state in reached]
    else:
        shown = [views.summary(loan, on=today) for loan in page.items]
    loan_lists.expand(session, shown, names=args["expand"])
    return {"items": shown, "next_cursor": page.next_cursor}


@query(
    blueprint,
    "/<uuid:loan_id>",
    scope="loans:read",
    args=OneLoanArgs,
    returns=LoanOut,
    version=lambda loan: loan["event_count"],
    shape=SHAPE,
)
def get_loan(session: Session, args: dict[str, Any], loan_id: uuid.UUID) -> View:
    """Get a loan as it stands today, or stood or will stand on another day."""
    on = args["as_of"] or _today()
    record, reached = inspection.inspect(session, loan_id=loan_id, as_of=on, known_at=args["known_at"])
    shown = views.loan(record, reached, on=on)
    loan_lists.expand(session, [shown], names=args["expand"])
    return shown


@command(
    blueprint,
    "/<uuid:loan_id>/approve",
    scope="loans:approve",
    accepts=DecisionIn,
    returns=LoanOut,
    guarded="loans.approve",
)
def approve(session: Session, context: Context, body: dict[str, Any], loan_id: uuid.UUID) -> View:
    """Approve a pending loan."""
    loan = origination.approve(session, loan_id=loan_id, on=body["date"], note=body["note"], context=context)
    return views.decided(loan, on=context.business_date)


@command(blueprint, "/<uuid:loan_id>/reject", scope="loans:approve", accepts=DecisionIn, returns=LoanOut)
def reject(session: Session, context: Context, body: dict[str, Any], loan_id: uuid.UUID) -> View:
    """Reject a pending loan."""
    loan = origination.reject(session, loan_id=loan_id, on=body["date"], note=body["note"], context=context)
    return views.decided(loan, on=context.business_date)


@command(blueprint, "/<uuid:loan_id>/cancel", scope="loans:write", accepts=DecisionIn, returns=LoanOut)
def cancel(session: Session, context: Context, body: dict[str, Any], loan_id: uuid.UUID) -> View:
    """Cancel a loan that is pending or approved, at the borrower's wish."""
    loan = origination.cancel(session, loan_id=loan_id, on=body["date"], note=body["note"], context=context)
    return views.decided(loan, on=context.business_date)


@command(
    blueprint,
    "/<uuid:loan_id>/disburse",
    scope="loans:disburse",
    accepts=DisbursementIn,
    returns=LoanOut,
    guarded="loans.disburse",
)
def disburse(session: Session, context: Context, body: dict[str, Any], loan_id: uuid.UUID) -> View:
    """Pay an approved loan out and lay out its schedule, or pay out a further part of it."""
    paid_out = origination.disburse(session, loan_id=loan_id, on=body.pop("date"), **body, context=context)
    shown = views.loan(paid_out.loan, paid_out.state, on=context.business_date)
    # Not of the loan, but what a second person is told when the body did not say it.
    return shown | {"amount": paid_out.event.amount}


@query(blueprint, "/<uuid:loan_id>/schedule", scope="loans:read", args=AsOfArgs, returns=ScheduleOut)
def get_schedule(session: Session, args: dict[str, Any], loan_id: uuid.UUID) -> View:
    """Get a loan's schedule: due, paid and outstanding by component. Empty before disbursement."""
    on = args.pop("as_of") or _today()
    record, reached = inspection.inspect(session, loan_id=loan_id, as_of=on, **args)
    return views.schedule(record, reached, on=on)


@query(blueprint, "/<uuid:loan_id>/payoff", scope="loans:read", args=OnArgs, returns=PayoffQuoteOut)
def get_payoff(session: Session, args: dict[str, Any], loan_id: uuid.UUID) -> View:
    """Get what pays a loan off on a day, and what each further day adds."""
    on = args["on"] or _today()
    try:
        record, reached = inspection.inspect(session, loan_id=loan_id, as_of=on)
    except DateTooEarly as error:
        error.field = "on"
        raise
    return views.payoff(record, reached, on=on)


@query(blueprint, "/<uuid:loan_id>/events", scope="loans:read", args=PageArgs, returns=EventPage)
def list_events(session: Session, args: dict[str, Any], loan_id: uuid.UUID) -> View:
    """List the dated facts of a loan in the order in which they were recorded."""
    loan, page = inspection.page_of_events(session, loan_id=loan_id, **args)
    return {
        "items": [views.event(event, currency=loan.currency) for event in page.items],
        "next_cursor": page.next_cursor,
    }


@query(blueprint, "/<uuid:loan_id>/journal-entries", scope="ledger:read", args=PageArgs, returns=EntryPage)
def list_journal_entries(session: Session, args: dict[str, Any], loan_id: uuid.UUID) -> View:
    """List what a loan's events did to the general ledger, oldest first."""
    loan_events.get(session, loan_id=loan_id)
    limit, tag = args["limit"], paging.tag("journal_entries", {"loan_id": loan_id})
    (after,) = paging.after(args["cursor"], tag=tag, reads=(int,)) or (0,)
    entries = ledger.entries_of_loan(session, loan_id=loan_id, after=after, limit=limit + 1)
    page = paging.page(entries, limit=limit, keys=[(entry.sequence,) for entry in entries], tag=tag)
    return {"items": [views.entry(entry) for entry in page.items], "next_cursor": page.next_cursor}


def _today() -> date:
    return clock.business_date(security.settings().business_timezone)
