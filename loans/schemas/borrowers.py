"""Borrowers on the wire."""

import marshmallow as ma
from marshmallow import validate

from loans.schemas.common import PageArgs
from loans.schemas.fields import EXTERNAL_ID, EXTERNAL_ID_PATTERN, Date, Email, Instant, Strict, Text

PHONE = validate.Regexp(
    r"\+?[0-9][0-9 ()-]{4,24}\Z", error="Must be a telephone number such as +254712345678."
)


class BorrowerIn(Strict):
    """A borrower to register."""

    external_id = ma.fields.String(
        load_default=None,
        validate=EXTERNAL_ID,
        metadata={"description": "Your own reference, unique.", "pattern": EXTERNAL_ID_PATTERN},
    )
    first_name = Text(longest=100, required=True, metadata={"example": "Amina"})
    last_name = Text(longest=100, required=True, metadata={"example": "Odhiambo"})
    email = Email(load_default=None)
    phone = ma.fields.String(
        load_default=None,
        validate=PHONE,
        metadata={"example": "+254712345678", "pattern": r"^\+?[0-9][0-9 ()-]{4,24}$"},
    )
    date_of_birth = Date(load_default=None)


class BorrowerOut(ma.Schema):
    """A borrower."""

    id = ma.fields.UUID(required=True)
    external_id = ma.fields.String(required=True, allow_none=True)
    first_name = ma.fields.String(required=True)
    last_name = ma.fields.String(required=True)
    email = ma.fields.String(required=True, allow_none=True)
    phone = ma.fields.String(required=True, allow_none=True)
    date_of_birth = Date(required=True, allow_none=True)
    created_at = Instant(required=True)


class BorrowerArgs(PageArgs):
    """The query parameters of the list of borrowers."""

    external_id = ma.fields.String(
        load_default=None, validate=EXTERNAL_ID, metadata={"pattern": EXTERNAL_ID_PATTERN}
    )


class BorrowerPage(ma.Schema):
    """A page of borrowers, newest first."""

    data = ma.fields.List(ma.fields.Nested(BorrowerOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)
