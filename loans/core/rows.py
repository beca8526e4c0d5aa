"""The rows of a schedule while a loan is computed. Amounts in minor units; components by index."""

from datetime import date
from enum import StrEnum

from loans.core.terms import Component

PENALTY, FEE, INTEREST, PRINCIPAL = range(4)
INDEX = {component: at for at, component in enumerate(Component)}


class RowKind(StrEnum):
    """What a row of a schedule is."""

    DOWN_PAYMENT = "down_payment"
    INSTALLMENT = "installment"
    EXTRA = "extra"


class Row:
    """One row in the making: what it asks for, what it has received, and what the plan knows about it.

    `due`, `paid`, `waived` and `lost` (given up by a write-off) are lists by component.
    `own` is the interest earned in the row's period; where `deferred`, it is due with a later row, which has it as
    `gathered`. `moved` is interest of other rows that is due here for another reason; money goes to it first, as
    `moved_paid`.
    `planned` is the plan's principal, `ahead` what of it was paid before the row was due, `extra` principal that no
    plan knows. `opening` is the balance that a scheduled row bears interest on.
    `credited` and `cleared` are what of `ahead` and of the plan's interest had been received when the level installment
    was set: the installment comes on top of them.
    """

    # Defaults live on the class: a row is made often and most of these never change.
    own = moved = moved_paid = gathered = planned = extra = extra_paid = ahead = credited = cleared = (
        opening
    ) = 0
    fixed_fee = penalty_fixed = penalty_accrued = 0
    # Which period since the anchor of the due dates the row is for.
    period = 0
    deferred = no_principal = False
    penalized_to: date | None = None
    settled_on: date | None = None

    def __init__(self, number: int, kind: RowKind, from_date: date, to_date: date, due_date: date) -> None:
        self.number = number
        self.kind = kind
        self.from_date = from_date
        self.to_date = to_date
        self.due_date = due_date
        self.due = [0, 0, 0, 0]
        self.paid = [0, 0, 0, 0]
        self.waived = [0, 0, 0, 0]
        self.lost = [0, 0, 0, 0]

    def unpaid(self, component: int) -> int:
        """What a component still asks for."""
        return self.due[component] - self.paid[component] - self.waived[component] - self.lost[component]

    @property
    def unpaid_total(self) -> int:
        """What all components still ask for."""
        return sum(self.due) - sum(self.paid) - sum(self.waived) - sum(self.lost)

    @property
    def total(self) -> int:
        """What the row asks for in all."""
        return sum(self.due)

    @property
    def is_untouched(self) -> bool:
        """Whether no money has reached the row, and it asks for nothing but what the method says."""
        return not (
            self.ahead
            or self.deferred
            or self.no_principal
            or self.moved
            or self.extra
            or self.credited
            or self.cleared
            or self.paid[INTEREST]
            or self.waived[INTEREST]
        )

    @property
    def interest_received(self) -> int:
        """What of the row's own interest has been paid or waived."""
        return max(self.interest_settled - self.gathered, 0)

    @property
    def own_cleared(self) -> int:
        """What of the row's own interest had been received when the level installment was set."""
        return max(self.cleared - self.gathered, 0)

    @property
    def interest_settled(self) -> int:
        """What of the interest that the plan asks for here has been paid or waived."""
        return self.paid[INTEREST] + self.waived[INTEREST] - self.moved_paid

    def interest_owed(self, accrued: int) -> int:
        """What is owed of an amount of interest that has accrued for the row, and of what was moved here."""
        return max(accrued - self.interest_settled, 0) + self.moved - self.moved_paid

    def note_interest(self, amount: int) -> None:
        """Let interest that was paid or waived settle first what was moved here."""
        self.moved_paid = min(self.moved, self.moved_paid + amount)

    def set_own(self, interest: int) -> None:
        """Set the row's own interest, never below what has been received of it."""
        self.own = max(interest, self.interest_received)
        self.due[INTEREST] = (0 if self.deferred else self.own) + self.moved + self.gathered

    def set_principal(self, planned: int) -> None:
        """Set the principal that the plan asks for here, paid ahead or not."""
        self.planned = planned
        self.due[PRINCIPAL] = planned + self.extra

    def set_fee(self, planned: int) -> None:
        """Set the fee that comes with the installment, never below what has been received of it."""
        received = self.paid[FEE] + self.waived[FEE] - self.fixed_fee
        self.due[FEE] = max(planned, received) + self.fixed_fee

    def add_extra_principal(self, amount: int) -> None:
        """Ask for principal that no plan knows, such as a chargeback."""
        self.extra += amount
        self.due[PRINCIPAL] += amount

    def add_moved_interest(self, amount: int) -> None:
        """Ask here for interest that was earned in another row's period."""
        self.moved += amount
        self.due[INTEREST] += amount

    def add_fee(self, amount: int) -> None:
        """Ask for a fee that no plan knows."""
        self.fixed_fee += amount
        self.due[FEE] += amount

    def add_penalty(self, amount: int) -> None:
        """Ask for a late fee."""
        self.penalty_fixed += amount
        self.due[PENALTY] += amount
