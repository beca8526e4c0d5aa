"""Transactions on the wire: one event of a running loan, what it did, and the loan that it left."""

import marshmallow as ma
from marshmallow import validate

from loans.schemas.fields import Amount, Currency, Date
from loans.schemas.loans import CommandIn, EventOut, LoanOut
from loans.schemas.simulations import PartOut, PayoffOut, PostingLineOut


class RepaymentIn(CommandIn):
    """Money received from the borrower."""

    amount = Amount(required=True)
    currency = Currency(required=True)
    overpayment = ma.fields.String(
        load_default="refuse",
        validate=validate.OneOf(["refuse", "hold"]),
        metadata={"description": "What becomes of more than is owed: refused, or held as a credit balance."},
    )


class TransactionOut(EventOut):
    """An event, what it did as the loan's history stands now, and the loan. Once reversed it did nothing.

    `postings` is what recording it put on the general ledger; empty where it is only looked at.
    """

    loan_id = ma.fields.UUID(required=True)
    credit = Amount(
        required=True, metadata={"description": "What of it became the customer's credit balance."}
    )
    allocations = ma.fields.List(ma.fields.Nested(PartOut), required=True)
    postings = ma.fields.List(ma.fields.Nested(PostingLineOut), required=True)
    reversed_by = ma.fields.UUID(required=True, allow_none=True)
    reversed_on = Date(required=True, allow_none=True)
    loan = ma.fields.Nested(LoanOut, required=True)


class PayoffQuoteOut(PayoffOut):
    """What pays a loan off on a day, component by component."""

    loan_id = ma.fields.UUID(required=True)
    currency = Currency(required=True)
