"""What all resources share: page arguments, the key header, the problem document."""

import re
from collections.abc import Collection
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


class Digits(ma.fields.Integer):
    """A whole number of a query parameter, hence digits in a string."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=0, max=most), **kwargs)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not (
            value.isascii() and value.isdigit() and len(value) <= len(str(self.most))
        ):
            raise self.make_error("invalid", input=value)
        return int(value)


class Names(ma.fields.String):
    """Names separated by commas, each one of those there are and none of them twice."""

    def __init__(self, names: Collection[str], **kwargs: Any) -> None:
        listed = ", ".join(f"`{name}`" for name in names)
        said = kwargs.pop("description", "Separated by commas, of")
        one = "|".join(re.escape(name) for name in names)
        pattern = f"^({one})(,({one}))*$"
        super().__init__(metadata={"description": f"{said}: {listed}.", "pattern": pattern}, **kwargs)
        self.names = frozenset(names)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        given = super()._deserialize(value, attr, data, **kwargs).split(",")
        faults = [f"There is no {name[:64]!r}." for name in given if name not in self.names]
        if len(set(given)) < len(given):
            faults.append("A name is given more than once.")
        if faults:
            raise ma.ValidationError(faults[:10])
        return tuple(given)


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


class Nothing(Strict):
    """A body without fields: what there is to say is in the path."""
