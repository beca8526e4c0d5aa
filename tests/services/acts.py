"""One command of every kind that a running loan takes, as something to do to the small loan on a day."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from loans.core.events import EventKind, RefundOf
from loans.services import repayments, servicing, settlements
from tests.factories import make_context, make_repayment
from tests.services.small_loan import SECOND_DUE

TODAY = date(2026, 3, 20)
FEE_ON = date(2026, 2, 1)
PAID_ON = date(2026, 2, 18)
ACTED_ON = date(2026, 2, 25)


@dataclass(frozen=True)
class Act:
    """A command, what a second one like it is answered (None: it is done again), and how it is given its repayment."""

    kind: EventKind
    command: Callable[..., Any]
    second: str | None = None
    given: dict[str, Any] = field(default_factory=dict)
    names_repayment: bool = False

    def do(self, session, loan, *, repayment_id: uuid.UUID, on: date = ACTED_ON, today: date = TODAY):
        given = dict(self.given)
        if self.names_repayment:
            given["repayment_id"] = repayment_id
        return self.command(session, loan_id=loan.id, on=on, context=make_context(today), **given)


ACTS = {
    act.kind.value: act
    for act in (
        Act(EventKind.RATE_CHANGE, servicing.change_rate, given={"annual_rate": "18.00"}),
        Act(EventKind.INTEREST_PAUSE, servicing.pause_interest, given={"until": SECOND_DUE}),
        Act(EventKind.RESCHEDULE, servicing.reschedule, given={"installments": 5}),
        Act(EventKind.RE_AGE, servicing.re_age, given={"installments": 1}),
        Act(EventKind.FEE, servicing.charge_fee, given={"amount": "25.00"}),
        Act(EventKind.LATE_FEE, servicing.charge_late_fee, given={"amount": "25.00"}),
        Act(EventKind.FEE_WAIVER, servicing.waive_fees, second="nothing_to_waive"),
        Act(EventKind.INTEREST_WAIVER, servicing.waive_interest, second="nothing_to_waive"),
        Act(EventKind.GOODWILL_CREDIT, settlements.grant_credit, given={"amount": "70.00"}),
        Act(EventKind.REPAYMENT, repayments.record, given={"amount": "70.00"}),
        Act(EventKind.PAYOFF, repayments.payoff, second="transition_not_allowed"),
        Act(EventKind.CHARGEBACK, settlements.charge_back, second="more_than_there_is", names_repayment=True),
        Act(
            EventKind.REFUND,
            settlements.refund,
            second="more_than_there_is",
            given={"amount": "20.00", "of": RefundOf.FEE},
        ),
        Act(EventKind.CHARGE_OFF, settlements.charge_off, second="transition_not_allowed"),
        Act(EventKind.WRITE_OFF, settlements.write_off, second="transition_not_allowed"),
    )
}


def prepare(session, loan):
    """Charge a fee of 20.00, pay 30.00, of which 20.00 go to it, and charge 40.00 more; give the payment's identifier.

    So that there is something to waive, to refund and to take back. All of it is recorded today.
    """
    context = make_context(TODAY)
    servicing.charge_fee(session, loan_id=loan.id, amount="20.00", on=FEE_ON, context=context)
    repayment = make_repayment(session, loan=loan, amount="30.00", on=PAID_ON, context=context)
    servicing.charge_fee(session, loan_id=loan.id, amount="40.00", on=PAID_ON, context=context)
    return repayment.event.id
