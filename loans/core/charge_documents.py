"""Prices, fees and late fees as parts of a JSON-like document of terms."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from loans.core import documents, money, rates
from loans.core.charges import GRACE_DAYS_MAX, Collection, Fee, FeeBase, FeeTime, LateFee
from loans.core.documents import Fields
from loans.core.terms import DownPayment

FEE_NAME_LENGTH_MAX = 100

# Harmless values to go on with where one is at fault (Fields.make).
_SPARE_PRICE: Mapping[str, object] = {"amount": 1, "percent": Fraction(0)}
_SPARE_FEE: Mapping[str, Mapping[str, object]] = {
    "amount": _SPARE_PRICE,
    "percent": _SPARE_PRICE,
    # The one time of charging that any base goes with; what the date says is not known to be wrong then.
    "type": {"charged": FeeTime.PER_INSTALLMENT, "date": None},
    "of": {"of": FeeBase.PRINCIPAL},
}
_SPARE_LATE_FEE: Mapping[str, Mapping[str, object]] = {"amount": _SPARE_PRICE, "percent": _SPARE_PRICE}


def take_fee(fields: Fields) -> Fee | None:
    """Read one fee out of a larger document, noting faults."""
    fields.require("type")
    charged = fields.read("type", documents.one_of(FeeTime))
    values = {
        **_take_price(fields),
        "name": fields.read("name", documents.text(longest=FEE_NAME_LENGTH_MAX)),
        "charged": charged,
        "of": fields.read("of", documents.one_of(FeeBase)),
        "collection": fields.read("collection", documents.one_of(Collection)),
        "date": fields.read("date", documents.day),
    }
    fields.finish()
    spare_date = {"date": date.max if charged is FeeTime.DATED else None}
    return fields.make(Fee, values, spare={**_SPARE_FEE, "date": spare_date})


def take_late_fee(fields: Fields) -> LateFee | None:
    """Read the late fee out of a larger document, noting faults."""
    values = {
        **_take_price(fields),
        "grace_days": fields.read("grace_days", documents.whole(least=0, most=GRACE_DAYS_MAX)),
        "cap": fields.read("cap", documents.amount(fields.currency)),
    }
    fields.finish()
    return fields.make(LateFee, values, spare=_SPARE_LATE_FEE)


def take_down_payment(fields: Fields) -> DownPayment | None:
    """Read the down payment, an amount or a price, out of the document that has it, noting faults."""
    positive_or_none = documents.amount(fields.currency, least=0)
    if fields.holds_text("down_payment"):
        amount = fields.read("down_payment", positive_or_none)
        return None if amount is None else DownPayment(amount=amount)
    below = fields.child("down_payment")
    if below is None:
        return None
    if below.is_object and below.has("amount") == below.has("percent"):
        below.note("", "Give either an amount or a percent.")
    amount = below.read("amount", positive_or_none)
    percent = below.read("percent", documents.percent)
    below.finish()
    return DownPayment(amount=amount or 0, percent=percent or Fraction(0))


def write_fee(fee: Fee, *, currency: str) -> dict[str, object]:
    """Write one fee with all its values."""
    written = {
        "name": fee.name,
        "type": fee.charged.value,
        **_write_price(fee.amount, fee.percent, currency),
        "of": fee.of.value,
        "collection": fee.collection.value,
    }
    return written if fee.date is None else written | {"date": fee.date.isoformat()}


def write_late_fee(late_fee: LateFee, *, currency: str) -> dict[str, object]:
    """Write the late fee with all its values."""
    written = {**_write_price(late_fee.amount, late_fee.percent, currency), "grace_days": late_fee.grace_days}
    return written if late_fee.cap is None else written | {"cap": money.format_amount(late_fee.cap, currency)}


def write_down_payment(down_payment: DownPayment, *, currency: str) -> dict[str, object] | None:
    """Write the down payment, or nothing where there is none."""
    if down_payment == DownPayment():
        return None
    return _write_price(down_payment.amount, down_payment.percent, currency)


def _take_price(fields: Fields) -> dict[str, object]:
    return {
        "amount": fields.read("amount", documents.amount(fields.currency)),
        "percent": fields.read("percent", documents.percent),
    }


def _write_price(amount: int, percent: Fraction, currency: str) -> dict[str, object]:
    if percent:
        return {"percent": rates.format_rate(percent)}
    return {"amount": money.format_amount(amount, currency)}
