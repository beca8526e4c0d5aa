"""Blueprint clients: API clients and their keys."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from loans.api import security
from loans.api.endpoint import Blueprint, command, query
from loans.queries import api_clients as stored
from loans.queries.api_clients import ClientDetail, ClientRecord
from loans.queries.paging import Page
from loans.schemas.api_clients import ClientArgs, ClientDetailOut, ClientIn, ClientPage, IssuedKeyOut, KeyIn
from loans.schemas.common import Nothing
from loans.services import api_clients
from loans.services.api_keys import IssuedKey
from loans.services.context import Context

SCOPE = "clients:manage"

blueprint = Blueprint(
    "clients", __name__, url_prefix="/api/v1", description="Programs that call, and their keys."
)


@command(
    blueprint,
    "/clients",
    scope=SCOPE,
    accepts=ClientIn,
    returns=ClientDetailOut,
    status=201,
    location=lambda client: f"/api/v1/clients/{client.id}",
)
def create_client(session: Session, context: Context, body: dict[str, Any]) -> ClientDetail:
    """Register a client; it has no key yet."""
    return api_clients.register(session, **body, context=context)


@query(blueprint, "/clients", scope=SCOPE, args=ClientArgs, returns=ClientPage)
def list_clients(session: Session, args: dict[str, Any]) -> Page[ClientRecord]:
    """List clients, newest first."""
    return stored.page(session, **args)


@query(blueprint, "/clients/<uuid:client_id>", scope=SCOPE, returns=ClientDetailOut)
def get_client(session: Session, client_id: uuid.UUID) -> ClientDetail:
    """Get a client with its keys, newest first."""
    return api_clients.get(session, client_id=client_id)


@command(
    blueprint,
    "/clients/<uuid:client_id>/keys",
    scope=SCOPE,
    accepts=KeyIn,
    returns=IssuedKeyOut,
    status=201,
    location=lambda key: f"/api/v1/clients/{key.client_id}",
    shown_once="key",
)
def issue_key(session: Session, context: Context, body: dict[str, Any], client_id: uuid.UUID) -> IssuedKey:
    """Issue a key, shown this once."""
    return api_clients.issue_key(
        session, client_id=client_id, secret=security.secret(), days=body["days"], context=context
    )


@command(
    blueprint, "/clients/<uuid:client_id>/disable", scope=SCOPE, accepts=Nothing, returns=ClientDetailOut
)
def disable_client(
    session: Session, context: Context, _: dict[str, Any], client_id: uuid.UUID
) -> ClientDetail:
    """Disable a client with all its keys, for good."""
    return api_clients.disable(session, client_id=client_id, context=context)


@command(blueprint, "/keys/<uuid:key_id>/revoke", scope=SCOPE, accepts=Nothing, returns=ClientDetailOut)
def revoke_key(session: Session, context: Context, _: dict[str, Any], key_id: uuid.UUID) -> ClientDetail:
    """Revoke a key, for good, and give its client."""
    return api_clients.revoke_key(session, key_id=key_id, context=context)
