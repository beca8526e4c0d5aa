"""Borrowers as they are asked for: views, and their newest loans beside them."""

import marshmallow as ma

from loans.schemas.borrowers import BorrowerArgs, BorrowerOut
from loans.schemas.common import Names
from loans.schemas.fields import Strict
from loans.schemas.loan_list import SUMMARY as OF_LOAN
from loans.schemas.loan_list import ShapedLoanOut, view_field

FULL = frozenset(BorrowerOut().fields)
# Without what identifies a person beyond the name.
SUMMARY = FULL - {"date_of_birth"}
MINIMAL = frozenset({"id", "external_id", "first_name", "last_name"})
VIEWS = {"minimal": MINIMAL, "summary": SUMMARY, "full": FULL}
EXPANSIONS = {"loans": ("loans:read",), "loans.product": ("loans:read", "products:read")}


class ShapedBorrowerOut(BorrowerOut):
    """A borrower with the newest loans."""

    loans = ma.fields.List(ma.fields.Nested(ShapedLoanOut(only=OF_LOAN | {"product"})))


class ShapedBorrowerPage(ma.Schema):
    """A page of borrowers as they were asked for."""

    data = ma.fields.List(ma.fields.Nested(ShapedBorrowerOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)


class OneBorrowerArgs(Strict):
    """The query parameters of a borrower."""

    view = view_field("full")
    chosen = Names(sorted(FULL), data_key="fields", load_default=None)
    expand = Names(EXPANSIONS, load_default=())


class BorrowerListArgs(BorrowerArgs):
    """The query parameters of the list of borrowers."""

    view = view_field("full")
    chosen = Names(sorted(FULL), data_key="fields", load_default=None)
    expand = Names(EXPANSIONS, load_default=())
