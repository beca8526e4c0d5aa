"""The database: engine options, the session, and transaction(), which holds the only commit.

Services receive a session and never commit (ADR 0005). What runs inside transaction() may run more than once,
so it must do nothing outside the database.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

import sqlalchemy as sa
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from loans import clock, metrics
from loans.config import Settings
from loans.logger import log

T = TypeVar("T")

AFTER_COMMIT = "after_commit"
TAKEN = "taken"
RETRIES_MAX = 3
RETRY_PAUSE_SECONDS = 0.02
SERIALIZATION_FAILURE, DEADLOCK_DETECTED = "40001", "40P01"
# Two requests with one Idempotency-Key, or one external_id, can meet here; the one that lost finds the other's row
# on its second attempt and answers accordingly (ADR 0007).
CONSTRAINTS_RETRIED = frozenset({"pk_idempotency_keys", "uq_loans_external_id", "uq_borrowers_external_id"})


class Base(DeclarativeBase):
    """The declarative base: every constraint has a name, so that errors and migrations can speak of it."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database(SQLAlchemy):
    """The extension, but for how a request's session ends."""

    def _teardown_session(self, exc: BaseException | None) -> None:
        """Give the session's connection back; one that has died meanwhile is thrown away.

        The answer is made and logged by then: what was not committed is undone without us, so nothing of it is lost.
        """
        try:
            super()._teardown_session(exc)
        except SQLAlchemyError as error:
            log("session lost", level="warning", error=str(getattr(error, "orig", error)).strip())
            self.session().invalidate()
            self.session.registry.clear()


db = Database(model_class=Base)
migrate = Migrate()


class DatabaseUnreachableError(Exception):
    """The database did not answer a ping in time."""


def engine_options(settings: Settings) -> dict[str, Any]:
    """Give the engine's pool and time-out options.

    The pool holds one connection for each thread of a worker and never more, so that the sum over all workers
    can be compared with max_connections. Time-outs form a ladder: lock < statement < idle in transaction.
    """
    timeouts = {
        "lock_timeout": settings.lock_timeout_ms,
        "statement_timeout": settings.statement_timeout_ms,
        "idle_in_transaction_session_timeout": settings.statement_timeout_ms + 3000,
    }
    return {
        # A failing statement is logged; the names and numbers of borrowers in it are not.
        "hide_parameters": True,
        "pool_size": settings.db_pool_size,
        "max_overflow": 0,
        "pool_timeout": 2,
        "pool_recycle": 300,
        "pool_pre_ping": True,
        "pool_use_lifo": True,
        "connect_args": {
            "connect_timeout": 3,
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "application_name": "branch-loans",
            "options": " ".join(f"-c {name}={value}" for name, value in timeouts.items())
            + " -c timezone=UTC",
        },
    }


def measure_pool(engine: sa.Engine, *, size: int) -> None:
    """Count the connections of a pool that are in use, for /metrics."""
    metrics.db_pool_size.set(size)

    def taken(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        _notes(record)[TAKEN] = True
        metrics.db_pool_in_use.inc()

    def given_back(_connection: object, record: ConnectionPoolEntry) -> None:
        # Also after a connection that was never handed out, because it had died in the pool.
        if _notes(record).pop(TAKEN, False):
            metrics.db_pool_in_use.dec()

    sa.event.listen(engine, "checkout", taken)
    sa.event.listen(engine, "checkin", given_back)  # codespell:ignore checkin
    sa.event.listen(engine, "detach", given_back)


def _notes(record: ConnectionPoolEntry) -> dict[str, bool]:
    """Give what is remembered of a place in the pool, whichever connection fills it."""
    if record.record_info is None:
        raise AssertionError("a place of a pool remembers")
    return record.record_info


def transaction(work: Callable[[Session], T], *, dry_run: bool = False) -> T:
    """Run `work` in one transaction and commit it; any exception rolls everything back.

    A dry run does the same, checks what the database would check at the commit, and then rolls back.

    Serialization failures, deadlocks and the meeting of two equal idempotency keys are retried at most three
    times with jitter, each time the whole of `work`.
    """
    session = db.session()
    for attempt in range(1, RETRIES_MAX + 2):
        session.info[AFTER_COMMIT] = []
        try:
            result = work(session)
            if dry_run:
                session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
                session.rollback()
                return result
            session.commit()
        except DBAPIError as error:
            session.rollback()
            if attempt > RETRIES_MAX or not _is_retryable(error):
                raise
            metrics.transaction_retries.labels(sqlstate=sqlstate(error)).inc()
            clock.sleep(random.uniform(0, RETRY_PAUSE_SECONDS * attempt))  # noqa: S311 - jitter, not a secret
        except BaseException:
            session.rollback()
            raise
        else:
            for action in session.info[AFTER_COMMIT]:
                action()
            return result
    raise AssertionError("the loop above returns or raises")


def tentatively(session: Session, work: Callable[[], T], *, keeps: Callable[[T], bool]) -> T:
    """Do some work inside a transaction and undo it, with all that was to follow its commit, unless `keeps` says so.

    What is undone has been checked by the database as it would have been at the commit.
    """
    noted = len(session.info.setdefault(AFTER_COMMIT, []))
    with session.begin_nested() as savepoint:
        result = work()
        if not keeps(result):
            session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
            savepoint.rollback()
            del session.info[AFTER_COMMIT][noted:]
    return result


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Have something done once the transaction has committed, such as counting what it did; else not at all."""
    session.info.setdefault(AFTER_COMMIT, []).append(action)


def execute_together(session: Session, *statements: sa.Insert | sa.Update | sa.Delete) -> None:
    """Run independent writes in a single round trip, as the parts of one WITH statement.

    All parts see the same snapshot, so none may read what another writes; foreign keys between them are
    checked when all are done.
    """
    parts = [statement.cte(f"write_{number}") for number, statement in enumerate(statements)]
    session.execute(sa.select(sa.literal(1)).add_cte(*parts))


def rows_of(
    name: str, *, columns: Mapping[str, sa.types.TypeEngine[Any]], rows: Sequence[Mapping[str, object]]
) -> sa.TableValuedAlias:
    """Give rows as a table of arrays: one and the same statement, whatever their number; `place` counts them."""
    arrays = [
        sa.bindparam(
            f"{name}_{column}", [row[column] for row in rows], postgresql.ARRAY(_element(kind)), unique=True
        )
        for column, kind in columns.items()
    ]
    values = sa.func.unnest(*arrays).table_valued(
        *(sa.column(column, kind) for column, kind in columns.items()), with_ordinality="place"
    )
    return values.render_derived(name=name)


def insert_rows(table: sa.Table, *, rows: Sequence[Mapping[str, object]]) -> postgresql.Insert:
    """Give the statement that inserts rows, each with the same columns, in their order."""
    source = rows_of(f"new_{table.name}", columns={name: table.c[name].type for name in rows[0]}, rows=rows)
    listed = sa.select(*(source.c[name] for name in rows[0])).order_by(source.c.place)
    return postgresql.insert(table).from_select(list(rows[0]), listed)


def _element(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    # In an array None would otherwise be the null of JSON, which is a value.
    return postgresql.JSONB(none_as_null=True) if isinstance(kind, postgresql.JSONB) else kind


def sqlstate(error: DBAPIError) -> str:
    """Give PostgreSQL's five-character code of an error, or "" if the connection was lost."""
    return getattr(error.orig, "pgcode", None) or ""


def violated_constraint(error: IntegrityError) -> str | None:
    """Name the constraint that refused a row."""
    diagnostics = getattr(error.orig, "diag", None)
    return getattr(diagnostics, "constraint_name", None)


def _is_retryable(error: DBAPIError) -> bool:
    if isinstance(error, IntegrityError):
        return violated_constraint(error) in CONSTRAINTS_RETRIED
    return sqlstate(error) in {SERIALIZATION_FAILURE, DEADLOCK_DETECTED}


class Ping:
    """Measures the way to the database on a connection of its own, so that a full pool cannot hide it.

    At most two pings run at once; each gives up after `timeout_seconds`, also when a socket hangs.
    """

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="health-db")
        self._engine = sa.create_engine(
            url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={
                "connect_timeout": 2,
                # A peer that vanished without a word must not keep one of the two threads for long.
                "tcp_user_timeout": int(timeout_seconds * 1000),
                "application_name": "branch-loans-health",
                "options": f"-c statement_timeout={int(timeout_seconds * 1000)}",
            },
        )

    def __call__(self) -> float:
        """Run SELECT 1 and give the seconds it took, connection included.

        :raises DatabaseUnreachableError: if there was no answer in time; the message says why.
        """
        future = self._executor.submit(self._select_one)
        try:
            return future.result(timeout=self._timeout_seconds)
        except FutureTimeoutError as error:
            future.cancel()
            raise DatabaseUnreachableError(f"no answer within {self._timeout_seconds} s") from error
        except SQLAlchemyError as error:
            raise DatabaseUnreachableError(str(error.__cause__ or error).strip()) from error

    def _select_one(self) -> float:
        started = clock.monotonic()
        with self._engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        return clock.monotonic() - started
