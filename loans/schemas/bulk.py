"""Bulk on the wire: the rows of a file, which are the bodies of single requests and a little more, and the answers."""

import re
from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.core.lifecycle import Status
from loans.schemas.common import ErrorItem
from loans.schemas.fields import Amount, Currency, Date, Identifier
from loans.schemas.loans import ApplicationIn
from loans.schemas.products import one_of
from loans.schemas.row_files import Columns
from loans.schemas.transactions import RepaymentIn

KEY_PATTERN = "^[ -~]{1,255}$"


def row_key() -> ma.fields.String:
    """Make the field of a row's own key."""
    return ma.fields.String(
        load_default=None,
        validate=validate.Regexp(
            re.compile(r"[ -~]{1,255}\Z"), error="Must be 1 to 255 printable ASCII characters."
        ),
        metadata={
            "pattern": KEY_PATTERN,
            "description": "What the row is recognized by when it comes again; by default the request's"
            " Idempotency-Key with the row's number.",
        },
    )


class RepaymentRowIn(RepaymentIn):
    """One row of a collection file: a repayment and the loan that it is for."""

    loan_id = Identifier(required=True)
    idempotency_key = row_key()


class LoanRowIn(ApplicationIn):
    """One row of a file of applications."""

    idempotency_key = row_key()


REPAYMENT_COLUMNS = Columns(
    required=("loan_id", "amount", "currency"),
    optional=("date", "reference", "note", "overpayment", "idempotency_key"),
)
LOAN_COLUMNS = Columns(
    required=("borrower_id", "product_id", "principal", "currency", "installments"),
    optional=(
        *("external_id", "date", "note", "start_date", "first_due_date", "due_day", "idempotency_key"),
    ),
    whole=frozenset({"installments", "due_day"}),
)


class Told(Amount):
    """An amount that is written as a string already."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)


class RepaymentReceiptOut(ma.Schema):
    """A repayment that was recorded, and how it left the loan: as of its row, whatever followed."""

    id = ma.fields.UUID(required=True)
    loan_id = ma.fields.UUID(required=True)
    sequence = ma.fields.Integer(required=True)
    date = Date(required=True)
    amount = Told(required=True)
    currency = Currency(required=True)
    loan_status = one_of(Status)
    total_outstanding = Told(required=True)
    credit_balance = Told(required=True)


class LoanReceiptOut(ma.Schema):
    """A loan that was applied for."""

    id = ma.fields.UUID(required=True)
    external_id = ma.fields.String(required=True, allow_none=True)
    status = one_of(Status)
    principal = Told(required=True)
    currency = Currency(required=True)
    applied_on = Date(required=True)


class RowProblem(ma.Schema):
    """Why a row was refused, as the single request would be told, but for what concerns the request as a whole."""

    class Meta:
        """Some codes carry facts of their own, such as the payoff_amount of an overpayment."""

        unknown = ma.INCLUDE

    type = ma.fields.String(required=True, metadata={"example": "/errors/overpayment"})
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True)
    code = ma.fields.String(required=True, metadata={"example": "overpayment"})
    errors = ma.fields.List(ma.fields.Nested(ErrorItem))


class RowOut(ma.Schema):
    """What became of one row: what was made of it, or a problem whose pointers lead into the row."""

    row = ma.fields.Integer(required=True, metadata={"description": "Among the rows, from 1."})
    line = ma.fields.Integer(required=True, metadata={"description": "Its first line in the file, from 1."})
    status = ma.fields.Integer(
        required=True, metadata={"description": "What the single request would have answered."}
    )
    replayed = ma.fields.Boolean(
        metadata={"description": "Present and true where it was done before under the same key."}
    )
    problem = ma.fields.Nested(RowProblem)


class SummaryOut(ma.Schema):
    """The last line: how many rows there were and what became of them; without it an answer is not whole."""

    rows = ma.fields.Integer(required=True)
    done = ma.fields.Integer(required=True)
    replayed = ma.fields.Integer(required=True)
    refused = ma.fields.Integer(required=True)
    atomic = ma.fields.String(required=True, validate=validate.OneOf(["row", "all"]))
    dry_run = ma.fields.Boolean(required=True)


class LineOut(RowOut):
    """A line of the answer: one for each row in their order, and at the end one that has nothing but `summary`."""

    row = ma.fields.Integer()
    line = ma.fields.Integer()
    status = ma.fields.Integer()
    summary = ma.fields.Nested(SummaryOut)


class RepaymentLineOut(LineOut):
    """A line of the answer to a collection file."""

    repayment = ma.fields.Nested(RepaymentReceiptOut)


class LoanLineOut(LineOut):
    """A line of the answer to a file of applications."""

    loan = ma.fields.Nested(LoanReceiptOut)
