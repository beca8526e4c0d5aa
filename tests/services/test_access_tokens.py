"""Access tokens: what is accepted, for how long, and under which keys."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from loans.services import access_tokens
from loans.services.access_tokens import Claims, Keys
from loans.services.api_keys import NotAuthenticated

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
OLD, NEW = ("2026-05", "o" * 64), ("2026-06", "n" * 64)
KEYS = Keys(environment="test", pairs=[NEW, OLD])
CLAIMS = Claims(
    staff_id=uuid.UUID("0190aaaa-0000-7000-8000-000000000001"),
    session_id=uuid.UUID("0190aaaa-0000-7000-8000-000000000002"),
)


def issue(keys=KEYS, now=NOW):
    return access_tokens.issue(CLAIMS, role="teller", keys=keys, now=now)


def payload_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def forge(*, secret=NEW[1], algorithm="HS256", header=None, **claims):
    """A token with other claims, by default signed as ours are."""
    payload = {name: value for name, value in (payload_of(issue()) | claims).items() if value is not None}
    return jwt.encode(payload, secret, algorithm=algorithm, headers={"kid": NEW[0]} | (header or {}))


def encoded(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class TestIssue:
    def test_says_who_and_for_whom_and_until_when(self):
        token = issue()

        payload = payload_of(token)
        assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "2026-06", "typ": "JWT"}
        assert uuid.UUID(payload.pop("jti")).version == 7
        assert payload == {
            "iss": "branch-loans",
            "aud": "branch-loans:test",
            "sub": "0190aaaa-0000-7000-8000-000000000001",
            "sid": "0190aaaa-0000-7000-8000-000000000002",
            "role": "teller",
            "iat": 1781524800,
            "exp": 1781525400,
        }


class TestRead:
    def test_gives_what_was_issued(self):
        assert access_tokens.read(issue(), keys=KEYS, now=NOW) == CLAIMS

    @pytest.mark.parametrize("seconds", [-60, 0, 659])
    def test_forgives_the_difference_of_two_clocks(self, seconds):
        assert access_tokens.read(issue(), keys=KEYS, now=NOW + timedelta(seconds=seconds)) == CLAIMS

    @pytest.mark.parametrize("seconds", [-61, 660, 86_400])
    def test_refuses_what_is_over_or_has_not_begun(self, seconds):
        with pytest.raises(NotAuthenticated):
            access_tokens.read(issue(), keys=KEYS, now=NOW + timedelta(seconds=seconds))

    @pytest.mark.parametrize(
        "token",
        [
            forge(secret=OLD[1]),
            forge(header={"kid": "2026-07"}),
            forge(header={"kid": ""}),
            forge(algorithm="HS512"),
            forge(algorithm="none", secret=None),
            forge(iss="branch-moans"),
            forge(aud="branch-loans:production"),
            forge(aud=["branch-loans:test"]),
            forge(sub="amina"),
            forge(exp="1781525400"),
            forge(exp=1781525400.5),
            forge(iat=True),
            *[forge(**{name: None}) for name in ("iss", "aud", "sub", "sid", "role", "iat", "exp", "jti")],
            f"{encoded('{}')}.{encoded('{}')}.",
            f"{encoded('[' * 1400)}.e30.x",
            f"{encoded('null')}.e30.x",
            "",
            "..",
            "a.b.c",
            "é.é.é",
            "x" * 100_000,
        ],
    )
    def test_refuses_everything_else(self, token):
        with pytest.raises(NotAuthenticated):
            access_tokens.read(token, keys=KEYS, now=NOW)

    def test_refuses_a_token_that_was_changed(self):
        head, payload, signature = issue().split(".")
        changed = json.loads(base64.urlsafe_b64decode(payload + "=="))
        changed["sub"] = "0190aaaa-0000-7000-8000-000000000003"

        with pytest.raises(NotAuthenticated):
            access_tokens.read(f"{head}.{encoded(json.dumps(changed))}.{signature}", keys=KEYS, now=NOW)


class TestRotation:
    def test_overlaps(self):
        before = Keys(environment="test", pairs=[OLD])
        after = Keys(environment="test", pairs=[NEW])
        overlap = Keys(environment="test", pairs=[OLD, NEW])
        by_old, by_new = issue(overlap), issue(KEYS)

        for keys in (before, overlap, KEYS):
            assert access_tokens.read(by_old, keys=keys, now=NOW) == CLAIMS
        for keys in (overlap, KEYS, after):
            assert access_tokens.read(by_new, keys=keys, now=NOW) == CLAIMS
        with pytest.raises(NotAuthenticated):
            access_tokens.read(by_old, keys=after, now=NOW)
