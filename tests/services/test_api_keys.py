import uuid
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from loans.models.api_key import ApiKey
from loans.services import api_keys
from loans.services.api_keys import NotAuthenticated, Secret, UnknownScope

KEYS = ApiKey.__table__
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = Secret(environment="test", pepper="a-pepper-of-thirty-two-characters")


def issue(session, **given):
    defaults = {"name": "teller", "scopes": ["loans:read"], "secret": SECRET, "now": NOW}
    return api_keys.issue(session, **(defaults | given))


def authenticate(session, token, **given):
    return api_keys.authenticate(session, token=token, **({"secret": SECRET, "now": NOW} | given))


def stored(session, token):
    return session.execute(sa.select(KEYS).where(KEYS.c.id == key_id(token))).one()


def key_id(token):
    return uuid.UUID(hex=token.split("_")[2])


class TestIssue:
    def test_gives_a_key_that_names_its_environment(self, session):
        token = issue(session)

        prefix, environment, identifier, secret = token.split("_")
        assert (prefix, environment) == ("bl", "test")
        assert (len(identifier), len(secret)) == (32, 64)

    def test_stores_only_a_hash_of_the_secret(self, session):
        token = issue(session)

        row = stored(session, token)
        secret = token.split("_")[3]
        assert len(row.secret_hash) == 32
        assert row.secret_hash != bytes.fromhex(secret)
        assert secret not in repr(row)

    def test_keeps_each_scope_once(self, session):
        token = issue(session, scopes=["loans:write", "loans:read", "loans:write"])

        assert stored(session, token).scopes == ["loans:read", "loans:write"]

    def test_never_gives_the_same_key_twice(self, session):
        assert issue(session) != issue(session)

    @pytest.mark.parametrize("scopes", [[], ["loans:steal"], ["loans:read", "*"]])
    def test_refuses_scopes_that_do_not_exist(self, session, scopes):
        with pytest.raises(UnknownScope) as refusal:
            issue(session, scopes=scopes)

        assert refusal.value.field == "scopes"


class TestAuthenticate:
    def test_recognises_a_key(self, session):
        token = issue(session, scopes=["loans:read", "ledger:read"])

        key = authenticate(session, token)

        assert (key.id, key.client.name) == (key_id(token), "teller")
        assert key.client.scopes == {"loans:read", "ledger:read"}
        assert str(key.client) == f"api_client:{stored(session, token).client_id}"

    def test_recognises_a_key_until_it_expires(self, session):
        token = issue(session, expires_at=NOW + timedelta(microseconds=1))

        assert authenticate(session, token).client.name == "teller"

    @pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1)])
    def test_refuses_an_expired_key_from_that_instant_on(self, session, late):
        token = issue(session, expires_at=NOW)

        with pytest.raises(NotAuthenticated):
            authenticate(session, token, now=NOW + late)

    def test_refuses_a_revoked_key(self, session):
        token = issue(session)
        session.execute(sa.update(KEYS).where(KEYS.c.id == key_id(token)).values(revoked_at=NOW))

        with pytest.raises(NotAuthenticated):
            authenticate(session, token)

    def test_refuses_another_secret(self, session):
        token = issue(session)
        last = "0" if token[-1] != "0" else "1"

        with pytest.raises(NotAuthenticated):
            authenticate(session, token[:-1] + last)

    def test_refuses_the_secret_of_another_key(self, session):
        token, other_token = issue(session), issue(session)
        mixed = "_".join([*token.split("_")[:3], other_token.split("_")[3]])

        with pytest.raises(NotAuthenticated):
            authenticate(session, mixed)

    def test_refuses_an_unknown_key(self, session):
        with pytest.raises(NotAuthenticated):
            authenticate(session, f"bl_test_{uuid.uuid4().hex}_{'0' * 64}")

    def test_refuses_a_key_of_another_environment(self, session):
        token = issue(session).replace("bl_test_", "bl_production_")

        with pytest.raises(NotAuthenticated):
            authenticate(session, token)

    def test_refuses_every_key_once_the_services_secret_is_another(self, session):
        token = issue(session)
        other = Secret(environment="test", pepper="another-pepper-of-32-characters!")

        with pytest.raises(NotAuthenticated):
            authenticate(session, token, secret=other)

    @pytest.mark.parametrize(
        "token",
        ["", "bl_test", "bl_test_1_2", "Bearer x", f"bl_test_{'g' * 32}_{'0' * 64}", "ø", "bl_test_\x00_1"],
    )
    def test_refuses_what_is_not_a_key(self, session, token):
        with pytest.raises(NotAuthenticated):
            authenticate(session, token)

    def test_does_not_tell_a_guesser_why(self, session):
        expired = issue(session, expires_at=NOW)
        unknown = f"bl_test_{uuid.uuid4().hex}_{'0' * 64}"
        reasons = set()

        for token in (expired, unknown, "nonsense"):
            with pytest.raises(NotAuthenticated) as refusal:
                authenticate(session, token)
            reasons.add(refusal.value.detail)

        assert len(reasons) == 1
