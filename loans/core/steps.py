"""One step of an explanation: a figure, what it is made of, how it was rounded, and the sentence that says so."""

import datetime as dt
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from loans.core import money, rates
from loans.core.daycount import DayCount
from loans.core.money import Rounding
from loans.core.terms import InterestFree, Method, Pause, Terms
from loans.core.trace import Accrual, Levelling

# Decimals beyond those of the currency that a sentence shows of a value before it was rounded.
_MORE_DECIMALS = 4
# A fraction of more digits than this is written as a decimal of so many places.
_LONG = 10**1000
_PLACES = 20
# Decimals that a sentence shows of a number that is no amount.
_DECIMALS_SHOWN = 6
# Day counts in which a month has 30 days and a year has 360.
_MONTHS_OF_30 = frozenset({DayCount.THIRTY_360, DayCount.THIRTY_E_360})
_DAYS_OF_12_MONTHS = 360
# Inputs in percent.
_PERCENT = frozenset({"rate", "percent"})
# An amount in minor units is an int; a rate, a part of a year or a count is a fraction.
Value = int | Fraction | dt.date | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one figure was found. Amounts are in minor units, `rounded` too; `unrounded` is what it was before.

    Counts, rates in percent and parts of a year among the inputs are fractions. Without a rounding mode nothing was
    rounded; `rounded` is then None, unless it is a whole number of minor units by itself.
    """

    figure: str
    formula: str
    unrounded: Fraction
    rounded: int | None
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
            "inputs": {name: _written(name, value, currency) for name, value in self.inputs.items()},
            "days": self.days,
            "year_fraction": None if self.year_fraction is None else written(self.year_fraction),
            "unrounded": written(self.unrounded / 10 ** money.exponent(currency)),
            "rounding": None if self.rounding is None else self.rounding.value,
            "rounded": None if self.rounded is None else money.format_amount(self.rounded, currency),
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
    """Write a fraction as "numerator/denominator", a whole number as itself.

    Where one of them has more than a thousand digits, it is a decimal that is cut off, with three dots.
    """
    if max(abs(value.numerator), value.denominator) >= _LONG:
        sign, digits = "-" if value < 0 else "", abs(value.numerator) * 10**_PLACES // value.denominator
        whole, decimals = divmod(digits, 10**_PLACES)
        return f"{sign}{whole}.{decimals:0{_PLACES}}..."
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def percent(value: Fraction) -> str:
    """Write percent as the shortest decimal: such as 18.5, or 12."""
    scaled = value * 10**rates.DECIMALS_MAX
    if scaled.denominator != 1:
        return written(value)
    whole, decimals = divmod(scaled.numerator, 10**rates.DECIMALS_MAX)
    return f"{whole}.{decimals:0{rates.DECIMALS_MAX}}".rstrip("0").rstrip(".")


def _written(name: str, value: Value, currency: str) -> str:
    """Write an input in the way of its kind."""
    if name in _PERCENT and isinstance(value, Fraction):
        return percent(value)
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


def major(exact: Fraction, currency: str) -> Fraction:
    """Give exact minor units in the currency's own unit, as inputs that are not whole are written."""
    return exact * Fraction(1, 10 ** money.exponent(currency))


def rounded(exact: Fraction, terms: Terms) -> int:
    """Round exact minor units by the mode agreed."""
    return money.divide(exact.numerator, exact.denominator, rounding=terms.rounding)


def stretch(each: Accrual, terms: Terms, *, figure: str = "interest.accrued") -> Step:
    """Write the interest of one balance at one rate over some days; it is rounded only with the others."""
    currency, days = terms.currency, (each.to_date - each.from_date).days
    balance, interest = money.format_amount(each.balance, currency), in_words(each.interest, currency)
    span: dict[str, Value] = {"from": each.from_date, "to": each.to_date}
    if each.rate is not None:
        formula, part = "balance x rate x part of a year", f"x {percent(each.rate)} % x {written(each.years)}"
        inputs: dict[str, Value] = {"balance": each.balance, "rate": each.rate}
        if each.pause is not None:
            inputs |= {"paused from": each.pause.from_date, "paused until": each.pause.until}
    else:
        formula, part = "what is left of the row's interest x days / days left", f"x {written(each.years)}"
        inputs = {"interest of the row": each.balance, "accrued before": major(each.before, currency)}
        if each.before:
            balance = f"({balance} - {in_words(each.before, currency)})"
    return Step(
        figure=figure,
        formula=formula,
        inputs=inputs | span,
        days=days,
        year_fraction=each.years,
        unrounded=each.interest,
        rounded=each.interest.numerator if each.interest.denominator == 1 else None,
        text=f"{each.from_date} to {each.to_date}, {days} day{'' if days == 1 else 's'}"
        f"{_counted(each, terms, days=days)}: {balance} {part} = {interest}"
        # A figure that is cut off ends with dots already.
        f"{_why_free(each) or ('' if interest.endswith('.') else '.')}",
    )


def _counted(each: Accrual, terms: Terms, *, days: int) -> str:
    """Say how many days a day count with months of 30 days makes of some days, where they are not as many."""
    if terms.day_count not in _MONTHS_OF_30 or each.rate is None:
        return ""
    counted = each.years * _DAYS_OF_12_MONTHS
    return "" if counted == days else f" ({counted} by {terms.day_count})"


def _why_free(each: Accrual) -> str:
    """Say why days bear no interest at a rate that is not 0."""
    return "" if each.pause is None else f", {why_free(each.pause)}."


def why_free(pause: Pause) -> str:
    """Say why the days of a pause bear no interest."""
    why = "grace frees installments of it" if isinstance(pause, InterestFree) else "a pause stops it"
    return f"no interest from {pause.from_date} up to {pause.until}, exclusive: {why}"


def levelling(found: Levelling, terms: Terms) -> Step:
    """Write how a level installment or share was found."""
    multiple = terms.installment_multiple
    by = f" to a multiple of {money.format_amount(multiple, terms.currency)}" if multiple > 1 else ""
    is_level = terms.method is Method.EQUAL_INSTALLMENTS
    name = "level installment" if is_level else "equal share"
    inputs: dict[str, Value] = {
        "b": found.balance,
        "B": found.balloon,
        "c": major(found.accrued, terms.currency),
        "n": Fraction(found.count),
        "multiple": multiple,
    }
    inputs |= {f"f{at}": factor for at, factor in enumerate(found.factors, start=1)}
    said = ""
    if found.factors:
        inputs["Fn"] = annuity = _annuity(found.factors)
        said = f", where Fn = {_shown(annuity)},"
    return Step(
        figure="level_installment" if is_level else "equal_share",
        formula=found.formula,
        inputs=inputs,
        unrounded=found.unrounded,
        rounding=terms.rounding,
        rounded=found.rounded,
        text=f"The {name} of {found.count} rows from number {found.first} on, set on {found.on}:"
        f" {found.formula}{said} = {in_words(found.unrounded, terms.currency)}, rounded"
        f" {terms.rounding}{by} {money.format_amount(found.rounded, terms.currency)}.",
        event_ids=() if found.event_id is None else (found.event_id,),
    )


def _annuity(factors: Sequence[Fraction]) -> Fraction:
    """Compute Fn of F1 = 1, Fk = 1 + F(k-1) x (1+fk), over one denominator."""
    scale = math.lcm(*(factor.denominator for factor in factors))
    annuity, power = 1, 1
    for factor in factors[1:]:
        power *= scale
        annuity = annuity * (scale + factor.numerator * (scale // factor.denominator)) + power
    return Fraction(annuity, power)


def _shown(value: Fraction) -> str:
    """Write a number in a sentence: whole, or with six decimals and three dots."""
    whole, rest = divmod(value.numerator, value.denominator)
    return (
        f"{whole}.{rest * 10**_DECIMALS_SHOWN // value.denominator:0{_DECIMALS_SHOWN}}..."
        if rest
        else str(whole)
    )
