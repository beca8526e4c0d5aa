"""Staff as they are stored: find and page. Never a password's hash."""

import uuid
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.models.staff import StaffMember
from loans.queries import newest, paging

STAFF = StaffMember.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRecord:
    """A row of `staff`, without the hash."""

    id: uuid.UUID
    username: str
    name: str
    role: str
    password_changed_at: datetime | None
    locked_until: datetime | None
    created_at: datetime
    disabled_at: datetime | None


COLUMNS = tuple(STAFF.c[field.name] for field in fields(StaffRecord))


def find(session: Session, *, staff_id: uuid.UUID) -> StaffRecord | None:
    """Give a staff member, or None."""
    row = session.execute(sa.select(*COLUMNS).where(STAFF.c.id == staff_id)).mappings().one_or_none()
    return None if row is None else StaffRecord(**row)


def page(session: Session, *, cursor: str | None, limit: int) -> paging.Page[StaffRecord]:
    """Give a page of staff, newest first.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    tag = paging.tag("staff", {})
    return newest.page(
        session, COLUMNS, by=STAFF.c.id, makes=StaffRecord, tag=tag, cursor=cursor, limit=limit
    )
