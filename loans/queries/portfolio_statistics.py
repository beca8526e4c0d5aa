"""The groups that the statistics of the book are reckoned from: one aggregate a statement, whatever is asked for.

Each costs what the book is large; what it gives does not grow with the book, since months further off than
loans.core.portfolio.MONTHS_MAX are one. loans.services.portfolio_statistics sees to it that they are asked for rarely.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.core import portfolio, state
from loans.core.lifecycle import Status
from loans.core.portfolio import MONTHS_MAX, Due, LoanGroup, Moved
from loans.core.state import Amounts
from loans.queries.portfolio import BUCKET_DAYS_MAX, COMPONENTS, EVENTS, INSTALLMENTS, LOANS, SETTLED, moved

CURRENT = state.BUCKETS[0][1]
IS_CHARGED_OFF = LOANS.c.charged_off_on.is_not(None)


def loan_groups(session: Session, *, on: date) -> tuple[LoanGroup, ...]:
    """Group all loans by currency, status, bucket of days past due and month of disbursement."""
    days = sa.literal(on, sa.Date) - LOANS.c.next_due_date
    bucket = sa.case(
        (LOANS.c.status != Status.DISBURSED.value, None),
        # Nothing is due any more, or not yet.
        (sa.or_(days.is_(None), days <= 0), CURRENT),
        *((days <= limit, name) for name, limit in BUCKET_DAYS_MAX.items()),
        else_=state.LAST_BUCKET,
    )
    # All that is older than the months shown counts as of the month before them.
    month = sa.func.greatest(_month(LOANS.c.disbursed_on), portfolio.month_of(on, later=-MONTHS_MAX))
    by = (
        LOANS.c.currency,
        LOANS.c.status,
        IS_CHARGED_OFF.label("is_charged_off"),
        bucket.label("bucket"),
        # The greatest of nothing and a date would be the date.
        sa.case((LOANS.c.disbursed_on.is_not(None), month)).label("month"),
    )
    summed = (
        "disbursed",
        "principal_paid",
        "principal_written_off",
        *(f"{component}_outstanding" for component in COMPONENTS),
    )
    rows = session.execute(
        sa.select(
            *by, sa.func.count().label("loans"), *(sa.func.sum(LOANS.c[name]).label(name) for name in summed)
        ).group_by(*(sa.literal_column(str(place)) for place in range(1, len(by) + 1)))
    )
    return tuple(
        LoanGroup(
            row.currency,
            row.status,
            row.is_charged_off,
            row.bucket,
            row.month,
            row.loans,
            int(row.disbursed),
            int(row.principal_paid),
            int(row.principal_written_off),
            Amounts(**{name: int(getattr(row, f"{name}_outstanding")) for name in COMPONENTS}),
        )
        for row in rows
    )


def moved_by_month(session: Session, *, on: date) -> tuple[Moved, ...]:
    """Sum what was disbursed and received in each of the months up to a day's."""
    month = _month(EVENTS.c.effective_date)
    first = portfolio.month_of(on, later=1 - MONTHS_MAX)
    rows = session.execute(
        moved(LOANS.c.currency, month.label("month")).where(EVENTS.c.effective_date >= first)
    )
    return tuple(Moved(row.currency, row.month, int(row.disbursed), int(row.received)) for row in rows)


def due_by_month(session: Session, *, on: date) -> tuple[Due, ...]:
    """Sum what the installments of loans on the books still ask for, by month; what was due before a day apart."""
    month = sa.case(
        (
            INSTALLMENTS.c.due_date >= on,
            sa.func.least(_month(INSTALLMENTS.c.due_date), portfolio.month_of(on, later=MONTHS_MAX)),
        )
    ).label("month")
    rows = session.execute(
        sa.select(LOANS.c.currency, month, *(sa.func.sum(_unpaid(each)).label(each) for each in COMPONENTS))
        .select_from(LOANS)
        .join(INSTALLMENTS, INSTALLMENTS.c.loan_id == LOANS.c.id)
        .where(LOANS.c.status == Status.DISBURSED.value, ~IS_CHARGED_OFF, INSTALLMENTS.c.settled_on.is_(None))
        .group_by(sa.literal_column("1"), sa.literal_column("2"))
    )
    return tuple(
        Due(row.currency, row.month, Amounts(**{name: int(getattr(row, name)) for name in COMPONENTS}))
        for row in rows
    )


def _month(day: sa.ColumnElement[Any]) -> sa.ColumnElement[date]:
    """Give the first day of a date's month."""
    return sa.cast(sa.func.date_trunc("month", sa.cast(day, sa.DateTime)), sa.Date)


def _unpaid(component: str) -> Any:
    settled = [INSTALLMENTS.c[name] for name in SETTLED if name.startswith(f"{component}_")]
    return INSTALLMENTS.c[component] - sum(settled, start=sa.literal(0))
