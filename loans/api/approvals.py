"""Blueprint approvals: commands that wait for a second person, and the decisions on them."""

import json
import uuid
from typing import Any

from sqlalchemy.orm import Session

from loans import clock
from loans.api import holding
from loans.api.endpoint import Blueprint, command, query
from loans.queries import approvals as stored
from loans.schemas.approvals import (
    ApprovalArgs,
    ApprovalIn,
    ApprovalOut,
    ApprovalPage,
    ApprovedOut,
    RejectionIn,
    WithdrawalIn,
)
from loans.services import approvals
from loans.services.context import Context

blueprint = Blueprint(
    "approvals",
    __name__,
    url_prefix="/api/v1/approvals",
    description="Commands that wait for a second person.",
)

View = dict[str, Any]


@query(blueprint, "", scope="approvals:read", args=ApprovalArgs, returns=ApprovalPage)
def list_approvals(session: Session, args: dict[str, Any]) -> View:
    """List what waits for a second person, and what became of it, newest first."""
    now = clock.now()
    page = stored.page(session, now=now, **args)
    return {
        "items": [holding.shown(record, now=now) for record in page.items],
        "next_cursor": page.next_cursor,
    }


@query(blueprint, "/<uuid:approval_id>", scope="approvals:read", returns=ApprovalOut)
def get_approval(session: Session, approval_id: uuid.UUID) -> View:
    """Get a command that waits for a second person, or what became of it."""
    return holding.shown(approvals.get(session, approval_id=approval_id), now=clock.now())


@command(
    blueprint,
    "/<uuid:approval_id>/approve",
    scope=holding.DECIDE,
    accepts=ApprovalIn,
    returns=ApprovedOut,
)
def approve_command(session: Session, context: Context, body: View, approval_id: uuid.UUID) -> View:
    """Have a command done, exactly as it was asked for, as a second person."""
    note = body.pop("note")
    record = approvals.open_to_approve(session, approval_id=approval_id, **body, context=context)
    answer = holding.carry_out(session, context, record=record)
    done = approvals.mark_approved(
        session, record=record, location=answer.location, note=note, context=context
    )
    return holding.shown(done, now=context.now) | {"result": json.loads(answer.body)}


@command(
    blueprint,
    "/<uuid:approval_id>/reject",
    scope=holding.DECIDE,
    accepts=RejectionIn,
    returns=ApprovalOut,
)
def reject_command(session: Session, context: Context, body: View, approval_id: uuid.UUID) -> View:
    """Refuse, as a second person, that a command is done."""
    rejected = approvals.reject(session, approval_id=approval_id, **body, context=context)
    return holding.shown(rejected, now=context.now)


@command(
    blueprint,
    "/<uuid:approval_id>/withdraw",
    scope="approvals:withdraw",
    accepts=WithdrawalIn,
    returns=ApprovalOut,
)
def withdraw_command(session: Session, context: Context, body: View, approval_id: uuid.UUID) -> View:
    """Take back a command that you asked for and that waits."""
    withdrawn = approvals.withdraw(session, approval_id=approval_id, **body, context=context)
    return holding.shown(withdrawn, now=context.now)
