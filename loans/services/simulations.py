"""Simulations: what would become of a loan if events happened to it that nobody records."""

import dataclasses
import uuid
from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from loans.core import documents, event_documents, fold, postings
from loans.core.documents import Fault, Fields
from loans.core.errors import LendingError
from loans.core.event_documents import History
from loans.core.events import Event, EventKind
from loans.core.postings import Line
from loans.core.state import LoanState
from loans.core.terms import Terms
from loans.queries.loans import LoanRecord
from loans.services import inspection

SCENARIOS_MAX = 20
NAME_LENGTH_MAX = 100


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a loan would be after hypothetical events, as of a day, or why they cannot happen.

    `lines` is what the journal would receive, compared with the loan as it is on that day.
    """

    name: str
    history: History
    as_of: date
    state: LoanState | None
    lines: tuple[Line, ...] = ()
    refusal: LendingError | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One scenario as it was asked for."""

    name: str
    history: History
    as_of: date | None


def simulate(
    session: Session, *, loan_id: uuid.UUID, document: object, business_date: date
) -> tuple[LoanRecord, LoanState, tuple[Scenario, ...]]:
    """Fold a loan as it is, and with the events of each scenario; nothing is stored.

    The document is {"as_of": "2024-06-30", "scenarios": [{"name": "...", "as_of": "...", "events": [...]}]}; only the
    scenarios must be there. Without `as_of` it is the business date, or the date of the last event if that is later.
    A scenario that the rules refuse says so and does not keep the others from being computed.

    :raises LoanNotFound: if there is no such loan.
    :raises InvalidDocument: if anything in the document is not as it must be; it names every fault.
    """
    record, terms, events = inspection.history(session, loan_id=loan_id)
    as_of, asked = _read(document, known=events, currency=record.currency)
    present = fold.fold(terms, events, as_of=as_of or business_date)
    scenarios = tuple(
        _play(each, terms=terms, events=events, as_of=each.as_of or as_of, business_date=business_date)
        for each in asked
    )
    return record, present, scenarios


def _read(
    document: object, *, known: Sequence[Event], currency: str
) -> tuple[date | None, tuple[_Asked, ...]]:
    """Read the scenarios of a request, noting all faults of all of them."""
    faults: list[Fault] = []
    fields = Fields(document, pointer="#", faults=faults, currency=currency)
    fields.require("scenarios")
    as_of = fields.read("as_of", documents.day)
    asked = []
    for place, child in enumerate(fields.children("scenarios", most=SCENARIOS_MAX) or [], start=1):
        child.require("events")
        asked.append(
            _Asked(
                name=child.read("name", documents.text(longest=NAME_LENGTH_MAX)) or f"scenario {place}",
                history=event_documents.take_all(child, "events", known=known),
                as_of=child.read("as_of", documents.day),
            )
        )
        child.finish()
    fields.finish()
    return documents.accept((as_of, tuple(asked)), faults=faults)


def _play(
    asked: _Asked, *, terms: Terms, events: tuple[Event, ...], as_of: date | None, business_date: date
) -> Scenario:
    """Compute one scenario."""
    on = as_of or max([business_date, *(event.date for event in asked.history.events)])
    before = fold.fold(terms, events, as_of=on)
    told = tuple(_filled(event, left=terms.principal - before.paid_out) for event in asked.history.events)
    history = dataclasses.replace(asked.history, events=told)
    try:
        state = fold.fold(terms, [*events, *told], as_of=on)
    except LendingError as refusal:
        return Scenario(name=asked.name, history=history, as_of=on, state=None, refusal=refusal)
    lines = postings.difference(dict(before.balances), dict(state.balances))
    return Scenario(name=asked.name, history=history, as_of=on, state=state, lines=lines)


def _filled(event: Event, *, left: int) -> Event:
    """Let a disbursement without an amount pay out what is left of the principal."""
    if event.kind is EventKind.DISBURSED and event.amount is None:
        return dataclasses.replace(event, amount=left)
    return event
