"""What records look like to the schemas: a record's fields, its derived figures, the currency beside each amount."""

from dataclasses import fields
from datetime import date
from typing import Any

from loans.core.schedule import Installment
from loans.ledger import Entry
from loans.queries.loans import EventRecord, LoanRecord
from loans.services.repayments import Repayment

INSTALLMENT_FIGURES = (
    *(field.name for field in fields(Installment)),
    "amount",
    "paid",
    "principal_outstanding",
    "interest_outstanding",
    "outstanding",
)
TOTALS = ("principal", "interest", "amount", "paid", "outstanding")


def loan(record: LoanRecord, *, on: date) -> dict[str, Any]:
    """Give a loan with its days past due on a date."""
    figures = {field.name: getattr(record, field.name) for field in fields(record)}
    return figures | {
        "total_outstanding": record.total_outstanding,
        "days_past_due": record.days_past_due(on),
    }


def schedule(record: LoanRecord, *, installments: tuple[Installment, ...]) -> dict[str, Any]:
    """Give a schedule with its totals."""
    currency = record.currency
    rows = [{name: getattr(row, name) for name in INSTALLMENT_FIGURES} for row in installments]
    totals = {name: sum(row[name] for row in rows) for name in TOTALS}
    return {
        "loan_id": record.id,
        "currency": currency,
        "installments": [row | {"currency": currency} for row in rows],
        "totals": totals | {"currency": currency},
    }


def event(record: EventRecord, *, currency: str) -> dict[str, Any]:
    """Give an event with its loan's currency."""
    return {field.name: getattr(record, field.name) for field in fields(record)} | {"currency": currency}


def entry(posted: Entry) -> dict[str, Any]:
    """Give a journal entry with the currency beside each line's amount."""
    figures = {field.name: getattr(posted, field.name) for field in fields(posted)}
    lines = [
        {"account": line.account, "amount": line.amount, "currency": posted.currency} for line in posted.lines
    ]
    return figures | {"lines": lines}


def repayment(recorded: Repayment, *, on: date) -> dict[str, Any]:
    """Give a repayment, its allocation and the loan it left."""
    currency = recorded.loan.currency
    reversal = recorded.reversal
    return event(recorded.event, currency=currency) | {
        "date": recorded.event.effective_date,
        "reversed_by": None if reversal is None else reversal.id,
        "reversed_on": None if reversal is None else reversal.effective_date,
        "allocations": [
            {
                "installment": part.installment,
                "principal": part.principal,
                "interest": part.interest,
                "currency": currency,
            }
            for part in recorded.allocations
        ],
        "loan": loan(recorded.loan, on=on),
    }
