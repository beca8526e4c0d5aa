"""The dated facts of a loan's life and the one order in which they are told."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar

from loans.core.errors import LendingError
from loans.core.terms import Component, Grace


class ReversalRefused(LendingError):
    """The event cannot be reversed."""

    code: ClassVar[str] = "reversal_refused"
    title: ClassVar[str] = "Reversal refused"


class EventKind(StrEnum):
    """What happened. Events of one day happen in the order of these members."""

    APPLIED = "applied"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    DISBURSED = "disbursed"
    RATE_CHANGE = "rate_change"
    INTEREST_PAUSE = "interest_pause"
    RESCHEDULE = "reschedule"
    RE_AGE = "re_age"
    FEE = "fee"
    LATE_FEE = "late_fee"
    FEE_WAIVER = "fee_waiver"
    INTEREST_WAIVER = "interest_waiver"
    GOODWILL_CREDIT = "goodwill_credit"
    REPAYMENT = "repayment"
    PAYOFF = "payoff"
    CHARGEBACK = "chargeback"
    REFUND = "refund"
    CHARGE_OFF = "charge_off"
    WRITE_OFF = "write_off"
    RECOVERY = "recovery"
    REVERSAL = "reversal"


DECISIONS = frozenset({EventKind.APPLIED, EventKind.APPROVED, EventKind.REJECTED, EventKind.CANCELLED})
REVERSIBLE = frozenset(EventKind) - DECISIONS - {EventKind.REVERSAL}
# Kinds that come with an amount of money; of the others, some may leave it out.
MONEY = frozenset(
    {
        EventKind.DISBURSED,
        EventKind.FEE,
        EventKind.LATE_FEE,
        EventKind.GOODWILL_CREDIT,
        EventKind.REPAYMENT,
        EventKind.PAYOFF,
        EventKind.CHARGEBACK,
        EventKind.REFUND,
        EventKind.RECOVERY,
    }
)
# What asks for money anew, and what a credit balance pays for at once.
ASKING = frozenset({EventKind.FEE, EventKind.LATE_FEE, EventKind.CHARGEBACK})
# Money that the borrower sent: what a chargeback can take back.
RECEIPTS = frozenset({EventKind.REPAYMENT, EventKind.PAYOFF})

_RANKS = {kind: rank for rank, kind in enumerate(EventKind)}


class RefundOf(StrEnum):
    """What money is given back."""

    OVERPAYMENT = "overpayment"
    FEE = "fee"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact about one loan: its business date and, for money, its amount in minor units.

    The other fields belong to single kinds: `annual_rate` (percent) to a rate change; `until` to an interest pause;
    `first_due_date`, `installments`, `installment_amount` and `grace` to a reschedule or re-age; `installment` and
    `component` to a waiver; `repayment` to a chargeback; `of` to a refund; `reverses` to a reversal.
    An amount of None means all there is, in the kinds that allow it.
    """

    id: uuid.UUID
    kind: EventKind
    date: dt.date
    amount: int | None = 0
    reverses: uuid.UUID | None = None
    annual_rate: Fraction | None = None
    until: dt.date | None = None
    first_due_date: dt.date | None = None
    installments: int | None = None
    installment_amount: int | None = None
    grace: Grace | None = None
    installment: int | None = None
    component: Component | None = None
    repayment: uuid.UUID | None = None
    of: RefundOf = RefundOf.OVERPAYMENT

    def __post_init__(self) -> None:
        if self.amount is not None and not isinstance(self.amount, int):
            raise TypeError(f"an amount is a whole number of minor units, not {type(self.amount).__name__}")
        if (self.kind is EventKind.REVERSAL) != (self.reverses is not None):
            raise AssertionError(f"event {self.id}: a reversal, and nothing else, names what it reverses")

    @property
    def key(self) -> tuple[dt.date, int, int, uuid.UUID]:
        """The place of the event in the loan's history.

        ADR 4: it depends on what happened and never on when it was recorded, so a loan whose events arrive in
        another order ends in the same state. On one day the larger amount comes first; the id breaks ties.
        """
        return self.date, _RANKS[self.kind], -(self.amount or 0), self.id


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """Sort the events that still count, leaving out each reversal and what it reversed.

    A reversed event counts on no date: the history reads as though it had never been.

    :raises ReversalRefused: if a reversal names an event that is unknown, reversed before or cannot be.
    """
    told = tuple(events)
    known = {event.id: event for event in told}
    if len(known) != len(told):
        raise AssertionError(f"{len(told)} events share {len(known)} ids")
    reversed_ids: set[uuid.UUID] = set()
    for event in told:
        if event.reverses is None:
            continue
        _check_reversible(event, known.get(event.reverses))
        if event.reverses in reversed_ids:
            raise _refusal(event, "has already been reversed")
        reversed_ids.add(event.reverses)
    counting = (event for event in told if event.reverses is None and event.id not in reversed_ids)
    return tuple(sorted(counting, key=lambda event: event.key))


def _check_reversible(reversal: Event, target: Event | None) -> None:
    """Refuse to reverse what is unknown or a step before disbursement."""
    if target is None:
        raise _refusal(reversal, "is not an event of this loan")
    if target.kind not in REVERSIBLE:
        raise _refusal(reversal, f"is of kind {target.kind}, which cannot be reversed")


def _refusal(reversal: Event, why: str) -> ReversalRefused:
    error = ReversalRefused(f"Event {reversal.reverses} {why}.")
    error.event_id = reversal.id
    return error
