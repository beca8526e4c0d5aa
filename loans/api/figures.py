"""The figures of the book as Prometheus reads them: in major units, by currency and never by id.

They are read on a connection of their own, by a thread that no scrape waits for longer than a second: a database that
is away or slow makes the figures stale, which their timestamps show, and never breaks /metrics.
"""

import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from loans import clock
from loans.core import currencies
from loans.core.lifecycle import Status
from loans.logger import log
from loans.metrics import Reading, Sample
from loans.queries import portfolio as queries
from loans.services import portfolio
from loans.services.portfolio import Figures, Observation

WAIT_SECONDS = 1.0
CONNECT_SECONDS = 2
# Beyond the longest statement, which sets a limit of its own.
SILENCE_MS = portfolio.STATEMENT_TIMEOUT_MS + 2_000


class Watch:
    """Looks at the book when /metrics is scraped, and computes the figures if they are due."""

    def __init__(self, url: str, *, business_timezone: str, wait_seconds: float = WAIT_SECONDS) -> None:
        self._business_timezone = business_timezone
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="figures")
        self._look: Future[Observation] | None = None
        self._latest: Observation | None = None
        # Not the pool of the requests: when that is exhausted is when figures are needed most.
        self._engine = sa.create_engine(
            url,
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="REPEATABLE READ",
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "tcp_user_timeout": SILENCE_MS,
                "application_name": "branch-loans-figures",
                "options": "-c statement_timeout=2000 -c lock_timeout=1000 -c timezone=UTC",
            },
        )

    def __call__(self) -> Iterable[Reading]:
        """Give the newest figures there are."""
        with self._lock:
            if self._look is None:
                self._look = self._executor.submit(self._observe)
            look = self._look
        try:
            seen: Observation | None = look.result(timeout=self._wait_seconds)
        except FutureTimeoutError:
            log("Figures not read", level="warning", error=f"no answer within {self._wait_seconds} s")
            return readings(self._latest, now=clock.now())
        except SQLAlchemyError as error:
            log("Figures not read", level="warning", error=str(error.__cause__ or error).strip())
            seen = self._latest
        with self._lock:
            self._latest = seen
            if self._look is look:
                self._look = None
        return readings(seen, now=clock.now())

    def _observe(self) -> Observation:
        """Read what is known; if it is due, compute it first."""
        with Session(self._engine) as session:
            with session.begin():
                seen, is_due = portfolio.observe(session)
            if not is_due or not self._is_ours(session):
                return seen
            with session.begin():
                portfolio.refresh(session, business_date=clock.business_date(self._business_timezone))
            with session.begin():
                return portfolio.observe(session)[0]

    def _is_ours(self, session: Session) -> bool:
        with session.begin():
            # Of two that claim at once, the second must see what the first has written, not fail on it.
            session.connection(execution_options={"isolation_level": "READ COMMITTED"})
            return portfolio.claim(session)


def readings(seen: Observation | None, *, now: datetime) -> tuple[Reading, ...]:
    """Say what was seen in Prometheus' terms; of what is not known there is no series."""
    if seen is None:
        return ()
    figures = () if seen.figures is None else _of_figures(seen.figures)
    return (*figures, *_of_verification(seen), *_of_outbox(seen, now=now))


def _of_figures(figures: Figures) -> tuple[Reading, ...]:
    return (*_of_loans(figures), *_of_arrears(figures), *_of_journal(figures))


def _of_loans(figures: Figures) -> tuple[Reading, ...]:
    """Count the loans by status, and sum the money of each currency; 0 where one with loans has none."""
    counts = {(each.currency, status.value): 0 for each in figures.statuses for status in Status}
    sums: dict[str, dict[str, int]] = {}
    for each in figures.statuses:
        counts[each.currency, each.status] = each.loans
        totals = sums.setdefault(
            each.currency, dict.fromkeys(("disbursed", "received", *queries.COMPONENTS), 0)
        )
        for component in queries.COMPONENTS:
            totals[component] += getattr(each, f"{component}_outstanding")
    for moved in figures.money:
        sums[moved.currency] |= {"disbursed": moved.disbursed, "received": moved.received}
    return (
        Reading(
            "branchloans_loans",
            "Loans by status.",
            tuple(
                Sample(float(count), {"status": status, "currency": currency})
                for (currency, status), count in counts.items()
            ),
        ),
        Reading(
            "branchloans_disbursed_amount",
            "Amounts of all disbursements not reversed, in major units: deducted fees included, added ones not.",
            tuple(_amount(totals["disbursed"], currency) for currency, totals in sums.items()),
        ),
        Reading(
            "branchloans_repaid_amount",
            "Money received by repayments and payoffs not reversed, less chargebacks, in major units.",
            tuple(_amount(totals["received"], currency) for currency, totals in sums.items()),
        ),
        Reading(
            "branchloans_outstanding_amount",
            "What the schedules still ask for, due or not, in major units.",
            tuple(
                _amount(totals[component], currency, component=component)
                for currency, totals in sums.items()
                for component in queries.COMPONENTS
            ),
        ),
    )


def _of_arrears(figures: Figures) -> tuple[Reading, ...]:
    """Show every bucket of every currency that has loans, 0 where none is that late."""
    known = {(each.currency, each.bucket): each for each in figures.arrears}
    places = [
        (currency, bucket)
        for currency in dict.fromkeys(each.currency for each in figures.statuses)
        for bucket in queries.BUCKETS
    ]
    counts, overdue, at_risk = [], [], []
    for currency, bucket in places:
        found = known.get((currency, bucket))
        labels = {"currency": currency, "bucket": bucket}
        counts.append(Sample(float(found.loans if found else 0), labels))
        overdue.append(_amount(found.overdue if found else 0, currency, bucket=bucket))
        at_risk.append(_amount(found.at_risk if found else 0, currency, bucket=bucket))
    return (
        Reading(
            "branchloans_arrears_loans",
            "Loans in arrears, by days past due of the oldest unpaid installment.",
            tuple(counts),
        ),
        Reading(
            "branchloans_arrears_amount",
            "What these loans have not paid though it was due, in major units.",
            tuple(overdue),
        ),
        Reading(
            "branchloans_at_risk_amount",
            "All principal that these loans still owe, due or not, in major units.",
            tuple(at_risk),
        ),
    )


def _of_journal(figures: Figures) -> tuple[Reading, ...]:
    return (
        Reading(
            "branchloans_ledger_imbalance_amount",
            "What all journal lines sum to, in major units: anything but 0 is a fault.",
            tuple(_amount(total, currency) for currency, total in sorted(figures.imbalances.items())),
        ),
        Reading(
            "branchloans_portfolio_timestamp_seconds",
            "When the figures of the book were computed.",
            (Sample(figures.taken_at.timestamp()),),
        ),
    )


def _of_verification(seen: Observation) -> tuple[Reading, ...]:
    if seen.verified_at is None or seen.faults is None:
        return ()
    return (
        Reading(
            "branchloans_verification_faults",
            "Differences that the newest `flask verify` found.",
            (Sample(float(seen.faults)),),
        ),
        Reading(
            "branchloans_verification_timestamp_seconds",
            "When the newest `flask verify` came to its end.",
            (Sample(seen.verified_at.timestamp()),),
        ),
    )


def _of_outbox(seen: Observation, *, now: datetime) -> tuple[Reading, ...]:
    oldest = seen.oldest_outbox_event
    return (
        Reading(
            "branchloans_outbox_age_seconds",
            "Age of the oldest event in the outbox; 0 if it is empty.",
            (Sample(0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())),),
        ),
    )


def _amount(minor: int, currency: str, **labels: str) -> Sample:
    """Write minor units as major ones. A figure to look at: from 2**53 minor units on the last digits are rounded."""
    return Sample(minor / 10 ** currencies.MINOR_UNITS.get(currency, 2), {"currency": currency} | labels)
