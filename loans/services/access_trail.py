"""The trail of who may call: what is done to clients, keys and staff, as an audit record and as a public event."""

import uuid
from collections.abc import Mapping
from types import MappingProxyType

import sqlalchemy as sa

from loans.services import audit, outbox
from loans.services.context import Context

PUBLIC_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "api_client.create": "api_client.created",
        "api_client.disable": "api_client.disabled",
        "api_key.issue": "api_key.issued",
        "api_key.revoke": "api_key.revoked",
        "staff.employ": "staff.employed",
        "staff.disable": "staff.disabled",
        "staff.lock": "staff.locked",
        "staff.unlock": "staff.unlocked",
        "staff.reset_password": "staff.password_reset",
        "staff.change_password": "staff.password_changed",
        "staff.login": "staff.logged_in",
        "staff.logout": "staff.logged_out",
        "staff.refresh_token_reused": "staff.refresh_token_reused",
    }
)


def leave(
    action: str,
    *,
    subject_id: uuid.UUID,
    told: Mapping[str, object],
    context: Context,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> tuple[sa.Insert, sa.Insert]:
    """Give the statements that write the public event of an act, which tells `told`, and its audit record.

    An event travels further than the database: names stay out of it, and secrets out of both.
    """
    announced = outbox.announce((PUBLIC_TYPES[action],), subject_id=subject_id, payload=told, context=context)
    recorded = audit.record(
        action,
        subject_type=audit.subject_type_of(action),
        subject_id=subject_id,
        before=before,
        after=after,
        context=context,
    )
    return announced, recorded


def of_staff(
    action: str, *, staff_id: uuid.UUID, context: Context, **facts: object
) -> tuple[sa.Insert, sa.Insert]:
    """Give the statements for an act on a staff member; the facts go to the audit record, but for names to both."""
    told = {"staff_id": str(staff_id), **{name: fact for name, fact in facts.items() if name != "username"}}
    return leave(action, subject_id=staff_id, told=told, after=facts or None, context=context)
