"""The dated facts of a loan's life and the one order in which they are told."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from loans.core.errors import LendingError


class ReversalRefused(LendingError):
    """The event cannot be reversed."""

    code: ClassVar[str] = "reversal_refused"
    title: ClassVar[str] = "Reversal refused"


class EventKind(StrEnum):
    """What happened."""

    APPLIED = "applied"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    DISBURSED = "disbursed"
    REPAYMENT = "repayment"
    REVERSAL = "reversal"


REVERSIBLE = frozenset({EventKind.REPAYMENT})

# Events of one day happen in the order of the lifecycle, which is the order of the members.
_RANKS = {kind: rank for rank, kind in enumerate(EventKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact about one loan: its business date and, for money, its amount in minor units."""

    id: uuid.UUID
    kind: EventKind
    date: dt.date
    amount: int = 0
    reverses: uuid.UUID | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.amount, int):
            raise TypeError(f"an amount is a whole number of minor units, not {type(self.amount).__name__}")
        if (self.kind is EventKind.REVERSAL) != (self.reverses is not None):
            raise AssertionError(f"event {self.id}: a reversal, and nothing else, names what it reverses")

    @property
    def key(self) -> tuple[dt.date, int, int, uuid.UUID]:
        """The place of the event in the loan's history.

        ADR 4: it depends on what happened and never on when it was recorded, so a loan whose events arrive in
        another order ends in the same state. On one day the larger payment comes first; the id breaks ties.
        """
        return self.date, _RANKS[self.kind], -self.amount, self.id


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """Sort the events that still count, leaving out each reversal and what it reversed.

    A reversed event counts on no date: the history reads as though it had never been.

    :raises ReversalRefused: if a reversal names an event that is unknown, reversed before or not a repayment.
    """
    told = tuple(events)
    known = {event.id: event for event in told}
    if len(known) != len(told):
        raise AssertionError(f"{len(told)} events share {len(known)} ids")
    reversed_ids: set[uuid.UUID] = set()
    for event in told:
        if event.reverses is None:
            continue
        _check_reversible(known.get(event.reverses), event.reverses)
        if event.reverses in reversed_ids:
            raise ReversalRefused(f"Event {event.reverses} has already been reversed.")
        reversed_ids.add(event.reverses)
    counting = (event for event in told if event.reverses is None and event.id not in reversed_ids)
    return tuple(sorted(counting, key=lambda event: event.key))


def _check_reversible(target: Event | None, target_id: uuid.UUID) -> None:
    """Refuse to reverse what is unknown or is not a repayment."""
    if target is None:
        raise ReversalRefused(f"Event {target_id} is not an event of this loan.")
    if target.kind not in REVERSIBLE:
        kinds = ", ".join(sorted(REVERSIBLE))
        raise ReversalRefused(f"Event {target_id} is of kind {target.kind}; only {kinds} can be reversed.")
