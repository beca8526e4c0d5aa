"""What all resources share: page arguments, the key header, the problem document."""

from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.queries import paging
from loans.schemas.fields import Strict, Text


class Limit(ma.fields.Integer):
    """How many items a page has at most; a query parameter, hence digits in a string."""

    def __init__(self) -> None:
        super().__init__(
            load_default=paging.LIMIT_DEFAULT,
            validate=validate.Range(min=1, max=paging.LIMIT_MAX),
            metadata={"description": f"Items on a page, 1 to {paging.LIMIT_MAX}."},
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not (value.isascii() and value.isdigit() and len(value) <= 4):  # noqa: PLR2004
            raise self.make_error("invalid", input=value)
        return int(value)


class PageArgs(Strict):
    """The query parameters of every list."""

    limit = Limit()
    cursor = Text(
        longest=200, load_default=None, metadata={"description": "`next_cursor` of the page before."}
    )


class ErrorItem(ma.Schema):
    """One fault of a request."""

    pointer = ma.fields.String(
        required=True, metadata={"description": "JSON Pointer to the value at fault.", "example": "#/amount"}
    )
    code = ma.fields.String(required=True, metadata={"example": "invalid"})
    detail = ma.fields.String(required=True)


class Problem(ma.Schema):
    """An error, as RFC 9457 application/problem+json. `code` is stable: programs may rely on it."""

    class Meta:
        """Some codes carry facts of their own, such as the payoff_amount of an overpayment."""

        unknown = ma.INCLUDE

    type = ma.fields.String(required=True, metadata={"example": "/errors/overpayment"})
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True)
    instance = ma.fields.String(required=True)
    code = ma.fields.String(required=True, metadata={"example": "overpayment"})
    request_id = ma.fields.String(required=True, allow_none=True)
    errors = ma.fields.List(ma.fields.Nested(ErrorItem))
