"""The libraries that make schedules, each used the way its documentation says, and ours among them.

`make` is what is timed: from plain values to every row of the schedule. `rows` reads what it made, for the league.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import metadata
from typing import Any

import loan_calculator
import mortgage
import numpy as np
import numpy_financial as npf
import pyloan
import QuantLib as ql  # noqa: N813 - its documentation calls it so
from amortization.schedule import amortization_schedule

from bench.cases import MONTHS_PER_YEAR, Case
from bench.judge import Row
from loans.core import schedule, simulations
from loans.core.costs import Costs
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.state import LoanState
from loans.core.terms import Method, Terms

OURS = "Branch Loans"
MONTHLY = Frequency(1, PeriodUnit.MONTH)


def _always(case: Case) -> bool:
    return case.installments > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A library: its package on PyPI, where its due dates come from, how to make a schedule and read its rows."""

    name: str
    package: str | None = None
    dates: str = "none"
    make: Callable[[Case], Any]
    rows: Callable[[Any], Iterator[Row]]
    offers: Callable[[Case], bool] = _always


def title(peer: Peer) -> str:
    """Name a library with its version."""
    return peer.name if peer.package is None else f"{peer.name} {metadata.version(peer.package)}"


def ours(case: Case) -> list[tuple[int, date, date, int, int, int]]:
    """Make our own bare schedule, terms checked and every row there: the one place that knows how it is called."""
    return list(schedule.build(_terms(case), start_date=case.start_date).rows())


def quote(case: Case) -> tuple[LoanState, Costs]:
    """Do all that a quote does but HTTP: fold the loan as disbursed, and compute its annual percentage rates."""
    return simulations.quote(_terms(case), on=case.start_date)


def _terms(case: Case) -> Terms:
    return Terms(
        principal=case.principal,
        currency="KES",
        annual_rate=case.percent_exact,
        method=Method.EQUAL_INSTALLMENTS,
        installments=case.installments,
        frequency=MONTHLY,
        day_count=DayCount.EQUAL_PERIODS,
    )


def _quote_rows(made: tuple[LoanState, Costs]) -> Iterator[Row]:
    state, _ = made
    balance = state.disbursed
    for each in state.installments:
        balance -= each.due.principal
        yield Row(
            interest=_units(each.due.interest),
            principal=_units(each.due.principal),
            payment=_units(each.due.total),
            balance=_units(balance),
            due_date=each.due_date,
        )


def _our_rows(made: Sequence[tuple[int, date, date, int, int, int]]) -> Iterator[Row]:
    for _, _, due, principal, interest, balance in made:
        yield Row(
            interest=_units(interest),
            principal=_units(principal),
            payment=_units(principal + interest),
            balance=_units(balance),
            due_date=due,
        )


def bare_loop(case: Case) -> list[tuple[int, int, int, int]]:
    """Make a schedule in whole cents by nothing but a loop: no dates, no checks, no names."""
    balance, count = case.principal, case.installments
    # Hundredths of a percent a year are millionths of 12 / 100 a month, hence the denominator.
    rate, scale = case.annual_rate, 10_000 * MONTHS_PER_YEAR
    if rate:
        growth, base = (scale + rate) ** count, scale**count
        level, half = balance * rate * growth, scale * (growth - base)
        level = (2 * level + half) // (2 * half)
    else:
        level = (2 * balance + count) // (2 * count)
    rows = []
    for _ in range(count - 1):
        interest = (2 * balance * rate + scale) // (2 * scale)
        principal = min(level - interest, balance)
        balance -= principal
        rows.append((interest + principal, interest, principal, balance))
    interest = (2 * balance * rate + scale) // (2 * scale)
    rows.append((interest + balance, interest, balance, 0))
    return rows


def _bare_rows(made: list[tuple[int, int, int, int]]) -> Iterator[Row]:
    for payment, interest, principal, balance in made:
        yield Row(_units(interest), _units(principal), _units(payment), _units(balance))


def _amortization(case: Case) -> list[Any]:
    return list(amortization_schedule(case.units, case.share, case.installments))


def _amortization_rows(made: list[Any]) -> Iterator[Row]:
    for each in made:
        yield Row(each.interest, each.principal, each.amount, each.balance)


def _numpy_financial(case: Case) -> tuple[Any, ...]:
    """Ask for all periods at once and sum up the balance, as the example at `ipmt` does."""
    rate, periods = case.share / MONTHS_PER_YEAR, np.arange(case.installments) + 1
    interest = npf.ipmt(rate, periods, case.installments, case.units)
    principal = npf.ppmt(rate, periods, case.installments, case.units)
    payment = npf.pmt(rate, case.installments, case.units)
    return interest, principal, payment, case.units + np.cumsum(principal)


def _numpy_financial_rows(made: tuple[Any, ...]) -> Iterator[Row]:
    interests, principals, payment, balances = made
    # What the borrower pays is negative there.
    for interest, principal, balance in zip(
        interests.tolist(), principals.tolist(), balances.tolist(), strict=True
    ):
        yield Row(-interest, -principal, -float(payment), balance)


def _mortgage(case: Case) -> list[Any]:
    made: list[Any] = mortgage.Loan(
        principal=case.units_exact, interest=case.share_exact, term=case.installments // MONTHS_PER_YEAR
    ).schedule()
    return made


def _mortgage_rows(made: list[Any]) -> Iterator[Row]:
    # Its first row is the loan before any payment.
    for each in made[1:]:
        yield Row(each.interest, each.principal, each.payment, each.balance)


def _whole_years(case: Case) -> bool:
    """Tell whether a loan can be said in years: its `term_unit` is checked, then ignored."""
    return case.installments % MONTHS_PER_YEAR == 0


def _loan_calculator(case: Case) -> Any:
    """Give it the due dates, which it wants to be told, and the effective rate, which it takes."""
    return loan_calculator.Loan(case.units, case.effective, case.start_date, case.due_dates)


def _loan_calculator_rows(made: Any) -> Iterator[Row]:
    columns = (made.interest_payments, made.amortizations, made.due_payments, made.balance[1:])
    for interest, principal, payment, balance in zip(*columns, strict=True):
        yield Row(interest, principal, payment, balance)


def _pyloan(case: Case) -> list[Any]:
    """Ask for the day of the start in each month; by default it takes the last day of the month."""
    made: list[Any] = pyloan.Loan(
        loan_amount=case.units,
        interest_rate=case.percent,
        loan_term=case.installments,
        loan_term_period="M",
        start_date=case.start_date.isoformat(),
        payment_end_of_month=False,
    ).get_payment_schedule()
    return made


def _pyloan_rows(made: list[Any]) -> Iterator[Row]:
    # Its first row is the disbursement.
    for each in made[1:]:
        yield Row(
            each.interest_amount,
            each.principal_amount,
            each.payment_amount,
            each.loan_balance_amount,
            each.date.date(),
        )


def _quantlib(case: Case) -> list[tuple[Any, float, float, float]]:
    """Make an amortizing bond as its own test suite does, but with dates that go forward from the start.

    Its `sinkingSchedule` goes backward from the maturity and would lose the day of the start.
    """
    start, length = _quantlib_date(case.start_date), ql.Period(case.installments, ql.Months)
    dates = ql.Schedule(
        start,
        start + length,
        ql.Period(ql.Monthly),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Forward,
        False,  # noqa: FBT003 - no end-of-month rule; it takes no keywords
    )
    balances = ql.sinkingNotionals(length, ql.Monthly, case.share, case.units)
    bond = ql.AmortizingFixedRateBond(0, balances, dates, [case.share], ql.ActualActual(ql.ActualActual.ISMA))
    # Interest and principal of a day follow each other; the last notional is what is left after the last day.
    flows = [(flow.date(), flow.amount()) for flow in bond.cashflows()]
    return [
        (day, interest, principal, balance)
        for (day, interest), (_, principal), balance in zip(
            flows[::2], flows[1::2], itertools.islice(balances, 1, None), strict=True
        )
    ]


def _quantlib_rows(made: list[tuple[Any, float, float, float]]) -> Iterator[Row]:
    for day, interest, principal, balance in made:
        yield Row(interest, principal, None, balance, date(day.year(), day.month(), day.dayOfMonth()))


def _quantlib_date(day: date) -> Any:
    return ql.Date(day.day, day.month, day.year)


def _units(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


ALL = (
    Peer(name=OURS, dates="yes", make=ours, rows=_our_rows),
    Peer(name="bare integer loop", make=bare_loop, rows=_bare_rows),
    Peer(name="amortization", package="amortization", make=_amortization, rows=_amortization_rows),
    Peer(
        name="numpy-financial",
        package="numpy-financial",
        make=_numpy_financial,
        rows=_numpy_financial_rows,
    ),
    Peer(name="mortgage", package="mortgage", make=_mortgage, rows=_mortgage_rows, offers=_whole_years),
    Peer(
        name="loan-calculator",
        package="loan-calculator",
        dates="from the caller",
        make=_loan_calculator,
        rows=_loan_calculator_rows,
    ),
    Peer(name="pyloan", package="pyloan", dates="yes", make=_pyloan, rows=_pyloan_rows),
    Peer(name="QuantLib", package="quantlib", dates="yes", make=_quantlib, rows=_quantlib_rows),
)
# What a request for a quote runs, beside the bare schedule that is compared with the others.
QUOTE = Peer(name="Branch Loans, a whole quote", dates="yes", make=quote, rows=_quote_rows)
TIMED = (ALL[0], QUOTE, *ALL[1:])
