"""The statistics of the whole book: computed by whoever finds them due, kept in a row, shown to everyone (ADR 32).

However often they are asked for, they are computed at most once in `PAUSE_SECONDS`, and the more seldom the longer it
takes; by one process, from one snapshot of the database, so that every figure agrees with every other.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans import clock, ledger
from loans.core import postings
from loans.core.portfolio import Due, Groups, LoanGroup, Moved, Receivable
from loans.core.state import Amounts
from loans.queries import portfolio
from loans.queries import portfolio_statistics as queries
from loans.queries.portfolio import STATISTICS_ROW
from loans.services.portfolio import CLAIM_SECONDS, PAUSE_FACTOR, PAUSE_SECONDS

# How the row is laid out: a release that knows another layout leaves the statistics of this one alone.
LAYOUT = 1
RECEIVABLES = {
    postings.PRINCIPAL_RECEIVABLE: "principal",
    postings.INTEREST_RECEIVABLE: "interest",
    postings.FEE_RECEIVABLE: "fee",
    postings.PENALTY_RECEIVABLE: "penalty",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was computed, when, and as of which business date."""

    groups: Groups
    as_of: date
    taken_at: datetime


def stored(session: Session) -> tuple[Kept | None, bool]:
    """Read what is kept, and whether it is due to be computed again."""
    row = portfolio.stored(session, row=STATISTICS_ROW)
    if row is None:
        return None, True
    due_at, taken_at, found = row
    is_due = due_at <= clock.now()
    if taken_at is None or found is None or found.get("layout") != LAYOUT:
        return None, is_due
    return Kept(groups=_read(found), as_of=date.fromisoformat(found["as_of"]), taken_at=taken_at), is_due


def claim(session: Session) -> bool:
    """Take on computing the statistics; tell whether it is ours. To be committed before `compute`."""
    now = clock.now()
    return portfolio.claim(session, now=now, until=now + timedelta(seconds=CLAIM_SECONDS), row=STATISTICS_ROW)


def compute(session: Session, *, business_date: date) -> Groups:
    """Sum up the book as it is at one instant, in a transaction of its own in which nothing came before."""
    session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    return Groups(
        loans=queries.loan_groups(session, on=business_date),
        moved=queries.moved_by_month(session, on=business_date),
        due=queries.due_by_month(session, on=business_date),
        receivable=_receivable(session),
    )


def keep(
    session: Session, *, groups: Groups, as_of: date, taken_at: datetime, until: datetime, seconds: float
) -> None:
    """Keep what was computed in so many seconds for all to see, at most until the business date is another one."""
    pause = timedelta(seconds=max(PAUSE_SECONDS, PAUSE_FACTOR * seconds))
    portfolio.store(
        session,
        figures=_write(groups, as_of=as_of),
        taken_at=taken_at,
        due_at=max(taken_at, min(taken_at + pause, until)),
        row=STATISTICS_ROW,
    )


def _receivable(session: Session) -> tuple[Receivable, ...]:
    found: dict[str, dict[str, int]] = {}
    for account in ledger.trial_balance(session):
        if account.account in RECEIVABLES:
            found.setdefault(account.currency, {})[RECEIVABLES[account.account]] = account.balance
    return tuple(Receivable(currency, Amounts(**amounts)) for currency, amounts in found.items())


def _write(groups: Groups, *, as_of: date) -> dict[str, Any]:
    """Lay the groups out as JSON: rows without names, dates as text."""
    rows = {name: [_plain(row) for row in getattr(groups, name)] for name in Groups.__slots__}
    return {"layout": LAYOUT, "as_of": as_of.isoformat()} | rows


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [value.isoformat() if isinstance(value, date) else value for value in row]


def _read(found: dict[str, Any]) -> Groups:
    return Groups(
        loans=tuple(_loan_group(*row) for row in found["loans"]),
        moved=tuple(Moved(row[0], date.fromisoformat(row[1]), *row[2:]) for row in found["moved"]),
        due=tuple(Due(row[0], _day(row[1]), Amounts(*row[2])) for row in found["due"]),
        receivable=tuple(Receivable(row[0], Amounts(*row[1])) for row in found["receivable"]),
    )


def _loan_group(*row: Any) -> LoanGroup:
    currency, status, is_charged_off, bucket, month, *figures, outstanding = row
    return LoanGroup._make(
        (currency, status, is_charged_off, bucket, _day(month), *figures, Amounts(*outstanding))
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
