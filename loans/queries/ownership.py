"""Ownership: a restricted client sees loans and borrowers that it made itself, and no others (ADR 35).

Every statement that reads one of the two tables passes through `own`. In the session of a restricted client one that
does not, and does not say that it is for the whole book, is never sent: what was forgotten is refused, not shown.
"""

import uuid
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.sql import visitors

from loans.models.borrower import Borrower
from loans.models.loan import Loan

S = TypeVar("S", bound=sa.Select[Any])

OWNED = frozenset({Loan.__table__, Borrower.__table__})
OWNER, OWNER_PARAMETER = "owner_id", "only_of_owner"
WHOLE_BOOK = "of_whole_book"


def restrict(session: Session, *, owner_id: uuid.UUID | None) -> None:
    """Let a session see what one client made and nothing else, until its end; None lifts that."""
    session.info[OWNER] = owner_id


def own(session: Session, query: S, *, column: sa.ColumnElement[Any]) -> S:
    """Narrow a query to what its caller may see; `column` is the owner's."""
    owner_id = owner(session)
    if owner_id is None:
        return query
    return query.where(column == sa.bindparam(OWNER_PARAMETER, owner_id, type_=sa.Uuid()))


def owner(session: Session) -> uuid.UUID | None:
    """Give the client that a session is restricted to, or None."""
    found: uuid.UUID | None = session.info.get(OWNER)
    return found


def of_whole_book(query: S) -> S:
    """Say of a query that it has to look at what others made, and tells nothing of it but that it is there."""
    return query.execution_options(**{WHOLE_BOOK: True})


@event.listens_for(Session, "do_orm_execute")
def _refuse_unrestricted(state: ORMExecuteState) -> None:
    if state.session.info.get(OWNER) is None or state.execution_options.get(WHOLE_BOOK):
        return
    statement: Any = state.statement
    for select in visitors.iterate(statement):
        if isinstance(select, sa.Select) and _reads_owned(select) and not _is_narrowed(select):
            raise AssertionError(
                "a restricted client would read what it may not: pass the query through own()"
            )


def _reads_owned(select: sa.Select[Any]) -> bool:
    return any(
        element in OWNED
        for source in select.get_final_froms()
        for element in visitors.iterate(source)
        if isinstance(element, sa.Table)
    )


def _is_narrowed(select: sa.Select[Any]) -> bool:
    return any(
        isinstance(element, sa.BindParameter) and element.key == OWNER_PARAMETER
        for element in visitors.iterate(select)
    )
