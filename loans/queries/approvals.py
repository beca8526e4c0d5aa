"""Approvals as they are stored: find, lock, page."""

import uuid
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.models.approval import Approval
from loans.queries import paging

APPROVALS = Approval.__table__
PENDING, EXPIRED = "pending", "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRecord:
    """A row of `approvals`. Amount in minor units; `status` is never `expired`: that depends on when one asks."""

    id: uuid.UUID
    command: str
    request: str
    payload_sha256: str
    loan_id: uuid.UUID | None
    loan_version: int | None
    is_conditional: bool
    amount: int | None
    currency: str | None
    policy_version: int
    maker: str
    status: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    location: str | None

    def status_at(self, now: datetime) -> str:
        """Give the status at an instant."""
        return EXPIRED if self.status == PENDING and self.expires_at <= now else self.status


COLUMNS = tuple(APPROVALS.c[field.name] for field in fields(ApprovalRecord))


def find(session: Session, *, approval_id: uuid.UUID) -> ApprovalRecord | None:
    """Give an approval, or None."""
    return _one(session, sa.select(*COLUMNS).where(APPROVALS.c.id == approval_id))


def lock(session: Session, *, approval_id: uuid.UUID) -> ApprovalRecord | None:
    """Give an approval as it is now and keep others from deciding it until the transaction ends."""
    return _one(session, sa.select(*COLUMNS).where(APPROVALS.c.id == approval_id).with_for_update())


def page(  # noqa: PLR0913 - what such a list can be asked
    session: Session,
    *,
    now: datetime,
    cursor: str | None,
    limit: int,
    status: str | None = None,
    maker: str | None = None,
    loan_id: uuid.UUID | None = None,
) -> paging.Page[ApprovalRecord]:
    """Give a page of approvals, newest first.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    query = sa.select(*COLUMNS).order_by(APPROVALS.c.id.desc()).limit(limit + 1)
    if status is not None:
        query = query.where(APPROVALS.c.status == (PENDING if status == EXPIRED else status))
    if status == PENDING:
        query = query.where(APPROVALS.c.expires_at > now)
    elif status == EXPIRED:
        query = query.where(APPROVALS.c.expires_at <= now)
    if maker is not None:
        query = query.where(APPROVALS.c.maker == maker)
    if loan_id is not None:
        query = query.where(APPROVALS.c.loan_id == loan_id)
    tag = paging.tag("approvals", {"status": status, "maker": maker, "loan_id": loan_id})
    before = paging.after(cursor, tag=tag, reads=(uuid.UUID,))
    if before is not None:
        query = query.where(APPROVALS.c.id < before[0])
    records = [ApprovalRecord(**row) for row in session.execute(query).mappings()]
    return paging.page(records, limit=limit, keys=[(record.id,) for record in records], tag=tag)


def _one(session: Session, query: sa.Select[tuple[object, ...]]) -> ApprovalRecord | None:
    row = session.execute(query).mappings().one_or_none()
    return None if row is None else ApprovalRecord(**row)
