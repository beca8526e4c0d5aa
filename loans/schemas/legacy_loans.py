"""Loan requests of the first API on the wire. It takes more than /api/v1 does, as its clients are used to.

Numbers may be text and text may have spaces around it; unknown fields are left aside.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import marshmallow as ma

from loans.schemas.fields import UUID_PATTERN

AMOUNT_MAX = Decimal(50_000)
RATE_MAX = Decimal(100)
PLACES = Decimal("0.01")
CURRENCY_LENGTH = 3
INTEGER_MAX = 2_147_483_647
# Longer than any number that is within the limits, and short enough to be taken apart at no cost.
NUMBER_LENGTH_MAX = 64
STATUSES = ("pending", "approved", "rejected", "disbursed", "repaid", "defaulted")
# PostgreSQL cannot store a NUL, and no encoding a lone surrogate: the earlier service answered 500.
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
WHOLE = re.compile(r"[+-]?[0-9]+(_[0-9]+)*(\.0+)?", re.ASCII)
HTTP_DATE = {"example": "Fri, 20 Nov 2026 14:05:04 GMT"}
IDENTIFIER = {"pattern": f"^{UUID_PATTERN.pattern}$"}


class Storable(ma.fields.String):
    """Text as it comes, spaces and all, but for what PostgreSQL cannot store."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if UNSTORABLE.search(text):
            raise ma.ValidationError("Must not contain NUL or half of a surrogate pair.")
        return text


class Reference(Storable):
    """The caller's own name for a borrower: any text but none."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not text:
            raise ma.ValidationError("Must have at least 1 character.")
        return text


class Code(Storable):
    """Three characters, which become upper case. Whether there is such a currency is not asked."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        # Some letters become two in upper case.
        if len(text) != CURRENCY_LENGTH or len(text.upper()) != CURRENCY_LENGTH:
            raise ma.ValidationError(f"Must have exactly {CURRENCY_LENGTH} characters.")
        return text.upper()


class Number(ma.fields.Field[Decimal]):
    """A number or its text, with at most two decimals; it becomes a decimal with exactly two."""

    def __init__(self, *, most: Decimal, positive: bool, **kwargs: Any) -> None:
        described = {"type": ["number", "string"], **kwargs.pop("metadata", {})}
        super().__init__(metadata=described, **kwargs)
        self.most = most
        self.positive = positive

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Decimal:
        number = _decimal(value)
        low = number <= 0 if self.positive else number < 0
        if low or number > self.most:
            least = "greater than 0" if self.positive else "at least 0"
            raise ma.ValidationError(f"Must be {least} and at most {self.most}.")
        rounded = number.quantize(PLACES)
        if rounded != number:
            raise ma.ValidationError("Must have at most 2 decimals.")
        # A rate of -0 is 0.
        return abs(rounded)


class Months(ma.fields.Field[int]):
    """A whole number from 1 on, also as text, as 2.0 or as true, which counts as 1."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"type": ["integer", "string", "boolean"]}, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        number = _whole(value)
        if not 1 <= number <= INTEGER_MAX:
            raise ma.ValidationError(f"Must be at least 1 and at most {INTEGER_MAX}.")
        return number


class LegacyLoanIn(ma.Schema):
    """A loan request. Other fields are left aside, `id` and `status` included."""

    class Meta:
        """What the first API does not know it does not look at."""

        unknown = ma.EXCLUDE

    borrower_id = Reference(required=True, metadata={"minLength": 1, "example": "usr_india_999"})
    amount = Number(
        most=AMOUNT_MAX,
        positive=True,
        required=True,
        metadata={"description": "More than 0, at most 50000, at most 2 decimals.", "example": "12000.50"},
    )
    currency = Code(required=True, metadata={"minLength": 3, "maxLength": 3, "example": "INR"})
    term_months = Months(load_default=None, allow_none=True)
    interest_rate_apr = Number(
        most=RATE_MAX,
        positive=False,
        load_default=None,
        allow_none=True,
        metadata={"description": "0 to 100, at most 2 decimals.", "example": "24.00"},
    )


class LegacyLoanOut(ma.Schema):
    """A loan request. Dates are those of HTTP (RFC 1123), amount and rate are text with two decimals."""

    amount = ma.fields.String(
        required=True, metadata={"pattern": r"^[0-9]+\.[0-9]{2}$", "example": "12500.00"}
    )
    borrower_id = ma.fields.String(required=True)
    created_at = ma.fields.String(required=True, metadata=HTTP_DATE)
    currency = ma.fields.String(required=True, metadata={"minLength": 3, "maxLength": 3})
    id = ma.fields.UUID(required=True)
    interest_rate_apr = ma.fields.String(
        required=True, allow_none=True, metadata={"pattern": r"^[0-9]+\.[0-9]{2}$"}
    )
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(STATUSES))
    term_months = ma.fields.Integer(required=True, allow_none=True)
    updated_at = ma.fields.String(required=True, metadata=HTTP_DATE)


class LegacyStatsOut(ma.Schema):
    """All requests together. The amounts are JSON numbers and mix currencies."""

    avg_amount = ma.fields.Float(required=True)
    by_currency = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer(), required=True)
    by_status = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer(), required=True)
    total_amount = ma.fields.Float(required=True)
    total_loans = ma.fields.Integer(required=True)


class LegacyError(ma.Schema):
    """An error on these routes, as JSON unless the request prefers text/html."""

    error = ma.fields.String(required=True, metadata={"example": "Bad Request"})
    detail = ma.fields.String(required=True)
    error_code = ma.fields.String(required=True, metadata={"example": "invalid_loan_request"})
    status_code = ma.fields.Integer(required=True, metadata={"example": 400})
    request_id = ma.fields.String(required=True, allow_none=True)


def _decimal(value: Any) -> Decimal:
    """Read a JSON number or its text."""
    fault = ma.ValidationError("Must be a number.")
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise fault
    if isinstance(value, str):
        value = value.strip()
        if len(value) > NUMBER_LENGTH_MAX:
            raise fault
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise fault from error
    if not number.is_finite():
        raise fault
    return number


def _whole(value: Any) -> int:
    """Read what counts as a whole number."""
    fault = ma.ValidationError("Must be a whole number.")
    if isinstance(value, str):
        text = value.strip()
        if len(text) > NUMBER_LENGTH_MAX or not WHOLE.fullmatch(text):
            raise fault
        return int(text.partition(".")[0])
    if isinstance(value, Decimal) and value.is_finite():
        # Compared before it is converted: 1e999999999 has as many digits.
        if not -INTEGER_MAX <= value <= INTEGER_MAX or value != value.to_integral_value():
            raise fault
        return int(value)
    if not isinstance(value, int):
        raise fault
    return int(value)
