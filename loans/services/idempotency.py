"""Idempotency: a command that is repeated with its key gets its first answer again (ADR 0007).

The answer is stored in the transaction of the command's effect, so that either both exist or neither does. A
refused command stores nothing: once mended it may be sent again with the same key.

An answer is kept for some days. Then it expires and its key stays: a repetition is refused, so that however late it
comes nothing is done twice.
"""

import hashlib
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from loans import db, metrics
from loans.core.errors import LendingError
from loans.models.idempotency import IdempotencyKey
from loans.services.context import Context

KEYS = IdempotencyKey.__table__


class IdempotencyKeyInUse(LendingError):
    """A request with the same Idempotency-Key is still running; ask again in a moment."""

    code = "idempotency_key_in_use"
    title = "Idempotency key in use"


class IdempotencyKeyReused(LendingError):
    """The Idempotency-Key was used before for another request."""

    code = "idempotency_key_reused"
    title = "Idempotency key reused"


class IdempotencyKeyExpired(LendingError):
    """The Idempotency-Key answered a request so long ago that the answer is gone; nothing is done again."""

    code = "idempotency_key_expired"
    title = "Idempotency key expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One caller's key for one request; `fingerprint` says what was asked."""

    client_id: uuid.UUID
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command answered; `kept` is what is stored of a body that holds a secret."""

    status: int
    location: str | None
    body: bytes
    kept: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is stored under a key; without a body it has expired."""

    fingerprint: bytes
    status: int
    location: str | None
    body: bytes | None


def claim(session: Session, *, wanted: Claim) -> Answer | None:
    """Claim a key until the transaction ends, or give the answer that was stored under it.

    :raises IdempotencyKeyInUse: if another request holds the key at this moment.
    :raises IdempotencyKeyReused: if the key answered another request.
    :raises IdempotencyKeyExpired: if it answered this one, and the answer has expired.
    """
    # Lock and look-up are one round trip. The look-up may miss an answer committed between its snapshot and the
    # lock; the primary key then refuses ours, and the transaction is run again (db.CONSTRAINTS_RETRIED).
    row = session.execute(
        sa.select(
            sa.func.pg_try_advisory_xact_lock(_lock_number(wanted)).label("claimed"),
            KEYS.c.fingerprint,
            KEYS.c.status,
            KEYS.c.location,
            KEYS.c.body,
        )
        .select_from(sa.select(sa.literal(1)).subquery("one"))
        .outerjoin(KEYS, sa.and_(KEYS.c.client_id == wanted.client_id, KEYS.c.key == wanted.key))
    ).one()
    if row.fingerprint is not None:
        stored = Stored(fingerprint=row.fingerprint, status=row.status, location=row.location, body=row.body)
        return replay(session, stored=stored, wanted=wanted)
    if not row.claimed:
        raise IdempotencyKeyInUse(
            "a request with this Idempotency-Key is still running: ask again in a moment"
        )
    return None


def replay(session: Session, *, stored: Stored, wanted: Claim) -> Answer:
    """Give the answer that is stored under a key.

    :raises IdempotencyKeyReused: if the key answered another request.
    :raises IdempotencyKeyExpired: if it answered this one, and the answer has expired.
    """
    if stored.fingerprint != wanted.fingerprint:
        raise IdempotencyKeyReused("this Idempotency-Key was used for another request: send a new one")
    if stored.body is None:
        raise IdempotencyKeyExpired(
            "this was done under this Idempotency-Key long ago: look at what it made, do not repeat it"
        )
    db.after_commit(session, metrics.idempotent_replays.inc)
    return Answer(status=stored.status, location=stored.location, body=stored.body)


def stored_under(session: Session, *, client_id: uuid.UUID, keys: Collection[str]) -> dict[str, Stored]:
    """Give what is stored under those of one caller's keys that have answered something."""
    among = sa.literal(list(keys), postgresql.ARRAY(sa.Text))
    rows = session.execute(
        sa.select(KEYS.c.key, KEYS.c.fingerprint, KEYS.c.status, KEYS.c.location, KEYS.c.body).where(
            KEYS.c.client_id == client_id, KEYS.c.key == sa.func.any(among)
        )
    )
    return {
        row.key: Stored(fingerprint=row.fingerprint, status=row.status, location=row.location, body=row.body)
        for row in rows
    }


def store_all(session: Session, *, answers: Sequence[tuple[Claim, Answer]], context: Context) -> None:
    """Keep the answers of many commands with their keys, in one statement.

    A key that another has stored since one looked for it ends the transaction, which is then run again and finds it
    (db.CONSTRAINTS_RETRIED).
    """
    # Sorted: a key that another is storing makes one wait, and those who wait for one another do so in one order.
    rows = [
        {
            "client_id": claimed.client_id,
            "key": claimed.key,
            "fingerprint": claimed.fingerprint,
            "status": answer.status,
            "location": answer.location,
            "body": answer.body,
            "created_at": context.now,
        }
        for claimed, answer in sorted(answers, key=lambda pair: pair[0].key)
    ]
    session.execute(db.insert_rows(KEYS, rows=rows))


def store(session: Session, *, claimed: Claim, answer: Answer, context: Context) -> None:
    """Keep a command's answer with its key."""
    session.execute(
        sa.insert(KEYS).values(
            client_id=claimed.client_id,
            key=claimed.key,
            fingerprint=claimed.fingerprint,
            status=answer.status,
            location=answer.location,
            body=answer.body if answer.kept is None else answer.kept,
            created_at=context.now,
        )
    )


def count_expired(session: Session, *, before: datetime) -> int:
    """Count the answers that were given before an instant and are still kept."""
    return session.execute(
        sa.select(sa.func.count()).where(KEYS.c.body.is_not(None), KEYS.c.created_at < before)
    ).scalar_one()


def expire(session: Session, *, before: datetime, at_most: int) -> int:
    """Forget answers that were given before an instant, the oldest first, and tell how many.

    Rows that another run holds are passed over; requests only read them, and see the answer or that it expired.
    """
    oldest = (
        sa.select(KEYS.c.client_id, KEYS.c.key)
        .where(KEYS.c.body.is_not(None), KEYS.c.created_at < before)
        .order_by(KEYS.c.created_at)
        .limit(at_most)
        .with_for_update(skip_locked=True)
        .cte("oldest")
    )
    forgotten = session.execute(
        sa.update(KEYS)
        .where(KEYS.c.client_id == oldest.c.client_id, KEYS.c.key == oldest.c.key)
        .values(body=None, location=None)
        .returning(sa.literal(1))
    )
    return len(forgotten.all())


def _lock_number(wanted: Claim) -> int:
    """Give the advisory lock of a key: 63 bits of a hash, so that strangers all but never meet."""
    digest = hashlib.sha256(wanted.client_id.bytes + wanted.key.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
