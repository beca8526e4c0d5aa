"""API keys: issue one, recognise one, revoke one (ADR 10, ADR 30).

A key reads bl_<environment>_<id>_<secret>. Only an HMAC-SHA-256 of it is stored, keyed by the service's own secret:
the secret part has 256 random bits, so a slow hash would add nothing but time to every request.
"""

import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, CIDR
from sqlalchemy.orm import Session

from loans import clock, db, metrics
from loans.core.errors import LendingError
from loans.models.api_client import ApiClient
from loans.models.api_key import ApiKey
from loans.queries.api_clients import KeyRecord
from loans.services import access_trail
from loans.services.actors import Actor, ActorKind
from loans.services.context import Context

KEYS = ApiKey.__table__
CLIENTS = ApiClient.__table__
PATTERN = re.compile(r"bl_([a-z]{1,20})_([0-9a-f]{32})_([0-9a-f]{64})", re.ASCII)
# One in use and its successor: enough to change them without a pause, and a forgotten third cannot be.
LIVE_KEYS_MAX = 2

SCOPES = (
    "borrowers:read",
    "borrowers:write",
    "products:read",
    "products:write",
    "loans:read",
    "loans:write",
    "loans:approve",
    "loans:disburse",
    "loans:service",
    "repayments:write",
    "repayments:reverse",
    "ledger:read",
    "portfolio:read",
    "audit:read",
    "events:read",
    "legacy:read",
    "legacy:write",
    "approvals:read",
    "approvals:decide",
    "approvals:withdraw",
    "policies:read",
    "policies:write",
    "clients:manage",
    "staff:manage",
)


class NotAuthenticated(LendingError):
    """The request carries no key or token, or none that this service knows and still accepts."""

    code = "not_authenticated"
    title = "Not authenticated"


class UnknownScope(LendingError):
    """A scope that does not exist."""

    code = "unknown_scope"
    title = "Unknown scope"


class ClientNotFound(LendingError):
    """There is no API client with the identifier in the path."""

    code = "client_not_found"
    title = "Client not found"


class ClientDisabled(LendingError):
    """The API client is disabled: it gets no further key."""

    code = "client_disabled"
    title = "Client disabled"


class TooManyKeys(LendingError):
    """The API client has two keys that are valid; revoke one first."""

    code = "too_many_keys"
    title = "Too many keys"


class KeyNotFound(LendingError):
    """There is no API key with the identifier in the path."""

    code = "key_not_found"
    title = "Key not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What turns a key into its stored hash: the environment's name and the service's own secret."""

    environment: str
    pepper: str

    def hash(self, *, key_id: uuid.UUID, secret: str) -> bytes:
        """Hash a key's secret part, bound to its identifier and environment."""
        message = f"{self.environment}:{key_id.hex}:{secret}".encode()
        return hmac.new(self.pepper.encode(), message, hashlib.sha256).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A valid key: whose it is, from where it may be used, and when that was last noted."""

    id: uuid.UUID
    client: Actor
    allowed_addresses: tuple[str, ...] | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey(KeyRecord):
    """A new key with its text, which is nowhere else."""

    key: str


def check_scopes(scopes: Sequence[str]) -> list[str]:
    """Give each scope once, in order.

    :raises UnknownScope: if one does not exist, or there is none.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise UnknownScope(f"no such scope: {', '.join(unknown) or 'none given'}", field="scopes")
    return sorted(set(scopes))


def issue(
    session: Session,
    *,
    name: str,
    scopes: Sequence[str],
    secret: Secret,
    now: datetime,
    expires_at: datetime | None = None,
) -> str:
    """Make a client, as an operator does at the command line, and give the text of its first key.

    :raises UnknownScope: if a scope does not exist.
    """
    context = Context(actor="cli:create-key", request_id=None, now=now, business_date=now.date())
    client_id = create_client(session, name=name, scopes=scopes, context=context)
    return issue_further(
        session, client_id=client_id, secret=secret, context=context, expires_at=expires_at
    ).key


def create_client(
    session: Session,
    *,
    name: str,
    scopes: Sequence[str],
    context: Context,
    allowed_addresses: Sequence[str] | None = None,
    own_loans_only: bool = False,
) -> uuid.UUID:
    """Make a client without a key and give its id; `allowed_addresses` are networks, None is anywhere.

    :raises UnknownScope: if a scope does not exist.
    """
    client_id, granted = clock.uuid7(), check_scopes(scopes)
    addresses = None if allowed_addresses is None else list(allowed_addresses)
    db.execute_together(
        session,
        sa.insert(CLIENTS).values(
            id=client_id,
            name=name,
            scopes=granted,
            allowed_addresses=sa.null() if addresses is None else sa.cast(addresses, ARRAY(CIDR)),
            own_loans_only=own_loans_only,
            created_at=context.now,
        ),
        *access_trail.leave(
            "api_client.create",
            subject_id=client_id,
            told={"client_id": str(client_id), "scopes": granted},
            after={
                "name": name,
                "scopes": granted,
                "allowed_addresses": addresses,
                "own_loans_only": own_loans_only,
            },
            context=context,
        ),
    )
    return client_id


def issue_further(
    session: Session,
    *,
    client_id: uuid.UUID,
    secret: Secret,
    context: Context,
    expires_at: datetime | None = None,
) -> IssuedKey:
    """Issue a key to a client; its text cannot be read again.

    :raises ClientNotFound: if there is no such client.
    :raises ClientDisabled: if it is disabled.
    :raises TooManyKeys: if it has two keys that are valid.
    """
    client = _client_with_room(session, client_id=client_id, now=context.now)
    key_id, text = clock.uuid7(), secrets.token_hex(32)
    key = IssuedKey(
        id=key_id,
        client_id=client_id,
        created_at=context.now,
        expires_at=expires_at,
        last_used_at=None,
        revoked_at=None,
        key=f"bl_{secret.environment}_{key_id.hex}_{text}",
    )
    facts = {"key_id": str(key_id), "expires_at": None if expires_at is None else clock.written(expires_at)}
    db.execute_together(
        session,
        sa.insert(KEYS).values(
            id=key_id,
            client_id=client_id,
            name=client.name,
            secret_hash=secret.hash(key_id=key_id, secret=text),
            scopes=client.scopes,
            created_at=key.created_at,
            expires_at=expires_at,
        ),
        *access_trail.leave(
            "api_key.issue",
            subject_id=client_id,
            told={"client_id": str(client_id), **facts},
            after=facts,
            context=context,
        ),
    )
    return key


def revoke(session: Session, *, key_id: uuid.UUID, context: Context) -> uuid.UUID:
    """Revoke a key, from its next request on, and give its client; a key that is revoked already stays so.

    :raises KeyNotFound: if there is no such key.
    """
    client_id: uuid.UUID | None = session.execute(
        sa.update(KEYS)
        .where(KEYS.c.id == key_id, KEYS.c.revoked_at.is_(None))
        .values(revoked_at=context.now)
        .returning(KEYS.c.client_id)
    ).scalar_one_or_none()
    if client_id is None:
        owner: uuid.UUID | None = session.execute(
            sa.select(KEYS.c.client_id).where(KEYS.c.id == key_id)
        ).scalar_one_or_none()
        if owner is None:
            raise KeyNotFound(f"there is no key {key_id}")
        return owner
    db.execute_together(
        session,
        *access_trail.leave(
            "api_key.revoke",
            subject_id=client_id,
            told={"client_id": str(client_id), "key_id": str(key_id)},
            before={"key_id": str(key_id)},
            context=context,
        ),
    )
    return client_id


def authenticate(session: Session, *, token: str, secret: Secret, now: datetime) -> Recognised:
    """Recognise the caller by its key.

    :raises NotAuthenticated: if the key is malformed, unknown, expired or revoked, or its client disabled; the answer
        is the same for all.
    """
    match = PATTERN.fullmatch(token)
    if match is None or match.group(1) != secret.environment:
        raise refusal("malformed")
    key_id = uuid.UUID(hex=match.group(2))
    row = session.execute(
        sa.select(
            KEYS.c.secret_hash,
            KEYS.c.expires_at,
            KEYS.c.revoked_at,
            KEYS.c.last_used_at,
            KEYS.c.client_id,
            CLIENTS.c.name,
            CLIENTS.c.scopes,
            # psycopg2 reads an array of text, not one of cidr.
            sa.cast(CLIENTS.c.allowed_addresses, ARRAY(sa.Text)).label("allowed_addresses"),
            CLIENTS.c.disabled_at,
            CLIENTS.c.own_loans_only,
        )
        .select_from(KEYS.join(CLIENTS, CLIENTS.c.id == KEYS.c.client_id))
        .where(KEYS.c.id == key_id)
    ).one_or_none()
    if row is None:
        raise refusal("unknown")
    if not hmac.compare_digest(row.secret_hash, secret.hash(key_id=key_id, secret=match.group(3))):
        raise refusal("wrong_secret")
    if row.revoked_at is not None:
        raise refusal("revoked")
    if row.expires_at is not None and row.expires_at <= now:
        raise refusal("expired")
    if row.disabled_at is not None:
        raise refusal("disabled")
    return Recognised(
        id=key_id,
        client=Actor(
            kind=ActorKind.API_CLIENT,
            id=row.client_id,
            name=row.name,
            scopes=frozenset(row.scopes),
            own_loans_only=row.own_loans_only,
        ),
        allowed_addresses=None if row.allowed_addresses is None else tuple(row.allowed_addresses),
        last_used_at=row.last_used_at,
    )


def refusal(reason: str) -> NotAuthenticated:
    """Make the one answer to whoever is not recognised, whatever the reason."""
    # The reason is counted for the operator and not told to the caller, who may be guessing.
    metrics.authentication_failures.labels(reason=reason).inc()
    return NotAuthenticated("the API key or token is not valid: check the Authorization header")


def _client_with_room(
    session: Session, *, client_id: uuid.UUID, now: datetime
) -> sa.Row[tuple[str, list[str], datetime | None]]:
    """Lock a client that gets a further key.

    :raises ClientNotFound: if there is no such client.
    :raises ClientDisabled: if it is disabled.
    :raises TooManyKeys: if it has two keys that are valid.
    """
    # The lock lets one key be issued at a time, so that the count is of all there are.
    client = session.execute(
        sa.select(CLIENTS.c.name, CLIENTS.c.scopes, CLIENTS.c.disabled_at)
        .where(CLIENTS.c.id == client_id)
        .with_for_update()
    ).one_or_none()
    if client is None:
        raise ClientNotFound(f"there is no client {client_id}")
    if client.disabled_at is not None:
        raise ClientDisabled(f"client {client_id} is disabled")
    live = session.execute(
        sa.select(sa.func.count())
        .select_from(KEYS)
        .where(
            KEYS.c.client_id == client_id,
            KEYS.c.revoked_at.is_(None),
            sa.or_(KEYS.c.expires_at.is_(None), KEYS.c.expires_at > now),
        )
    ).scalar_one()
    if live >= LIVE_KEYS_MAX:
        raise TooManyKeys(f"client {client_id} has {live} valid keys: revoke one first")
    return client
