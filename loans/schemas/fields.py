"""Fields of the wire: strict, and with amounts and rates as decimal strings."""

import re
import uuid
from collections.abc import Mapping
from datetime import MINYEAR, UTC, datetime
from fractions import Fraction
from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.core import money, rates

EXTERNAL_ID_PATTERN = "^[A-Za-z0-9._:/-]{1,64}$"
EXTERNAL_ID = validate.Regexp(
    re.compile(r"[A-Za-z0-9._:/-]{1,64}\Z", re.ASCII), error="Must be 1 to 64 letters, digits or . _ : / -"
)
AMOUNT_PATTERN = r"^[0-9]{1,18}(\.[0-9]{1,4})?$"
UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# At most 1000 percent a year, and at most four digits before the point.
RATE_PATTERN = r"^(0?[0-9]{1,3}(\.[0-9]{1,6})?|1000(\.0{1,6})?)$"
INSTANT_PATTERN = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)"
# What PostgreSQL cannot store (NUL) or no encoding can carry (lone surrogates), and control characters.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# The same for clients, who read patterns as ECMA 262 has them: within one line, in text, and no space of either.
_IN_LINE = r"[^\u0000-\u0008\u000a-\u001f\u007f\u0085\u2028\u2029]"
_IN_TEXT = r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]"
_NO_SPACE = r"[^\s\u0000-\u001f\u007f\u0085\u2028\u2029]"
LINE_PATTERN = f"^{_IN_LINE}*{_NO_SPACE}{_IN_LINE}*$"
LINES_PATTERN = f"^{_IN_TEXT}*{_NO_SPACE}{_IN_TEXT}*$"


EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Strict(ma.Schema):
    """A schema that refuses fields it does not know, and NULL where nothing says that it may be."""

    class Meta:
        """Unknown fields are faults of the request, reported with all others."""

        unknown = ma.RAISE


class Text(ma.fields.String):
    """Text, trimmed, of a length within limits and free of control characters; one line unless `lines`."""

    def __init__(self, *, longest: int, shortest: int = 1, lines: bool = False, **kwargs: Any) -> None:
        described = {"pattern": LINES_PATTERN if lines else LINE_PATTERN} | kwargs.pop("metadata", {})
        super().__init__(validate=validate.Length(min=shortest, max=longest), metadata=described, **kwargs)
        self.lines = lines

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if UNPRINTABLE.search(text):
            raise ma.ValidationError("Must not contain control characters.")
        trimmed = text.strip()
        if not self.lines and len(trimmed.splitlines()) > 1:
            raise ma.ValidationError("Must be a single line.")
        return trimmed


class Email(Text):
    """An e-mail address of printable characters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=254, metadata={"format": "email"}, **kwargs)
        self.validators.append(validate.Email())


class Whole(ma.fields.Integer):
    """A whole number within limits, as a JSON number and nothing else: no "7", 7.0 or true."""

    def __init__(self, *, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(min=least, max=most), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Identifier(ma.fields.UUID):
    """A UUID in the one form in which this service writes it: no braces, no urn:, no missing hyphens."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> uuid.UUID:
        if not isinstance(value, str) or not UUID_PATTERN.fullmatch(value):
            raise self.make_error("invalid_uuid")
        return uuid.UUID(value)


class Amount(ma.fields.String):
    """An amount of money as a decimal string, in the currency beside it.

    In: stays a string until the currency is known, since that says how many decimals there may be. Out: minor units
    become a string with exactly the currency's decimals; `currency` names the attribute that holds the currency.
    """

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"example": "12500.00", "pattern": AMOUNT_PATTERN} | kwargs.pop("metadata", {})
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return money.format_amount(value, ma.utils.get_value(obj, "currency"))

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if not isinstance(value, str) or not re.fullmatch(AMOUNT_PATTERN[1:-1], value, re.ASCII):
            raise ma.ValidationError('Must be a decimal string such as "12500.00".')
        return value


class SignedAmount(Amount):
    """An amount that may be negative, only ever sent out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"pattern": r"^-?[0-9]+(\.[0-9]{1,4})?$"}, **kwargs)


class Rate(ma.fields.Field[Fraction]):
    """A rate in percent a year as a decimal string: "24.00" is twenty-four percent."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"type": "string", "example": "24.00", "pattern": RATE_PATTERN}, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else rates.format_rate(Fraction(value))

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Fraction:
        if not isinstance(value, str):
            raise ma.ValidationError('Must be a decimal string such as "24.00".')
        try:
            return rates.parse_rate(value)
        except rates.InvalidRate as error:
            raise ma.ValidationError(error.detail) from error


class Currency(ma.fields.String):
    """An ISO 4217 currency code."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"example": "KES", "pattern": "^[A-Z]{3}$", "format": "iso-4217"} | kwargs.pop(
            "metadata", {}
        )
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            money.exponent(text)
        except money.UnknownCurrency as error:
            raise ma.ValidationError("Must be an ISO 4217 currency code such as KES.") from error
        return text


class Date(ma.fields.Date):
    """A calendar date as YYYY-MM-DD and no other form."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            raise self.make_error("invalid", input=value, obj_type="date")
        return super()._deserialize(value, attr, data, **kwargs)


class Instant(ma.fields.AwareDateTime):
    """An instant. In: RFC 3339 with an offset. Out: in UTC with microseconds, as 2026-11-20T14:05:04.123456Z."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, str) or not re.fullmatch(INSTANT_PATTERN, value, re.ASCII):
            raise ma.ValidationError("Must be an instant such as 2026-11-20T14:05:04Z.")
        read = super()._deserialize(value, attr, data, **kwargs)
        try:
            # PostgreSQL knows no offset of 16 hours and more.
            return read.astimezone(UTC)
        except OverflowError:
            # At the ends of time: nothing lies beyond them either way.
            return EARLIEST if read.year == MINYEAR else LATEST

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
