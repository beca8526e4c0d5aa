"""Approval policies: which commands the lender lets nobody do alone, and since when (ADR 34)."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from loans.core import money
from loans.core.errors import LendingError
from loans.models.approval_policy import ApprovalPolicy
from loans.queries import approval_policies as stored
from loans.queries.approval_policies import PolicyRecord
from loans.services import audit, outbox
from loans.services.context import Context

POLICIES = ApprovalPolicy.__table__
CHANGE = "approval_policies.change"
# The policy is one thing; audit records and public events want an id for it.
SUBJECT = uuid.UUID("6f0a5d1e-3c0b-5d0b-9a52-a4d3d1a1b001")


class PolicyChanged(LendingError):
    """The approval policy that a change was made from is no longer the one that holds."""

    code = "policy_changed"
    title = "Policy changed"


def change(
    session: Session,
    *,
    replaces: int,
    rules: Sequence[Mapping[str, Any]],
    context: Context,
    note: str | None = None,
) -> PolicyRecord:
    """Let other rules hold from now on; requests that wait go on waiting. `replaces` is 0 for the first policy.

    :raises PolicyChanged: if the policy that holds is not version `replaces`.
    """
    policy = PolicyRecord(
        version=replaces + 1,
        rules=[dict(rule) for rule in rules],
        note=note,
        actor=context.actor,
        created_at=context.now,
    )
    # Of two at once one finds the version taken: the primary key lets neither overwrite the other.
    inserted = session.execute(_insert(policy, replaces=replaces)).scalar_one_or_none()
    if inserted is None:
        raise PolicyChanged(
            f"version {replaces} is not the policy that holds: read it again", field="replaces"
        )
    facts = {"version": policy.version, "rules": policy.rules, "note": note}
    session.execute(
        audit.record(
            "approval_policy.change",
            subject_type="approval_policy",
            subject_id=SUBJECT,
            before={"version": replaces},
            after=facts,
            context=context,
        )
    )
    told = facts | {"actor": context.actor, "approved_by": context.approved_by}
    session.execute(
        outbox.announce(("approval_policy.changed",), subject_id=SUBJECT, payload=told, context=context)
    )
    return policy


def applies(policy: PolicyRecord, *, command: str, amount: int | None, currency: str | None) -> bool:
    """Tell whether a command needs a second person; `amount` is in minor units, None where there is none.

    A currency in which no rule draws a line is held whatever the amount, and so is what has no amount: nobody gets
    round a rule by what its author did not think of.
    """
    rules = [rule for rule in policy.rules if rule["command"] == command]
    lines = {rule["currency"]: rule["above"] for rule in rules if rule["above"] is not None}
    if not rules:
        return False
    if len(lines) < len(rules) or amount is None or currency is None or currency not in lines:
        return True
    return amount > money.parse_amount(lines[currency], currency)


def _insert(policy: PolicyRecord, *, replaces: int) -> sa.Executable:
    newest = sa.select(sa.func.coalesce(sa.func.max(POLICIES.c.version), 0)).scalar_subquery()
    row = sa.select(
        sa.literal(policy.version),
        sa.literal(policy.rules, POLICIES.c.rules.type),
        sa.literal(policy.note, sa.Text()),
        sa.literal(policy.actor, sa.Text()),
        sa.literal(policy.created_at, sa.DateTime(timezone=True)),
    ).where(newest == replaces)
    names = ["version", "rules", "note", "actor", "created_at"]
    return insert(POLICIES).from_select(names, row).on_conflict_do_nothing().returning(POLICIES.c.version)


def newest(session: Session) -> PolicyRecord | None:
    """Give the policy that holds, or None where there has never been one."""
    return stored.newest(session)
