"""Blueprint simulations: what a loan would cost and where it would stand. Nothing is stored."""

import uuid
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from loans import calendars, clock
from loans.api import security, state_views
from loans.api.endpoint import Blueprint, calculation
from loans.api.errors import locate
from loans.core import simulation_documents, simulations, term_documents
from loans.core.business_days import NoBusinessDay
from loans.core.dates import DateOutOfRange, InvalidDueDates
from loans.core.documents import Fault, InvalidDocument
from loans.core.errors import LendingError
from loans.core.event_documents import EVENTS_MAX, History
from loans.core.events import EventKind
from loans.core.terms import InvalidTerms, Terms
from loans.core.work import HistoryTooLong
from loans.schemas.simulations import (
    LoanSimulationsIn,
    LoanSimulationsOut,
    QuoteIn,
    QuoteOut,
    SimulationIn,
    SimulationOut,
)
from loans.services import simulations as live

blueprint = Blueprint(
    "simulations",
    __name__,
    url_prefix="/api/v1",
    description="What a loan would cost, and where it would stand.",
)

# What a first disbursement is refused for that the terms are to blame for.
OF_TERMS = (InvalidTerms, DateOutOfRange, InvalidDueDates, NoBusinessDay)

View = dict[str, Any]


@calculation(blueprint, "/quotes", scope="loans:read", accepts=QuoteIn, returns=QuoteOut)
def quote(_: Session, body: Any) -> View:
    """Lay out the schedule of a loan on terms of your own, with its totals and annual rates."""
    today = _today()
    terms = simulation_documents.read_quote(body, starts=today, resolve_calendar=calendars.resolve)
    starts = terms.start_date or today
    try:
        planned, costs = simulations.quote(terms, on=starts)
    except LendingError as error:
        raise _located(error, "#/terms", terms=terms) from None
    return state_views.quote(planned, costs, terms=_written(terms, body["terms"], starts=starts))


@calculation(blueprint, "/simulations", scope="loans:read", accepts=SimulationIn, returns=SimulationOut)
def simulate(_: Session, body: Any) -> View:
    """Tell the whole state of a loan on terms of your own after events of your own."""
    asked = simulation_documents.read_simulation(body, resolve_calendar=calendars.resolve)
    told = asked.history.events
    as_of = asked.as_of or max([_today(), *(event.date for event in told)])
    try:
        found = live.simulate_terms(terms=asked.terms, told=told, as_of=as_of)
    except LendingError as error:
        raise _located(error, _place(error, asked.history), terms=asked.terms) from None
    return state_views.simulation(found, names=asked.history.names, told=told)


@calculation(
    blueprint,
    "/loans/<uuid:loan_id>/simulations",
    scope="loans:read",
    accepts=LoanSimulationsIn,
    returns=LoanSimulationsOut,
)
def simulate_loan(session: Session, body: Any, loan_id: uuid.UUID) -> View:
    """Tell where a loan would stand after some events, for several lists of them side by side."""
    _check_count(body)
    loaded = live.load(session, loan_id=loan_id)
    # Computing may take a while; the connection is not kept for it.
    session.rollback()
    try:
        now, scenarios = live.simulate(loaded=loaded, document=body, business_date=_today())
    except HistoryTooLong as error:
        raise locate(error, "#/scenarios") from None
    return state_views.scenarios(scenarios, now=now) | {
        "loan_id": loaded.record.id,
        "currency": loaded.record.currency,
    }


def _check_count(document: Any) -> None:
    """Refuse scenarios with very many events in all, and leave whatever else is wrong with them to who reads them.

    :raises InvalidDocument: if there are too many.
    """
    listed = document.get("scenarios") if isinstance(document, dict) else None
    scenarios = listed if isinstance(listed, list) else []
    events = [each.get("events") for each in scenarios if isinstance(each, dict)]
    if sum(len(each) for each in events if isinstance(each, list)) > EVENTS_MAX:
        detail = f"Must have at most {EVENTS_MAX} events in all."
        raise InvalidDocument([Fault(pointer="#/scenarios", code="invalid", detail=detail)])


def _today() -> date:
    return clock.business_date(security.settings().business_timezone)


def _written(terms: Terms, given: dict[str, Any], *, starts: date) -> dict[str, object]:
    """Write terms with every default filled in; a calendar looked up by its code is not listed day by day."""
    code = given.get("holiday_calendar")
    written = term_documents.write(replace(terms, start_date=starts), holiday_calendar=code)
    if code is not None and given.get("holidays") is None:
        del written["holidays"]
    return written


def _located(error: LendingError, place: str, *, terms: Terms) -> LendingError:
    """Name the field that a refusal is of; all other dates of some terms follow from their first due date or start."""
    if place == "#/terms" and isinstance(error, DateOutOfRange):
        error.field = "start_date" if terms.first_due_date is None else "first_due_date"
    return locate(error, place)


def _place(error: LendingError, history: History) -> str:
    """Point at the event that was refused; at the terms, where no loan could be paid out on them."""
    if isinstance(error, HistoryTooLong):
        return "#/events"
    at = next((at for at, event in enumerate(history.events) if event.id == error.event_id), None)
    if at is None or (history.events[at].kind is EventKind.DISBURSED and isinstance(error, OF_TERMS)):
        return "#/terms"
    return f"#/events/{at}"
