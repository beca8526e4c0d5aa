"""Loan requests of the first API as they are stored: find, walk from the newest on, sum up."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.models import legacy_loan as models

REQUESTS = models.LegacyLoan.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyLoanRecord:
    """A row of `legacy_loans`; its amount is a decimal, not minor units."""

    id: uuid.UUID
    borrower_id: str
    amount: Decimal
    currency: str
    status: str
    term_months: int | None
    interest_rate_apr: Decimal | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyStats:
    """What all requests come to. The sums mix currencies, as the first API does, and are for looking at."""

    total_loans: int
    total_amount: float
    avg_amount: float
    by_status: Mapping[str, int]
    by_currency: Mapping[str, int]


# What GROUPING says of a row: it has a bit for each of status and currency that the row does not group by.
BY_STATUS, BY_CURRENCY, ALL = 0b01, 0b10, 0b11
NAMES = tuple(field.name for field in fields(LegacyLoanRecord))
COLUMNS = tuple(REQUESTS.c[name] for name in NAMES)


def find(session: Session, *, loan_id: uuid.UUID) -> LegacyLoanRecord | None:
    """Give a request, or None."""
    row = session.execute(sa.select(*COLUMNS).where(REQUESTS.c.id == loan_id)).mappings().one_or_none()
    return None if row is None else LegacyLoanRecord(**row)


def newest(
    session: Session, *, limit: int, before: LegacyLoanRecord | None = None
) -> tuple[LegacyLoanRecord, ...]:
    """Give at most `limit` requests, newest first: from the very newest on, or from the one after `before`.

    Requests of one instant, of which an import may have thousands, follow one another by identifier.
    """
    order = (REQUESTS.c.created_at, REQUESTS.c.id)
    query = sa.select(*COLUMNS).order_by(*(column.desc() for column in order)).limit(limit)
    if before is not None:
        query = query.where(sa.tuple_(*order) < sa.tuple_(before.created_at, before.id))
    # A list of all may have very many rows: this way of naming their values takes half the time of others.
    return tuple(LegacyLoanRecord(**dict(zip(NAMES, row, strict=True))) for row in session.execute(query))


def stats(session: Session) -> LegacyStats:
    """Count and sum all requests, in one pass over the table."""
    amount = sa.cast(sa.func.sum(REQUESTS.c.amount), sa.Double)
    average = sa.cast(sa.func.avg(REQUESTS.c.amount), sa.Double)
    sets = sa.func.grouping_sets(sa.tuple_(REQUESTS.c.status), sa.tuple_(REQUESTS.c.currency), sa.text("()"))
    level = sa.func.grouping(REQUESTS.c.status, REQUESTS.c.currency)
    query = sa.select(
        level.label("level"),
        REQUESTS.c.status,
        REQUESTS.c.currency,
        sa.func.count().label("requests"),
        amount.label("amount"),
        average.label("average"),
    ).group_by(sets)
    rows = session.execute(query).all()
    (total,) = (row for row in rows if row.level == ALL)
    return LegacyStats(
        total_loans=total.requests,
        total_amount=total.amount or 0.0,
        avg_amount=total.average or 0.0,
        by_status={row.status: row.requests for row in rows if row.level == BY_STATUS},
        by_currency={row.currency: row.requests for row in rows if row.level == BY_CURRENCY},
    )
