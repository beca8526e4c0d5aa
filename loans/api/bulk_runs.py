"""Bulk runs: the transactions of a file's rows, a batch each, or one for all of them (ADR 39)."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import sqlalchemy.exc
from sqlalchemy.orm import Session

from loans.api import errors
from loans.api.bulk_rows import Resource
from loans.db import sqlstate, transaction
from loans.logger import log
from loans.queries import loans
from loans.services import bulk
from loans.services.bulk import BATCH_ROWS, Result, Row
from loans.services.context import Context

Circumstances = Callable[[], Context]
BUSY, FAULT = 503, 500
LOCK_ATTEMPTS_MAX = 4


class _Refused(Exception):
    def __init__(self, results: list[Result]) -> None:
        super().__init__()
        self.results = results


def by_batch(
    rows: Iterable[Row], *, resource: Resource, circumstances: Circumstances
) -> Iterator[list[Result]]:
    """Do rows a batch at a time, each batch in a transaction of its own; a refused row does not undo the others.

    Where the database is away before anything was done, its error is raised; later, the rows that are left are
    answered with it and not tried, so that nobody waits for one time-out after the other.
    """
    is_away = False
    source, waiting, begun = iter(rows), list[Row](), False
    while waiting := [*waiting, *itertools.islice(source, BATCH_ROWS - len(waiting))]:
        results = [Result(row=row, fault=BUSY) for row in waiting]
        if not is_away:
            try:
                results = _patiently(
                    functools.partial(_done, waiting, resource=resource, circumstances=circumstances)
                )
            except sqlalchemy.exc.SQLAlchemyError as error:
                if not begun:
                    raise
                log("bulk.database_away", level="error", error=str(getattr(error, "orig", error)).strip())
                is_away = True
        begun = True
        yield results
        waiting = waiting[len(results) :]


def as_one(
    rows: Sequence[Row],
    *,
    resource: Resource,
    circumstances: Circumstances,
    all_or_nothing: bool,
    dry_run: bool,
) -> list[Result]:
    """Do all rows in one transaction, and undo it if it is a rehearsal, or all or nothing and a row is refused."""

    def work(session: Session) -> list[Result]:
        _lock(session, rows, resource=resource)
        results: list[Result] = []
        while batch := rows[len(results) : len(results) + BATCH_ROWS]:
            context = circumstances()
            results += bulk.settle(session, desk=resource.desk(context), rows=batch, context=context)
        if all_or_nothing and not all(each.is_done for each in results):
            raise _Refused(results)
        return results

    try:
        return transaction(work, dry_run=dry_run)
    except _Refused as refused:
        return refused.results


def _patiently(work: Callable[[], list[Result]]) -> list[Result]:
    """Do some work, and again where another file holds the loans for longer than one waits for a lock."""
    for _ in range(LOCK_ATTEMPTS_MAX - 1):
        try:
            return work()
        except sqlalchemy.exc.OperationalError as error:
            if sqlstate(error) != errors.LOCK_NOT_AVAILABLE:
                raise
    return work()


def _done(batch: Sequence[Row], *, resource: Resource, circumstances: Circumstances) -> list[Result]:
    """Do one batch, or the first of its rows; where a fault of ours ends it, half of it.

    So the row that the fault lies with stands alone in the end, and those before and after it are done.
    """

    def work(session: Session) -> list[Result]:
        context = circumstances()
        return bulk.settle(session, desk=resource.desk(context), rows=batch, context=context)

    try:
        return transaction(work)
    except Exception as error:
        if errors.is_away(error):
            raise
        if len(batch) == 1:
            log("bulk.row_failed", level="error", row=batch[0].number, exc_info=error)
            return [Result(row=batch[0], fault=FAULT)]
        first = batch[: len(batch) // 2]
        return _done(first, resource=resource, circumstances=circumstances)


def _lock(session: Session, rows: Sequence[Row], *, resource: Resource) -> None:
    """Lock all loans of a file at once and in one order, since its batches would do so in that of the file."""
    if resource.about is not None:
        named = {row.given[resource.about] for row in rows if row.given is not None}
        loans.lock_only(session, loan_ids=named)
