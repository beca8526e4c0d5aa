"""Commands on a running loan on the wire: what is charged, waived, agreed anew, given up and given back."""

from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.core.event_documents import ROWS_MAX
from loans.core.events import RefundOf
from loans.core.terms import INSTALLMENTS_MAX, Component, Grace
from loans.schemas.fields import Amount, Currency, Date, Identifier, Rate, Strict, Whole
from loans.schemas.loans import CommandIn
from loans.schemas.products import choice

CURRENCY_HELP = {"description": "That of the loan; another one is refused."}


class MoneyIn(CommandIn):
    """An amount of money."""

    amount = Amount(required=True)
    currency = Currency(required=True)


class MoneyOrAllIn(CommandIn):
    """An amount of money; where it is left out, all there is."""

    amount = Amount(load_default=None, metadata={"description": "Left out: all there is."})
    currency = Currency(load_default=None, metadata=CURRENCY_HELP)


class ChargeIn(MoneyIn):
    """A fee, due with the next installment; or a late fee, a penalty of the oldest overdue installment."""

    type = ma.fields.String(load_default="fee", validate=validate.OneOf(["fee", "late_fee"]))


class WaiverIn(MoneyOrAllIn):
    """Fees and penalties, or interest, that need not be paid."""

    type = ma.fields.String(required=True, validate=validate.OneOf(["fee", "interest"]))
    installment = Whole(
        least=1,
        most=ROWS_MAX,
        load_default=None,
        metadata={"description": "Of fees: of one installment alone."},
    )
    component = ma.fields.String(
        load_default=None,
        validate=validate.OneOf([Component.FEE.value, Component.PENALTY.value]),
        metadata={"description": "Of fees: one of the two alone."},
    )

    @ma.validates_schema(skip_on_field_errors=False)
    def keep_to_type(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what narrows a waiver of fees on one of interest."""
        narrowing = [name for name in ("installment", "component") if data.get(name) is not None]
        if data.get("type") == "interest" and narrowing:
            raise ma.ValidationError({name: ["Only a waiver of fees takes this."] for name in narrowing})

    @ma.post_load
    def name_component(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Make the core's component."""
        return data | {"component": data["component"] and Component(data["component"])}


class RateChangeIn(CommandIn):
    """Another annual rate, from a date on."""

    annual_rate = Rate(required=True)


class InterestPauseIn(CommandIn):
    """Days on which no interest accrues, from the date of the event on."""

    until = Date(required=True, metadata={"description": "The first day on which interest accrues again."})


class GraceChangeIn(Strict):
    """How many of the new installments are spared principal or interest, or bear none."""

    principal = Whole(least=0, most=INSTALLMENTS_MAX, load_default=0)
    interest = Whole(least=0, most=INSTALLMENTS_MAX, load_default=0)
    interest_free = Whole(least=0, most=INSTALLMENTS_MAX, load_default=0)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Grace:
        """Make the core's grace."""
        return Grace(**data)


class RescheduleIn(CommandIn):
    """New due dates, another number of installments, another installment; what is left out stays as it is."""

    first_due_date = Date(load_default=None)
    installments = Whole(least=1, most=INSTALLMENTS_MAX, load_default=None)
    installment_amount = Amount(
        load_default=None,
        metadata={"description": "Of equal installments. Without `installments`, as many as it takes."},
    )
    grace = ma.fields.Nested(GraceChangeIn, load_default=None)


class ChargebackIn(MoneyOrAllIn):
    """A repayment, or part of it, that was taken back from you."""

    repayment = Identifier(required=True, metadata={"description": "The id of the repayment or payoff."})


class RefundIn(MoneyIn):
    """Money given back: of the customer's credit balance, or of fees and penalties that were paid."""

    of = choice(RefundOf, load_default=RefundOf.OVERPAYMENT)


class PayoffIn(MoneyOrAllIn):
    """The money that ends a loan."""

    amount = Amount(
        load_default=None,
        metadata={"description": "What you expect it to be: another amount is refused and nothing recorded."},
    )
