"""The figures of the whole book: computed by whoever finds them due, kept in a row, shown by everyone.

However many workers are asked and however often, the sums are computed at most once in `PAUSE_SECONDS`, and the more
seldom the longer they take: never during more than a sixtieth of the time.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans import clock, ledger
from loans.queries import portfolio
from loans.queries.portfolio import ArrearsFigures, MoneyFigures, StatusFigures

PAUSE_SECONDS = 60
PAUSE_FACTOR = 60
# What one computation may take; beyond it the figures go stale, which an alert tells.
STATEMENT_TIMEOUT_MS = 10_000
# How the row is laid out: a release that knows another layout leaves the figures of this one alone.
LAYOUT = 3
# Who took it on and died is not waited for longer than this.
CLAIM_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The sums over the book at one instant; `imbalances` is {currency: what all journal lines sum to}."""

    taken_at: datetime
    statuses: tuple[StatusFigures, ...]
    money: tuple[MoneyFigures, ...]
    arrears: tuple[ArrearsFigures, ...]
    imbalances: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything about the book that is watched; what is None is not there yet."""

    figures: Figures | None
    verified_at: datetime | None
    faults: int | None
    oldest_outbox_event: datetime | None


def observe(session: Session) -> tuple[Observation, bool]:
    """Read what is known, and whether the figures are due to be computed again."""
    row = portfolio.stored(session)
    verification = portfolio.last_verification(session)
    observation = Observation(
        figures=None if row is None else _figures(row[1], row[2]),
        verified_at=None if verification is None else verification[0],
        faults=None if verification is None else verification[1],
        oldest_outbox_event=portfolio.oldest_outbox_event(session),
    )
    return observation, row is None or row[0] <= clock.now()


def claim(session: Session) -> bool:
    """Take on computing the figures; tell whether it is ours. To be committed before `refresh`."""
    now = clock.now()
    return portfolio.claim(session, now=now, until=now + timedelta(seconds=CLAIM_SECONDS))


def refresh(session: Session, *, business_date: date) -> None:
    """Compute the figures from one snapshot of the database, which the caller opens, and keep them."""
    session.execute(sa.text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}"))
    started, now = clock.monotonic(), clock.now()
    figures = {
        "layout": LAYOUT,
        "statuses": [asdict(each) for each in portfolio.by_status(session)],
        "money": [asdict(each) for each in portfolio.money(session)],
        "arrears": [asdict(each) for each in portfolio.arrears(session, on=business_date)],
        "imbalances": ledger.imbalances(session),
    }
    pause = max(PAUSE_SECONDS, PAUSE_FACTOR * (clock.monotonic() - started))
    portfolio.store(session, figures=figures, taken_at=now, due_at=now + timedelta(seconds=pause))


def _figures(taken_at: datetime | None, kept: dict[str, Any] | None) -> Figures | None:
    if taken_at is None or kept is None or kept.get("layout") != LAYOUT:
        return None
    return Figures(
        taken_at=taken_at,
        statuses=tuple(StatusFigures(**each) for each in kept["statuses"]),
        money=tuple(MoneyFigures(**each) for each in kept["money"]),
        arrears=tuple(ArrearsFigures(**each) for each in kept["arrears"]),
        imbalances=kept["imbalances"],
    )
