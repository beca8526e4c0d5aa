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
    """Where a loan stands in its life.

    Nothing leads to `DEFAULTED` yet: a write-off will. The word is reserved because clients already know it.
    """

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    DISBURSED = "disbursed"
    REPAID = "repaid"
    DEFAULTED = "defaulted"


# A repayment that settles the last installment leads on to REPAID: `fold` decides it from the amounts.
TRANSITIONS: Mapping[tuple[Status | None, EventKind], Status] = MappingProxyType(
    {
        (None, EventKind.APPLIED): Status.PENDING,
        (Status.PENDING, EventKind.APPROVED): Status.APPROVED,
        (Status.PENDING, EventKind.REJECTED): Status.REJECTED,
        (Status.PENDING, EventKind.CANCELLED): Status.CANCELLED,
        (Status.APPROVED, EventKind.CANCELLED): Status.CANCELLED,
        (Status.APPROVED, EventKind.DISBURSED): Status.DISBURSED,
        (Status.DISBURSED, EventKind.REPAYMENT): Status.DISBURSED,
        (Status.DISBURSED, EventKind.REVERSAL): Status.DISBURSED,
        (Status.REPAID, EventKind.REVERSAL): Status.DISBURSED,
    }
)

_PHRASES: Mapping[EventKind, str] = MappingProxyType(
    {
        EventKind.APPLIED: "be applied for",
        EventKind.APPROVED: "be approved",
        EventKind.REJECTED: "be rejected",
        EventKind.CANCELLED: "be cancelled",
        EventKind.DISBURSED: "be disbursed",
        EventKind.REPAYMENT: "take a repayment",
        EventKind.REVERSAL: "have a repayment reversed",
    }
)


def next_status(status: Status | None, kind: EventKind) -> Status:
    """Find the status to which an event leads; a loan not yet applied for has no status.

    :raises TransitionNotAllowed: if the event cannot happen to a loan in that status.
    """
    try:
        return TRANSITIONS[status, kind]
    except KeyError:
        raise _refusal(status, kind) from None


def allowed(status: Status | None) -> tuple[EventKind, ...]:
    """List the kinds of event that may happen to a loan in a status."""
    return tuple(kind for (from_status, kind) in TRANSITIONS if from_status is status)


def _refusal(status: Status | None, kind: EventKind) -> TransitionNotAllowed:
    """Say what the loan is and what it could do instead."""
    kinds = allowed(status)
    standing = "not applied for" if status is None else status.value
    ways = " or ".join(_PHRASES[each] for each in kinds)
    advice = f"It can {ways}." if kinds else "Nothing more can happen to it."
    return TransitionNotAllowed(
        f"The loan is {standing}, so it cannot {_PHRASES[kind]}. {advice}",
        loan_status=None if status is None else status.value,
        allowed=[each.value for each in kinds],
    )
