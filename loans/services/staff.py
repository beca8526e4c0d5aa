"""Staff: employ, disable, unlock, change a password (ADR 31)."""

import dataclasses
import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from loans import clock, db
from loans.core.errors import LendingError
from loans.models.staff import StaffMember, StaffSession
from loans.queries import staff
from loans.queries.staff import StaffRecord
from loans.services import access_trail, permissions
from loans.services.context import Context
from loans.services.passwords import Password

STAFF = StaffMember.__table__
SESSIONS = StaffSession.__table__


class StaffNotFound(LendingError):
    """There is no staff member with the identifier in the path."""

    code = "staff_not_found"
    title = "Staff member not found"


class DuplicateUsername(LendingError):
    """Another staff member has the same username, maybe in other capitals, or had it before being disabled."""

    code = "duplicate_username"
    title = "Duplicate username"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Admitted(StaffRecord):
    """A staff member with a new first password, which is nowhere else; None where the person chose it."""

    password: str | None = dataclasses.field(repr=False)


def employ(
    session: Session, *, username: str, name: str, role: str, password: Password, context: Context
) -> Admitted:
    """Give a person an account.

    :raises DuplicateUsername: if the username is taken, in whatever case.
    :raises ScopeNotHeld: if the role may do what the caller may not.
    """
    permissions.check_grant(permissions.SCOPES_OF_ROLES[role], caller=context.caller)
    record = StaffRecord(
        id=clock.uuid7(),
        username=username.lower(),
        name=name,
        role=role,
        password_changed_at=context.now if password.told is None else None,
        locked_until=None,
        created_at=context.now,
        disabled_at=None,
    )
    inserted = session.execute(
        insert(STAFF)
        .values(**dataclasses.asdict(record), password_hash=password.hashed, failed_logins=0)
        .on_conflict_do_nothing(index_elements=["username"])
        .returning(sa.literal(1))
    ).scalar_one_or_none()
    if inserted is None:
        raise DuplicateUsername(f"the username {record.username} is taken", field="username")
    _note(session, "staff.employ", record.id, context=context, username=record.username, role=role)
    return Admitted(**dataclasses.asdict(record), password=password.told)


def reset_password(
    session: Session, *, staff_id: uuid.UUID, password: Password, context: Context
) -> Admitted:
    """Give a staff member who forgot the password a new first one; sessions end, a lock is lifted.

    :raises StaffNotFound: if there is none, or the account is disabled.
    :raises ScopeNotHeld: if the role may do what the caller may not.
    """
    member = get(session, staff_id=staff_id)
    permissions.check_grant(permissions.SCOPES_OF_ROLES[member.role], caller=context.caller)
    changed = session.execute(
        sa.update(STAFF)
        .where(STAFF.c.id == staff_id, STAFF.c.disabled_at.is_(None))
        .values(password_hash=password.hashed, password_changed_at=None, failed_logins=0, locked_until=None)
        .returning(sa.literal(1))
    ).scalar_one_or_none()
    if changed is None:
        raise StaffNotFound(f"staff member {staff_id} is disabled")
    end_sessions(session, staff_id=staff_id, now=context.now)
    _note(session, "staff.reset_password", staff_id, context=context)
    record = get(session, staff_id=staff_id)
    return Admitted(**dataclasses.asdict(record), password=password.told)


def disable(session: Session, *, staff_id: uuid.UUID, context: Context) -> StaffRecord:
    """Disable a staff member: sessions and tokens end at once, and there is no way back.

    :raises StaffNotFound: if there is none.
    """
    disabled = session.execute(
        sa.update(STAFF)
        .where(STAFF.c.id == staff_id, STAFF.c.disabled_at.is_(None))
        .values(disabled_at=context.now)
        .returning(sa.literal(1))
    ).scalar_one_or_none()
    if disabled is not None:
        end_sessions(session, staff_id=staff_id, now=context.now)
        _note(session, "staff.disable", staff_id, context=context)
    return get(session, staff_id=staff_id)


def unlock(session: Session, *, staff_id: uuid.UUID, context: Context) -> StaffRecord:
    """Let a staff member who mistyped the password too often try again now.

    :raises StaffNotFound: if there is none.
    """
    unlocked = session.execute(
        sa.update(STAFF)
        .where(STAFF.c.id == staff_id, STAFF.c.failed_logins > 0)
        .values(failed_logins=0, locked_until=None)
        .returning(sa.literal(1))
    ).scalar_one_or_none()
    if unlocked is not None:
        _note(session, "staff.unlock", staff_id, context=context)
    return get(session, staff_id=staff_id)


def change_password(
    session: Session, *, staff_id: uuid.UUID, old_hash: str | None, new_hash: str, context: Context
) -> bool:
    """Change a password and end all sessions but the caller's; tell whether the old one was still in place."""
    changed = session.execute(
        sa.update(STAFF)
        .where(STAFF.c.id == staff_id, STAFF.c.disabled_at.is_(None), STAFF.c.password_hash == old_hash)
        .values(password_hash=new_hash, password_changed_at=context.now, failed_logins=0, locked_until=None)
        .returning(sa.literal(1))
    ).scalar_one_or_none()
    if changed is None:
        return False
    kept = None if context.caller is None else context.caller.session_id
    end_sessions(session, staff_id=staff_id, now=context.now, kept=kept)
    _note(session, "staff.change_password", staff_id, context=context)
    return True


def end_sessions(
    session: Session, *, staff_id: uuid.UUID, now: datetime, kept: uuid.UUID | None = None
) -> None:
    """End every session of a staff member, but the one to be kept."""
    ended = sa.update(SESSIONS).where(SESSIONS.c.staff_id == staff_id, SESSIONS.c.ended_at.is_(None))
    if kept is not None:
        ended = ended.where(SESSIONS.c.id != kept)
    session.execute(ended.values(ended_at=now))


def get(session: Session, *, staff_id: uuid.UUID) -> StaffRecord:
    """Give a staff member.

    :raises StaffNotFound: if there is none.
    """
    record = staff.find(session, staff_id=staff_id)
    if record is None:
        raise StaffNotFound(f"there is no staff member {staff_id}")
    return record


def _note(session: Session, action: str, staff_id: uuid.UUID, *, context: Context, **facts: object) -> None:
    db.execute_together(session, *access_trail.of_staff(action, staff_id=staff_id, context=context, **facts))
