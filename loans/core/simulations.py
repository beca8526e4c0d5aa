"""Loans that nobody has made: where they would stand, and what they would cost."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from loans.core import costs, events, fold
from loans.core.costs import Costs
from loans.core.events import DECISIONS, Event, EventKind
from loans.core.fold import Entry
from loans.core.state import LoanState
from loans.core.terms import Terms
from loans.core.work import Work

_NAMESPACE = uuid.UUID("5f1c1c7e-6d0e-4f53-9a52-0d3b6a6d2f10")


@dataclass(frozen=True, slots=True)
class Simulated:
    """A loan as of a date, the contract it was planned by, what it costs, its journal, and all that it was told."""

    state: LoanState
    planned: LoanState
    costs: Costs | None
    entries: tuple[Entry, ...]
    told: tuple[Event, ...]


def quote(terms: Terms, *, on: dt.date) -> tuple[LoanState, Costs]:
    """Lay a loan out that is disbursed in full on a date, and say what it costs.

    :raises LendingError: if no loan can have such terms from that date on.
    """
    paid_out = _disbursement(terms, on)
    state = fold.fold(terms, [*_granted(on), paid_out], as_of=on)
    return state, costs.of(state, [paid_out])


def simulate(terms: Terms, told: Sequence[Event], *, as_of: dt.date, effort: Work | None = None) -> Simulated:
    """Fold a loan from its terms and events as of a date; without a disbursement it is paid out on its first day.

    :raises HistoryTooLong: if the effort is limited, and it takes more.
    :raises LendingError: if an event contradicts the rules.
    """
    history = list(told)
    starts = min((event.date for event in history if event.kind is EventKind.DISBURSED), default=None)
    if starts is None:
        starts = terms.start_date or min((event.date for event in history), default=as_of)
        history.append(_disbursement(terms, starts))
    lifecycle_days = [event.date for event in history if event.kind in DECISIONS]
    told_in_full = history if lifecycle_days else [*_granted(starts), *history]
    entries: list[Entry] = []
    state = fold.fold(terms, told_in_full, as_of=max(as_of, starts), journal=entries, effort=effort)
    disbursements = [event for event in events.in_order(told_in_full) if event.kind is EventKind.DISBURSED]
    if not disbursements:
        # Its only disbursement was reversed: nothing is planned, and nothing costs anything.
        return Simulated(state, state, None, tuple(entries), tuple(told_in_full))
    planned = fold.fold(
        terms, [*_granted(starts), *disbursements], as_of=disbursements[-1].date, effort=effort
    )
    return Simulated(state, planned, costs.of(planned, disbursements), tuple(entries), tuple(told_in_full))


def _granted(on: dt.date) -> list[Event]:
    """Make the steps that lead to a disbursement."""
    return [
        Event(id=uuid.uuid5(_NAMESPACE, kind), kind=kind, date=on)
        for kind in (EventKind.APPLIED, EventKind.APPROVED)
    ]


def _disbursement(terms: Terms, on: dt.date) -> Event:
    return Event(
        id=uuid.uuid5(_NAMESPACE, EventKind.DISBURSED),
        kind=EventKind.DISBURSED,
        date=on,
        amount=terms.principal,
    )
