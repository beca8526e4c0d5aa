"""What planning and the end of a fold tell a trace. Nothing here runs unless a figure is to be explained."""

import datetime as dt
from collections.abc import Sequence
from fractions import Fraction

from loans.core import trace as traces
from loans.core.account import Account
from loans.core.terms import Method
from loans.core.timeline import PER_CENT
from loans.core.trace import Levelling, Sharing, Trace

_SIMPLE = frozenset({Method.FLAT, Method.BULLET})


def level(  # noqa: PLR0913 - what the formula consists of
    account: Account,
    trace: Trace,
    *,
    first: int,
    balloon: int,
    accrued: Fraction,
    factors: Sequence[Fraction],
    unrounded: Fraction,
    rounded: int,
) -> None:
    """Note how the level installment of the rows from number `first` on was found."""
    trace.levellings.append(
        Levelling(
            on=account.mark,
            formula="(b(1+f1)...(1+fn) + c(1+f2)...(1+fn) - B) / Fn",
            first=first,
            count=len(factors),
            balance=account.undue,
            balloon=balloon,
            accrued=accrued,
            factors=tuple(factors),
            unrounded=unrounded,
            rounded=rounded,
            event_id=trace.event_id,
        )
    )


def share(
    account: Account, trace: Trace, *, count: int, balloon: int, unrounded: Fraction, rounded: int
) -> None:
    """Note how the equal share of principal of the open rows was found."""
    trace.levellings.append(
        Levelling(
            on=account.mark,
            formula="(b - B) / n",
            first=account.open_rows[0].number,
            count=count,
            balance=account.undue,
            balloon=balloon,
            accrued=Fraction(0),
            factors=(),
            unrounded=unrounded,
            rounded=rounded,
            event_id=trace.event_id,
        )
    )


def agreed_level(account: Account, trace: Trace) -> None:
    """Note that the installment of the open rows is an amount that was agreed."""
    rows = account.open_rows
    trace.levellings.append(
        Levelling(
            on=account.mark,
            formula="amount agreed",
            first=rows[0].number,
            count=len(rows),
            balance=account.undue,
            balloon=0,
            accrued=Fraction(0),
            factors=(),
            unrounded=Fraction(account.level),
            rounded=account.level,
            event_id=trace.event_id,
        )
    )


def sharing(account: Account, trace: Trace, *, factor: Fraction, whole: int) -> None:
    """Note how the interest of the open rows of a flat or bullet loan was found."""
    timeline, rows = account.timeline, account.open_rows
    parts = timeline.part(rows[-1].to_date) - timeline.part(account.mark)
    accrued = Fraction(account.carried, timeline.scale)
    trace.sharings.append(
        Sharing(
            from_date=account.mark,
            to_date=rows[-1].to_date,
            first=rows[0].number,
            count=len(rows),
            principal=account.financed,
            factor=factor,
            years=Fraction(parts * PER_CENT, timeline.scale),
            accrued=accrued,
            unrounded=(account.financed * factor + accrued) / len(rows),
            whole=whole,
            pauses=tuple(
                each
                for each in timeline.stops
                if each.from_date < rows[-1].to_date and each.until > account.mark
            ),
            event_id=trace.event_id,
        )
    )


def plan(account: Account, trace: Trace) -> None:
    """Note on which balances the open rows are planned to earn interest in days to come."""
    balance = account.undue
    for at, row in enumerate(account.open_rows):
        base = balance if at else account.base
        if account.terms.method in _SIMPLE:
            base = account.financed
        begins = row.from_date if at else account.mark
        trace.planned[row.number] = traces.pieces(
            account.timeline, row.number, start=begins, end=row.to_date, base=base
        )
        balance -= row.planned - row.ahead


def finish(account: Account, trace: Trace, *, on: dt.date) -> None:
    """Note how an account ended, and what has accrued since the last change."""
    trace.rows = list(account.rows)
    trace.open_numbers = range(account.current + 1, account.plan_end + 1)
    trace.put_off = account.put_off
    trace.accruing = account.accruals(on)
    if on < dt.date.max:
        trace.next_day = Fraction(account.interest_of_day(on), account.timeline.scale)
