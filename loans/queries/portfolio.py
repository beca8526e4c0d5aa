"""The whole book in a few figures: loans by status, money lent, repaid, owed and overdue. Minor units.

Each figure is one aggregate over a table, which costs what the book is large: loans.services.portfolio sees to it that
they are asked for rarely.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from loans.core import state
from loans.core.events import RECEIPTS, EventKind
from loans.core.lifecycle import Status
from loans.models import loan as models
from loans.models.monitoring import PortfolioFigures, VerificationRun
from loans.models.outbox import OutboxEvent

LOANS = models.Loan.__table__
EVENTS = models.LoanEvent.__table__
INSTALLMENTS = models.Installment.__table__
FIGURES = PortfolioFigures.__table__
RUNS = VerificationRun.__table__
OUTBOX = OutboxEvent.__table__

COMPONENTS = ("principal", "interest", "fee", "penalty")
# Nothing waives principal.
SETTLED = (
    *(f"{component}_{what}" for what in ("paid", "written_off") for component in COMPONENTS),
    *(f"{component}_waived" for component in COMPONENTS[1:]),
)
# What is kept in each row of FIGURES: what /metrics shows, and the statistics of the book.
METRICS_ROW, STATISTICS_ROW = 1, 2
# Of loans that are late, by days past due up to and including; the last bucket has no end.
BUCKET_DAYS_MAX = {name: most for most, name in state.BUCKETS if most}
BUCKETS = (*BUCKET_DAYS_MAX, state.LAST_BUCKET)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFigures:
    """What all loans of one status in one currency come to."""

    currency: str
    status: str
    loans: int
    principal_outstanding: int
    interest_outstanding: int
    fee_outstanding: int
    penalty_outstanding: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyFigures:
    """The money that has moved in one currency, but for what was reversed.

    `disbursed` is the amounts of all disbursements: fees deducted from them included, fees added to them not.
    `received` is what came in by repayments and payoffs, less what was charged back: a goodwill credit is no money
    received, and a credit balance is.
    """

    currency: str
    disbursed: int
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrearsFigures:
    """The loans in arrears of one currency whose oldest unpaid installment is so many days past due.

    Each loan counts as it stood on the day it is folded up to. `overdue` is what was due before the business date and
    is unpaid; `at_risk` is all principal these loans still owe.
    """

    currency: str
    bucket: str
    loans: int
    overdue: int
    at_risk: int


def by_status(session: Session) -> tuple[StatusFigures, ...]:
    """Sum the loans of each status in each currency."""
    sums = tuple(f"{component}_outstanding" for component in COMPONENTS)
    rows = session.execute(
        sa.select(
            LOANS.c.currency,
            LOANS.c.status,
            sa.func.count().label("loans"),
            *(sa.func.sum(LOANS.c[name]).label(name) for name in sums),
        )
        .group_by(LOANS.c.currency, LOANS.c.status)
        .order_by(LOANS.c.currency, LOANS.c.status)
    ).mappings()
    return tuple(StatusFigures(**{**row, **{name: int(row[name]) for name in sums}}) for row in rows)


def money(session: Session) -> tuple[MoneyFigures, ...]:
    """Sum what was disbursed and received in each currency."""
    rows = session.execute(moved(LOANS.c.currency))
    return tuple(
        MoneyFigures(currency=row.currency, disbursed=int(row.disbursed), received=int(row.received))
        for row in rows
    )


def moved(*by: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Make the statement that sums what was disbursed and received, but for what was reversed, by some columns."""
    reversals = EVENTS.alias("reversals")
    came_in = tuple(kind.value for kind in RECEIPTS)
    signed = sa.case(
        (EVENTS.c.kind.in_(came_in), EVENTS.c.amount),
        (EVENTS.c.kind == EventKind.CHARGEBACK.value, -EVENTS.c.amount),
        else_=0,
    )
    is_disbursement = EVENTS.c.kind == EventKind.DISBURSED.value
    return (
        sa.select(
            *by,
            sa.func.sum(sa.case((is_disbursement, EVENTS.c.amount), else_=0)).label("disbursed"),
            sa.func.sum(signed).label("received"),
        )
        .select_from(LOANS)
        .join(EVENTS, EVENTS.c.loan_id == LOANS.c.id)
        .where(
            EVENTS.c.kind.in_([*came_in, EventKind.CHARGEBACK.value, EventKind.DISBURSED.value]),
            # Few events are reversals: those that are none need not be compared.
            ~sa.exists().where(
                reversals.c.loan_id == EVENTS.c.loan_id,
                reversals.c.reverses == EVENTS.c.id,
                reversals.c.reverses.is_not(None),
            ),
        )
        .group_by(*by)
        .order_by(*by)
    )


def arrears(session: Session, *, on: date) -> tuple[ArrearsFigures, ...]:
    """Sum the loans of which an installment was due before the date and is unpaid, by bucket and currency."""
    days = sa.literal(on, sa.Date) - LOANS.c.next_due_date
    asked = sum((INSTALLMENTS.c[name] for name in COMPONENTS), start=sa.literal(0))
    settled = sum((INSTALLMENTS.c[name] for name in SETTLED), start=sa.literal(0))
    overdue = (
        sa.select(sa.func.coalesce(sa.func.sum(asked - settled), 0).label("amount"))
        .where(INSTALLMENTS.c.loan_id == LOANS.c.id, INSTALLMENTS.c.due_date < on)
        .lateral()
    )
    bucket = sa.case(
        *((days <= limit, name) for name, limit in BUCKET_DAYS_MAX.items()), else_=state.LAST_BUCKET
    ).label("bucket")
    rows = session.execute(
        sa.select(
            LOANS.c.currency,
            bucket,
            sa.func.count().label("loans"),
            sa.func.sum(overdue.c.amount).label("overdue"),
            sa.func.sum(LOANS.c.principal_outstanding).label("at_risk"),
        )
        .select_from(LOANS)
        .join(overdue, sa.true())
        .where(LOANS.c.status == Status.DISBURSED.value, LOANS.c.next_due_date < on)
        .group_by(LOANS.c.currency, bucket)
        .order_by(LOANS.c.currency, bucket)
    )
    return tuple(
        ArrearsFigures(
            currency=row.currency,
            bucket=row.bucket,
            loans=row.loans,
            overdue=int(row.overdue),
            at_risk=int(row.at_risk),
        )
        for row in rows
    )


def stored(
    session: Session, *, row: int = METRICS_ROW
) -> tuple[datetime, datetime | None, dict[str, Any] | None] | None:
    """Give when the stored figures are due again, when they were taken and what they are; None before the first."""
    found = session.execute(
        sa.select(FIGURES.c.due_at, FIGURES.c.taken_at, FIGURES.c.figures).where(FIGURES.c.id == row)
    ).one_or_none()
    return None if found is None else (found.due_at, found.taken_at, found.figures)


def claim(session: Session, *, now: datetime, until: datetime, row: int = METRICS_ROW) -> bool:
    """Take on computing the figures, if they are due and nobody else has; tell whether it is ours.

    Of several that try at once, the row lets one through: the others wait for it and then find it moved on.
    """
    statement = (
        postgresql.insert(FIGURES)
        .values(id=row, due_at=until)
        .on_conflict_do_update(
            index_elements=[FIGURES.c.id], set_={"due_at": until}, where=FIGURES.c.due_at <= now
        )
        .returning(FIGURES.c.id)
    )
    return session.execute(statement).one_or_none() is not None


def store(
    session: Session,
    *,
    figures: dict[str, Any],
    taken_at: datetime,
    due_at: datetime,
    row: int = METRICS_ROW,
) -> None:
    """Keep the figures for all to show."""
    session.execute(
        sa.update(FIGURES)
        .where(FIGURES.c.id == row)
        .values(figures=figures, taken_at=taken_at, due_at=due_at)
    )


def last_verification(session: Session) -> tuple[datetime, int] | None:
    """Give when the newest run of the verification ended, and how many differences it found."""
    row = session.execute(
        sa.select(RUNS.c.finished_at, RUNS.c.faults).order_by(RUNS.c.id.desc()).limit(1)
    ).one_or_none()
    return None if row is None else (row.finished_at, row.faults)


def oldest_outbox_event(session: Session) -> datetime | None:
    """Give when the oldest event in the outbox happened."""
    return session.execute(
        sa.select(OUTBOX.c.occurred_at).order_by(OUTBOX.c.id).limit(1)
    ).scalar_one_or_none()
