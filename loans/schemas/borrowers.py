"""Borrowers on the wire."""

from typing import Any

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


class BorrowerChangeIn(Strict):
    """What is to be different of a borrower; what is left out stays, and null takes away."""

    external_id = ma.fields.String(
        allow_none=True, validate=EXTERNAL_ID, metadata={"pattern": EXTERNAL_ID_PATTERN}
    )
    first_name = Text(longest=100, metadata={"example": "Amina"})
    last_name = Text(longest=100, metadata={"example": "Odhiambo"})
    email = Email(allow_none=True)
    phone = ma.fields.String(
        allow_none=True,
        validate=PHONE,
        metadata={"example": "+254712345678", "pattern": r"^\+?[0-9][0-9 ()-]{4,24}$"},
    )
    date_of_birth = Date(allow_none=True)

    @ma.validates_schema
    def _check_that_something_changes(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ma.ValidationError("Must name a field to change.")


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
    q = Text(
        shortest=2,
        longest=100,
        load_default=None,
        metadata={
            "description": "Beginnings of words of name, external id, e-mail and phone; accents do not count."
        },
    )


class BorrowerPage(ma.Schema):
    """A page of borrowers, newest first."""

    data = ma.fields.List(ma.fields.Nested(BorrowerOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)
