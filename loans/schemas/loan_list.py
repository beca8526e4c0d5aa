"""The list of loans on the wire: its filters, orders and views."""

from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.core.lifecycle import Status
from loans.schemas.borrowers import BorrowerOut
from loans.schemas.common import Digits, Names, PageArgs
from loans.schemas.fields import (
    EXTERNAL_ID,
    EXTERNAL_ID_PATTERN,
    Amount,
    Currency,
    Date,
    Identifier,
    Instant,
)
from loans.schemas.loans import AsOfArgs, LoanOut, LoanSummaryOut
from loans.schemas.products import ProductOut

SORTS = (
    "created",
    "principal",
    "outstanding",
    "days_past_due",
    "applied_on",
    "disbursed_on",
    "maturity_date",
)
OF_MONEY = ("principal", "outstanding")
DAYS_MAX = 99_999
MINIMAL = frozenset(
    {
        "id",
        "external_id",
        "borrower_id",
        "status",
        "currency",
        "principal",
        "total_outstanding",
        "next_due_date",
        "days_past_due",
    }
)
SUMMARY = frozenset(LoanSummaryOut().fields)
FULL = frozenset(LoanOut().fields)
VIEWS = {"minimal": MINIMAL, "summary": SUMMARY, "full": FULL}
EXPANSIONS = {"borrower": ("borrowers:read",), "product": ("products:read",)}


def view_field(default: str) -> ma.fields.String:
    """Make the query parameter that chooses how much is shown."""
    return ma.fields.String(load_default=default, validate=validate.OneOf(tuple(VIEWS)))


class ShapedLoanOut(LoanOut):
    """A loan with what was put beside it."""

    borrower = ma.fields.Nested(BorrowerOut)
    product = ma.fields.Nested(ProductOut)


class ShapedLoanPage(ma.Schema):
    """A page of loans as they were asked for."""

    data = ma.fields.List(ma.fields.Nested(ShapedLoanOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)


class OneLoanArgs(AsOfArgs):
    """The query parameters of a loan."""

    view = view_field("full")
    chosen = Names(sorted(FULL), data_key="fields", load_default=None)
    expand = Names(EXPANSIONS, load_default=())


class LoanArgs(PageArgs):
    """The query parameters of the list of loans; filters given together all apply, ranges include both ends."""

    status = Names([status.value for status in Status], load_default=())
    currency = Currency(load_default=None)
    borrower_id = Identifier(load_default=None)
    product_id = Identifier(load_default=None)
    external_id = ma.fields.String(
        load_default=None, validate=EXTERNAL_ID, metadata={"pattern": EXTERNAL_ID_PATTERN}
    )
    principal_min = Amount(load_default=None)
    principal_max = Amount(load_default=None)
    outstanding_min = Amount(load_default=None)
    outstanding_max = Amount(load_default=None)
    days_past_due_min = Digits(most=DAYS_MAX, load_default=None)
    days_past_due_max = Digits(most=DAYS_MAX, load_default=None)
    created_from = Instant(load_default=None)
    created_to = Instant(load_default=None)
    applied_from = Date(load_default=None)
    applied_to = Date(load_default=None)
    disbursed_from = Date(load_default=None)
    disbursed_to = Date(load_default=None)
    maturity_from = Date(load_default=None)
    maturity_to = Date(load_default=None)
    sort = ma.fields.String(
        load_default=None,
        validate=validate.OneOf([sign + name for name in SORTS for sign in ("", "-")]),
        metadata={
            "description": "`-` for descending. By default that of the first range given, else `-created`."
        },
    )
    view = view_field("summary")
    chosen = Names(sorted(FULL), data_key="fields", load_default=None)
    expand = Names(EXPANSIONS, load_default=())

    @ma.validates_schema
    def _check_currency(self, data: dict[str, Any], **_: Any) -> None:
        """Amounts of different currencies cannot be compared."""
        asked = [data["sort"] or "", *(name for name, value in data.items() if value is not None)]
        of_money = [name for name in asked if name.lstrip("-").startswith(OF_MONEY)]
        if of_money and data["currency"] is None:
            raise ma.ValidationError("Must be given with amounts and with an order by them.", "currency")


class LoanPage(ma.Schema):
    """A page of loans."""

    data = ma.fields.List(ma.fields.Nested(LoanSummaryOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)
