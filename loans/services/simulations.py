"""Simulations: what would become of a loan if events happened to it that nobody records."""

import dataclasses
import uuid
from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from loans.core import documents, event_documents, fold, money, postings, settlement, simulations, work
from loans.core.account import Applied
from loans.core.changes import AmountNotPositive
from loans.core.documents import Fault, Fields
from loans.core.errors import LendingError
from loans.core.event_documents import History
from loans.core.events import Event, EventKind
from loans.core.postings import Line
from loans.core.settlement import MoreThanThereIs
from loans.core.simulation_documents import NAME_LENGTH_MAX, SCENARIOS_MAX
from loans.core.simulations import Simulated
from loans.core.state import LoanState
from loans.core.terms import Terms
from loans.core.work import HistoryTooLong, Work
from loans.queries.loans import LoanRecord
from loans.services import inspection
from loans.services.repayments import PayoffDiffers
from loans.services.servicing import NothingToWaive


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


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """A loan as it is stored."""

    record: LoanRecord
    terms: Terms
    events: tuple[Event, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One scenario as it was asked for."""

    name: str
    history: History
    as_of: date | None


def load(session: Session, *, loan_id: uuid.UUID) -> Loaded:
    """Read a loan with its terms and events, which is all that simulations need of the database.

    :raises LoanNotFound: if there is no such loan.
    """
    record, terms, events = inspection.history(session, loan_id=loan_id)
    return Loaded(record, terms, events)


def simulate(
    *, loaded: Loaded, document: object, business_date: date
) -> tuple[LoanState, tuple[Scenario, ...]]:
    """Fold a loan as it is, and with the events of each scenario; nothing is stored.

    The document is {"as_of": "2024-06-30", "scenarios": [{"name": "...", "as_of": "...", "events": [...]}]}; only the
    scenarios must be there. Without `as_of` it is the business date, or the date of the last event if that is later.
    A scenario that the rules refuse says so and does not keep the others from being computed.

    :raises InvalidDocument: if anything in the document is not as it must be; it names every fault.
    :raises HistoryTooLong: if computing them all takes too much work.
    """
    as_of, asked = _read(document, known=loaded.events, currency=loaded.record.currency)
    loan = _Loan(loaded.terms, loaded.events, business_date, Work(most=work.SIMULATED_MAX))
    present = loan.present(as_of or business_date)
    return present, tuple(_play(each, loan=loan, as_of=each.as_of or as_of) for each in asked)


def simulate_terms(*, terms: Terms, told: Sequence[Event], as_of: date) -> Simulated:
    """Fold a loan that nobody has made, as of a date; what a command would refuse of its events is refused.

    :raises HistoryTooLong: if that takes too much work.
    :raises LendingError: if an event contradicts the rules, or names another amount than it could take.
    """
    effort = Work(most=work.SIMULATED_MAX)
    found = simulations.simulate(terms, told, as_of=as_of, effort=effort)
    _check_amounts(found.state, told=told, history=found.told, effort=effort)
    return found


class _Loan:
    """A loan whose history is known, and the effort of all that is asked about it."""

    def __init__(self, terms: Terms, events: tuple[Event, ...], business_date: date, effort: Work) -> None:
        self.terms = terms
        self.events = events
        self.business_date = business_date
        self.effort = effort
        self._present: dict[date, LoanState] = {}

    def present(self, on: date) -> LoanState:
        """Fold the loan as it is up to a day, once for each day."""
        if on not in self._present:
            self._present[on] = self.folded(self.events, on=on)
        return self._present[on]

    def folded(self, events: Sequence[Event], *, on: date) -> LoanState:
        """Fold events of the loan up to a day."""
        return fold.fold(self.terms, events, as_of=on, effort=self.effort)


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


def _play(asked: _Asked, *, loan: _Loan, as_of: date | None) -> Scenario:
    """Compute one scenario."""
    on = as_of or max([loan.business_date, *(event.date for event in asked.history.events)])
    before = loan.present(on)
    told = tuple(
        _filled(event, left=loan.terms.principal - before.paid_out) for event in asked.history.events
    )
    history = dataclasses.replace(asked.history, events=told)
    together = (*loan.events, *told)
    try:
        state = loan.folded(together, on=on)
        _check_amounts(state, told=told, history=together, effort=loan.effort)
    except HistoryTooLong:
        raise
    except LendingError as refusal:
        return Scenario(name=asked.name, history=history, as_of=on, state=None, refusal=refusal)
    lines = postings.difference(dict(before.balances), dict(state.balances))
    return Scenario(name=asked.name, history=history, as_of=on, state=state, lines=lines)


def _check_amounts(
    state: LoanState, *, told: Sequence[Event], history: Sequence[Event], effort: Work
) -> None:
    """Refuse new events that a command would refuse for what they took, saying which."""
    # A credit balance that pays for an event at once is noted as a further taking, of nothing.
    applied = {each.event_id: each for each in state.applied if each.amount or not each.parts}
    for event in told:
        taken = applied.get(event.id)
        if taken is None:
            continue
        try:
            _check_amount(event, taken, currency=state.terms.currency)
            if event.kind is EventKind.PAYOFF and event.amount is not None:
                _check_payoff(event, state, history=history, effort=effort)
        except LendingError as error:
            error.event_id = error.event_id or event.id
            raise


def _check_amount(event: Event, taken: Applied, *, currency: str) -> None:
    """Refuse an event that could not take its amount, or without one anything."""
    if not taken.amount and event.kind in work.WAIVERS:
        raise NothingToWaive(f"Nothing that could be waived was unpaid on {event.date}.")
    if not taken.amount and event.kind is EventKind.PAYOFF:
        raise AmountNotPositive(f"Nothing was owed on {event.date}.", field="date")
    if not taken.amount and event.kind is EventKind.CHARGEBACK:
        raise MoreThanThereIs.of(0, available=0, currency=currency)
    settlement.check_taken(event, taken, currency=currency)


def _check_payoff(event: Event, state: LoanState, *, history: Sequence[Event], effort: Work) -> None:
    """Refuse a payoff of another amount than the one that ends the loan."""
    unnamed = [dataclasses.replace(each, amount=None) if each.id == event.id else each for each in history]
    ended = fold.fold(state.terms, unnamed, as_of=event.date, effort=effort)
    owed = sum(each.amount for each in ended.applied if each.event_id == event.id)
    if owed != event.amount:
        currency = state.terms.currency
        raise PayoffDiffers(
            f"{money.format_amount(owed, currency)} {currency} pays the loan off.",
            field="amount",
            payoff_amount=owed,
            currency=currency,
        )


def _filled(event: Event, *, left: int) -> Event:
    """Let a disbursement without an amount pay out what is left of the principal."""
    if event.kind is EventKind.DISBURSED and event.amount is None:
        return dataclasses.replace(event, amount=left)
    return event
