"""Blueprint approval-policies: which commands need a second person."""

from typing import Any

from sqlalchemy.orm import Session

from loans.api.endpoint import Blueprint, command, query
from loans.queries import approval_policies as stored
from loans.queries.approval_policies import PolicyRecord
from loans.queries.paging import Page
from loans.schemas.approval_policies import (
    ApprovalPolicyArgs,
    ApprovalPolicyIn,
    ApprovalPolicyOut,
    ApprovalPolicyPage,
)
from loans.services import approval_policies
from loans.services.context import Context

blueprint = Blueprint(
    "approval-policies",
    __name__,
    url_prefix="/api/v1/approval-policies",
    description="Which commands need a second person.",
)


@command(
    blueprint,
    "",
    scope="policies:write",
    accepts=ApprovalPolicyIn,
    returns=ApprovalPolicyOut,
    status=201,
    location=lambda _: "/api/v1/approval-policies",
    guarded=approval_policies.CHANGE,
)
def change_policy(session: Session, context: Context, body: dict[str, Any]) -> PolicyRecord:
    """Replace the approval policy; the new one holds for every command from now on."""
    return approval_policies.change(session, **body, context=context)


@query(blueprint, "", scope="policies:read", args=ApprovalPolicyArgs, returns=ApprovalPolicyPage)
def list_policies(session: Session, args: dict[str, Any]) -> Page[PolicyRecord]:
    """List the versions of the approval policy; the first, the newest, holds."""
    return stored.page(session, **args)
