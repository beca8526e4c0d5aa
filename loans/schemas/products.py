"""Products on the wire."""

import enum
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar

import marshmallow as ma
from marshmallow import validate

from loans import calendars
from loans.core import term_documents
from loans.core.dates import PeriodUnit
from loans.core.daycount import DayCount
from loans.core.documents import Fault, Fields, InvalidDocument
from loans.core.money import Rounding
from loans.core.terms import INSTALLMENTS_MAX, Component, Method
from loans.schemas.common import PageArgs
from loans.schemas.fields import Amount, Currency, Instant, Rate, Text, Whole
from loans.schemas.terms import BUCKET_NAMES, PeriodIn, PolicyIn, PolicyOut, named

CODE_PATTERN = "^[a-z0-9][a-z0-9-]{0,63}$"
CODE = validate.Regexp(
    re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z", re.ASCII),
    error="Must be 1 to 64 lower-case letters, digits or -",
)
REQUIRED = ("method", "frequency", "day_count")
MISSING = "Missing data for required field."
# All that an installment consisted of when an allocation was a list of these two.
EARLIER_COMPONENTS = (Component.INTEREST, Component.PRINCIPAL)
WHOLE_ORDERS = (sorted(Component), sorted(BUCKET_NAMES))
PARTS = (*Component, *BUCKET_NAMES)
# More are not looked into: no order has so many.
LISTED_MAX = len(BUCKET_NAMES)
ALLOCATION = {
    "description": "What money pays first: the order and how it goes across installments, or the order alone."
    " An order of interest and principal is taken to begin with penalties and fees.",
    "oneOf": [
        {"$ref": "#/components/schemas/AllocationIn"},
        {"type": "array", "items": {"type": "string", "enum": [*Component, *BUCKET_NAMES]}},
    ],
    "example": ["interest", "principal"],
}
POLICY = frozenset(PolicyIn().fields)
E = TypeVar("E", bound=enum.Enum)


def choice(values: type[E], **kwargs: Any) -> ma.fields.Enum[E]:
    """Make a field that takes one of an enumeration's values, as written on the wire."""
    return ma.fields.Enum(values, by_value=ma.fields.String, **kwargs)


def one_of(values: type[enum.StrEnum], **kwargs: Any) -> ma.fields.String:
    """Make a field that shows one of an enumeration's values, already stored as text."""
    return ma.fields.String(required=True, validate=validate.OneOf([each.value for each in values]), **kwargs)


def order_out() -> ma.fields.Field[Any]:
    """Make the field that shows the order of allocation: four components, or twelve buckets."""
    return ma.fields.List(
        ma.fields.String(validate=validate.OneOf([*Component, *BUCKET_NAMES])),
        required=True,
        attribute="terms.allocation.order",
    )


class ProductVersionIn(PolicyIn):
    """What a version of a product sets: its limits and the terms of its loans.

    The fields of the limits are judged here, those of the terms by the core (`Described` says why).
    """

    principal_min = Amount(required=True, metadata={"example": "1000.00"})
    principal_max = Amount(required=True, metadata={"example": "50000.00"})
    installments_min = Whole(least=1, most=INSTALLMENTS_MAX, required=True)
    installments_max = Whole(least=1, most=INSTALLMENTS_MAX, required=True)
    method = named(Method, text="How principal is spread.", required=True)
    frequency = ma.fields.Nested(PeriodIn, required=True)
    day_count = named(DayCount, text="How days are parts of a year.", required=True)
    allocation = ma.fields.Raw(metadata=ALLOCATION)

    def load(self, data: Any, **kwargs: Any) -> Any:
        """Give the limits, and below `terms` the terms as the core reads them.

        :raises InvalidDocument: if the limits are at fault or what was always required is missing; it names the
            faults of the terms, too, which are else the service's to find: it knows the limits.
        """
        if not isinstance(data, Mapping):
            return ma.Schema.load(self, data, **kwargs)
        policy = {name: value for name, value in data.items() if name in POLICY}
        own = {name: value for name, value in data.items() if name not in POLICY}
        faults = [_fault(name, MISSING) for name in REQUIRED if policy.get(name) is None]
        policy |= _ordered(policy.get("allocation"), faults)
        loaded: dict[str, Any] = {}
        try:
            loaded = ma.Schema.load(self, own, **(kwargs | {"partial": POLICY}))
        except ma.ValidationError as error:
            messages = error.messages_dict.items()
            faults += [
                _fault(_escaped(str(name)), detail) for name, details in messages for detail in details
            ]
        if faults:
            raise InvalidDocument([*faults, *_faults_of(policy, currency=data.get("currency", "KES"))])
        return loaded | {"terms": policy}


class ProductIn(ProductVersionIn):
    """A product to publish, with version 1 of its terms."""

    code = ma.fields.String(
        required=True, validate=CODE, metadata={"example": "salary-advance", "pattern": CODE_PATTERN}
    )
    name = Text(longest=100, required=True)
    description = Text(longest=1000, lines=True, load_default=None)
    currency = Currency(required=True)


class FrequencyOut(ma.Schema):
    """How often an installment falls due."""

    every = ma.fields.Integer(required=True)
    unit = one_of(PeriodUnit)


class ProductOut(ma.Schema):
    """A product with the terms of one of its versions. `terms` has all of them, defaults filled in."""

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
    frequency = ma.fields.Nested(FrequencyOut, required=True, attribute="terms.frequency")
    day_count = one_of(DayCount, attribute="terms.day_count")
    rounding = one_of(Rounding, attribute="terms.rounding")
    allocation = order_out()
    terms = ma.fields.Nested(PolicyOut, required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class ProductArgs(PageArgs):
    """The query parameters of the list of products."""

    code = ma.fields.String(load_default=None, validate=CODE, metadata={"pattern": CODE_PATTERN})


class ProductPage(ma.Schema):
    """A page of products, newest first."""

    data = ma.fields.List(ma.fields.Nested(ProductOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)


def _fault(name: str, detail: str, *, code: str = "invalid") -> Fault:
    return Fault(pointer=f"#/{name}", code=code, detail=detail)


def _ordered(given: Any, faults: list[Fault]) -> dict[str, Any]:
    """Read an allocation that is a mere list, as all once were: penalties and fees, unknown then, come first."""
    if not isinstance(given, list):
        return {}
    unknown = [at for at, name in enumerate(given[:LISTED_MAX]) if name not in PARTS]
    faults += [_fault(f"allocation/{at}", f"Must be one of: {', '.join(Component)}.") for at in unknown]
    if unknown:
        return {"allocation": None}
    order = list(given)
    if sorted(order) == sorted(EARLIER_COMPONENTS):
        order = [Component.PENALTY.value, Component.FEE.value, *order]
    if sorted(order) not in WHOLE_ORDERS:
        faults.append(
            _fault("allocation", f"Must name each once: {', '.join(Component)}.", code="invalid_terms")
        )
        return {"allocation": None}
    return {"allocation": {"order": order}}


def _faults_of(policy: Mapping[str, Any], *, currency: Any) -> list[Fault]:
    """List what the core finds wrong with terms, whatever the limits."""
    stand_ins = {"principal": "1", "installments": INSTALLMENTS_MAX, "currency": currency}
    found: list[Fault] = []
    term_documents.take(
        Fields({**policy, **stand_ins}, pointer="#", faults=found),
        resolve_calendar=calendars.resolve,
        starts=date(2000, 1, 1),
    )
    return [each for each in found if each.pointer.removeprefix("#/") not in stand_ins]


def _escaped(name: str) -> str:
    """Write a name that may hold anything as one step of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")
