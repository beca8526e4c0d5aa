"""Access tokens: JWTs that say which session of which staff member calls (ADR 31).

They are signed with the first of JWT_KEYS and accepted from any of them, so that keys change by overlap. Nothing in
one is believed but whose it is: role and state are looked up at each request.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from loans import clock
from loans.services import api_keys

ALGORITHM = "HS256"
ISSUER = "branch-loans"
LIFETIME = timedelta(minutes=10)
# How far the clocks of two servers may differ.
LEEWAY = timedelta(seconds=60)
LENGTH_MAX = 2048
CLAIMS = ("iss", "aud", "sub", "sid", "role", "iat", "exp", "jti")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What tokens are signed and verified with: kid and secret, the signing one first, and for whom they are."""

    environment: str
    pairs: Sequence[tuple[str, str]]

    @property
    def audience(self) -> str:
        """Whom a token is for: a token of staging opens nothing in production."""
        return f"{ISSUER}:{self.environment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Whose token it is, and of which session."""

    staff_id: uuid.UUID
    session_id: uuid.UUID


def issue(claims: Claims, *, role: str, keys: Keys, now: datetime) -> str:
    """Make an access token."""
    kid, secret = keys.pairs[0]
    payload = {
        "iss": ISSUER,
        "aud": keys.audience,
        "sub": str(claims.staff_id),
        "sid": str(claims.session_id),
        "role": role,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "jti": str(clock.uuid7()),
    }
    return jwt.encode(payload, secret, algorithm=ALGORITHM, headers={"kid": kid})


def read(token: str, *, keys: Keys, now: datetime) -> Claims:
    """Read an access token.

    :raises NotAuthenticated: if it is malformed, signed with another key or for another audience, or has expired; the
        answer is the same for all.
    """
    if len(token) > LENGTH_MAX:
        raise api_keys.refusal("malformed")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        secret = dict(keys.pairs).get(kid) if isinstance(kid, str) else None
        if secret is None:
            raise api_keys.refusal("unknown_signing_key")
        payload = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=keys.audience,
            issuer=ISSUER,
            # The times are compared below, with the one clock of this service.
            options={
                "require": list(CLAIMS),
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "strict_aud": True,
            },
        )
        found = _claims(payload, now=now)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise api_keys.refusal("malformed") from error
    return found


def _claims(payload: Mapping[str, Any], *, now: datetime) -> Claims:
    issued, expires, moment = payload["iat"], payload["exp"], now.timestamp()
    if type(issued) is not int or type(expires) is not int:
        raise ValueError("iat and exp are whole numbers of seconds")
    if expires <= moment - LEEWAY.total_seconds() or issued > moment + LEEWAY.total_seconds():
        raise api_keys.refusal("expired")
    return Claims(staff_id=uuid.UUID(str(payload["sub"])), session_id=uuid.UUID(str(payload["sid"])))
