"""Budgets of requests: so many in a window, counted in one place for all workers of all containers (ADR 33).

A window begins with the first request after the one before has ended. Its time is the database's, the only clock that
all workers share.
"""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from loans.core.errors import LendingError
from loans.models.rate_limit import RateLimit

LIMITS = RateLimit.__table__
FORGOTTEN_AFTER = timedelta(hours=1)
FORGOTTEN_MAX = 1000


class RateLimited(LendingError):
    """Too many requests in a short time; see Retry-After."""

    code = "rate_limited"
    title = "Too many requests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was granted of a budget, what is left of it, and for how long both hold."""

    granted: int
    left: int
    seconds: float


def take(session: Session, *, key: str, wanted: int, limit: int, window_seconds: int) -> Taken:
    """Take tokens of a budget, at most as many as are left; the caller commits at once, for others wait for the row."""
    # One instant for the whole statement, and not that of a transaction which may have begun long before.
    now, length = sa.func.statement_timestamp(), timedelta(seconds=window_seconds)
    is_over = LIMITS.c.ends_at <= now
    free = sa.case((is_over, limit), else_=sa.func.greatest(limit - LIMITS.c.used, 0))
    granted = sa.func.least(wanted, free)
    first = min(wanted, limit)
    row = session.execute(
        postgresql.insert(LIMITS)
        .values(key=key, ends_at=now + length, used=first, granted=first)
        .on_conflict_do_update(
            index_elements=[LIMITS.c.key],
            set_={
                "granted": granted,
                "used": sa.case((is_over, 0), else_=LIMITS.c.used) + granted,
                "ends_at": sa.case((is_over, now + length), else_=LIMITS.c.ends_at),
            },
        )
        .returning(
            LIMITS.c.granted,
            LIMITS.c.used,
            sa.extract("epoch", LIMITS.c.ends_at - now).label("seconds"),
        )
    ).one()
    return Taken(granted=row.granted, left=max(limit - row.used, 0), seconds=float(row.seconds))


def forget(session: Session) -> None:
    """Delete some budgets of callers who have not called for an hour."""
    old = (
        sa.select(LIMITS.c.key)
        .where(LIMITS.c.ends_at < sa.func.statement_timestamp() - FORGOTTEN_AFTER)
        .limit(FORGOTTEN_MAX)
        .with_for_update(skip_locked=True)
    )
    session.execute(sa.delete(LIMITS).where(LIMITS.c.key.in_(old)))
