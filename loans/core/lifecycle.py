"""Which events may happen to a loan in each status, and where they lead."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from loans.core.errors import LendingError
from loans.core.events import EventKind


class TransitionNotAllowed(LendingError):
    """The loan's status does not admit the event."""

    code: ClassVar[str] = "transition_not_allowed"
    title: ClassVar[str] = "Not allowed in this status"


class Status(StrEnum):
    """Where a loan stands in its life."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    DISBURSED = "disbursed"
    REPAID = "repaid"
    DEFAULTED = "defaulted"


# What may happen to a loan that is disbursed, and to one that is repaid or defaulted. Whether a loan is disbursed or
# repaid after an event is not decided here but by what is left to pay.
_WHILE_DISBURSED = (
    EventKind.DISBURSED,
    EventKind.RATE_CHANGE,
    EventKind.INTEREST_PAUSE,
    EventKind.RESCHEDULE,
    EventKind.RE_AGE,
    EventKind.FEE,
    EventKind.LATE_FEE,
    EventKind.FEE_WAIVER,
    EventKind.INTEREST_WAIVER,
    EventKind.GOODWILL_CREDIT,
    EventKind.REPAYMENT,
    EventKind.PAYOFF,
    EventKind.CHARGEBACK,
    EventKind.REFUND,
    EventKind.CHARGE_OFF,
    EventKind.WRITE_OFF,
    EventKind.REVERSAL,
)
_WHEN_REPAID = (EventKind.CHARGEBACK, EventKind.REFUND, EventKind.REVERSAL)
_WHEN_DEFAULTED = (EventKind.RECOVERY, EventKind.REFUND, EventKind.REVERSAL)

TRANSITIONS: Mapping[tuple[Status | None, EventKind], Status] = MappingProxyType(
    {
        (None, EventKind.APPLIED): Status.PENDING,
        (Status.PENDING, EventKind.APPROVED): Status.APPROVED,
        (Status.PENDING, EventKind.REJECTED): Status.REJECTED,
        (Status.PENDING, EventKind.CANCELLED): Status.CANCELLED,
        (Status.APPROVED, EventKind.CANCELLED): Status.CANCELLED,
        (Status.APPROVED, EventKind.DISBURSED): Status.DISBURSED,
    }
    | {(Status.DISBURSED, kind): Status.DISBURSED for kind in _WHILE_DISBURSED}
    | {(Status.DISBURSED, EventKind.WRITE_OFF): Status.DEFAULTED}
    | {(Status.REPAID, kind): Status.REPAID for kind in _WHEN_REPAID}
    | {(Status.DEFAULTED, kind): Status.DEFAULTED for kind in _WHEN_DEFAULTED}
)

_PHRASES: Mapping[EventKind, str] = MappingProxyType(
    {
        EventKind.APPLIED: "be applied for",
        EventKind.APPROVED: "be approved",
        EventKind.REJECTED: "be rejected",
        EventKind.CANCELLED: "be cancelled",
        EventKind.DISBURSED: "be disbursed",
        EventKind.RATE_CHANGE: "change its rate",
        EventKind.INTEREST_PAUSE: "pause its interest",
        EventKind.RESCHEDULE: "be rescheduled",
        EventKind.RE_AGE: "be re-aged",
        EventKind.FEE: "be charged a fee",
        EventKind.LATE_FEE: "be charged a late fee",
        EventKind.FEE_WAIVER: "have fees waived",
        EventKind.INTEREST_WAIVER: "have interest waived",
        EventKind.GOODWILL_CREDIT: "take a goodwill credit",
        EventKind.REPAYMENT: "take a repayment",
        EventKind.PAYOFF: "be paid off",
        EventKind.CHARGEBACK: "have a repayment charged back",
        EventKind.REFUND: "pay a refund",
        EventKind.CHARGE_OFF: "be charged off",
        EventKind.WRITE_OFF: "be written off",
        EventKind.RECOVERY: "take a recovery",
        EventKind.REVERSAL: "have an event reversed",
    }
)


def next_status(status: Status | None, kind: EventKind) -> Status:
    """Find the status to which an event leads; a loan not yet applied for has no status.

    :raises TransitionNotAllowed: if the event cannot happen to a loan in that status.
    """
    try:
        return TRANSITIONS[status, kind]
    except KeyError:
        raise refusal(status, kind) from None


def allowed(status: Status | None) -> tuple[EventKind, ...]:
    """List the kinds of event that may happen to a loan in a status."""
    return tuple(kind for (from_status, kind) in TRANSITIONS if from_status is status)


def refusal(status: Status | None, kind: EventKind) -> TransitionNotAllowed:
    """Say what the loan is and so cannot do: an error to raise."""
    standing = "not applied for" if status is None else status.value
    return TransitionNotAllowed(
        f"The loan is {standing}: it cannot {_PHRASES[kind]}.",
        loan_status=None if status is None else status.value,
    )
