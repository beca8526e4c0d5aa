"""Blueprint simulations: what a loan would cost and where it would stand. Nothing is stored."""

import uuid
from collections.abc import Sequence
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
from loans.core.charges import FeeTime
from loans.core.dates import DateOutOfRange, InvalidDueDates
from loans.core.documents import Fault, InvalidDocument
from loans.core.errors import LendingError
from loans.core.event_documents import EVENTS_MAX, History
from loans.core.events import Event, EventKind
from loans.core.terms import INSTALLMENTS_MAX, InvalidTerms, Terms
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

# Events after which the rows to come are planned anew; where early money saves interest, money does so, too.
PLANNING = frozenset(
    {
        EventKind.DISBURSED,
        EventKind.RATE_CHANGE,
        EventKind.INTEREST_PAUSE,
        EventKind.RESCHEDULE,
        EventKind.RE_AGE,
    }
)
MONEY = frozenset(
    {
        EventKind.FEE,
        EventKind.INTEREST_WAIVER,
        EventKind.GOODWILL_CREDIT,
        EventKind.REPAYMENT,
        EventKind.CHARGEBACK,
    }
)
# So many take about four seconds.
ROWS_PLANNED_MAX = 300_000
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
        raise _located(error, "#/terms") from None
    return state_views.quote(planned, costs, terms=_written(terms, body["terms"], starts=starts))


@calculation(blueprint, "/simulations", scope="loans:read", accepts=SimulationIn, returns=SimulationOut)
def simulate(_: Session, body: Any) -> View:
    """Tell the whole state of a loan on terms of your own after events of your own."""
    asked = simulation_documents.read_simulation(body, resolve_calendar=calendars.resolve)
    told = asked.history.events
    _check_work(asked.terms, told)
    as_of = asked.as_of or max([_today(), *(event.date for event in told)])
    try:
        found = simulations.simulate(asked.terms, told, as_of=as_of)
    except LendingError as error:
        raise _located(error, _place(error, asked.history)) from None
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
    loan, now, scenarios = live.simulate(session, loan_id=loan_id, document=body, business_date=_today())
    return state_views.scenarios(scenarios, now=now) | {"loan_id": loan.id, "currency": loan.currency}


def _check_work(terms: Terms, told: Sequence[Event]) -> None:
    """Refuse what would take longer than a few seconds: very many changes of a very long schedule.

    :raises InvalidDocument: if it would.
    """
    kinds = PLANNING | MONEY if terms.saves_interest else PLANNING
    changes = sum(event.kind in kinds for event in told)
    # With an installment alone, a reschedule takes as many as it needs.
    lengths = [event.installments or INSTALLMENTS_MAX for event in told if event.installment_amount]
    lengths += [event.installments for event in told if event.installments]
    fees = sum(fee.charged is FeeTime.PER_INSTALLMENT for fee in terms.fees)
    # Four fees of an installment take about as long as all else about it.
    most = ROWS_PLANNED_MAX * 4 // (max(terms.installments, *lengths, 1) * (4 + fees))
    if changes > most:
        detail = f"Must have at most {most} events that change a schedule of this length."
        raise InvalidDocument([Fault(pointer="#/events", code="invalid", detail=detail)])


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


def _located(error: LendingError, place: str) -> LendingError:
    """Name the field that a refusal is of; the one date that all others of some terms follow from is their start."""
    if place == "#/terms" and isinstance(error, DateOutOfRange):
        error.field = "start_date"
    return locate(error, place)


def _place(error: LendingError, history: History) -> str:
    """Point at the event that was refused; at the terms, where no loan could be paid out on them."""
    at = next((at for at, event in enumerate(history.events) if event.id == error.event_id), None)
    if at is None or (history.events[at].kind is EventKind.DISBURSED and isinstance(error, OF_TERMS)):
        return "#/terms"
    return f"#/events/{at}"
