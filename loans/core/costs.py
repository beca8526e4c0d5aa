"""What a loan costs its borrower, as planned when it is paid out: annual percentage rates, total cost of credit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from loans.core import apr, irr
from loans.core.apr import CostOfCredit
from loans.core.events import Event, EventKind
from loans.core.irr import CashFlow, NoRate
from loans.core.state import LoanState


@dataclass(frozen=True, slots=True)
class Costs:
    """Rates in percent a year, None where none fits; amounts in minor units."""

    apr_eu: Fraction | None
    apr_us: Fraction | None
    effective_rate: Fraction | None
    credit: CostOfCredit


def of(planned: LoanState, disbursements: Iterable[Event]) -> Costs:
    """Compute the costs of a loan from its plan and its disbursements; fees that were deducted lower the first one.

    Penalties are left out: they are the cost of not keeping to the contract.
    """
    advances = [CashFlow(event.date, event.amount or 0) for event in disbursements]
    if not advances or any(event.kind is not EventKind.DISBURSED for event in disbursements):
        raise AssertionError("costs are reckoned on disbursements")
    advances[0] = CashFlow(advances[0].date, advances[0].amount - planned.fees_deducted)
    payments = [
        CashFlow(row.due_date, -(row.due.total - row.due.penalty))
        for row in planned.installments
        if row.due.total > row.due.penalty
    ]
    frequency = planned.terms.frequency
    try:
        eu = apr.apr_eu(advances, payments, unit=frequency.unit)
    except NoRate:
        eu = None
    try:
        us = apr.apr_us(advances, payments, frequency=frequency)
    except NoRate:
        us = None
    try:
        effective = irr.effective_rate([*advances, *payments])
    except NoRate:
        effective = None
    return Costs(eu, us, effective, _credit(advances, payments))


def _credit(advances: Sequence[CashFlow], payments: Sequence[CashFlow]) -> CostOfCredit:
    """Give the total cost of credit, also of a loan whose fees take all that is paid out."""
    try:
        return apr.cost_of_credit(advances, payments)
    except NoRate:
        financed, paid = (sum(flow.amount for flow in flows) for flows in (advances, payments))
        return CostOfCredit(amount_financed=financed, total_of_payments=-paid, total_cost=-paid - financed)
