"""Guesses at passwords: counted first, compared then, with no database connection held in between (ADR 31)."""

import uuid

from sqlalchemy.orm import Session

from loans import metrics
from loans.db import transaction
from loans.services import passwords, sessions
from loans.services.context import Context
from loans.services.sessions import Guess


def guess(username: str, *, password: str, context: Context) -> Guess | None:
    """Give the guess if it is right."""
    counted = transaction(lambda session: sessions.count_guess(session, username=username, now=context.now))
    return _compare(counted, password=password, context=context)


def guess_at(staff_id: uuid.UUID, *, password: str, context: Context) -> Guess | None:
    """Give the guess, of somebody who has logged in, if it is right."""
    counted = transaction(
        lambda session: sessions.count_guess_at(session, staff_id=staff_id, now=context.now)
    )
    return _compare(counted, password=password, context=context)


def _compare(counted: Guess, *, password: str, context: Context) -> Guess | None:
    # Where there is no account, or it is locked, it takes as long and proves wrong.
    if passwords.is_right(password, hashed=counted.password_hash):
        return counted
    metrics.staff_logins.labels(outcome="locked" if counted.is_last else "failed").inc()
    staff_id = counted.staff_id
    if counted.is_last and staff_id is not None:

        def note(session: Session) -> None:
            sessions.note_lock(session, staff_id=staff_id, context=context)

        transaction(note)
    return None
