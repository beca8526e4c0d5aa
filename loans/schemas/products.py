"""Products on the wire."""

import enum
import re
from typing import Any, TypeVar

import marshmallow as ma
from marshmallow import validate

from loans.core import dates
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.money import Rounding
from loans.core.terms import Component, Method
from loans.schemas.common import PageArgs
from loans.schemas.fields import Amount, Currency, Instant, Rate, Strict, Text, Whole

CODE_PATTERN = "^[a-z0-9][a-z0-9-]{0,63}$"
CODE = validate.Regexp(
    re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z", re.ASCII),
    error="Must be 1 to 64 lower-case letters, digits or -",
)
INSTALLMENTS_MAX = 600
E = TypeVar("E", bound=enum.Enum)


def choice(values: type[E], **kwargs: Any) -> ma.fields.Enum[E]:
    """Make a field that takes one of an enumeration's values, as written on the wire."""
    return ma.fields.Enum(values, by_value=ma.fields.String, **kwargs)


def one_of(values: type[enum.StrEnum], **kwargs: Any) -> ma.fields.String:
    """Make a field that shows one of an enumeration's values, already stored as text."""
    return ma.fields.String(required=True, validate=validate.OneOf([each.value for each in values]), **kwargs)


class FrequencyIn(Strict):
    """How often an installment falls due: every so many weeks or months."""

    every = Whole(least=1, most=52, required=True, metadata={"example": 1})
    unit = choice(PeriodUnit, required=True)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Frequency:
        """Make the core's frequency."""
        try:
            return Frequency(every=data["every"], unit=data["unit"])
        except dates.InvalidFrequency as error:
            raise ma.ValidationError(error.detail, field_name="every") from error


class TermsIn(Strict):
    """What a version of a product sets."""

    principal_min = Amount(required=True, metadata={"example": "1000.00"})
    principal_max = Amount(required=True, metadata={"example": "50000.00"})
    installments_min = Whole(least=1, most=INSTALLMENTS_MAX, required=True)
    installments_max = Whole(least=1, most=INSTALLMENTS_MAX, required=True)
    annual_rate = Rate(required=True)
    method = choice(Method, required=True)
    frequency = ma.fields.Nested(FrequencyIn, required=True)
    day_count = choice(DayCount, required=True)
    rounding = choice(Rounding, load_default=Rounding.HALF_EVEN)
    allocation = ma.fields.List(
        choice(Component),
        load_default=[Component.INTEREST, Component.PRINCIPAL],
        validate=validate.Length(max=10),
        metadata={"description": "Which part of an installment a repayment settles first."},
    )


class ProductIn(TermsIn):
    """A product to publish, with version 1 of its terms."""

    code = ma.fields.String(
        required=True, validate=CODE, metadata={"example": "salary-advance", "pattern": CODE_PATTERN}
    )
    name = Text(longest=100, required=True)
    description = Text(longest=1000, lines=True, load_default=None)
    currency = Currency(required=True)


def frequency_out() -> ma.fields.Function:
    """Make the field that shows a record's frequency."""
    return ma.fields.Function(
        lambda record: {name: ma.utils.get_value(record, f"frequency_{name}") for name in ("every", "unit")},
        required=True,
        metadata={
            "type": "object",
            "properties": {
                "every": {"type": "integer"},
                "unit": {"type": "string", "enum": [unit.value for unit in PeriodUnit]},
            },
            "required": ["every", "unit"],
        },
    )


class ProductOut(ma.Schema):
    """A product with the terms of one of its versions."""

    id = ma.fields.UUID(required=True)
    code = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    description = ma.fields.String(required=True, allow_none=True)
    currency = Currency(required=True)
    version = ma.fields.Integer(required=True)
    principal_min = Amount(required=True)
    principal_max = Amount(required=True)
    installments_min = ma.fields.Integer(required=True)
    installments_max = ma.fields.Integer(required=True)
    annual_rate = Rate(required=True)
    method = one_of(Method)
    frequency = frequency_out()
    day_count = one_of(DayCount)
    rounding = one_of(Rounding)
    allocation = ma.fields.List(one_of(Component), required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class ProductArgs(PageArgs):
    """The query parameters of the list of products."""

    code = ma.fields.String(load_default=None, validate=CODE, metadata={"pattern": CODE_PATTERN})


class ProductPage(ma.Schema):
    """A page of products, newest first."""

    data = ma.fields.List(ma.fields.Nested(ProductOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)
