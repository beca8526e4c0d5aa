"""The statistics of the whole book on the wire."""

from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.core.lifecycle import Status
from loans.core.portfolio import ALL_BUCKETS, MONTHS_MAX, PAR_DAYS, RATIO_DECIMALS
from loans.schemas.common import Digits
from loans.schemas.fields import Amount, Currency, Date, Instant, SignedAmount, Strict

MONTHS_DEFAULT = 12


class Months(Digits):
    """How many months are shown, back and ahead."""

    def __init__(self) -> None:
        super().__init__(
            most=MONTHS_MAX,
            load_default=MONTHS_DEFAULT,
            metadata={"description": f"Months back and ahead, 1 to {MONTHS_MAX}."},
        )
        self.validators.append(validate.Range(min=1))


class PortfolioArgs(Strict):
    """What the statistics are asked for. They are those of the business date; there are none of another day."""

    currency = Currency(load_default=None)
    months = Months()


class Month(ma.fields.String):
    """A calendar month as YYYY-MM."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            metadata={"example": "2026-06", "pattern": r"^[0-9]{4}-[0-9]{2}$"}, required=True, **kwargs
        )

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value:%Y-%m}"


def share() -> ma.fields.String:
    """Make the field of a ratio, null where there is nothing to have a share of."""
    metadata = {"example": "0.0312", "pattern": rf"^[0-9]+\.[0-9]{{{RATIO_DECIMALS}}}$"}
    return ma.fields.String(required=True, allow_none=True, metadata=metadata)


class ComponentsOut(ma.Schema):
    """An amount by component."""

    principal = Amount(required=True)
    interest = Amount(required=True)
    fee = Amount(required=True)
    penalty = Amount(required=True)
    total = Amount(required=True)


class StatusCountOut(ma.Schema):
    """How many loans have a status."""

    status = ma.fields.String(required=True, validate=validate.OneOf([status.value for status in Status]))
    loans = ma.fields.Integer(required=True)


class LoansAndOutstandingOut(ma.Schema):
    """Some loans and what they owe."""

    loans = ma.fields.Integer(required=True)
    outstanding = ma.fields.Nested(ComponentsOut, required=True)


class BucketOut(LoansAndOutstandingOut):
    """The loans of a bucket of days past due and all they owe, due or not."""

    bucket = ma.fields.String(required=True, validate=validate.OneOf(ALL_BUCKETS))


class AtRiskOut(ma.Schema):
    """The principal outstanding of loans more than so many days past due, and its share of all of it."""

    days = ma.fields.Integer(required=True, validate=validate.OneOf(PAR_DAYS))
    principal = Amount(required=True)
    ratio = share()


class MovedOut(ma.Schema):
    """The money that moved in a month; chargebacks may be more than what came in."""

    month = Month()
    disbursed = Amount(required=True)
    repaid = SignedAmount(required=True)


class VintageOut(ma.Schema):
    """The loans disbursed before the months shown, as they stand now."""

    loans = ma.fields.Integer(required=True)
    disbursed = Amount(required=True)
    principal_repaid = Amount(required=True)
    principal_outstanding = Amount(required=True)
    principal_charged_off = Amount(required=True)
    principal_written_off = Amount(required=True)
    par30 = share()


class MonthlyVintageOut(VintageOut):
    """The loans disbursed in a month, as they stand now."""

    month = Month()


class ExpectedOut(ComponentsOut):
    """What falls due in a month."""

    month = Month()


class CashFlowOut(ma.Schema):
    """What the installments still ask for, by when: together all that is outstanding."""

    overdue = ma.fields.Nested(ComponentsOut, required=True)
    months = ma.fields.List(ma.fields.Nested(ExpectedOut), required=True)
    later = ma.fields.Nested(ComponentsOut, required=True)


class CurrencyStatisticsOut(ma.Schema):
    """The book in one currency."""

    currency = Currency(required=True)
    loans = ma.fields.List(ma.fields.Nested(StatusCountOut), required=True)
    outstanding = ma.fields.Nested(ComponentsOut, required=True)
    receivable = ma.fields.Nested(ComponentsOut, required=True)
    charged_off = ma.fields.Nested(LoansAndOutstandingOut, required=True)
    arrears = ma.fields.List(ma.fields.Nested(BucketOut), required=True)
    portfolio_at_risk = ma.fields.List(ma.fields.Nested(AtRiskOut), required=True)
    moved = ma.fields.List(ma.fields.Nested(MovedOut), required=True)
    vintages = ma.fields.List(ma.fields.Nested(MonthlyVintageOut), required=True)
    earlier_vintages = ma.fields.Nested(VintageOut, required=True)
    expected = ma.fields.Nested(CashFlowOut, required=True)


class PortfolioOut(ma.Schema):
    """The book as of a business date, by currency, as it was when that was computed."""

    as_of = Date(required=True)
    computed_at = Instant(required=True)
    currencies = ma.fields.List(ma.fields.Nested(CurrencyStatisticsOut), required=True)
