"""API clients: their keys, two at a time; where they call from; when they called last."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from loans import clock
from loans.app import create_app
from loans.db import db
from loans.models.api_key import ApiKey
from loans.models.idempotency import IdempotencyKey
from tests.api.samples import UNKNOWN_ID, assert_refused, without
from tests.conftest import Api, make_settings
from tests.services.bank import at_once

KEYS = ApiKey.__table__
CLIENTS = "/api/v1/clients"
READER = {"name": "till 3", "scopes": ["loans:read", "borrowers:read"]}
NOON = "2026-06-15T12:00:00.000000Z"


@pytest.fixture
def path(api):
    return api.post(CLIENTS, READER).headers["Location"]


@pytest.fixture
def caller(app, api, path):
    """The client at `path` with a key, from an address: `caller("10.0.0.1")`."""
    key = api.post(f"{path}/keys").get_json()["key"]

    def call(address="127.0.0.1"):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = address
        return Api(client=client, key=key).get("/api/v1/loans")

    return call


def audited(session, path):
    query = sa.text("SELECT action, actor FROM audit_records WHERE subject_id = :id ORDER BY id")
    return list(session.execute(query, {"id": path.rsplit("/", 1)[1]}))


class TestClient:
    def test_is_registered_without_a_key(self, api):
        answer = api.post(CLIENTS, READER | {"allowed_addresses": ["10.0.0.0/8", "2001:db8::1"]})

        assert answer.status_code == 201
        body = answer.get_json()
        assert answer.headers["Location"] == f"{CLIENTS}/{body['id']}"
        assert without(body, "id") == {
            "name": "till 3",
            "scopes": ["borrowers:read", "loans:read"],
            "allowed_addresses": ["10.0.0.0/8", "2001:db8::1/128"],
            "own_loans_only": False,
            "created_at": NOON,
            "disabled_at": None,
            "keys": [],
        }
        assert api.get(answer.headers["Location"]).get_json() == body

    def test_comes_first_in_the_list(self, api, path):
        page = api.get(f"{CLIENTS}?limit=1").get_json()

        assert f"{CLIENTS}/{page['data'][0]['id']}" == path
        assert "keys" not in page["data"][0]

    @pytest.mark.parametrize(
        ("given", "pointer"),
        [
            ({"scopes": []}, "#/scopes"),
            ({"scopes": "loans:read"}, "#/scopes"),
            ({"name": ""}, "#/name"),
            ({"allowed_addresses": []}, "#/allowed_addresses"),
            ({"allowed_addresses": ["10.0.0.1/8"]}, "#/allowed_addresses/0"),
            ({"allowed_addresses": ["10.0.0.1", "fe80::1%eth0"]}, "#/allowed_addresses/1"),
            ({"allowed_addresses": [7]}, "#/allowed_addresses/0"),
            ({"allowed_addresses": ["10.0.0.1"] * 51}, "#/allowed_addresses"),
        ],
    )
    def test_is_refused_where_it_makes_no_sense(self, api, given, pointer):
        response = api.post(CLIENTS, READER | given)

        code = (
            "unknown_scope"
            if ":" in str(given.get("scopes", "")) and "[" in str(given["scopes"])
            else "invalid_request"
        )
        assert_refused(response, 422, code, pointers=[pointer])

    def test_that_does_not_exist_is_not_found(self, api):
        for last in ("", "/keys", "/disable"):
            ask = api.post if last else api.get
            assert_refused(ask(f"{CLIENTS}/{UNKNOWN_ID}{last}"), 404, "client_not_found")

    def test_that_is_disabled_is_refused_at_once_and_for_good(self, api, path, caller):
        assert caller().status_code == 200

        first, second = api.post(f"{path}/disable"), api.post(f"{path}/disable")

        assert first.get_json()["disabled_at"] == second.get_json()["disabled_at"] == NOON
        assert_refused(caller(), 401, "not_authenticated")
        assert_refused(api.post(f"{path}/keys"), 409, "client_disabled")

    def test_leaves_a_trail(self, api, path, session):
        key = api.post(f"{path}/keys").get_json()["id"]
        api.post(f"/api/v1/keys/{key}/revoke")
        api.post(f"{path}/disable")

        actions = audited(session, path)

        assert [row.action for row in actions] == [
            *("api_client.create", "api_key.issue", "api_key.revoke", "api_client.disable"),
        ]
        assert {row.actor.partition(":")[0] for row in actions} == {"api_client"}


class TestKey:
    def test_is_shown_once_and_opens_what_the_client_may(self, api, app, path):
        answer = api.post(f"{path}/keys", {"days": 30})

        issued = answer.get_json()
        own = Api(client=app.test_client(), key=issued["key"])
        assert answer.status_code == 201
        assert issued["expires_at"] == "2026-07-15T12:00:00.000000Z"
        assert issued["key"].startswith(f"bl_test_{uuid.UUID(issued['id']).hex}_")
        assert own.get("/api/v1/loans").status_code == 200
        assert_refused(own.get("/api/v1/products"), 403, "scope_missing")
        assert issued["key"].rsplit("_", 1)[1] not in api.get(path).text

    def test_is_nowhere_in_what_is_stored_for_a_replay(self, api, path, session):
        again = {"Idempotency-Key": str(uuid.uuid4())}
        first = api.post(f"{path}/keys", {}, headers=dict(again))
        replay = api.post(f"{path}/keys", {}, headers=dict(again))

        stored = session.execute(
            sa.select(IdempotencyKey.__table__.c.body).where(
                IdempotencyKey.__table__.c.key == again["Idempotency-Key"]
            )
        ).scalar_one()

        assert replay.headers["Idempotent-Replayed"] == "true"
        assert replay.get_json() == first.get_json() | {"key": None}
        assert first.get_json()["key"].rsplit("_", 1)[1].encode() not in bytes(stored)

    def test_is_the_third_only_when_another_is_over(self, api, path, today):
        old = api.post(f"{path}/keys", {"days": 1}).get_json()
        api.post(f"{path}/keys")

        assert_refused(api.post(f"{path}/keys"), 409, "too_many_keys")
        api.post(f"/api/v1/keys/{old['id']}/revoke")
        assert api.post(f"{path}/keys", {"days": 1}).status_code == 201
        assert_refused(api.post(f"{path}/keys"), 409, "too_many_keys")
        today(date(2026, 6, 16))
        assert api.post(f"{path}/keys").status_code == 201

    def test_is_changed_by_a_second_one_without_a_pause(self, api, app, path):
        old, new = (api.post(f"{path}/keys").get_json() for _ in range(2))
        apis = [Api(client=app.test_client(), key=each["key"]) for each in (old, new)]

        both = [each.get("/api/v1/loans").status_code for each in apis]
        revoked = api.post(f"/api/v1/keys/{old['id']}/revoke").get_json()
        after = [each.get("/api/v1/loans").status_code for each in apis]

        assert (both, after) == ([200, 200], [401, 200])
        assert [key["revoked_at"] for key in revoked["keys"]] == [None, NOON]

    def test_is_revoked_once(self, api, path, session):
        key = api.post(f"{path}/keys").get_json()["id"]

        answers = [api.post(f"/api/v1/keys/{key}/revoke") for _ in range(2)]

        assert answers[0].get_json() == answers[1].get_json()
        assert [row.action for row in audited(session, path)].count("api_key.revoke") == 1
        assert_refused(api.post(f"/api/v1/keys/{UNKNOWN_ID}/revoke"), 404, "key_not_found")

    @pytest.mark.parametrize("days", [0, 3651, "30", 1.5, True])
    def test_is_refused_a_life_that_makes_no_sense(self, api, path, days):
        assert_refused(api.post(f"{path}/keys", {"days": days}), 422, "invalid_request", pointers=["#/days"])

    def test_is_issued_twice_however_many_ask_at_once(self, api, app, path):
        def ask(_):
            return Api(client=app.test_client(), key=api.key).post(f"{path}/keys")

        answers = at_once(ask, times=8)

        assert sorted(answer.status_code for answer in answers) == [201, 201, *[409] * 6]
        assert len(api.get(path).get_json()["keys"]) == 2


class TestAddress:
    @pytest.fixture
    def path(self, api):
        return api.post(CLIENTS, READER | {"allowed_addresses": ["10.1.0.0/16", "2001:db8::/32"]}).headers[
            "Location"
        ]

    @pytest.mark.parametrize("address", ["10.1.0.0", "10.1.255.255", "2001:db8::7", "::ffff:10.1.2.3"])
    def test_within_the_list_is_let_in(self, caller, address):
        assert caller(address).status_code == 200

    @pytest.mark.parametrize(
        "address", ["10.2.0.0", "127.0.0.1", "2001:db9::7", "::ffff:10.2.0.1", "unknown", "", "10.1.0.0:80"]
    )
    def test_outside_of_it_is_refused(self, caller, address):
        assert_refused(caller(address), 403, "address_not_allowed")

    def test_is_that_which_the_trusted_proxy_saw(self, database_url, api, path):
        key = api.post(f"{path}/keys").get_json()["key"]
        behind = create_app(make_settings(database_url, trusted_proxies=1))
        ours = Api(client=behind.test_client(), key=key)

        def status(forwarded):
            return ours.get("/api/v1/loans", headers={"X-Forwarded-For": forwarded}).status_code

        assert status("10.1.0.9") == 200
        assert status("192.0.2.1, 10.1.0.9") == 200
        # What the caller claims itself stands to the left of what the proxy adds.
        assert status("10.1.0.9, 192.0.2.1") == 403
        with behind.app_context():
            db.engine.dispose()

    def test_is_not_believed_without_a_proxy(self, app, api, path):
        key = api.post(f"{path}/keys").get_json()["key"]

        response = Api(client=app.test_client(), key=key).get(
            "/api/v1/loans", headers={"X-Forwarded-For": "10.1.0.9"}
        )

        assert_refused(response, 403, "address_not_allowed")


class TestLastUse:
    @pytest.fixture
    def at(self, monkeypatch):
        """Set the clock to so many seconds after noon."""

        def set_to(seconds):
            now = datetime(2026, 6, 15, 12, tzinfo=UTC) + timedelta(seconds=seconds)
            monkeypatch.setattr(clock, "now", lambda: now)

        return set_to

    def noted(self, api, path):
        return api.get(path).get_json()["keys"][0]["last_used_at"]

    def test_is_noted_at_most_once_a_minute(self, api, path, caller, at):
        notes = []

        for seconds in (0, 1, 59, 60, 61):
            at(seconds)
            assert caller().status_code == 200
            notes.append(self.noted(api, path)[11:19])

        assert notes == ["12:00:00", "12:00:00", "12:00:00", "12:01:00", "12:01:00"]

    def test_costs_no_write_in_between(self, app, caller, statements_of):
        caller()

        assert [text.split()[0] for text in statements_of(caller)] == ["SELECT", "SELECT"]

    def test_waits_for_nobody(self, app, api, path, caller, at):
        key = uuid.UUID(api.get(path).get_json()["keys"][0]["id"])
        caller()
        at(120)

        with app.app_context(), db.engine.begin() as other:
            other.execute(sa.select(KEYS.c.id).where(KEYS.c.id == key).with_for_update())
            status = caller().status_code

        assert (status, self.noted(api, path)) == (200, NOON)

    def test_that_cannot_be_noted_fails_nothing(self, app, path, caller):
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(
                sa.text(
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                    " RAISE EXCEPTION 'no'; END $$"
                )
            )
            connection.execute(
                sa.text(
                    "CREATE TRIGGER refuse BEFORE UPDATE ON api_keys FOR EACH ROW"
                    f" WHEN (NEW.client_id = '{path.rsplit('/', 1)[1]}') EXECUTE FUNCTION refuse()"
                )
            )
        try:
            assert caller().status_code == 200
        finally:
            with app.app_context(), db.engine.begin() as connection:
                connection.execute(sa.text("DROP TRIGGER refuse ON api_keys"))
                connection.execute(sa.text("DROP FUNCTION refuse()"))
