"""What can be wrong with a schedule, judged in cents as they would be printed."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from bench.cases import Case

Amount = float | Decimal


class Row(NamedTuple):
    """An installment as a library gives it, in units of the currency; None where it gives no such figure."""

    interest: Amount
    principal: Amount
    payment: Amount | None = None
    balance: Amount | None = None
    due_date: date | None = None


class Printed(NamedTuple):
    """The same in cents."""

    interest: int
    principal: int
    payment: int | None
    balance: int | None
    due_date: date | None


class Fault(StrEnum):
    """What can be wrong with a schedule; the order is that of the table."""

    NUMBER = "wrong number of installments"
    PRINCIPAL = "principal does not add up"
    PAYMENT = "payment is not its parts"
    BALANCE = "balance does not follow"
    LEFT_OVER = "final balance not zero"
    NEGATIVE = "negative amount"
    DATE = "wrong due dates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether all amounts come in whole cents, and how far off each thing is that could be judged.

    That is in cents (the largest difference in a row), in installments or in dates; 0 is right.
    """

    is_in_cents: bool
    off: Mapping[Fault, int]


def judge(rows: Sequence[Row], *, case: Case) -> Verdict:
    """Judge a schedule by itself and by the loan it is for; figures that a library does not give are left out."""
    printed = [Printed(*(_cents(amount) for amount in row[:4]), row.due_date) for row in rows]
    given = [fault for fault in CHECKS if fault not in FIGURES or _is_given(rows, figure=FIGURES[fault])]
    return Verdict(
        is_in_cents=all(_is_in_cents(amount) for row in rows for amount in row[:4]),
        off={fault: CHECKS[fault](printed, case) for fault in given},
    )


def _cents(amount: Amount | None) -> int | None:
    """Round an amount as it would be printed with two decimals."""
    return None if amount is None else int(f"{amount:.2f}".replace(".", ""))


def _is_in_cents(amount: Amount | None) -> bool:
    """Tell whether an amount needs no rounding; a float need not if it is the nearest one to its cents."""
    return amount is None or type(amount)(f"{amount:.2f}") == amount


def _is_given(rows: Sequence[Row], *, figure: str) -> bool:
    return all(getattr(row, figure) is not None for row in rows)


def _number(rows: Sequence[Printed], case: Case) -> int:
    return abs(len(rows) - case.installments)


def _principal(rows: Sequence[Printed], case: Case) -> int:
    return abs(sum(row.principal for row in rows) - case.principal)


def _payment(rows: Sequence[Printed], _: Case) -> int:
    return max((abs(row.payment - row.interest - row.principal) for row in rows), default=0)


def _balance(rows: Sequence[Printed], case: Case) -> int:
    before = itertools.chain([case.principal], (row.balance for row in rows))
    pairs = zip(before, rows, strict=False)
    return max((abs(balance - row.principal - row.balance) for balance, row in pairs), default=0)


def _left_over(rows: Sequence[Printed], case: Case) -> int:
    return abs(rows[-1].balance) if rows else case.principal


def _negative(rows: Sequence[Printed], _: Case) -> int:
    return max(0, -min(amount for row in rows for amount in row[:4] if amount is not None))


def _dates(rows: Sequence[Printed], case: Case) -> int:
    # Installments that are missing are counted as such.
    return sum(row.due_date != due for row, due in zip(rows, case.due_dates, strict=False))


FIGURES = {
    Fault.PAYMENT: "payment",
    Fault.BALANCE: "balance",
    Fault.LEFT_OVER: "balance",
    Fault.DATE: "due_date",
}
CHECKS: Mapping[Fault, Callable[[Sequence[Printed], Case], int]] = {
    Fault.NUMBER: _number,
    Fault.PRINCIPAL: _principal,
    Fault.PAYMENT: _payment,
    Fault.BALANCE: _balance,
    Fault.LEFT_OVER: _left_over,
    Fault.NEGATIVE: _negative,
    Fault.DATE: _dates,
}
