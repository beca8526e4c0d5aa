"""What records look like to the schemas: a record's fields, its derived figures, the currency beside each amount."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from loans.api import state_views
from loans.core import state
from loans.core.lifecycle import Status
from loans.core.state import Amounts, Installment, LoanState
from loans.ledger import Entry
from loans.queries import loans as stored
from loans.queries.loans import EventRecord, LoanRecord
from loans.services import actions
from loans.services.transactions import Transaction

PAID = ("principal", "interest", "fee", "penalty")
# Nothing waives principal.
WAIVED = ("interest", "fee", "penalty")

View = dict[str, Any]


def summary(record: LoanRecord, *, on: date) -> View:
    """Give a loan as it is stored, with its days past due on a date."""
    figures = {field.name: getattr(record, field.name) for field in fields(record)}
    days = record.days_past_due(on)
    return figures | {
        "terms": without_holidays(record.terms),
        "total_outstanding": record.total_outstanding,
        "days_past_due": days,
        "bucket": state.bucket(days),
    }


def loan(record: LoanRecord, reached: LoanState, *, on: date) -> View:
    """Give a loan in a state: its own figures, whatever is stored of it, and what can be done with it."""
    days = reached.days_past_due(on)
    oldest = reached.next_due
    return summary(record, on=on) | {
        "status": reached.status,
        "as_of": reached.as_of,
        "approved_on": reached.approved_on,
        "disbursed_on": reached.disbursed_on,
        "closed_on": reached.closed_on,
        "charged_off_on": reached.charged_off_on,
        "maturity_date": reached.maturity_date,
        "disbursed": reached.disbursed,
        **_named(reached.paid, "paid", PAID),
        **_named(reached.waived, "waived", WAIVED),
        **_named(reached.written_off, "written_off", PAID),
        **_named(reached.outstanding, "outstanding", PAID),
        "total_outstanding": reached.outstanding.total,
        "credit_balance": reached.credit_balance,
        "next_due_date": None if oldest is None else oldest.due_date,
        "next_due_amount": 0 if oldest is None else oldest.outstanding.total,
        "days_past_due": days,
        "bucket": state.bucket(days),
        "allowed_actions": [
            {"action": each.name, "allowed": each.is_allowed, "reason": each.reason}
            for each in actions.allowed_actions(reached)
        ],
    }


def decided(record: LoanRecord, *, on: date) -> View:
    """Give a loan that is not disbursed: its row says all there is to know about it."""
    reached = LoanState(
        terms=stored.terms(record),
        status=Status(record.status),
        as_of=record.as_of,
        applied_on=record.applied_on,
        approved_on=record.approved_on,
        closed_on=record.closed_on,
    )
    return loan(record, reached, on=on)


def schedule(record: LoanRecord, reached: LoanState, *, on: date) -> View:
    """Give a schedule with its totals."""
    currency = record.currency
    rows = [installment(each) for each in reached.installments]
    totals = {
        name: sum(row[name] for row in rows)
        for name in (*PAID, "amount", "paid", "waived", "written_off", "outstanding")
    }
    return {
        "loan_id": record.id,
        "as_of": on,
        "currency": currency,
        "installments": [row | {"currency": currency} for row in rows],
        "totals": totals | {"currency": currency},
    }


def installment(row: Installment) -> View:
    """Give one row of a schedule with a figure for each component and their sums."""
    return {
        "number": row.number,
        "type": row.kind,
        "from_date": row.from_date,
        "to_date": row.to_date,
        "due_date": row.due_date,
        "settled_on": row.settled_on,
        **{name: getattr(row.due, name) for name in PAID},
        **_named(row.paid, "paid", PAID),
        **_named(row.waived, "waived", WAIVED),
        **_named(row.outstanding, "outstanding", PAID),
        "amount": row.due.total,
        "paid": row.paid.total,
        "waived": row.waived.total,
        "written_off": row.written_off.total,
        "outstanding": row.outstanding.total,
    }


def event(record: EventRecord, *, currency: str) -> View:
    """Give an event with its loan's currency."""
    return {field.name: getattr(record, field.name) for field in fields(record)} | {"currency": currency}


def entry(posted: Entry) -> View:
    """Give a journal entry with the currency beside each line's amount."""
    figures = {field.name: getattr(posted, field.name) for field in fields(posted)}
    lines = [
        {"account": line.account, "amount": line.amount, "currency": posted.currency} for line in posted.lines
    ]
    return figures | {"lines": lines}


def transaction(recorded: Transaction, *, on: date) -> View:
    """Give an event of a running loan, what it did, and the loan it left."""
    currency = recorded.loan.currency
    reversal = recorded.reversal
    parts = [part._asdict() | {"currency": currency} for each in recorded.applied for part in each.parts]
    return event(recorded.event, currency=currency) | {
        "credit": sum(each.credit for each in recorded.applied),
        "allocations": parts,
        "postings": [line | {"currency": currency} for line in state_views.lines(recorded.lines)],
        "reversed_by": None if reversal is None else reversal.id,
        "reversed_on": None if reversal is None else reversal.effective_date,
        "loan": loan(recorded.loan, recorded.state, on=on),
    }


def payoff(record: LoanRecord, reached: LoanState, *, on: date) -> View:
    """Give what pays a loan off on a day."""
    return state_views.payoff(reached, on=on) | {"loan_id": record.id, "currency": record.currency}


def without_holidays(terms: Mapping[str, Any]) -> View:
    """Give terms without the days of their holiday calendar, which nobody reads; its code stays."""
    return {name: value for name, value in terms.items() if name != "holidays"}


def _named(amounts: Amounts, suffix: str, components: tuple[str, ...]) -> View:
    return {f"{name}_{suffix}": getattr(amounts, name) for name in components}
