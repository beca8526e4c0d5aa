"""Where a loan stands after its events: values that never change. Amounts in minor units."""

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from loans.core.account import Applied
from loans.core.lifecycle import Status
from loans.core.rows import Row, RowKind
from loans.core.terms import Terms

# Upper ends of the buckets of days past due.
BUCKETS = ((0, "0"), (30, "1-30"), (60, "31-60"), (90, "61-90"))
LAST_BUCKET = "over 90"


class Amounts(NamedTuple):
    """An amount for each component."""

    penalty: int = 0
    fee: int = 0
    interest: int = 0
    principal: int = 0

    @property
    def total(self) -> int:
        """All components together."""
        return self.penalty + self.fee + self.interest + self.principal


NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class Installment:
    """One row of a schedule for the days from `from_date` up to `to_date`; what it asks for is due on `due_date`."""

    number: int
    kind: RowKind
    from_date: date
    to_date: date
    due_date: date
    due: Amounts
    paid: Amounts = NOTHING
    waived: Amounts = NOTHING
    written_off: Amounts = NOTHING
    settled_on: date | None = None

    @property
    def outstanding(self) -> Amounts:
        """What is neither paid, waived nor written off."""
        due, paid, waived, lost = self.due, self.paid, self.waived, self.written_off
        return Amounts(
            due.penalty - paid.penalty - waived.penalty - lost.penalty,
            due.fee - paid.fee - waived.fee - lost.fee,
            due.interest - paid.interest - waived.interest - lost.interest,
            due.principal - paid.principal - waived.principal - lost.principal,
        )

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to pay; a row that asks for nothing is settled from the start."""
        return self.outstanding.total == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanState:
    """A loan as of a date.

    `payoff` is what settles it on that date; `interest_accrued` what of its interest has been earned by then;
    `balances` what the loan has put on each account of the general ledger: debits positive, credits negative.
    `work` is how much computing it took, in rows planned.
    """

    terms: Terms
    status: Status | None
    as_of: date | None = None
    installments: tuple[Installment, ...] = ()
    applied: tuple[Applied, ...] = ()
    applied_on: date | None = None
    approved_on: date | None = None
    disbursed_on: date | None = None
    closed_on: date | None = None
    charged_off_on: date | None = None
    disbursed: int = 0
    paid_out: int = 0
    fees_deducted: int = 0
    # Fees and penalties that were paid and could be given back.
    fees_refundable: int = 0
    received: int = 0
    goodwill: int = 0
    refunded: int = 0
    recovered: int = 0
    credit_balance: int = 0
    paid: Amounts = NOTHING
    waived: Amounts = NOTHING
    written_off: Amounts = NOTHING
    outstanding: Amounts = NOTHING
    payoff: Amounts = NOTHING
    per_diem: int = 0
    interest_accrued: int = 0
    balances: tuple[tuple[str, int], ...] = ()
    work: int = field(default=0, compare=False)

    @property
    def next_due(self) -> Installment | None:
        """The oldest row that is not settled."""
        return next((each for each in self.installments if not each.is_settled), None)

    @property
    def maturity_date(self) -> date | None:
        """The due date of the last row, once the loan is disbursed."""
        return self.installments[-1].due_date if self.installments else None

    def days_past_due(self, on: date) -> int:
        """Count the days since the oldest unsettled due date; due today is not past due."""
        oldest = self.next_due
        return 0 if oldest is None else max((on - oldest.due_date).days, 0)

    def overdue(self, on: date) -> int:
        """Add up what should have been paid before a date and was not."""
        return sum(each.outstanding.total for each in self.installments if each.due_date < on)

    def due(self, on: date) -> int:
        """Add up what should have been paid by a date and was not."""
        return sum(each.outstanding.total for each in self.installments if each.due_date <= on)


def bucket(days_past_due: int) -> str:
    """Name the bucket of so many days past due."""
    return next((name for most, name in BUCKETS if days_past_due <= most), LAST_BUCKET)


def installments_of(rows: list[Row]) -> tuple[Installment, ...]:
    """Freeze rows, without those at the end that ask for nothing; one is always left."""
    count = len(rows)
    while count > 1 and not any(rows[count - 1].due):
        count -= 1
    return tuple(
        Installment(
            row.number,
            row.kind,
            row.from_date,
            row.to_date,
            row.due_date,
            Amounts(*row.due),
            Amounts(*row.paid) if any(row.paid) else NOTHING,
            Amounts(*row.waived) if any(row.waived) else NOTHING,
            Amounts(*row.lost) if any(row.lost) else NOTHING,
            row.settled_on,
        )
        for row in rows[:count]
    )


def summed(lists: list[list[int]]) -> Amounts:
    """Add up lists by component."""
    return Amounts(*(sum(column) for column in zip(*lists, strict=True))) if lists else NOTHING
