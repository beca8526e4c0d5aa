"""Blueprint audit: who did what, in chains that show what is missing or changed."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from loans.api.endpoint import Blueprint, query
from loans.queries.audit import AuditEntry, Wanted
from loans.queries.paging import Page
from loans.schemas.audit import AuditArgs, AuditPage
from loans.schemas.common import PageArgs
from loans.services import audit_chains

SCOPE = "audit:read"

blueprint = Blueprint("audit", __name__, url_prefix="/api/v1", description="Who did what, chained by hashes.")


@query(blueprint, "/audit", scope=SCOPE, args=AuditArgs, returns=AuditPage)
def list_audit_records(session: Session, args: dict[str, Any]) -> Page[AuditEntry]:
    """List audit records, newest first."""
    cursor, limit = args.pop("cursor"), args.pop("limit")
    return audit_chains.page(session, wanted=Wanted(**args), cursor=cursor, limit=limit)


@query(blueprint, "/loans/<uuid:loan_id>/audit", scope=SCOPE, args=PageArgs, returns=AuditPage)
def list_audit_of_loan(session: Session, args: dict[str, Any], loan_id: uuid.UUID) -> Page[AuditEntry]:
    """List the audit records of a loan, oldest first, as they are chained."""
    return audit_chains.page_of_loan(session, loan_id=loan_id, **args)
