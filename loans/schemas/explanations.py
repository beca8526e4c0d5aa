"""Explanations on the wire."""

import marshmallow as ma
from marshmallow import validate

from loans.core.money import Rounding
from loans.schemas.fields import Currency

FRACTION = {
    "description": "An exact fraction; of more than a thousand digits, a decimal that is cut off after 20 places.",
    "example": "1/12",
    "pattern": r"^-?[0-9]+(/[0-9]+|\.[0-9]{20}\.\.\.)?$",
}


class StepOut(ma.Schema):
    """How one figure was found. Amounts are decimals of the currency; what is exact is a fraction."""

    figure = ma.fields.String(required=True, metadata={"example": "interest"})
    formula = ma.fields.String(required=True, metadata={"example": "balance x rate x part of a year"})
    inputs = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String(), required=True)
    days = ma.fields.Integer(required=True, allow_none=True)
    year_fraction = ma.fields.String(required=True, allow_none=True, metadata=FRACTION)
    unrounded = ma.fields.String(required=True, metadata=FRACTION)
    rounding = ma.fields.String(
        required=True, allow_none=True, validate=validate.OneOf([None, *(mode.value for mode in Rounding)])
    )
    rounded = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={
            "example": "10.00",
            "description": "Null where the value is exact and is not rounded here.",
        },
    )
    events = ma.fields.List(ma.fields.UUID(), required=True)
    text = ma.fields.String(required=True)


class ExplanationOut(ma.Schema):
    """What a figure or an event comes to, the steps that lead to it, and all of it in words, a sentence a line."""

    loan_id = ma.fields.UUID(required=True)
    product_id = ma.fields.UUID(required=True)
    product_version = ma.fields.Integer(required=True)
    subject = ma.fields.String(required=True, metadata={"example": "installment 1"})
    currency = Currency(required=True)
    as_of = ma.fields.String(required=True, metadata={"format": "date"})
    summary = ma.fields.String(required=True)
    steps = ma.fields.List(ma.fields.Nested(StepOut), required=True)
    text = ma.fields.String(required=True)
