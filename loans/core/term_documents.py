"""Terms as a JSON-like document: the form in which they are stored and spoken on the wire.

`write` gives every value, also those that equal a default, so that a default that changes later changes no loan.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from loans.core import charge_documents, documents, holiday_documents, money, rates
from loans.core.business_days import Convention
from loans.core.dates import PERIODS_PER_YEAR, Frequency, InvalidFrequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.documents import Fault, Fields
from loans.core.holiday_documents import ResolveCalendar
from loans.core.money import Rounding
from loans.core.terms import (
    BUCKETS,
    DUE_DAY_MAX,
    FEES_MAX,
    INSTALLMENTS_MAX,
    PAUSES_MAX,
    TRANCHES_MAX,
    YEARS_MAX,
    Accounting,
    Across,
    Bucket,
    Component,
    DownPayment,
    EarlyPayment,
    Grace,
    InterestMode,
    Method,
    Pause,
    Terms,
    Timing,
)

SUSPEND_AFTER_DAYS_MAX = 3660
# Beyond this a count is nonsense; up to it, what it is too large for is said by the core.
_COUNT_MAX = 10**9
_BUCKET_NAME_LENGTH_MAX = 30
T = TypeVar("T")

_MONTHLY = Frequency(1, PeriodUnit.MONTH)
_GRACE_PARTS = ("principal", "interest", "interest_free")
_NAMES: Mapping[str, Bucket] = {f"{timing}_{component}": (timing, component) for timing, component in BUCKETS}
# Harmless values to go on with where one is at fault (Fields.make); none of them contradicts any other value.
_SPARE_TERMS: Mapping[str, Mapping[str, object]] = {
    "principal": {"principal": money.AMOUNT_MAX},
    "currency": {"currency": "KES", "principal": money.AMOUNT_MAX},
    "annual_rate": {"annual_rate": rates.parse_rate("0")},
    "installments": {"installments": INSTALLMENTS_MAX, "frequency": _MONTHLY},
    "frequency": {"frequency": _MONTHLY},
    "method": {"method": Method.EQUAL_INSTALLMENTS},
    "interest_mode": {"interest_mode": InterestMode.SCHEDULED},
    "early_payment": {"early_payment": EarlyPayment.NEXT_INSTALLMENTS},
    "first_due_date": {"first_due_date": None},
    "due_day": {"due_day": None},
    "pauses": {"pauses": ()},
    "balloon": {"balloon": 0},
    "down_payment": {"down_payment": DownPayment()},
    "allocation.order": {"allocation": BUCKETS},
    "grace.principal": {"grace_principal": 0},
    "grace.interest": {"grace_interest": 0},
    "grace.interest_free": {"grace_interest_free": 0},
}


def read(
    document: object,
    *,
    resolve_calendar: ResolveCalendar | None = None,
    starts: date | None = None,
    pointer: str = "#",
) -> Terms:
    """Read terms, with defaults for what is left out. `pointer` is the place of the document in a larger one.

    A holiday calendar comes with its holidays, or is looked up from the year of the start date; `starts` is the
    start date where the document names none.

    :raises InvalidDocument: if anything in it is not as it must be; it names every fault.
    """
    faults: list[Fault] = []
    fields = Fields(document, pointer=pointer, faults=faults)
    terms = take(fields, resolve_calendar=resolve_calendar, starts=starts)
    return documents.accept(terms, faults=faults)


def take(
    fields: Fields, *, resolve_calendar: ResolveCalendar | None = None, starts: date | None = None
) -> Terms | None:
    """Read terms out of a larger document, noting faults; None if they cannot be made."""
    fields.require("principal", "currency", "annual_rate", "installments")
    fields.currency = fields.read("currency", documents.currency_code)
    values = {
        **_take_amounts(fields),
        **_take_rules(fields),
        **_take_dates(fields, resolve_calendar=resolve_calendar, starts=starts),
        **_take_charges(fields),
        **_take_grace_parts(fields.child("grace")),
    }
    fields.finish()
    return fields.make(_make_terms, values, spare=_SPARE_TERMS)


def currency_of(document: object) -> str | None:
    """Look up the currency of a document of terms; None if it has none that is known."""
    return Fields(document, pointer="#", faults=[]).read("currency", documents.currency_code)


def take_grace(fields: Fields) -> Grace | None:
    """Read grace out of a larger document, noting faults."""
    parts = _take_grace_parts(fields)
    return Grace(**{name.removeprefix("grace_"): part or 0 for name, part in parts.items()})


def write(terms: Terms, *, holiday_calendar: str | None = None) -> dict[str, object]:
    """Write terms so that `read` gives them back exactly, with the code of the calendar their holidays are from."""
    currency = terms.currency
    optional = {
        "start_date": None if terms.start_date is None else terms.start_date.isoformat(),
        "first_due_date": None if terms.first_due_date is None else terms.first_due_date.isoformat(),
        "due_day": terms.due_day,
        "holiday_calendar": holiday_calendar or (terms.holidays and terms.holidays.code),
        "holidays": None if terms.holidays is None else holiday_documents.write_holidays(terms.holidays),
        "late_fee": None
        if terms.late_fee is None
        else charge_documents.write_late_fee(terms.late_fee, currency=currency),
        "down_payment": charge_documents.write_down_payment(terms.down_payment, currency=currency),
    }
    return {
        "principal": money.format_amount(terms.principal, currency),
        "currency": currency,
        "annual_rate": rates.format_rate(terms.annual_rate),
        "method": terms.method.value,
        "installments": terms.installments,
        "frequency": {"every": terms.frequency.every, "unit": terms.frequency.unit.value},
        "day_count": terms.day_count.value,
        "business_day_convention": terms.convention.value,
        "grace": write_grace(terms.grace),
        "pauses": [
            {"from_date": pause.from_date.isoformat(), "until": pause.until.isoformat()}
            for pause in terms.pauses
        ],
        "balloon": money.format_amount(terms.balloon, currency),
        "installment_multiple": money.format_amount(terms.installment_multiple, currency),
        "rounding": terms.rounding.value,
        "interest_mode": terms.interest_mode.value,
        "allocation": {"order": _write_order(terms.allocation), "across": terms.across.value},
        "early_payment": terms.early_payment.value,
        "fees": [charge_documents.write_fee(fee, currency=currency) for fee in terms.fees],
        "penalty_rate": rates.format_rate(terms.penalty_rate),
        "tranches_max": terms.tranches_max,
        "suspend_after_days": terms.suspend_after_days,
        "accounting": terms.accounting.value,
        **{name: value for name, value in optional.items() if value is not None},
    }


def write_grace(grace: Grace) -> dict[str, int]:
    """Write grace in installments."""
    return {name: getattr(grace, name) for name in _GRACE_PARTS}


def _write_order(allocation: tuple[Bucket, ...]) -> list[str]:
    """Name the four components where their order is the same within each timing, else the twelve buckets."""
    components = [component for _, component in allocation[: len(Component)]]
    if allocation == _expanded(components):
        return [component.value for component in components]
    return [f"{timing}_{component}" for timing, component in allocation]


def _make_terms(
    *, grace_principal: int = 0, grace_interest: int = 0, grace_interest_free: int = 0, **values: object
) -> Terms:
    """Make terms from values of which each may be at fault alone, with the defaults that `Terms` has not."""
    grace = Grace(principal=grace_principal, interest=grace_interest, interest_free=grace_interest_free)
    defaults: dict[str, object] = {
        "method": Method.EQUAL_INSTALLMENTS,
        "frequency": _MONTHLY,
        "day_count": DayCount.EQUAL_PERIODS,
    }
    make: Callable[..., Terms] = Terms
    return make(grace=grace, **(defaults | values))


def _take_amounts(fields: Fields) -> dict[str, object]:
    positive = documents.amount(fields.currency)
    return {
        "principal": fields.read("principal", positive),
        "currency": fields.currency,
        "annual_rate": fields.read("annual_rate", documents.rate),
        "balloon": fields.read("balloon", documents.amount(fields.currency, least=0)),
        "installment_multiple": fields.read("installment_multiple", positive),
        "penalty_rate": fields.read("penalty_rate", documents.rate),
        "down_payment": charge_documents.take_down_payment(fields),
        "tranches_max": fields.read("tranches_max", documents.whole(least=1, most=TRANCHES_MAX)),
        "suspend_after_days": fields.read(
            "suspend_after_days", documents.whole(least=1, most=SUSPEND_AFTER_DAYS_MAX)
        ),
    }


def _take_rules(fields: Fields) -> dict[str, object]:
    order, across = _take_allocation(fields.child("allocation"))
    return {
        "method": fields.read("method", documents.one_of(Method)),
        "day_count": fields.read("day_count", documents.one_of(DayCount)),
        "convention": fields.read("business_day_convention", documents.one_of(Convention)),
        "rounding": fields.read("rounding", documents.one_of(Rounding)),
        "interest_mode": fields.read("interest_mode", documents.one_of(InterestMode)),
        "early_payment": fields.read("early_payment", documents.one_of(EarlyPayment)),
        "accounting": fields.read("accounting", documents.one_of(Accounting)),
        "allocation": order,
        "across": across,
    }


def _take_dates(
    fields: Fields, *, resolve_calendar: ResolveCalendar | None, starts: date | None
) -> dict[str, object]:
    installments = fields.read("installments", documents.whole(least=1, most=_COUNT_MAX))
    frequency = _take_frequency(fields.child("frequency"))
    start = fields.read("start_date", documents.day)
    first_due = fields.read("first_due_date", documents.day)
    return {
        "installments": installments,
        "frequency": frequency,
        "start_date": start,
        "first_due_date": first_due,
        "due_day": fields.read("due_day", documents.whole(least=1, most=DUE_DAY_MAX)),
        "pauses": _all_of(_take_pause, fields.children("pauses", most=PAUSES_MAX)),
        "holidays": holiday_documents.take_holidays(
            fields,
            years=_years((start or starts, first_due), installments or 1, frequency or _MONTHLY),
            resolve_calendar=resolve_calendar,
        ),
    }


def _take_charges(fields: Fields) -> dict[str, object]:
    late_fee = fields.child("late_fee")
    return {
        "fees": _all_of(charge_documents.take_fee, fields.children("fees", most=FEES_MAX)),
        "late_fee": None if late_fee is None else charge_documents.take_late_fee(late_fee),
    }


def _all_of(take_one: Callable[[Fields], T | None], children: Sequence[Fields] | None) -> tuple[T, ...]:
    """Read each of the objects of a list, leaving out those at fault."""
    taken = (take_one(child) for child in children or ())
    return tuple(each for each in taken if each is not None)


def _take_frequency(fields: Fields | None) -> Frequency | None:
    if fields is None:
        return None
    every = fields.read("every", documents.whole(least=1, most=_COUNT_MAX))
    unit = fields.read("unit", documents.one_of(PeriodUnit))
    fields.finish()
    try:
        return Frequency(every or _MONTHLY.every, unit or _MONTHLY.unit)
    except InvalidFrequency as error:
        # Without the unit it is not known how many there may be.
        if "unit" not in fields.faulty:
            fields.note("every", error.detail, code=error.code)
        return None


def _take_pause(fields: Fields) -> Pause | None:
    fields.require("from_date", "until")
    from_date, until = fields.read("from_date", documents.day), fields.read("until", documents.day)
    fields.finish()
    if from_date is None or until is None:
        return None
    if until <= from_date:
        fields.note("until", "A pause must end after it begins.")
        return None
    return Pause(from_date=from_date, until=until)


def _take_grace_parts(fields: Fields | None) -> dict[str, int | None]:
    """Read each part of grace under a name of its own, so that each can be at fault alone."""
    if fields is None:
        return {}
    periods = documents.whole(least=0, most=INSTALLMENTS_MAX)
    parts = {f"grace_{name}": fields.read(name, periods) for name in _GRACE_PARTS}
    fields.finish()
    return parts


def _take_allocation(fields: Fields | None) -> tuple[tuple[Bucket, ...] | None, Across | None]:
    if fields is None:
        return None, None
    across = fields.read("across", documents.one_of(Across))
    names = fields.each("order", documents.text(longest=_BUCKET_NAME_LENGTH_MAX), most=len(BUCKETS))
    fields.finish()
    if names is None or "order" in fields.faulty:
        return None, across
    known = list(Component) if len(names) <= len(Component) else list(_NAMES)
    counts = Counter(names)
    wrong = [
        *(f"{name} is unknown" for name in names if name not in known),
        *(f"{name} is missing" for name in known if name not in counts),
        *(f"{name} stands there twice" for name in known if counts[name] > 1),
    ]
    if wrong:
        fields.note("order", f"Must name four components or twelve buckets, each once: {', '.join(wrong)}.")
        return None, across
    if known == list(_NAMES):
        return tuple(_NAMES[name] for name in names), across
    return _expanded(Component(name) for name in names), across


def _expanded(components: Iterable[Component]) -> tuple[Bucket, ...]:
    """Order the buckets by one order of components within each timing."""
    order = tuple(components)
    return tuple((timing, component) for timing in Timing for component in order)


def _years(begins: tuple[date | None, date | None], installments: int, frequency: Frequency) -> range | None:
    """List the years of the schedule by its start and its first due date; None if neither is known."""
    known = [day.year for day in begins if day is not None]
    if not known:
        return None
    length = -(-installments * frequency.every // PERIODS_PER_YEAR[frequency.unit])
    return range(min(known), max(known) + min(length, YEARS_MAX) + 1)
