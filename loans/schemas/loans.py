"""Loans on the wire."""

import marshmallow as ma
from marshmallow import validate

from loans.core.daycount import DayCount
from loans.core.events import EventKind
from loans.core.lifecycle import Status
from loans.core.money import Rounding
from loans.core.terms import Component, Method
from loans.schemas.common import PageArgs
from loans.schemas.fields import (
    EXTERNAL_ID,
    EXTERNAL_ID_PATTERN,
    Amount,
    Currency,
    Date,
    Identifier,
    Instant,
    Rate,
    SignedAmount,
    Strict,
    Text,
    Whole,
)
from loans.schemas.products import INSTALLMENTS_MAX, frequency_out, one_of

NOTE_LENGTH_MAX = 500
DATE_HELP = {"description": "Business date of the event; today's where left out, never in the future."}
STATUSES = validate.OneOf([status.value for status in Status])


class ApplicationIn(Strict):
    """An application for a loan on a product's newest terms."""

    borrower_id = Identifier(required=True)
    product_id = Identifier(required=True)
    principal = Amount(required=True)
    currency = Currency(required=True)
    installments = Whole(least=1, most=INSTALLMENTS_MAX, required=True, metadata={"example": 12})
    external_id = ma.fields.String(
        load_default=None, validate=EXTERNAL_ID, metadata={"pattern": EXTERNAL_ID_PATTERN}
    )
    date = Date(load_default=None, metadata=DATE_HELP)
    note = Text(longest=NOTE_LENGTH_MAX, lines=True, load_default=None)


class DecisionIn(Strict):
    """A decision on a loan: approval, rejection or cancellation."""

    date = Date(load_default=None, metadata=DATE_HELP)
    note = Text(longest=NOTE_LENGTH_MAX, lines=True, load_default=None)


class DisbursementIn(DecisionIn):
    """The payout of an approved loan, always in full."""

    reference = Text(longest=100, load_default=None, metadata={"description": "The payment's own reference."})


class RepaymentIn(DisbursementIn):
    """Money received from the borrower."""

    amount = Amount(required=True)
    currency = Currency(required=True)


class ReversalIn(Strict):
    """The reversal of a repayment, on today's business date."""

    note = Text(longest=NOTE_LENGTH_MAX, lines=True, load_default=None)


class LoanOut(ma.Schema):
    """A loan: what was agreed, where it stands, what is owed."""

    id = ma.fields.UUID(required=True)
    external_id = ma.fields.String(required=True, allow_none=True)
    borrower_id = ma.fields.UUID(required=True)
    product_id = ma.fields.UUID(required=True)
    product_version = ma.fields.Integer(required=True)
    status = one_of(Status)
    principal = Amount(required=True)
    currency = Currency(required=True)
    annual_rate = Rate(required=True)
    method = one_of(Method)
    installments = ma.fields.Integer(required=True)
    frequency = frequency_out()
    day_count = one_of(DayCount)
    rounding = one_of(Rounding)
    allocation = ma.fields.List(one_of(Component), required=True)
    applied_on = Date(required=True)
    approved_on = Date(required=True, allow_none=True)
    disbursed_on = Date(required=True, allow_none=True)
    closed_on = Date(required=True, allow_none=True)
    maturity_date = Date(required=True, allow_none=True)
    disbursed = Amount(required=True)
    principal_paid = Amount(required=True)
    interest_paid = Amount(required=True)
    principal_outstanding = Amount(required=True)
    interest_outstanding = Amount(required=True)
    total_outstanding = Amount(required=True, metadata={"description": "What closes the loan."})
    next_due_date = Date(required=True, allow_none=True)
    next_due_amount = Amount(required=True)
    days_past_due = ma.fields.Integer(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class LoanArgs(PageArgs):
    """The query parameters of the list of loans; filters given together all apply."""

    status = ma.fields.String(load_default=None, validate=STATUSES)
    currency = Currency(load_default=None)
    borrower_id = Identifier(load_default=None)
    product_id = Identifier(load_default=None)
    external_id = ma.fields.String(
        load_default=None, validate=EXTERNAL_ID, metadata={"pattern": EXTERNAL_ID_PATTERN}
    )


class LoanPage(ma.Schema):
    """A page of loans, newest first."""

    data = ma.fields.List(ma.fields.Nested(LoanOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)


class InstallmentOut(ma.Schema):
    """One installment: due, paid and outstanding by component."""

    number = ma.fields.Integer(required=True)
    from_date = Date(required=True)
    due_date = Date(required=True)
    principal = Amount(required=True)
    interest = Amount(required=True)
    amount = Amount(required=True)
    principal_paid = Amount(required=True)
    interest_paid = Amount(required=True)
    paid = Amount(required=True)
    principal_outstanding = Amount(required=True)
    interest_outstanding = Amount(required=True)
    outstanding = Amount(required=True)
    settled_on = Date(required=True, allow_none=True)


class TotalsOut(ma.Schema):
    """The sums of a schedule."""

    principal = Amount(required=True)
    interest = Amount(required=True)
    amount = Amount(required=True)
    paid = Amount(required=True)
    outstanding = Amount(required=True)


class ScheduleOut(ma.Schema):
    """A loan's schedule; empty before disbursement."""

    loan_id = ma.fields.UUID(required=True)
    currency = Currency(required=True)
    installments = ma.fields.List(ma.fields.Nested(InstallmentOut), required=True)
    totals = ma.fields.Nested(TotalsOut, required=True)


class AllocationOut(ma.Schema):
    """What a repayment paid of one installment."""

    installment = ma.fields.Integer(required=True)
    principal = Amount(required=True)
    interest = Amount(required=True)


class RepaymentOut(ma.Schema):
    """A repayment and the loan as it stands after it; no allocation once reversed."""

    id = ma.fields.UUID(required=True)
    loan_id = ma.fields.UUID(required=True)
    sequence = ma.fields.Integer(required=True)
    date = Date(required=True)
    amount = Amount(required=True)
    currency = Currency(required=True)
    reference = ma.fields.String(required=True, allow_none=True)
    note = ma.fields.String(required=True, allow_none=True)
    recorded_at = Instant(required=True)
    reversed_by = ma.fields.UUID(required=True, allow_none=True)
    reversed_on = Date(required=True, allow_none=True)
    allocations = ma.fields.List(ma.fields.Nested(AllocationOut), required=True)
    loan = ma.fields.Nested(LoanOut, required=True)


class EventOut(ma.Schema):
    """A dated fact about a loan."""

    id = ma.fields.UUID(required=True)
    sequence = ma.fields.Integer(required=True)
    type = one_of(EventKind, attribute="kind")
    date = Date(required=True, attribute="effective_date")
    amount = Amount(required=True)
    currency = Currency(required=True)
    reverses = ma.fields.UUID(required=True, allow_none=True)
    reference = ma.fields.String(required=True, allow_none=True)
    note = ma.fields.String(required=True, allow_none=True)
    actor = ma.fields.String(required=True)
    recorded_at = Instant(required=True)


class EventPage(ma.Schema):
    """A page of a loan's events in the order in which they were recorded."""

    data = ma.fields.List(ma.fields.Nested(EventOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)


class LineOut(ma.Schema):
    """One leg of an entry: a debit is positive, a credit negative."""

    account = ma.fields.String(required=True)
    amount = SignedAmount(required=True)


class EntryOut(ma.Schema):
    """A balanced journal entry, made by the event of the same sequence."""

    sequence = ma.fields.Integer(required=True)
    effective_date = Date(required=True)
    posted_on = Date(required=True)
    recorded_at = Instant(required=True)
    currency = Currency(required=True)
    lines = ma.fields.List(ma.fields.Nested(LineOut), required=True)


class EntryPage(ma.Schema):
    """A page of a loan's journal entries, oldest first."""

    data = ma.fields.List(ma.fields.Nested(EntryOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)
