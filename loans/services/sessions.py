"""Sessions of staff: log in, go on, end; recognise who carries an access token (ADR 31).

A guess is counted before the password is looked at, in a transaction of its own: however many come at once, only the
first five find the account open, and no failure of the request takes a count back.
"""

import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans import clock, db
from loans.core.errors import LendingError
from loans.models.staff import RefreshToken, StaffMember, StaffSession
from loans.services import access_tokens, access_trail, api_keys, permissions
from loans.services.access_tokens import Claims, Keys
from loans.services.actors import Actor, ActorKind
from loans.services.context import Context

STAFF = StaffMember.__table__
SESSIONS = StaffSession.__table__
TOKENS = RefreshToken.__table__

GUESSES_MAX = 5
LOCKED_FOR = timedelta(minutes=15)
# A working day: who has not gone home by then logs in again.
SESSION_LIFETIME = timedelta(hours=12)
SESSIONS_KEPT = timedelta(days=30)
REFRESH_TOKEN = re.compile(r"blr_[0-9a-f]{64}", re.ASCII)


class LoginFailed(LendingError):
    """No open account has this username and password. After five wrong ones in a row it is locked for 15 minutes."""

    code = "login_failed"
    title = "Login failed"


class SessionOver(LendingError):
    """The refresh token opens nothing: unknown, used before, or its session is over. Log in again."""

    code = "session_over"
    title = "Session over"


class PasswordChangeRequired(LendingError):
    """Somebody else has seen this password; until it is changed, it opens nothing else."""

    code = "password_change_required"
    title = "Password change required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A guess that was counted: at whose account, and the hash to compare it with; None where none is open.

    `is_last` says that a further one will find the account locked, unless this one is right.
    """

    staff_id: uuid.UUID | None = None
    password_hash: str | None = field(default=None, repr=False)
    is_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a login or a refresh gives."""

    staff_id: uuid.UUID
    role: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime
    password_change_required: bool
    token_type: str = "Bearer"  # noqa: S105 - how the token is sent
    expires_in: int = int(access_tokens.LIFETIME.total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A refresh token with its session, both locked."""

    token_hash: bytes
    used_at: datetime | None
    session_id: uuid.UUID
    staff_id: uuid.UUID
    expires_at: datetime
    ended_at: datetime | None


def count_guess(session: Session, *, username: str, now: datetime) -> Guess:
    """Count a guess at an account before it is looked at; the caller commits before comparing.

    It is taken back if it proves right. An unknown, a disabled and a locked account give the same empty guess.
    """
    return _count(session, STAFF.c.username == username.lower(), now=now)


def count_guess_at(session: Session, *, staff_id: uuid.UUID, now: datetime) -> Guess:
    """Count a guess likewise, of somebody who has logged in."""
    return _count(session, STAFF.c.id == staff_id, now=now)


def note_lock(session: Session, *, staff_id: uuid.UUID, context: Context) -> None:
    """Record that an account was locked by wrong guesses."""
    db.execute_together(session, *access_trail.of_staff("staff.lock", staff_id=staff_id, context=context))


def open_session(session: Session, *, guess: Guess, keys: Keys, context: Context) -> Opened:
    """Open a session for whoever guessed right, and forget the wrong guesses before.

    :raises LoginFailed: if meanwhile the account was disabled or its password changed.
    """
    row = session.execute(
        sa.update(STAFF)
        .where(
            STAFF.c.id == guess.staff_id,
            STAFF.c.disabled_at.is_(None),
            STAFF.c.password_hash == guess.password_hash,
        )
        .values(failed_logins=0, locked_until=None)
        .returning(STAFF.c.id, STAFF.c.role, STAFF.c.password_changed_at)
    ).one_or_none()
    if row is None:
        raise failure()
    claims = Claims(staff_id=row.id, session_id=clock.uuid7())
    expires_at, token = context.now + SESSION_LIFETIME, _refresh_token()
    db.execute_together(
        session,
        # Bounded by how often one person logs in within a month.
        sa.delete(SESSIONS).where(
            SESSIONS.c.staff_id == row.id, SESSIONS.c.expires_at < context.now - SESSIONS_KEPT
        ),
        sa.insert(SESSIONS).values(
            id=claims.session_id, staff_id=row.id, created_at=context.now, expires_at=expires_at
        ),
        _store(token, session_id=claims.session_id, now=context.now),
        *access_trail.of_staff(
            "staff.login", staff_id=row.id, context=_by(row.id, context), session_id=str(claims.session_id)
        ),
    )
    return _opened(claims, row=row, token=token, expires_at=expires_at, keys=keys, now=context.now)


def refresh(session: Session, *, token: str, keys: Keys, context: Context) -> Opened | None:
    """Give new tokens for a refresh token, once; None if it opens nothing.

    The second use of one is a sign that somebody else has it, so it ends the session. That is committed: hence None
    instead of an exception.
    """
    held = _hold(session, token)
    if held is None or held.ended_at is not None or held.expires_at <= context.now:
        return None
    if held.used_at is not None:
        _end(session, held, action="staff.refresh_token_reused", context=context)
        return None
    row = session.execute(
        sa.select(STAFF.c.id, STAFF.c.role, STAFF.c.password_changed_at).where(
            STAFF.c.id == held.staff_id, STAFF.c.disabled_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        return None
    successor = _refresh_token()
    db.execute_together(
        session,
        sa.update(TOKENS).where(TOKENS.c.token_hash == held.token_hash).values(used_at=context.now),
        _store(successor, session_id=held.session_id, now=context.now),
    )
    claims = Claims(staff_id=row.id, session_id=held.session_id)
    return _opened(claims, row=row, token=successor, expires_at=held.expires_at, keys=keys, now=context.now)


def end(session: Session, *, token: str, context: Context) -> None:
    """End the session of a refresh token, used or not; one that opens nothing ends nothing."""
    held = _hold(session, token)
    if held is not None and held.ended_at is None:
        _end(session, held, action="staff.logout", context=_by(held.staff_id, context))


def authenticate(session: Session, *, claims: Claims) -> tuple[Actor, bool]:
    """Recognise a staff member, and tell whether the password is to be changed first.

    :raises NotAuthenticated: if the account is disabled or the session was ended.
    """
    row = session.execute(
        sa.select(STAFF.c.name, STAFF.c.role, STAFF.c.password_changed_at)
        .join(SESSIONS, SESSIONS.c.staff_id == STAFF.c.id)
        .where(
            SESSIONS.c.id == claims.session_id,
            STAFF.c.id == claims.staff_id,
            STAFF.c.disabled_at.is_(None),
            SESSIONS.c.ended_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        raise api_keys.refusal("session_over")
    actor = Actor(
        kind=ActorKind.STAFF,
        id=claims.staff_id,
        name=row.name,
        scopes=permissions.SCOPES_OF_ROLES[row.role],
        session_id=claims.session_id,
    )
    return actor, row.password_changed_at is None


def failure() -> LoginFailed:
    """Make the one answer to a failed login, whatever the reason."""
    return LoginFailed("the username or the password is wrong, or the account is locked or disabled")


def _count(session: Session, whose: sa.ColumnElement[bool], *, now: datetime) -> Guess:
    before = sa.case((STAFF.c.locked_until.is_not(None), 0), else_=STAFF.c.failed_logins)
    counted = session.execute(
        sa.update(STAFF)
        .where(
            whose,
            STAFF.c.disabled_at.is_(None),
            sa.or_(STAFF.c.locked_until.is_(None), STAFF.c.locked_until <= now),
        )
        .values(
            failed_logins=before + 1,
            locked_until=sa.case((before + 1 >= GUESSES_MAX, now + LOCKED_FOR), else_=None),
        )
        .returning(STAFF.c.id, STAFF.c.password_hash, STAFF.c.failed_logins)
    ).one_or_none()
    if counted is None:
        return Guess()
    return Guess(
        staff_id=counted.id,
        password_hash=counted.password_hash,
        is_last=counted.failed_logins >= GUESSES_MAX,
    )


def _opened(
    claims: Claims,
    *,
    row: sa.Row[tuple[uuid.UUID, str, datetime | None]],
    token: str,
    expires_at: datetime,
    keys: Keys,
    now: datetime,
) -> Opened:
    return Opened(
        staff_id=claims.staff_id,
        role=row.role,
        access_token=access_tokens.issue(claims, role=row.role, keys=keys, now=now),
        refresh_token=token,
        refresh_expires_at=expires_at,
        password_change_required=row.password_changed_at is None,
    )


def _refresh_token() -> str:
    return f"blr_{secrets.token_hex(32)}"


def _hash(token: str) -> bytes:
    # It has 256 random bits: nobody finds it from its hash, and a slow hash would add nothing but time.
    return hashlib.sha256(token.encode("ascii")).digest()


def _store(token: str, *, session_id: uuid.UUID, now: datetime) -> sa.Insert:
    return sa.insert(TOKENS).values(token_hash=_hash(token), session_id=session_id, created_at=now)


def _hold(session: Session, token: str) -> _Held | None:
    """Find a refresh token with its session, and keep others off both until the transaction ends."""
    if not REFRESH_TOKEN.fullmatch(token):
        return None
    # Both are locked: of two requests with one token the second waits, and then sees what the first did to either.
    row = (
        session.execute(
            sa.select(
                TOKENS.c.token_hash,
                TOKENS.c.used_at,
                TOKENS.c.session_id,
                SESSIONS.c.staff_id,
                SESSIONS.c.expires_at,
                SESSIONS.c.ended_at,
            )
            .join(SESSIONS, SESSIONS.c.id == TOKENS.c.session_id)
            .where(TOKENS.c.token_hash == _hash(token))
            .with_for_update(of=(TOKENS, SESSIONS))
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else _Held(**row)


def _end(session: Session, held: _Held, *, action: str, context: Context) -> None:
    db.execute_together(
        session,
        sa.update(SESSIONS).where(SESSIONS.c.id == held.session_id).values(ended_at=context.now),
        *access_trail.of_staff(
            action, staff_id=held.staff_id, context=context, session_id=str(held.session_id)
        ),
    )


def _by(staff_id: uuid.UUID, context: Context) -> Context:
    # Whoever sent this is known by what it held, not by the Authorization header.
    return replace(context, actor=f"{ActorKind.STAFF.value}:{staff_id}")
