"""Loan rows: the statements that bring the cache of the fold, loans and their installments, up to date."""

import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from loans import db
from loans.core.state import Installment
from loans.models import loan as models
from loans.queries import loans

LOANS = models.Loan.__table__
INSTALLMENTS = models.Installment.__table__


class Schedules(NamedTuple):
    """A loan's schedule as it is stored, which is what the state before said (I2), and as it is to be."""

    loan_id: uuid.UUID
    before: Sequence[Installment]
    after: Sequence[Installment]


def update(rows: Sequence[Mapping[str, object]]) -> sa.Update:
    """Give the statement that changes loans, each row with its `id` and the same further columns."""
    source = db.rows_of("changed_loan", columns={name: LOANS.c[name].type for name in rows[0]}, rows=rows)
    values = {name: source.c[name] for name in rows[0] if name != "id"}
    return sa.update(LOANS).where(LOANS.c.id == source.c.id).values(values)


def replace_schedules(schedules: Sequence[Schedules]) -> tuple[sa.Insert | sa.Delete, ...]:
    """Give the statements that bring stored schedules from what they are to what they are to be."""
    changed = [
        {"loan_id": each.loan_id, **loans.installment_columns(row)}
        for each in schedules
        for row in _changed(each)
    ]
    shorter = [
        {"loan_id": each.loan_id, "number": len(each.after)}
        for each in schedules
        if len(each.after) < len(each.before)
    ]
    writes: list[sa.Insert | sa.Delete] = []
    if changed:
        writes.append(_upsert(changed))
    if shorter:
        columns = {name: INSTALLMENTS.c[name].type for name in ("loan_id", "number")}
        kept = db.rows_of("kept", columns=columns, rows=shorter)
        gone = sa.and_(INSTALLMENTS.c.loan_id == kept.c.loan_id, INSTALLMENTS.c.number > kept.c.number)
        writes.append(sa.delete(INSTALLMENTS).where(gone))
    return tuple(writes)


def _changed(schedules: Schedules) -> list[Installment]:
    stored = {row.number: row for row in schedules.before}
    return [row for row in schedules.after if stored.get(row.number) != row]


def _upsert(rows: Sequence[Mapping[str, object]]) -> postgresql.Insert:
    """Insert rows or replace those of the same loan and number."""
    statement = db.insert_rows(INSTALLMENTS, rows=rows)
    key = ("loan_id", "number")
    return statement.on_conflict_do_update(
        index_elements=list(key),
        set_={name: statement.excluded[name] for name in rows[0] if name not in key},
    )
