"""Keeps the statistics of the book fresh: on a connection and in a thread of its own, which no request has to wait for.

Whoever finds them due has them computed, and waits for them no longer than a few seconds; whoever asks meanwhile, or
loses patience, gets the ones before.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from loans import clock
from loans.core.errors import LendingError
from loans.logger import log
from loans.services import portfolio_statistics as statistics
from loans.services.portfolio_statistics import Kept

WAIT_SECONDS = 3.0
CONNECT_SECONDS = 2
# What one of the sums may take; beyond it the statistics before are shown for another five minutes.
STATEMENT_TIMEOUT_MS = 20_000


class StatisticsNotReady(LendingError):
    """The statistics of the book are being computed for the first time; ask again in a moment."""

    code = "statistics_not_ready"
    title = "Statistics not ready"


class Keeper:
    """Gives the newest statistics there are, and has them computed anew when they are due."""

    def __init__(self, url: str, *, business_timezone: str, wait_seconds: float = WAIT_SECONDS) -> None:
        self._zone = ZoneInfo(business_timezone)
        self._business_timezone = business_timezone
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="statistics")
        self._running: Future[None] | None = None
        # Not the pool of the requests: a computation would hold one of its connections for long.
        self.engine = sa.create_engine(
            url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "tcp_user_timeout": STATEMENT_TIMEOUT_MS + 2_000,
                "application_name": "branch-loans-statistics",
                "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout=1000 -c timezone=UTC",
            },
        )

    def latest(self, session: Session) -> Kept:
        """Give the newest statistics, after a computation of them if they are due and it does not take long.

        :raises StatisticsNotReady: if there are none yet.
        """
        kept, is_due = statistics.stored(session)
        if is_due:
            # Nothing is held while waiting.
            session.rollback()
            self._wait()
            kept, _ = statistics.stored(session)
        if kept is None:
            raise StatisticsNotReady("the statistics are being computed for the first time")
        return kept

    def _wait(self) -> None:
        with self._lock:
            if self._running is None or self._running.done():
                self._running = self._executor.submit(self._refresh)
            running = self._running
        try:
            running.result(timeout=self._wait_seconds)
        except FutureTimeoutError:
            log("Statistics not ready", level="warning", error=f"not within {self._wait_seconds} s")
        except SQLAlchemyError as error:
            log("Statistics not computed", level="warning", error=str(error.__cause__ or error).strip())

    def _refresh(self) -> None:
        """Compute and keep the statistics, unless another process has taken it on."""
        with self.engine.connect() as connection, Session(connection) as session:
            with session.begin():
                if not statistics.claim(session):
                    return
            started, now = clock.monotonic(), clock.now()
            today = clock.business_date(self._business_timezone)
            with session.begin():
                groups = statistics.compute(session, business_date=today)
            with session.begin():
                statistics.keep(
                    session,
                    groups=groups,
                    as_of=today,
                    taken_at=now,
                    until=self._end_of(today),
                    seconds=clock.monotonic() - started,
                )

    def _end_of(self, day: date) -> datetime:
        return datetime.combine(day + timedelta(days=1), time(), tzinfo=self._zone).astimezone(UTC)
