"""One step of an explanation: a figure, what it is made of, how it was rounded, and the sentence that says so."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from loans.core import money
from loans.core.money import Rounding
from loans.core.terms import Method, Terms
from loans.core.trace import Accrual, Levelling

# Decimals beyond those of the currency that a sentence shows of a value before it was rounded.
_MORE_DECIMALS = 4
# An amount in minor units is an int; a rate, a part of a year or a count is a fraction.
Value = int | Fraction | dt.date | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one figure was found. Amounts are in minor units, `rounded` too; `unrounded` is what it was before.

    Counts, rates in percent and parts of a year among the inputs are fractions. Without a rounding mode nothing was
    rounded.
    """

    figure: str
    formula: str
    unrounded: Fraction
    rounded: int
    text: str
    inputs: Mapping[str, Value] = field(default_factory=dict)
    rounding: Rounding | None = None
    days: int | None = None
    year_fraction: Fraction | None = None
    event_ids: tuple[uuid.UUID, ...] = ()

    def to_json(self, currency: str) -> dict[str, object]:
        """Give the step as strings and numbers: amounts as decimals of the currency, fractions as "1/12"."""
        return {
            "figure": self.figure,
            "formula": self.formula,
            "inputs": {name: _written(value, currency) for name, value in self.inputs.items()},
            "days": self.days,
            "year_fraction": None if self.year_fraction is None else written(self.year_fraction),
            "unrounded": written(self.unrounded / 10 ** money.exponent(currency)),
            "rounding": None if self.rounding is None else self.rounding.value,
            "rounded": money.format_amount(self.rounded, currency),
            "events": [str(event_id) for event_id in self.event_ids],
            "text": self.text,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a figure or an event comes to, in one sentence, and the steps that lead to it."""

    subject: str
    currency: str
    as_of: dt.date
    summary: str
    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The summary and the sentence of each step, line by line."""
        return "\n".join([self.summary, *(step.text for step in self.steps)])

    def to_json(self) -> dict[str, object]:
        """Give the explanation as strings, numbers, lists and mappings."""
        return {
            "subject": self.subject,
            "currency": self.currency,
            "as_of": self.as_of.isoformat(),
            "summary": self.summary,
            "steps": [step.to_json(self.currency) for step in self.steps],
        }


def written(value: Fraction) -> str:
    """Write a fraction as "numerator/denominator", a whole number as itself."""
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def _written(value: Value, currency: str) -> str:
    """Write an input in the way of its kind."""
    if isinstance(value, int):
        return money.format_amount(value, currency)
    if isinstance(value, Fraction):
        return written(value)
    return value if isinstance(value, str) else value.isoformat()


def in_words(value: Fraction, currency: str) -> str:
    """Write exact minor units as a decimal: in full if it ends soon, else cut off and with three dots."""
    places = money.exponent(currency)
    scaled = abs(value) * 10**_MORE_DECIMALS
    digits = str(scaled.numerator // scaled.denominator).rjust(places + _MORE_DECIMALS + 1, "0")
    split = len(digits) - places - _MORE_DECIMALS
    whole, decimals = digits[:split], digits[split:]
    if scaled.denominator == 1:
        decimals = decimals[:places] + decimals[places:].rstrip("0")
    sign, dots = "-" if value < 0 else "", "" if scaled.denominator == 1 else "..."
    return f"{sign}{whole}.{decimals}{dots}" if decimals else f"{sign}{whole}{dots}"


def rounded(exact: Fraction, terms: Terms) -> int:
    """Round exact minor units by the mode agreed."""
    return money.divide(exact.numerator, exact.denominator, rounding=terms.rounding)


def stretch(each: Accrual, currency: str, *, figure: str = "interest.accrued") -> Step:
    """Write the interest of one balance at one rate over some days; it is rounded only with the others."""
    days = (each.to_date - each.from_date).days
    balance, interest = money.format_amount(each.balance, currency), in_words(each.interest, currency)
    if each.rate is None:
        formula, part = "interest of the row x days / days left", f"x {written(each.years)}"
    else:
        formula, part = "balance x rate x part of a year", f"x {written(each.rate)} % x {written(each.years)}"
    return Step(
        figure=figure,
        formula=formula,
        inputs={
            "balance": each.balance,
            "rate": Fraction(0) if each.rate is None else each.rate,
            "from": each.from_date,
            "to": each.to_date,
        },
        days=days,
        year_fraction=each.years,
        unrounded=each.interest,
        rounded=each.interest.numerator // each.interest.denominator,
        # A figure that is cut off ends with dots already.
        text=f"{each.from_date} to {each.to_date}, {days} days: {balance} {part} ="
        f" {interest}{'' if interest.endswith('.') else '.'}",
    )


def levelling(found: Levelling, terms: Terms) -> Step:
    """Write how a level installment or share was found."""
    multiple = terms.installment_multiple
    by = f" to a multiple of {money.format_amount(multiple, terms.currency)}" if multiple > 1 else ""
    is_level = terms.method is Method.EQUAL_INSTALLMENTS
    name = "level installment" if is_level else "equal share"
    inputs: dict[str, Value] = {
        "b": found.balance,
        "B": found.balloon,
        "c": found.accrued,
        "n": Fraction(found.count),
        "multiple": multiple,
    }
    inputs |= {f"f{at}": factor for at, factor in enumerate(found.factors, start=1)}
    return Step(
        figure="level_installment" if is_level else "equal_share",
        formula=found.formula,
        inputs=inputs,
        unrounded=found.unrounded,
        rounding=terms.rounding,
        rounded=found.rounded,
        text=f"The {name} of {found.count} rows from number {found.first} on, set on {found.on}:"
        f" {found.formula} = {in_words(found.unrounded, terms.currency)}, rounded"
        f" {terms.rounding}{by} {money.format_amount(found.rounded, terms.currency)}.",
        event_ids=() if found.event_id is None else (found.event_id,),
    )
