"""Loans on the wire."""

import marshmallow as ma
from marshmallow import validate

from loans.core.daycount import DayCount
from loans.core.events import EventKind
from loans.core.lifecycle import Status
from loans.core.money import Rounding
from loans.core.rows import RowKind
from loans.core.terms import DUE_DAY_MAX, INSTALLMENTS_MAX, Method
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
from loans.schemas.products import FrequencyOut, one_of, order_out
from loans.schemas.terms import LoanTermsIn

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
    start_date = Date(
        load_default=None,
        metadata={"description": "Periods are counted from here; by default from the first disbursement."},
    )
    first_due_date = Date(
        load_default=None, metadata={"description": "By default one period after the start."}
    )
    due_day = Whole(
        least=1,
        most=DUE_DAY_MAX,
        load_default=None,
        metadata={"description": "Day of the month of due dates."},
    )


class DecisionIn(Strict):
    """A decision on a loan: approval, rejection or cancellation."""

    date = Date(load_default=None, metadata=DATE_HELP)
    note = Text(longest=NOTE_LENGTH_MAX, lines=True, load_default=None)


class CommandIn(DecisionIn):
    """A dated event of a loan, with a note and the reference of a payment."""

    reference = Text(longest=100, load_default=None, metadata={"description": "The payment's own reference."})


class DisbursementIn(CommandIn):
    """The payout of an approved loan: in full, or one of the parts that its terms allow."""

    amount = Amount(load_default=None, metadata={"description": "Left out: the whole principal."})
    currency = Currency(load_default=None, metadata={"description": "That of the loan; another is refused."})


class ReversalIn(Strict):
    """The reversal of an event, on today's business date."""

    note = Text(longest=NOTE_LENGTH_MAX, lines=True, load_default=None)


class AsOfArgs(Strict):
    """The query parameters that look at a loan from another day."""

    as_of = Date(
        load_default=None, metadata={"description": "The loan as of the end of this day; today's by default."}
    )
    known_at = Instant(
        load_default=None,
        metadata={"description": "What had been recorded by this instant (RFC 3339); by default everything."},
    )


class ActionOut(ma.Schema):
    """Something that can be done with a loan as it stands, or why it cannot."""

    action = ma.fields.String(required=True, metadata={"example": "repay"})
    allowed = ma.fields.Boolean(required=True)
    reason = ma.fields.String(required=True, allow_none=True)


class LoanSummaryOut(ma.Schema):
    """A loan: what was agreed, and where it stands by component. Figures are those of `as_of`."""

    id = ma.fields.UUID(required=True)
    external_id = ma.fields.String(required=True, allow_none=True)
    borrower_id = ma.fields.UUID(required=True)
    product_id = ma.fields.UUID(required=True)
    product_version = ma.fields.Integer(required=True)
    status = one_of(Status)
    as_of = Date(required=True)
    principal = Amount(required=True)
    currency = Currency(required=True)
    annual_rate = Rate(required=True)
    method = one_of(Method)
    installments = ma.fields.Integer(required=True)
    frequency = ma.fields.Nested(FrequencyOut, required=True, attribute="terms.frequency")
    day_count = one_of(DayCount, attribute="terms.day_count")
    rounding = one_of(Rounding, attribute="terms.rounding")
    allocation = order_out()
    terms = ma.fields.Nested(LoanTermsIn, required=True)
    applied_on = Date(required=True)
    approved_on = Date(required=True, allow_none=True)
    disbursed_on = Date(required=True, allow_none=True)
    closed_on = Date(required=True, allow_none=True)
    charged_off_on = Date(required=True, allow_none=True)
    maturity_date = Date(required=True, allow_none=True)
    disbursed = Amount(required=True)
    principal_paid = Amount(required=True)
    interest_paid = Amount(required=True)
    fee_paid = Amount(required=True)
    penalty_paid = Amount(required=True)
    interest_waived = Amount(required=True)
    fee_waived = Amount(required=True)
    penalty_waived = Amount(required=True)
    principal_written_off = Amount(required=True)
    interest_written_off = Amount(required=True)
    fee_written_off = Amount(required=True)
    penalty_written_off = Amount(required=True)
    principal_outstanding = Amount(required=True)
    interest_outstanding = Amount(required=True)
    fee_outstanding = Amount(required=True)
    penalty_outstanding = Amount(required=True)
    total_outstanding = Amount(
        required=True, metadata={"description": "What the schedule still asks for, due or not."}
    )
    credit_balance = Amount(
        required=True, metadata={"description": "The customer's money, beyond what is owed."}
    )
    next_due_date = Date(required=True, allow_none=True)
    next_due_amount = Amount(required=True)
    days_past_due = ma.fields.Integer(required=True)
    bucket = ma.fields.String(required=True, metadata={"example": "1-30"})
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class LoanOut(LoanSummaryOut):
    """A loan: what was agreed, where it stands, what is owed, and what can be done with it."""

    allowed_actions = ma.fields.List(ma.fields.Nested(ActionOut), required=True)


class OnArgs(Strict):
    """The query parameter of a question about one day."""

    on = Date(load_default=None, metadata={"description": "The day; today's business date by default."})


class InstallmentOut(ma.Schema):
    """One installment: due, paid, waived, written off and outstanding by component."""

    number = ma.fields.Integer(required=True)
    type = one_of(RowKind)
    from_date = Date(required=True)
    to_date = Date(required=True)
    due_date = Date(required=True)
    principal = Amount(required=True)
    interest = Amount(required=True)
    fee = Amount(required=True)
    penalty = Amount(required=True)
    amount = Amount(required=True)
    principal_paid = Amount(required=True)
    interest_paid = Amount(required=True)
    fee_paid = Amount(required=True)
    penalty_paid = Amount(required=True)
    paid = Amount(required=True)
    interest_waived = Amount(required=True)
    fee_waived = Amount(required=True)
    penalty_waived = Amount(required=True)
    waived = Amount(required=True)
    written_off = Amount(required=True)
    principal_outstanding = Amount(required=True)
    interest_outstanding = Amount(required=True)
    fee_outstanding = Amount(required=True)
    penalty_outstanding = Amount(required=True)
    outstanding = Amount(required=True)
    settled_on = Date(required=True, allow_none=True)


class TotalsOut(ma.Schema):
    """The sums of a schedule."""

    principal = Amount(required=True)
    interest = Amount(required=True)
    fee = Amount(required=True)
    penalty = Amount(required=True)
    amount = Amount(required=True)
    paid = Amount(required=True)
    waived = Amount(required=True)
    written_off = Amount(required=True)
    outstanding = Amount(required=True)


class ScheduleOut(ma.Schema):
    """A loan's schedule as of a day; empty before disbursement."""

    loan_id = ma.fields.UUID(required=True)
    as_of = Date(required=True)
    currency = Currency(required=True)
    installments = ma.fields.List(ma.fields.Nested(InstallmentOut), required=True)
    totals = ma.fields.Nested(TotalsOut, required=True)


class EventOut(ma.Schema):
    """A dated fact about a loan. `details` is what only its type has, such as `until` of an interest pause."""

    id = ma.fields.UUID(required=True)
    sequence = ma.fields.Integer(required=True)
    type = one_of(EventKind, attribute="kind")
    date = Date(required=True, attribute="effective_date")
    amount = Amount(required=True)
    currency = Currency(required=True)
    details = ma.fields.Dict(required=True)
    reverses = ma.fields.UUID(required=True, allow_none=True)
    reference = ma.fields.String(required=True, allow_none=True)
    note = ma.fields.String(required=True, allow_none=True)
    actor = ma.fields.String(required=True)
    approved_by = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Who approved it, where that took a second person."},
    )
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
