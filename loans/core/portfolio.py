"""The whole book in figures: groups of loans and sums by month become statistics by currency. Minor units.

What is grouped comes from one instant, so that every figure of a currency agrees with every other: the buckets and the
installments to come each add up to what is outstanding.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from loans.core import money
from loans.core.lifecycle import Status
from loans.core.money import Rounding
from loans.core.state import BUCKETS, LAST_BUCKET, NOTHING, Amounts

# Months that are kept apart, back from the business date's own and ahead from it; those beyond are one row.
MONTHS_MAX = 60
# Portfolio at risk is of more days past due than these, which are where the buckets end.
PAR_DAYS = (30, 60, 90)
RATIO_DECIMALS = 4
ALL_BUCKETS = (*(name for _, name in BUCKETS), LAST_BUCKET)
_MONTHS_PER_YEAR = 12
_FIRST_BUCKET_AT_RISK = {days: ALL_BUCKETS[at + 1] for at, (days, _) in enumerate(BUCKETS) if days}


class LoanGroup(NamedTuple):
    """All loans of one currency, status, bucket and month of disbursement.

    `month` is the first day of it, None before a disbursement; `bucket` is None for loans that are not disbursed.
    """

    currency: str
    status: str
    is_charged_off: bool
    bucket: str | None
    month: date | None
    loans: int
    disbursed: int
    principal_paid: int
    principal_written_off: int
    outstanding: Amounts


class Moved(NamedTuple):
    """The money that moved in a month."""

    currency: str
    month: date
    disbursed: int
    repaid: int


class Due(NamedTuple):
    """What installments of a month still ask for; `month` None is what was due before the business date."""

    currency: str
    month: date | None
    amounts: Amounts


class Receivable(NamedTuple):
    """What the general ledger holds as owed by borrowers."""

    currency: str
    amounts: Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Everything that was summed up at one instant, as of one business date."""

    loans: tuple[LoanGroup, ...]
    moved: tuple[Moved, ...]
    due: tuple[Due, ...]
    receivable: tuple[Receivable, ...]


class Bucket(NamedTuple):
    """The loans of a bucket of days past due and what they owe, due or not."""

    bucket: str
    loans: int
    outstanding: Amounts


class AtRisk(NamedTuple):
    """The principal outstanding of loans more than `days` past due; its share of all of it, None of nothing."""

    days: int
    principal: int
    ratio: str | None


class Vintage(NamedTuple):
    """The loans disbursed in a month as they stand now; `month` None is all months before those shown.

    What was disbursed is repaid, outstanding, charged off or written off; a chargeback adds to what is outstanding.
    """

    month: date | None
    loans: int
    disbursed: int
    principal_repaid: int
    principal_outstanding: int
    principal_charged_off: int
    principal_written_off: int
    par30: str | None


class Expected(NamedTuple):
    """What falls due in a month; `month` None is all months after those shown."""

    month: date | None
    amounts: Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The figures of one currency. What is charged off is owed and no longer on the books, so it stands apart."""

    currency: str
    statuses: tuple[tuple[str, int], ...]
    outstanding: Amounts
    receivable: Amounts
    charged_off_loans: int
    charged_off: Amounts
    buckets: tuple[Bucket, ...]
    at_risk: tuple[AtRisk, ...]
    moved: tuple[Moved, ...]
    vintages: tuple[Vintage, ...]
    earlier_vintages: Vintage
    overdue: Amounts
    expected: tuple[Expected, ...]
    expected_later: Amounts


def month_of(day: date, *, later: int = 0) -> date:
    """Give the first day of a date's month, or of one so many months later; fewer than none is earlier."""
    months = day.year * _MONTHS_PER_YEAR + day.month - 1 + later
    return date(months // _MONTHS_PER_YEAR, months % _MONTHS_PER_YEAR + 1, 1)


def ratio(part: int, whole: int) -> str | None:
    """Write a share with four decimals, half to even; None of nothing."""
    if not whole:
        return None
    scaled = money.divide(part * 10**RATIO_DECIMALS, whole, rounding=Rounding.HALF_EVEN)
    digits = str(scaled).rjust(RATIO_DECIMALS + 1, "0")
    return f"{digits[:-RATIO_DECIMALS]}.{digits[-RATIO_DECIMALS:]}"


def statistics(
    groups: Groups, *, on: date, months: int, currency: str | None = None
) -> tuple[Statistics, ...]:
    """Reckon the figures of each currency, or of one, with so many months back and ahead, by currency.

    `on` is the business date that the groups were made for.
    """
    if not 1 <= months <= MONTHS_MAX:
        raise AssertionError(f"{months} months are not between 1 and {MONTHS_MAX}")
    known = sorted({group.currency for group in groups.loans})
    return tuple(
        _of_currency(groups, each, on=on, months=months) for each in known if currency in {None, each}
    )


def _of_currency(groups: Groups, currency: str, *, on: date, months: int) -> Statistics:
    loans = [group for group in groups.loans if group.currency == currency]
    owing = [group for group in loans if group.status == Status.DISBURSED]
    on_the_books = [group for group in owing if not group.is_charged_off]
    charged_off = [group for group in owing if group.is_charged_off]
    due = [each for each in groups.due if each.currency == currency]
    shown = [month_of(on, later=at - months + 1) for at in range(months)]
    ahead = [month_of(on, later=at) for at in range(months)]
    lent = [group for group in loans if group.month is not None]
    return Statistics(
        currency=currency,
        statuses=tuple(
            (status.value, _count(group for group in loans if group.status == status)) for status in Status
        ),
        outstanding=_owed(on_the_books),
        receivable=_total(each.amounts for each in groups.receivable if each.currency == currency),
        charged_off_loans=_count(charged_off),
        charged_off=_owed(charged_off),
        buckets=tuple(_bucket(name, on_the_books) for name in ALL_BUCKETS),
        at_risk=tuple(_at_risk(days, on_the_books) for days in PAR_DAYS),
        moved=_moved(groups.moved, currency, shown),
        vintages=tuple(_vintage(month, [group for group in lent if group.month == month]) for month in shown),
        earlier_vintages=_vintage(None, [group for group in lent if _is_before(group.month, shown[0])]),
        overdue=_total(each.amounts for each in due if each.month is None),
        expected=tuple(
            Expected(month, _total(each.amounts for each in due if each.month == month)) for month in ahead
        ),
        expected_later=_total(
            each.amounts for each in due if each.month is not None and each.month > ahead[-1]
        ),
    )


def _bucket(name: str, groups: Sequence[LoanGroup]) -> Bucket:
    inside = [group for group in groups if group.bucket == name]
    return Bucket(name, _count(inside), _owed(inside))


def _at_risk(days: int, groups: Sequence[LoanGroup]) -> AtRisk:
    """Sum the principal of whoever is in a bucket beyond the days."""
    beyond = ALL_BUCKETS[ALL_BUCKETS.index(_FIRST_BUCKET_AT_RISK[days]) :]
    principal = _sum(
        (group for group in groups if group.bucket in beyond), lambda group: group.outstanding.principal
    )
    return AtRisk(days, principal, ratio(principal, _sum(groups, lambda group: group.outstanding.principal)))


def _moved(moved: Iterable[Moved], currency: str, months: Sequence[date]) -> tuple[Moved, ...]:
    found = {each.month: each for each in moved if each.currency == currency}
    return tuple(found.get(month, Moved(currency, month, 0, 0)) for month in months)


def _vintage(month: date | None, groups: Sequence[LoanGroup]) -> Vintage:
    owing = [group for group in groups if group.status == Status.DISBURSED]
    on_the_books = [group for group in owing if not group.is_charged_off]
    return Vintage(
        month=month,
        loans=_count(groups),
        disbursed=_sum(groups, lambda group: group.disbursed),
        principal_repaid=_sum(groups, lambda group: group.principal_paid),
        principal_outstanding=_sum(on_the_books, lambda group: group.outstanding.principal),
        principal_charged_off=_sum(
            owing, lambda group: group.outstanding.principal if group.is_charged_off else 0
        ),
        principal_written_off=_sum(groups, lambda group: group.principal_written_off),
        par30=_at_risk(PAR_DAYS[0], on_the_books).ratio,
    )


def _is_before(month: date | None, first: date) -> bool:
    return month is not None and month < first


def _owed(groups: Iterable[LoanGroup]) -> Amounts:
    return _total(group.outstanding for group in groups)


def _total(amounts: Iterable[Amounts]) -> Amounts:
    found = list(amounts)
    return Amounts(*(sum(column) for column in zip(*found, strict=True))) if found else NOTHING


def _sum(groups: Iterable[LoanGroup], figure: Callable[[LoanGroup], int]) -> int:
    return sum(figure(group) for group in groups)


def _count(groups: Iterable[LoanGroup]) -> int:
    return _sum(groups, lambda group: group.loans)
