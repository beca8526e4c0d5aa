"""Actions: what can be done with a loan as it stands, and for everything else why not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from loans.core import lifecycle
from loans.core.events import EventKind
from loans.core.lifecycle import Status, TransitionNotAllowed
from loans.core.state import LoanState


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done with a loan, or cannot for a reason."""

    name: str
    reason: str | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether it can be done."""
        return self.reason is None


KINDS: Mapping[str, EventKind] = MappingProxyType(
    {
        "approve": EventKind.APPROVED,
        "reject": EventKind.REJECTED,
        "cancel": EventKind.CANCELLED,
        "disburse": EventKind.DISBURSED,
        "repay": EventKind.REPAYMENT,
        "pay_off": EventKind.PAYOFF,
        "charge_fee": EventKind.FEE,
        "charge_late_fee": EventKind.LATE_FEE,
        "waive_fees": EventKind.FEE_WAIVER,
        "waive_interest": EventKind.INTEREST_WAIVER,
        "change_rate": EventKind.RATE_CHANGE,
        "pause_interest": EventKind.INTEREST_PAUSE,
        "reschedule": EventKind.RESCHEDULE,
        "re_age": EventKind.RE_AGE,
        "grant_credit": EventKind.GOODWILL_CREDIT,
        "charge_back": EventKind.CHARGEBACK,
        "refund": EventKind.REFUND,
        "charge_off": EventKind.CHARGE_OFF,
        "write_off": EventKind.WRITE_OFF,
        "recover": EventKind.RECOVERY,
        "reverse": EventKind.REVERSAL,
    }
)


def allowed_actions(state: LoanState) -> tuple[Action, ...]:
    """List every action on a loan; one that its status or its figures rule out says why."""
    return tuple(Action(name, _reason(state, name, kind)) for name, kind in KINDS.items())


def _reason(state: LoanState, name: str, kind: EventKind) -> str | None:
    try:
        lifecycle.next_status(state.status, kind)
    except TransitionNotAllowed as refusal:
        return refusal.detail
    check = _CHECKS.get(name)
    return None if check is None else check(state)


def _disburse(state: LoanState) -> str | None:
    is_paid_out = state.status is Status.DISBURSED and state.paid_out >= state.terms.principal
    return "The loan is disbursed in full already." if is_paid_out else None


def _waive_fees(state: LoanState) -> str | None:
    unpaid = state.outstanding.fee + state.outstanding.penalty
    return None if unpaid else "No fee or penalty is unpaid."


def _waive_interest(state: LoanState) -> str | None:
    return None if state.outstanding.interest else "No interest is unpaid."


def _reschedule(state: LoanState) -> str | None:
    on = state.as_of
    is_open = on is not None and any(row.due_date > on for row in state.installments)
    return None if is_open else "Nothing is left to fall due: re-age the arrears instead."


def _charge_back(state: LoanState) -> str | None:
    return None if state.received > 0 else "No repayment is left to be charged back."


def _refund(state: LoanState) -> str | None:
    return (
        None
        if state.credit_balance + state.fees_refundable
        else "There is neither a credit balance nor a fee that was paid."
    )


def _charge_off(state: LoanState) -> str | None:
    on = state.charged_off_on
    return None if on is None else f"The loan was charged off on {on} already."


_CHECKS: Mapping[str, Callable[[LoanState], str | None]] = MappingProxyType(
    {
        "disburse": _disburse,
        "waive_fees": _waive_fees,
        "waive_interest": _waive_interest,
        "reschedule": _reschedule,
        "charge_back": _charge_back,
        "refund": _refund,
        "charge_off": _charge_off,
    }
)
