"""API clients: register one, give it keys, disable it. Nobody gives more than it may do itself (ADR 30)."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans import db
from loans.models.api_client import ApiClient
from loans.queries import api_clients
from loans.queries.api_clients import ClientDetail
from loans.services import access_trail, api_keys, permissions
from loans.services.api_keys import ClientNotFound, IssuedKey, Secret
from loans.services.context import Context

CLIENTS = ApiClient.__table__


def register(
    session: Session,
    *,
    name: str,
    scopes: Sequence[str],
    context: Context,
    allowed_addresses: Sequence[str] | None = None,
    own_loans_only: bool = False,
) -> ClientDetail:
    """Register a client, which has no key yet.

    :raises UnknownScope: if a scope does not exist.
    :raises ScopeNotHeld: if the caller lacks one of them itself.
    """
    granted = api_keys.check_scopes(scopes)
    permissions.check_grant(granted, caller=context.caller)
    client_id = api_keys.create_client(
        session,
        name=name,
        scopes=granted,
        allowed_addresses=allowed_addresses,
        own_loans_only=own_loans_only,
        context=context,
    )
    return get(session, client_id=client_id)


def issue_key(
    session: Session, *, client_id: uuid.UUID, secret: Secret, context: Context, days: int | None = None
) -> IssuedKey:
    """Issue a key to a client, for so many days or without an end.

    :raises ClientNotFound: if there is no such client.
    :raises ScopeNotHeld: if the client may do what the caller may not.
    :raises ClientDisabled: if it is disabled.
    :raises TooManyKeys: if it has two keys that are valid.
    """
    scopes = session.execute(
        sa.select(CLIENTS.c.scopes).where(CLIENTS.c.id == client_id)
    ).scalar_one_or_none()
    # Scopes never change, so that they need no lock; that there is no such client is for the service below to say.
    permissions.check_grant(scopes or (), caller=context.caller)
    return api_keys.issue_further(
        session,
        client_id=client_id,
        secret=secret,
        context=context,
        expires_at=None if days is None else context.now + timedelta(days=days),
    )


def revoke_key(session: Session, *, key_id: uuid.UUID, context: Context) -> ClientDetail:
    """Revoke a key and give its client.

    :raises KeyNotFound: if there is no such key.
    """
    return get(session, client_id=api_keys.revoke(session, key_id=key_id, context=context))


def disable(session: Session, *, client_id: uuid.UUID, context: Context) -> ClientDetail:
    """Disable a client and with it all its keys, from their next request on; there is no way back.

    :raises ClientNotFound: if there is no such client.
    """
    disabled = session.execute(
        sa.update(CLIENTS)
        .where(CLIENTS.c.id == client_id, CLIENTS.c.disabled_at.is_(None))
        .values(disabled_at=context.now)
        .returning(sa.literal(1))
    ).scalar_one_or_none()
    if disabled is not None:
        db.execute_together(
            session,
            *access_trail.leave(
                "api_client.disable",
                subject_id=client_id,
                told={"client_id": str(client_id)},
                after={"disabled_at": context.now.isoformat()},
                context=context,
            ),
        )
    return get(session, client_id=client_id)


def get(session: Session, *, client_id: uuid.UUID) -> ClientDetail:
    """Give a client with its keys.

    :raises ClientNotFound: if there is none.
    """
    record = api_clients.find(session, client_id=client_id)
    if record is None:
        raise ClientNotFound(f"there is no client {client_id}")
    return record
