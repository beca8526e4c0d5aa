"""The terms of a loan on the wire, as the OpenAPI document shows them; `loans.core.term_documents` judges them."""

import enum
from collections.abc import Iterable
from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.core import charge_documents, charges, event_documents, holiday_documents, term_documents, terms
from loans.core.business_days import Convention
from loans.core.charges import Collection, FeeBase, FeeTime
from loans.core.dates import PeriodUnit
from loans.core.daycount import DayCount
from loans.core.events import RefundOf
from loans.core.money import Rounding
from loans.core.terms import Accounting, Across, Component, EarlyPayment, InterestMode, Method
from loans.schemas.fields import (
    AMOUNT_PATTERN,
    RATE_PATTERN,
    Amount,
    Currency,
    Date,
    Rate,
    Strict,
    Text,
    Whole,
)

BUCKET_NAMES = tuple(f"{timing}_{component}" for timing, component in terms.BUCKETS)


class Described(Strict):
    """A document that the core reads and writes: the fields describe it and judge nothing.

    The core knows rules that no schema can tell. Were the schema to refuse a document first, the sender would learn of
    its other faults only after mending those.
    """

    def load(self, data: Any, **kwargs: Any) -> Any:
        """Hand the document on as it came."""
        return data

    def dump(self, obj: Any, **kwargs: Any) -> Any:
        """Hand the document on as the core wrote it."""
        return obj


def named(
    values: Iterable[str], *, text: str, default: enum.StrEnum | None = None, **kwargs: Any
) -> ma.fields.String:
    """Describe a field that takes one of some names, `default` where it is left out."""
    if default is not None:
        kwargs["load_default"] = default.value
    choices = validate.OneOf([str(value) for value in values])
    return ma.fields.String(validate=choices, metadata={"description": text}, **kwargs)


def described(field: type[ma.fields.Field[Any]], text: str, **kwargs: Any) -> ma.fields.Field[Any]:
    """Describe a field of the house with a sentence of its own."""
    made = field(**kwargs)
    made.metadata = {**made.metadata, "description": text}
    return made


class PeriodIn(Described):
    """How often an installment falls due."""

    every = Whole(least=1, most=366, load_default=1, metadata={"description": "At most a year."})
    unit = named(PeriodUnit, text="A half month runs between two fixed days.", default=PeriodUnit.MONTH)


class GraceIn(Described):
    """How many installments at the start are spared something."""

    principal = Whole(least=0, most=terms.INSTALLMENTS_MAX, load_default=0)
    interest = Whole(least=0, most=terms.INSTALLMENTS_MAX, load_default=0)
    interest_free = Whole(least=0, most=terms.INSTALLMENTS_MAX, load_default=0)


class PauseIn(Described):
    """Days on which no interest accrues: from one date up to, not including, another."""

    from_date = Date(required=True)
    until = Date(required=True)


class HolidaysIn(Described):
    """The days that are not business days, pinned day by day."""

    weekend = ma.fields.List(
        Whole(least=0, most=holiday_documents.DAYS_PER_WEEK - 1),
        required=True,
        validate=validate.Length(max=holiday_documents.DAYS_PER_WEEK),
        metadata={"description": "Days of the week, Monday being 0.", "example": [5, 6]},
    )
    days = ma.fields.List(Date(), required=True, validate=validate.Length(max=holiday_documents.HOLIDAYS_MAX))


class AllocationIn(Described):
    """What money pays first."""

    order = ma.fields.List(
        ma.fields.String(validate=validate.OneOf([*Component, *BUCKET_NAMES])),
        validate=validate.Length(min=len(Component), max=len(BUCKET_NAMES)),
        load_default=[component.value for component in Component],
        metadata={
            "description": "The four components, or the twelve buckets, each once.",
            "uniqueItems": True,
        },
    )
    across = named(Across, text="Row by row, or component by component.", default=Across.HORIZONTAL)


class FeeIn(Described):
    """A fee: an amount, or a percentage."""

    name = Text(longest=charge_documents.FEE_NAME_LENGTH_MAX, load_default="fee")
    type = named(FeeTime, text="When it is charged.", required=True)
    amount = described(Amount, "Either this or `percent`.")
    percent = described(Rate, "At most 100.")
    of = named(FeeBase, text="What it is a percentage of.", default=FeeBase.PRINCIPAL)
    collection = named(
        Collection, text="Of an upfront fee: paid less, or lent more.", default=Collection.DEDUCTED
    )
    date = described(Date, "Of a dated fee.")


class LateFeeIn(Described):
    """What an installment costs that is still unpaid some days after it was due: an amount, or a percentage."""

    amount = described(Amount, "Either this or `percent`.")
    percent = described(Rate, "Of what is unpaid, penalties left out; at most 100.")
    grace_days = Whole(least=0, most=charges.GRACE_DAYS_MAX, load_default=0)
    cap = described(Amount, "The most it can be.")


DOWN_PAYMENT = {
    "description": "What is due on the day of disbursement: an amount, or a percentage of what is disbursed.",
    "oneOf": [
        {"type": "string", "pattern": AMOUNT_PATTERN},
        {
            "type": "object",
            "properties": {"amount": {"type": "string", "pattern": AMOUNT_PATTERN}},
            "required": ["amount"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"percent": {"type": "string", "pattern": RATE_PATTERN}},
            "required": ["percent"],
            "additionalProperties": False,
        },
    ],
    "example": {"percent": "10.00"},
}


class PolicyIn(Described):
    """What a lender sets for all loans of a kind. What is left out has the default shown here, or is absent."""

    annual_rate = Rate(required=True)
    method = named(Method, text="How principal is spread.", default=Method.EQUAL_INSTALLMENTS)
    frequency = ma.fields.Nested(PeriodIn)
    day_count = named(DayCount, text="How days are parts of a year.", default=DayCount.EQUAL_PERIODS)
    due_day = Whole(
        least=1, most=terms.DUE_DAY_MAX, metadata={"description": "Day of the month of due dates."}
    )
    business_day_convention = named(
        Convention, text="Where a due date goes that is no business day.", default=Convention.UNADJUSTED
    )
    holiday_calendar = Text(
        longest=holiday_documents.CODE_LENGTH_MAX,
        metadata={"description": "A country or its part; by default Saturdays and Sundays.", "example": "KE"},
    )
    grace = ma.fields.Nested(GraceIn)
    pauses = ma.fields.List(ma.fields.Nested(PauseIn), validate=validate.Length(max=terms.PAUSES_MAX))
    balloon = described(Amount, "Principal left for the last installment.")
    installment_multiple = described(Amount, "Installments are rounded to it; by default one minor unit.")
    rounding = named(Rounding, text="Between two minor units.", default=Rounding.HALF_EVEN)
    interest_mode = named(InterestMode, text="As planned, or day by day.", default=InterestMode.SCHEDULED)
    allocation: ma.fields.Field[Any] = ma.fields.Nested(AllocationIn)
    early_payment = named(EarlyPayment, text="What early money does.", default=EarlyPayment.NEXT_INSTALLMENTS)
    fees = ma.fields.List(ma.fields.Nested(FeeIn), validate=validate.Length(max=terms.FEES_MAX))
    late_fee = ma.fields.Nested(LateFeeIn)
    penalty_rate = described(Rate, "Interest on overdue principal; by default none.")
    down_payment = ma.fields.Raw(metadata=DOWN_PAYMENT)
    tranches_max = Whole(least=1, most=terms.TRANCHES_MAX, load_default=1)
    suspend_after_days = Whole(least=1, most=term_documents.SUSPEND_AFTER_DAYS_MAX, load_default=90)
    accounting = named(Accounting, text="When interest and fees are income.", default=Accounting.ACCRUAL)


class PolicyOut(PolicyIn):
    """What a product sets of its loans, defaults filled in."""

    def dump(self, obj: Any, **kwargs: Any) -> Any:
        """Hand on what is described here: the product tells its currency itself."""
        return {name: value for name, value in obj.items() if name in self.fields}


class LoanTermsIn(PolicyIn):
    """The terms of a loan. What is left out has the default shown here, or is absent."""

    principal = Amount(required=True)
    currency = Currency(required=True)
    installments = Whole(least=1, most=terms.INSTALLMENTS_MAX, required=True, metadata={"example": 12})
    start_date = described(Date, "Periods are counted from here; by default from the first disbursement.")
    first_due_date = described(Date, "By default one period after the start.")
    holidays = ma.fields.Nested(
        HolidaysIn, metadata={"description": "In place of those of the calendar, which is else looked up."}
    )


# What a list calls one of its events: its id, or its place from 0.
REFERENCE = {"type": ["string", "integer"], "minimum": 0, "maximum": event_documents.EVENTS_MAX - 1}


class EventIn(Described):
    """Something that happened. Which fields belong to which `type` is said at each."""

    id = Text(
        longest=event_documents.ID_LENGTH_MAX,
        metadata={"description": "What other events of the list call it; by default its place, from 0."},
    )
    type = named(event_documents.WIRE_TYPES, text="What happened.", required=True)
    date = Date(required=True)
    amount = described(
        Amount,
        "Of a disbursement (by default the principal), repayment, fee, late_fee, recovery, refund, goodwill_credit;"
        " of a payoff, fee_waiver, interest_waiver and chargeback by default all there is.",
    )
    annual_rate = described(Rate, "Of a rate_change.")
    until = described(Date, "Of an interest_pause: the first day on which interest accrues again.")
    first_due_date = described(Date, "Of a reschedule or re_age.")
    installments = Whole(
        least=1, most=terms.INSTALLMENTS_MAX, metadata={"description": "Of a reschedule or re_age."}
    )
    installment_amount = described(Amount, "Of a reschedule or re_age.")
    grace = ma.fields.Nested(GraceIn, metadata={"description": "Of a reschedule or re_age."})
    installment = Whole(
        least=1,
        most=event_documents.ROWS_MAX,
        metadata={"description": "Of a fee_waiver: that of one row alone."},
    )
    component = named([Component.PENALTY, Component.FEE], text="Of a fee_waiver: one of the two alone.")
    of = named(RefundOf, text="Of a refund.", default=RefundOf.OVERPAYMENT)
    repayment = ma.fields.Raw(
        metadata=REFERENCE | {"description": "Of a chargeback: the id of the repayment, or its place."}
    )
    event = ma.fields.Raw(
        metadata=REFERENCE | {"description": "Of a reversal: the id of what it reverses, or its place."}
    )
