"""Policies and approvals to test with, made through the API."""

import uuid
from typing import Any

import sqlalchemy as sa
from flask import Flask

from loans.db import db
from loans.models.audit import AuditRecord
from loans.models.outbox import OutboxEvent
from tests.conftest import Api

POLICIES = "/api/v1/approval-policies"


def rule(command: str, above: str | None = None, currency: str | None = "KES") -> dict[str, Any]:
    """A rule of a policy: always, or above an amount."""
    return (
        {"command": command} if above is None else {"command": command, "above": above, "currency": currency}
    )


def set_policy(api: Api, *rules: dict[str, Any]) -> int:
    """Let these rules hold, whichever held before; give the version."""
    newest = api.get(f"{POLICIES}?limit=1").get_json()["data"]
    replaces = newest[0]["version"] if newest else 0
    response = api.post(POLICIES, {"replaces": replaces, "rules": list(rules)})
    assert response.status_code == 201, response.text
    version: int = response.get_json()["version"]
    return version


def kept(api: Api, path: str, body: object = None, **given: Any) -> dict[str, Any]:
    """Ask for something that then waits for a second person; give the approval."""
    response = api.post(path, body, **given)
    assert response.status_code == 202, response.text
    approval: dict[str, Any] = response.get_json()
    assert response.headers["Location"] == f"/api/v1/approvals/{approval['id']}"
    return approval


def decide(api: Api, approval: dict[str, Any], how: str = "approve", **given: Any) -> Any:
    """Decide on what waits, having seen it."""
    path = f"/api/v1/approvals/{approval['id']}/{how}{given.pop('query', '')}"
    headers = given.pop("headers", {})
    return api.post(path, {"payload_sha256": approval["payload_sha256"]} | given, headers=headers)


def audit_of(app: Flask, subject_id: str) -> list[tuple[Any, ...]]:
    """What the audit trail tells of something, in order."""
    audit = AuditRecord.__table__
    query = sa.select(audit.c.action, audit.c.actor, audit.c.approved_by).where(
        audit.c.subject_id == uuid.UUID(subject_id)
    )
    with app.app_context():
        return [tuple(row) for row in db.session.execute(query.order_by(audit.c.id))]


def told_of(app: Flask, subject_id: str) -> list[str]:
    """The types of the public events about something, in order."""
    outbox = OutboxEvent.__table__
    query = sa.select(outbox.c.type).where(outbox.c.subject_id == uuid.UUID(subject_id)).order_by(outbox.c.id)
    with app.app_context():
        return list(db.session.execute(query).scalars())
