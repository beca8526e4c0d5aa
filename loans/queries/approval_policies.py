"""Approval policies as they are stored: the one that holds, and those before it."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.models.approval_policy import ApprovalPolicy
from loans.queries import paging

POLICIES = ApprovalPolicy.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord:
    """A row of `approval_policies`."""

    version: int
    rules: list[dict[str, Any]]
    note: str | None
    actor: str
    created_at: datetime


COLUMNS = tuple(POLICIES.c[field.name] for field in fields(PolicyRecord))


def newest(session: Session) -> PolicyRecord | None:
    """Give the policy that holds, or None where there has never been one."""
    query = sa.select(*COLUMNS).order_by(POLICIES.c.version.desc()).limit(1)
    row = session.execute(query).mappings().one_or_none()
    return None if row is None else PolicyRecord(**row)


def page(session: Session, *, cursor: str | None, limit: int) -> paging.Page[PolicyRecord]:
    """Give a page of policies, newest first.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    query = sa.select(*COLUMNS).order_by(POLICIES.c.version.desc()).limit(limit + 1)
    tag = paging.tag("approval_policies", {})
    before = paging.after(cursor, tag=tag, reads=(int,))
    if before is not None:
        query = query.where(POLICIES.c.version < before[0])
    records = [PolicyRecord(**row) for row in session.execute(query).mappings()]
    return paging.page(records, limit=limit, keys=[(record.version,) for record in records], tag=tag)
