"""Questions about a loan that nobody has made: what would it cost, where would it stand after these events."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from loans.core import documents, event_documents, term_documents
from loans.core.documents import Fault, Fields
from loans.core.event_documents import History
from loans.core.events import EventKind
from loans.core.holiday_documents import ResolveCalendar
from loans.core.terms import Terms

# Of one request on a loan, each with a name.
SCENARIOS_MAX = 20
NAME_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Simulation:
    """Terms, what happened under them, and the date that is asked about, if one is."""

    terms: Terms
    history: History
    as_of: date | None


def read_quote(document: object, *, starts: date, resolve_calendar: ResolveCalendar) -> Terms:
    """Read {"terms": {...}}; the loan starts on `starts` where the terms name no start date.

    :raises InvalidDocument: if anything in it is not as it must be; it names every fault.
    """
    faults: list[Fault] = []
    fields = Fields(document, pointer="#", faults=faults)
    fields.require("terms")
    below = fields.child("terms")
    terms = (
        None
        if below is None
        else term_documents.take(below, starts=starts, resolve_calendar=resolve_calendar)
    )
    fields.finish()
    return documents.accept(terms, faults=faults)


def read_simulation(document: object, *, resolve_calendar: ResolveCalendar) -> Simulation:
    """Read {"terms": {...}, "events": [...], "as_of": "2024-06-30"}, where terms alone are required.

    A disbursement without an amount pays out the principal. The loan starts on the day of the first disbursement
    where the terms name no start date.

    :raises InvalidDocument: if anything in it is not as it must be; it names every fault.
    """
    faults: list[Fault] = []
    fields = Fields(document, pointer="#", faults=faults)
    fields.require("terms")
    below = fields.child("terms")
    # The events are read first, since the terms may start with one; their amounts are in the currency of the terms.
    fields.currency = term_documents.currency_of(_terms_of(document))
    history = event_documents.take_all(fields, "events")
    paid_out = [event.date for event in history.events if event.kind is EventKind.DISBURSED]
    terms = (
        None
        if below is None
        else term_documents.take(below, starts=min(paid_out, default=None), resolve_calendar=resolve_calendar)
    )
    as_of = fields.read("as_of", documents.day)
    fields.finish()
    agreed = documents.accept(terms, faults=faults)
    return Simulation(terms=agreed, history=_filled(history, agreed), as_of=as_of)


def _terms_of(document: object) -> object:
    return document.get("terms") if isinstance(document, Mapping) else None


def _filled(history: History, terms: Terms) -> History:
    """Let disbursements without an amount pay out the principal."""
    events = tuple(
        replace(event, amount=terms.principal)
        if event.kind is EventKind.DISBURSED and event.amount is None
        else event
        for event in history.events
    )
    return replace(history, events=events)
