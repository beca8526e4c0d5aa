"""folding: the processor time of computing a loan from its events, and of a payment that comes late."""

import uuid
from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction

import click

from bench import measure
from loans.core import fold
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.events import Event, EventKind
from loans.core.terms import InterestMode, Method, Terms
from loans.core.trace import Trace

STARTS = date(2024, 1, 15)
INSTALLMENTS = 36
BATCH = 10
MONTHLY = Frequency(1, PeriodUnit.MONTH)


def run(*, rounds: int) -> None:
    """This will time folds of a 36-month loan in interleaved rounds and print milliseconds of each."""
    cases = {
        "schedule only, nothing paid": _fold(_terms(InterestMode.SCHEDULED), []),
        "36 repayments, interest as scheduled": _repaid(InterestMode.SCHEDULED),
        "36 repayments, daily interest": _repaid(InterestMode.DAILY),
        "the same, with notes for explanations": _repaid(InterestMode.DAILY, trace=True),
        "35 repayments and one back-dated to day 30, daily interest": _back_dated(),
    }
    measured = measure.interleave(
        {name: _repeated(work) for name, work in cases.items()},
        rounds=rounds,
        label="Folds",
        timer=measure.cpu_seconds_of,
    )
    click.echo(f"\nFold of a loan of {INSTALLMENTS} installments, processor time, {rounds} rounds:\n")
    rows = [
        (name, measure.milliseconds([each / BATCH for each in times])) for name, times in measured.items()
    ]
    click.echo(measure.table(("history", "one fold"), rows))


def _repeated(work: Callable[[], object]) -> Callable[[], None]:
    def repeat() -> None:
        for _ in range(BATCH):
            work()

    return repeat


def _terms(mode: InterestMode) -> Terms:
    return Terms(
        principal=1_000_000,
        currency="KES",
        annual_rate=Fraction(24),
        method=Method.EQUAL_INSTALLMENTS,
        installments=INSTALLMENTS,
        frequency=MONTHLY,
        day_count=DayCount.ACT_365F,
        interest_mode=mode,
    )


def _told(terms: Terms, paid: Sequence[tuple[date, int]]) -> list[Event]:
    opening = [
        (EventKind.APPLIED, STARTS, 0),
        (EventKind.APPROVED, STARTS, 0),
        (EventKind.DISBURSED, STARTS, terms.principal),
    ]
    told = [*opening, *((EventKind.REPAYMENT, day, amount) for day, amount in paid)]
    return [
        Event(id=uuid.UUID(int=number), kind=kind, date=day, amount=amount)
        for number, (kind, day, amount) in enumerate(told, start=1)
    ]


def _installments(terms: Terms) -> list[tuple[date, int]]:
    planned = fold.fold(terms, _told(terms, []))
    return [(row.due_date, row.due.total) for row in planned.installments]


def _fold(terms: Terms, paid: Sequence[tuple[date, int]], *, trace: bool = False) -> Callable[[], object]:
    told = _told(terms, paid)
    return lambda: fold.fold(terms, told, trace=Trace() if trace else None)


def _repaid(mode: InterestMode, *, trace: bool = False) -> Callable[[], object]:
    terms = _terms(mode)
    return _fold(terms, _installments(terms), trace=trace)


def _back_dated() -> Callable[[], object]:
    """Make the fold that a payment recorded three years late, dated on the loan's day 30, makes necessary."""
    terms = _terms(InterestMode.DAILY)
    return _fold(terms, [(date(2024, 2, 14), 50_000), *_installments(terms)[:-1]])
