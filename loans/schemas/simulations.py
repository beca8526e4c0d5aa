"""Quotes and simulations on the wire: questions about loans that nobody has made, and their answers."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.core import rates
from loans.core.event_documents import EVENTS_MAX, TYPES
from loans.core.lifecycle import Status
from loans.core.rows import RowKind
from loans.core.simulation_documents import NAME_LENGTH_MAX, SCENARIOS_MAX
from loans.schemas.fields import Amount, Currency, Date, Text
from loans.schemas.products import one_of
from loans.schemas.terms import REFERENCE, Described, EventIn, LoanTermsIn

AS_OF_HELP = "By default today's business date, or the last event's if that is later."


class QuoteIn(Described):
    """Terms to lay a schedule out for."""

    terms = ma.fields.Nested(LoanTermsIn, required=True)


class SimulationIn(Described):
    """Terms, what happens under them, and the date to look at the loan."""

    terms = ma.fields.Nested(LoanTermsIn, required=True)
    events = ma.fields.List(ma.fields.Nested(EventIn), validate=validate.Length(max=EVENTS_MAX))
    as_of = Date(metadata={"description": AS_OF_HELP})


class ScenarioIn(Described):
    """Events that might happen to a loan."""

    name = Text(
        longest=NAME_LENGTH_MAX,
        metadata={"description": "By default `scenario 1` and so on, by its place in the list."},
    )
    events = ma.fields.List(
        ma.fields.Nested(EventIn), required=True, validate=validate.Length(max=EVENTS_MAX)
    )
    as_of = Date(metadata={"description": "By default that of the request."})


class LoanSimulationsIn(Described):
    """Several things that might happen to a loan, to be compared."""

    scenarios = ma.fields.List(
        ma.fields.Nested(ScenarioIn), required=True, validate=validate.Length(max=SCENARIOS_MAX)
    )
    as_of = Date(metadata={"description": AS_OF_HELP})


class Percentage(ma.fields.Field[Fraction]):
    """A percentage that was computed, negative where the lender loses, as a decimal string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            metadata={"type": "string", "example": "12.682503", "pattern": r"^-?[0-9]+\.[0-9]{2,6}$"},
            **kwargs,
        )

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return f"{'-' if value < 0 else ''}{rates.format_rate(abs(value))}"


class Answer(ma.Schema):
    """An answer in one currency, which is put beside every amount of it before it is written, where `Amount` looks."""

    @ma.pre_dump
    def spread_currency(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Put the currency into each part; terms are left as the core wrote them."""
        currency = data["currency"]
        return {name: part if name == "terms" else _beside(part, currency) for name, part in data.items()}


def event_name(**kwargs: Any) -> ma.fields.Raw:
    """Make the field that shows what the request calls an event: its id, or else its place in the list, from 0."""
    return ma.fields.Raw(required=True, metadata=dict(REFERENCE), **kwargs)


def event_type() -> ma.fields.String:
    """Make the field that shows the type of an event as the wire names it."""
    return ma.fields.String(required=True, validate=validate.OneOf(list(TYPES.values())))


class RatesOut(ma.Schema):
    """What the loan costs in percent a year; null where there is no such rate."""

    apr_eu = Percentage(required=True, allow_none=True)
    apr_us = Percentage(required=True, allow_none=True)
    effective = Percentage(required=True, allow_none=True)


class CostOfCreditOut(ma.Schema):
    """What the loan costs in money, as planned: what the borrower can use, what he pays, and the difference."""

    amount_financed = Amount(required=True)
    total_of_payments = Amount(required=True)
    total_cost = Amount(required=True)


class AmountsOut(ma.Schema):
    """One component of a row, or all together: what it asks for and what has become of that."""

    due = Amount(required=True)
    paid = Amount(required=True)
    waived = Amount(required=True)
    written_off = Amount(required=True)
    outstanding = Amount(required=True)


class RowOut(ma.Schema):
    """One row of a loan as of a date."""

    number = ma.fields.Integer(required=True)
    type = one_of(RowKind)
    from_date = Date(required=True)
    due_date = Date(required=True)
    principal = ma.fields.Nested(AmountsOut, required=True)
    interest = ma.fields.Nested(AmountsOut, required=True)
    fee = ma.fields.Nested(AmountsOut, required=True)
    penalty = ma.fields.Nested(AmountsOut, required=True)
    total = ma.fields.Nested(AmountsOut, required=True)
    settled_on = Date(required=True, allow_none=True)
    days_past_due = ma.fields.Integer(required=True)


class ComponentsOut(ma.Schema):
    """An amount for each component."""

    principal = Amount(required=True)
    interest = Amount(required=True)
    fee = Amount(required=True)
    penalty = Amount(required=True)


class PartOut(ComponentsOut):
    """What an event did to one row."""

    installment = ma.fields.Integer(required=True)


class EffectOut(ma.Schema):
    """What an event did: the amount it took, how much of it became the customer's credit, and its parts."""

    event = event_name(allow_none=True)
    type = event_type()
    date = Date(required=True)
    amount = Amount(required=True)
    credit = Amount(required=True)
    parts = ma.fields.List(ma.fields.Nested(PartOut), required=True)


class BalancesOut(ComponentsOut):
    """What is outstanding by component, and what of it is due by the date or overdue."""

    disbursed = Amount(required=True)
    total = Amount(required=True)
    overdue = Amount(required=True)
    due = Amount(required=True)
    interest_accrued = Amount(required=True)
    credit_balance = Amount(required=True)


class NextDueOut(ma.Schema):
    """The oldest row that asks for anything."""

    number = ma.fields.Integer(required=True)
    date = Date(required=True)
    amount = Amount(required=True)


class PayoffOut(ComponentsOut):
    """What settles the loan on a date, and what a day adds to it."""

    date = Date(required=True)
    amount = Amount(required=True)
    per_diem = Amount(required=True)


class PostingLineOut(ma.Schema):
    """One leg of a posting: one of the two amounts is zero."""

    account = ma.fields.String(required=True, metadata={"example": "1100"})
    name = ma.fields.String(required=True, metadata={"example": "Loan principal receivable"})
    debit = Amount(required=True)
    credit = Amount(required=True)


class PostingOut(ma.Schema):
    """What the general ledger receives for an event."""

    event = event_name(allow_none=True)
    date = Date(required=True)
    lines = ma.fields.List(ma.fields.Nested(PostingLineOut), required=True)


class StandingOut(ma.Schema):
    """Where a loan stands as of a date, but for its rows."""

    as_of = Date(required=True)
    status = ma.fields.String(
        required=True, allow_none=True, validate=validate.OneOf([None, *(status.value for status in Status)])
    )
    balances = ma.fields.Nested(BalancesOut, required=True)
    days_past_due = ma.fields.Integer(required=True)
    bucket = ma.fields.String(required=True, metadata={"example": "1-30"})
    next_due = ma.fields.Nested(NextDueOut, required=True, allow_none=True)
    payoff = ma.fields.Nested(PayoffOut, required=True)


class SimulationOut(StandingOut, Answer):
    """The whole state of a loan that nobody has made."""

    currency = Currency(required=True)
    installments = ma.fields.List(ma.fields.Nested(RowOut), required=True)
    allocations = ma.fields.List(ma.fields.Nested(EffectOut), required=True)
    postings = ma.fields.List(ma.fields.Nested(PostingOut), required=True)
    rates = ma.fields.Nested(RatesOut, required=True, allow_none=True)
    cost_of_credit = ma.fields.Nested(CostOfCreditOut, required=True, allow_none=True)


class ScenarioResultOut(StandingOut):
    """Where a loan would stand after the events of a scenario, and what the general ledger would receive for them."""

    installments = ma.fields.List(ma.fields.Nested(RowOut), required=True)
    allocations = ma.fields.List(ma.fields.Nested(EffectOut), required=True)
    postings = ma.fields.List(ma.fields.Nested(PostingLineOut), required=True)


class RefusalOut(ma.Schema):
    """Why the events of a scenario cannot happen."""

    code = ma.fields.String(required=True, metadata={"example": "transition_not_allowed"})
    title = ma.fields.String(required=True)
    detail = ma.fields.String(required=True)
    event = event_name(allow_none=True)


class ScenarioOut(ma.Schema):
    """One scenario: its result, or else why there is none."""

    name = ma.fields.String(required=True)
    result = ma.fields.Nested(ScenarioResultOut, required=True, allow_none=True)
    refusal = ma.fields.Nested(RefusalOut, required=True, allow_none=True)


class LoanSimulationsOut(Answer):
    """A loan as it is, and as it would be."""

    loan_id = ma.fields.UUID(required=True)
    currency = Currency(required=True)
    current = ma.fields.Nested(StandingOut, required=True)
    scenarios = ma.fields.List(ma.fields.Nested(ScenarioOut), required=True)


class ScheduleRowOut(ma.Schema):
    """One row of a schedule that is only planned; `balance` is the principal left after it."""

    number = ma.fields.Integer(required=True)
    type = one_of(RowKind)
    from_date = Date(required=True)
    due_date = Date(required=True)
    principal = Amount(required=True)
    interest = Amount(required=True)
    fee = Amount(required=True)
    amount = Amount(required=True)
    balance = Amount(required=True)


class QuoteTotalsOut(ma.Schema):
    """The sums of the schedule, and what the borrower receives once upfront fees are deducted."""

    principal = Amount(required=True)
    interest = Amount(required=True)
    fee = Amount(required=True)
    amount = Amount(required=True)
    disbursed_to_borrower = Amount(required=True)


class QuoteOut(Answer):
    """What a loan on these terms would cost."""

    currency = Currency(required=True)
    schedule = ma.fields.List(ma.fields.Nested(ScheduleRowOut), required=True)
    totals = ma.fields.Nested(QuoteTotalsOut, required=True)
    installment_amount = Amount(
        required=True,
        allow_none=True,
        metadata={"description": "The level installment; null under methods that have none."},
    )
    rates = ma.fields.Nested(RatesOut, required=True, allow_none=True)
    cost_of_credit = ma.fields.Nested(CostOfCreditOut, required=True)
    terms = ma.fields.Nested(
        LoanTermsIn, required=True, metadata={"description": "The terms with all defaults filled in."}
    )


def _beside(part: Any, currency: str) -> Any:
    """Copy a part of an answer with the currency in each object of it."""
    if isinstance(part, Mapping):
        return {name: _beside(value, currency) for name, value in part.items()} | {"currency": currency}
    if isinstance(part, list | tuple):
        return [_beside(value, currency) for value in part]
    return part
