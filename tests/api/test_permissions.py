"""Who may do what: every route by every role and by a key with each single scope, as the table below says."""

import uuid

import pytest

from tests.api import routes, staffing
from tests.api.samples import assert_refused
from tests.conftest import Api

KEY_SCOPES = (
    *("borrowers:read", "borrowers:write", "products:read", "products:write"),
    *("loans:read", "loans:write", "loans:approve", "loans:disburse", "loans:service"),
    *("repayments:write", "repayments:reverse", "ledger:read", "legacy:read", "legacy:write"),
    "portfolio:read",
    *("approvals:read", "approvals:decide", "approvals:withdraw", "policies:read", "policies:write"),
    *("clients:manage", "staff:manage", "audit:read", "events:read"),
)
# Written out: what the patterns in loans/services/permissions.py are to come to.
ROLES = {
    "admin": {*KEY_SCOPES, "account:write"},
    "officer": {
        *("borrowers:read", "borrowers:write", "products:read"),
        *("loans:read", "loans:write", "loans:approve", "loans:disburse", "loans:service"),
        *("repayments:write", "repayments:reverse", "ledger:read", "account:write"),
        "portfolio:read",
        *("approvals:read", "approvals:decide", "approvals:withdraw", "policies:read"),
    },
    "teller": {"borrowers:read", "loans:read", "repayments:write", "account:write"},
    "auditor": {
        *("borrowers:read", "products:read", "loans:read", "ledger:read", "legacy:read", "account:write"),
        "portfolio:read",
        *("approvals:read", "policies:read"),
        *("audit:read", "events:read"),
    },
}
HELD = {"nobody": set(), **ROLES, **{scope: {scope} for scope in KEY_SCOPES}}
ASKED = (*routes.ALL, *routes.FIRST_API)
KEPT_OUT = {"not_authenticated", "scope_missing", "password_change_required", "address_not_allowed"}


@pytest.fixture
def ask(app, issue_key, committed, today):
    """Ask a route as somebody and tell whether the door opened, whatever was found behind it."""

    def make(who):
        if who == "nobody":
            bearer = "none"
        elif who in ROLES:
            bearer = staffing.staff_api(app, committed, role=who).key
        else:
            bearer = issue_key(who)
        client = app.test_client()

        def open_door(route):
            response = client.open(
                route.path,
                method=route.method,
                headers={"Authorization": f"Bearer {bearer}", "Idempotency-Key": str(uuid.uuid4())},
                json=route.body if route.method != "GET" else None,
            )
            assert response.status_code < 500, response.text
            answer = response.get_json()
            # A problem document names its code so, an error of the first API otherwise, and its list is an array.
            said = {answer.get("code"), answer.get("error_code")} if isinstance(answer, dict) else set()
            return not said & KEPT_OUT

        return open_door

    return make


class TestMatrix:
    @pytest.mark.parametrize("who", HELD)
    def test_opens_what_the_table_says_and_nothing_else(self, ask, who, record_property):
        open_door = ask(who)

        opened = {str(route) for route in ASKED if open_door(route)}

        assert opened == {str(route) for route in ASKED if route.scope in {"public", *HELD[who]}}
        record_property("cells", len(ASKED))

    def test_names_every_scope_that_a_route_asks_for(self):
        wanted = {route.scope for route in ASKED}

        assert wanted == {"public", "account:write", *KEY_SCOPES}

    def test_has_a_cell_for_every_route_and_caller(self, capsys):
        cells = len(ASKED) * len(HELD)

        with capsys.disabled():
            print(f"\npermission matrix: {len(ASKED)} routes x {len(HELD)} callers = {cells} cells")  # noqa: T201
        assert cells >= 60 * 19


class TestSomebodyElses:
    @pytest.fixture
    def reader(self, app, issue_key, today):
        return Api(client=app.test_client(), key=issue_key("loans:read"))

    @pytest.fixture
    def client_path(self, api):
        body = {"name": "till", "scopes": ["loans:read"]}
        return api.post("/api/v1/clients", body).headers["Location"]

    def test_keys_are_neither_seen_nor_revoked_without_the_scope(self, api, reader, client_path):
        key = api.post(f"{client_path}/keys").get_json()

        for response in (
            reader.get(client_path),
            reader.get("/api/v1/clients"),
            reader.post(f"{client_path}/keys"),
            reader.post(f"{client_path}/disable"),
            reader.post(f"/api/v1/keys/{key['id']}/revoke"),
        ):
            assert assert_refused(response, 403, "scope_missing")["scope"] == "clients:manage"
        assert api.get(client_path).get_json()["keys"][0]["revoked_at"] is None

    def test_scopes_are_not_given_by_who_lacks_them(self, api, app, issue_key, client_path):
        manager = Api(client=app.test_client(), key=issue_key("clients:manage", "staff:manage", "loans:read"))
        rich = api.post("/api/v1/clients", {"name": "bank", "scopes": ["loans:disburse", "loans:read"]})
        admin = {"username": "sly.admin", "name": "Sly", "role": "admin"}

        assert manager.post(f"{client_path}/keys").status_code == 201
        for response in (
            manager.post("/api/v1/clients", {"name": "sly", "scopes": ["loans:disburse"]}),
            manager.post(f"{rich.headers['Location']}/keys"),
            manager.post("/api/v1/staff", admin),
        ):
            assert "loans:disburse" in assert_refused(response, 403, "scope_not_held")["detail"]

    def test_first_passwords_are_not_asked_for_by_who_may_do_less(self, app, issue_key, committed, today):
        manager = Api(client=app.test_client(), key=issue_key("staff:manage"))
        admin = staffing.make_member(committed, role="admin")

        response = manager.post(f"/api/v1/staff/{admin.id}/reset-password")

        assert_refused(response, 403, "scope_not_held")
        assert staffing.log_in(app.test_client(), admin)["role"] == "admin"

    def test_passwords_are_changed_by_nobody_but_their_owner(self, app, committed, issue_key, today):
        owner = staffing.make_member(committed)
        other = staffing.staff_api(app, committed, role="teller")
        key = Api(client=app.test_client(), key=issue_key())
        body = {"old_password": staffing.PASSWORD, "new_password": "not the one it was"}

        assert other.post("/api/v1/staff/me/password", body).status_code == 200

        assert staffing.log_in(app.test_client(), owner)["staff_id"] == str(owner.id)
        assert_refused(key.post("/api/v1/staff/me/password", body), 403, "scope_missing")
        assert_refused(key.post(f"/api/v1/staff/{owner.id}/password", body), 404, "not_found")

    def test_refresh_tokens_are_no_access_tokens_nor_the_other_way_round(self, app, committed, today):
        opened = staffing.log_in(app.test_client(), staffing.make_member(committed))
        as_access = Api(client=app.test_client(), key=opened["refresh_token"])

        assert_refused(as_access.get("/api/v1/loans"), 401, "not_authenticated")
        for swapped in (opened["access_token"][:128], f"blr_{'0' * 64}", "x"):
            response = as_access.post("/api/v1/sessions/refresh", {"refresh_token": swapped})
            assert_refused(response, 401, "session_over")

    def test_sessions_go_on_when_one_is_ended(self, app, committed, today):
        member, other = staffing.make_member(committed), staffing.make_member(committed)
        client = app.test_client()
        ended, kept = staffing.log_in(client, member), staffing.log_in(client, other)

        client.post("/api/v1/sessions/end", json={"refresh_token": ended["refresh_token"]})

        refreshed = client.post("/api/v1/sessions/refresh", json={"refresh_token": kept["refresh_token"]})
        assert refreshed.get_json()["staff_id"] == str(other.id)

    def test_idempotency_keys_are_anothers(self, app, committed, today):
        key = {"Idempotency-Key": str(uuid.uuid4())}
        body = {"first_name": "Amina", "last_name": "Odhiambo"}
        officers = [staffing.staff_api(app, committed, role="officer") for _ in range(2)]

        made = [officer.post("/api/v1/borrowers", body, headers=dict(key)) for officer in officers]
        again = officers[0].post("/api/v1/borrowers", body, headers=dict(key))

        assert made[0].get_json()["id"] != made[1].get_json()["id"]
        assert again.data == made[0].data
