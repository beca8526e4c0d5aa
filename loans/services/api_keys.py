"""API keys: issue one, recognise one (ADR 0010).

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
from sqlalchemy.orm import Session

from loans import clock, metrics
from loans.core.errors import LendingError
from loans.models.api_key import ApiKey

KEYS = ApiKey.__table__
PATTERN = re.compile(r"bl_([a-z]{1,20})_([0-9a-f]{32})_([0-9a-f]{64})", re.ASCII)

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
    "legacy:read",
    "legacy:write",
)


class NotAuthenticated(LendingError):
    """The request carries no key, or none that this service knows and still accepts."""

    code = "not_authenticated"
    title = "Not authenticated"


class UnknownScope(LendingError):
    """A scope that does not exist."""

    code = "unknown_scope"
    title = "Unknown scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who calls, and what for."""

    id: uuid.UUID
    name: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What turns a key into its stored hash: the environment's name and the service's own secret."""

    environment: str
    pepper: str

    def hash(self, *, key_id: uuid.UUID, secret: str) -> bytes:
        """Hash a key's secret part, bound to its identifier and environment."""
        message = f"{self.environment}:{key_id.hex}:{secret}".encode()
        return hmac.new(self.pepper.encode(), message, hashlib.sha256).digest()


def issue(
    session: Session,
    *,
    name: str,
    scopes: Sequence[str],
    secret: Secret,
    now: datetime,
    expires_at: datetime | None = None,
) -> str:
    """Issue a key and give it; it cannot be read again.

    :raises UnknownScope: if a scope does not exist.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise UnknownScope(f"no such scope: {', '.join(unknown) or 'none given'}", field="scopes")
    key_id = clock.uuid7()
    text = secrets.token_hex(32)
    session.execute(
        sa.insert(KEYS).values(
            id=key_id,
            name=name,
            secret_hash=secret.hash(key_id=key_id, secret=text),
            scopes=sorted(set(scopes)),
            created_at=now,
            expires_at=expires_at,
        )
    )
    return f"bl_{secret.environment}_{key_id.hex}_{text}"


def authenticate(session: Session, *, token: str, secret: Secret, now: datetime) -> Client:
    """Recognise the caller by its key.

    :raises NotAuthenticated: if the key is malformed, unknown, expired or revoked; the answer is the same for all.
    """
    match = PATTERN.fullmatch(token)
    if match is None or match.group(1) != secret.environment:
        raise _refusal("malformed")
    key_id = uuid.UUID(hex=match.group(2))
    row = session.execute(
        sa.select(KEYS.c.name, KEYS.c.secret_hash, KEYS.c.scopes, KEYS.c.expires_at, KEYS.c.revoked_at).where(
            KEYS.c.id == key_id
        )
    ).one_or_none()
    if row is None:
        raise _refusal("unknown")
    if not hmac.compare_digest(row.secret_hash, secret.hash(key_id=key_id, secret=match.group(3))):
        raise _refusal("wrong_secret")
    if row.revoked_at is not None:
        raise _refusal("revoked")
    if row.expires_at is not None and row.expires_at <= now:
        raise _refusal("expired")
    return Client(id=key_id, name=row.name, scopes=frozenset(row.scopes))


def _refusal(reason: str) -> NotAuthenticated:
    # The reason is counted for the operator and not told to the caller, who may be guessing.
    metrics.authentication_failures.labels(reason=reason).inc()
    return NotAuthenticated("the API key is not valid: check the Authorization header")
