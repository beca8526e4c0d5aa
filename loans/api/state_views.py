"""What the state of a loan looks like to the schemas: rows, effects of events, balances, postings. Minor units."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from loans.core import postings, state
from loans.core.account import Applied
from loans.core.costs import Costs
from loans.core.errors import LendingError
from loans.core.event_documents import TYPES, Name
from loans.core.events import Event
from loans.core.fold import Entry
from loans.core.postings import Line
from loans.core.rows import RowKind
from loans.core.simulations import Simulated
from loans.core.state import Amounts, Installment, LoanState
from loans.core.terms import Method, Terms
from loans.services.simulations import Scenario

COMPONENTS = ("principal", "interest", "fee", "penalty")
ACCOUNT_NAMES = {account.code: account.name for account in postings.ACCOUNTS}

View = dict[str, Any]


def simulation(found: Simulated, *, names: Mapping[uuid.UUID, Name], told: Iterable[Event]) -> View:
    """Give a loan that nobody has made; `names` are what the request calls its events."""
    on = found.state.as_of or date.max
    known = {entry.event.id: entry.event for entry in found.entries if entry.event is not None}
    known |= {event.id: event for event in told}
    return standing(found.state, on=on) | {
        "currency": found.state.terms.currency,
        "installments": [row(each, on=on) for each in found.state.installments],
        "allocations": [effect(each, known[each.event_id], names=names) for each in found.state.applied],
        "postings": [_posting(entry, names=names) for entry in found.entries],
        "rates": rates(found.costs),
        "cost_of_credit": cost_of_credit(found.costs),
    }


def scenarios(played: Iterable[Scenario], *, now: LoanState) -> View:
    """Give a loan as it is, and where each scenario would take it or why it cannot."""
    return {
        "current": standing(now, on=now.as_of or date.max),
        "scenarios": [
            {
                "name": each.name,
                "result": None if each.state is None else _result(each, each.state),
                "refusal": None if each.refusal is None else _refusal(each, each.refusal),
            }
            for each in played
        ],
    }


def _result(played: Scenario, reached: LoanState) -> View:
    """Give what the events of a scenario would do; what other events did is left out."""
    told = {event.id: event for event in played.history.events}
    return standing(reached, on=played.as_of) | {
        "installments": [row(each, on=played.as_of) for each in reached.installments],
        "allocations": [
            effect(each, told[each.event_id], names=played.history.names)
            for each in reached.applied
            if each.event_id in told
        ],
        "postings": lines(played.lines),
    }


def _refusal(played: Scenario, refusal: LendingError) -> View:
    event = None if refusal.event_id is None else played.history.names.get(refusal.event_id)
    return {"code": refusal.code, "title": refusal.title, "detail": refusal.detail, "event": event}


def standing(reached: LoanState, *, on: date) -> View:
    """Give where a loan stands as of a day, but for its rows."""
    days = reached.days_past_due(on)
    return {
        "as_of": on,
        "status": reached.status,
        "balances": balances(reached, on=on),
        "days_past_due": days,
        "bucket": state.bucket(days),
        "next_due": _next_due(reached),
        "payoff": payoff(reached, on=on),
    }


def balances(reached: LoanState, *, on: date) -> View:
    """Give what is outstanding by component, and what of it is due or overdue on a day."""
    return components(reached.outstanding) | {
        "disbursed": reached.disbursed,
        "overdue": reached.overdue(on),
        "due": reached.due(on),
        "interest_accrued": reached.interest_accrued,
        "credit_balance": reached.credit_balance,
    }


def components(amounts: Amounts) -> View:
    """Give an amount for each component, and their total."""
    return {name: getattr(amounts, name) for name in COMPONENTS} | {"total": amounts.total}


def row(installment: Installment, *, on: date) -> View:
    """Give one row: what each component asks for and what has become of that."""
    parts = {
        "due": installment.due,
        "paid": installment.paid,
        "waived": installment.waived,
        "written_off": installment.written_off,
        "outstanding": installment.outstanding,
    }
    is_late = not installment.is_settled and installment.due_date < on
    return {
        **{name: {part: getattr(each, name) for part, each in parts.items()} for name in COMPONENTS},
        "total": {part: each.total for part, each in parts.items()},
        "number": installment.number,
        "type": installment.kind,
        "from_date": installment.from_date,
        "due_date": installment.due_date,
        "settled_on": installment.settled_on,
        "days_past_due": (on - installment.due_date).days if is_late else 0,
    }


def effect(applied: Applied, event: Event, *, names: Mapping[uuid.UUID, Name]) -> View:
    """Give what an event did; an event that the request does not name has none."""
    return {
        "event": names.get(event.id),
        "type": TYPES[event.kind],
        "date": event.date,
        "amount": applied.amount,
        "credit": applied.credit,
        "parts": [part._asdict() for part in applied.parts],
    }


def payoff(reached: LoanState, *, on: date) -> View:
    """Give what settles a loan on the day of its state, and what a day adds."""
    parts = components(reached.payoff)
    return {"date": on, "amount": parts.pop("total"), **parts, "per_diem": reached.per_diem}


def lines(posted: Iterable[Line]) -> list[View]:
    """Give journal lines with a debit and a credit side."""
    return [
        {
            "account": line.account,
            "name": ACCOUNT_NAMES[line.account],
            "debit": max(line.amount, 0),
            "credit": max(-line.amount, 0),
        }
        for line in posted
    ]


def rates(costs: Costs | None) -> View | None:
    """Give what a loan costs in percent a year; None where nothing was paid out."""
    if costs is None:
        return None
    return {"apr_eu": costs.apr_eu, "apr_us": costs.apr_us, "effective": costs.effective_rate}


def cost_of_credit(costs: Costs | None) -> View | None:
    """Give what a loan costs in money; None where nothing was paid out."""
    if costs is None:
        return None
    credit = costs.credit
    return {
        "amount_financed": credit.amount_financed,
        "total_of_payments": credit.total_of_payments,
        "total_cost": credit.total_cost,
    }


def quote(planned: LoanState, costs: Costs, *, terms: Mapping[str, object]) -> View:
    """Give the schedule of a loan as planned and what it costs; `terms` is their document."""
    schedule: list[View] = []
    balance = planned.disbursed
    for each in planned.installments:
        due = each.due
        balance -= due.principal
        schedule.append(
            {
                "number": each.number,
                "type": each.kind,
                "from_date": each.from_date,
                "due_date": each.due_date,
                "principal": due.principal,
                "interest": due.interest,
                "fee": due.fee,
                "amount": due.total,
                "balance": balance,
            }
        )
    totals = {
        name: sum(planned_row[name] for planned_row in schedule)
        for name in ("principal", "interest", "fee", "amount")
    }
    return {
        "currency": planned.terms.currency,
        "schedule": schedule,
        "totals": totals | {"disbursed_to_borrower": planned.paid_out - planned.fees_deducted},
        "installment_amount": level_installment(planned.terms, planned.installments),
        "rates": rates(costs),
        "cost_of_credit": cost_of_credit(costs),
        "terms": terms,
    }


def level_installment(terms: Terms, planned: Sequence[Installment]) -> int | None:
    """Give the installment that most rows share, principal and interest; None under methods that have none."""
    if terms.method is not Method.EQUAL_INSTALLMENTS:
        return None
    installments = [each for each in planned if each.kind is RowKind.INSTALLMENT]
    # Interest put off by grace comes on top in the first row after it.
    spared = max(terms.grace.principal, terms.grace.interest + bool(terms.grace.interest))
    shared = installments[min(spared, len(installments) - 1)]
    return shared.due.principal + shared.due.interest


def _next_due(reached: LoanState) -> View | None:
    oldest = reached.next_due
    if oldest is None:
        return None
    return {"number": oldest.number, "date": oldest.due_date, "amount": oldest.outstanding.total}


def _posting(entry: Entry, *, names: Mapping[uuid.UUID, Name]) -> View:
    return {
        "event": None if entry.event is None else names.get(entry.event.id),
        "date": entry.date,
        "lines": lines(entry.lines),
    }
