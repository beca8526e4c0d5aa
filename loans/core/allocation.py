"""Which installments, and which parts of them, a repayment settles."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from loans.core import money
from loans.core.errors import LendingError
from loans.core.schedule import Installment
from loans.core.terms import Component


class Overpayment(LendingError):
    """The repayment is more than is owed."""

    code: ClassVar[str] = "overpayment"
    title: ClassVar[str] = "More than is owed"


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one repayment paid of one installment, in minor units."""

    event_id: uuid.UUID
    installment: int
    principal: int
    interest: int


def allocate(
    amount: int,
    installments: Sequence[Installment],
    *,
    order: tuple[Component, ...],
    event_id: uuid.UUID,
    on: date,
    currency: str,
) -> tuple[tuple[Installment, ...], tuple[Allocation, ...]]:
    """Spread a repayment over the unsettled installments, oldest first, inside each by component in `order`.

    :raises Overpayment: if money is left over once every installment is settled.
    """
    if amount <= 0:
        raise AssertionError(f"cannot allocate {amount}: a repayment is positive")
    paid = list(installments)
    allocations = []
    remaining = amount
    for index, installment in enumerate(paid):
        if remaining == 0:
            break
        if installment.is_settled:
            continue
        allocation = _split(remaining, installment, order=order, event_id=event_id)
        paid[index] = _credit(installment, allocation, on=on)
        allocations.append(allocation)
        remaining -= allocation.principal + allocation.interest
    if remaining:
        owed = amount - remaining
        raise Overpayment(
            f"{money.format_amount(amount, currency)} {currency} is more than is owed;"
            f" {money.format_amount(owed, currency)} {currency} closes the loan.",
            field="amount",
            payoff_amount=owed,
            currency=currency,
        )
    return tuple(paid), tuple(allocations)


def _split(
    available: int, installment: Installment, *, order: tuple[Component, ...], event_id: uuid.UUID
) -> Allocation:
    """Divide what is available between the components of one installment."""
    owed = {
        Component.INTEREST: installment.interest_outstanding,
        Component.PRINCIPAL: installment.principal_outstanding,
    }
    parts = {}
    for component in order:
        parts[component] = min(available, owed[component])
        available -= parts[component]
    return Allocation(
        event_id=event_id,
        installment=installment.number,
        principal=parts[Component.PRINCIPAL],
        interest=parts[Component.INTEREST],
    )


def _credit(installment: Installment, allocation: Allocation, *, on: date) -> Installment:
    """Add what was allocated to what the installment has received, and date it if that settles it."""
    settles = allocation.principal + allocation.interest == installment.outstanding
    return replace(
        installment,
        principal_paid=installment.principal_paid + allocation.principal,
        interest_paid=installment.interest_paid + allocation.interest,
        settled_on=on if settles else None,
    )
