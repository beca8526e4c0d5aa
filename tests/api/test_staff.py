"""Accounts of staff: first passwords, own passwords, the end."""

import uuid

import pytest
import sqlalchemy as sa

from loans.models.staff import StaffMember
from tests.api import staffing
from tests.api.samples import INSTANT_OF_TESTS, UNKNOWN_ID, assert_refused, without
from tests.api.staffing import PASSWORD, SESSIONS, log_in, make_member
from tests.conftest import Api

STAFF = "/api/v1/staff"
OWN = "a password of my own"


@pytest.fixture
def person():
    return {"username": f"Amina.{uuid.uuid4().hex[:12]}", "name": "Amina Odhiambo", "role": "officer"}


@pytest.fixture
def member(committed, today):
    return make_member(committed)


@pytest.fixture
def own(app, member):
    """The API as the member uses it."""
    return Api(client=app.test_client(), key=log_in(app.test_client(), member)["access_token"])


def change(own, *, old=PASSWORD, new=OWN):
    return own.post(f"{STAFF}/me/password", {"old_password": old, "new_password": new})


class TestEmploy:
    def test_shows_the_first_password_once(self, api, person, session):
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answer, replay = (api.post(STAFF, person, headers=dict(key)) for _ in range(2))

        body = answer.get_json()
        assert (answer.status_code, answer.headers["Location"]) == (201, f"{STAFF}/{body['id']}")
        assert without(body, "id", "password") == {
            "username": person["username"].lower(),
            "name": "Amina Odhiambo",
            "role": "officer",
            "password_changed_at": None,
            "locked_until": None,
            "created_at": INSTANT_OF_TESTS,
            "disabled_at": None,
        }
        assert len(body["password"]) >= 24
        assert replay.get_json() == body | {"password": None}
        assert api.get(answer.headers["Location"]).get_json() == without(body, "password")
        everything = sa.text("SELECT staff::text FROM staff WHERE id = :id")
        assert body["password"] not in session.execute(everything, {"id": body["id"]}).scalar_one()

    def test_lets_the_first_password_do_nothing_but_be_changed(self, api, app, person):
        first = api.post(STAFF, person).get_json()["password"]
        client = app.test_client()
        login = {"username": person["username"], "password": first}
        opened = client.post(SESSIONS, json=login).get_json()
        own = Api(client=client, key=opened["access_token"])

        assert opened["password_change_required"] is True
        assert_refused(own.get("/api/v1/loans"), 403, "password_change_required")
        assert change(own, old=first).get_json() == {"done": True}
        assert own.get("/api/v1/loans").status_code == 200

    def test_refuses_a_username_that_is_taken_in_any_case(self, api, person):
        api.post(STAFF, person)

        response = api.post(STAFF, person | {"username": person["username"].upper()})

        assert_refused(response, 409, "duplicate_username", pointers=["#/username"])

    @pytest.mark.parametrize(
        ("given", "pointer"),
        [
            ({"username": "ab"}, "#/username"),
            ({"username": "a" * 65}, "#/username"),
            ({"username": "amina odhiambo"}, "#/username"),
            ({"username": "ämina"}, "#/username"),
            ({"role": "owner"}, "#/role"),
            ({"name": ""}, "#/name"),
            ({"password": "chosen by me 123"}, "#/password"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, api, person, given, pointer):
        assert_refused(api.post(STAFF, person | given), 422, "invalid_request", pointers=[pointer])

    def test_lists_the_newest_first(self, api, person):
        made = api.post(STAFF, person).get_json()

        assert api.get(f"{STAFF}?limit=1").get_json()["data"] == [without(made, "password")]

    def test_is_the_only_way_to_be_found(self, api):
        for last in ("", "/disable", "/unlock", "/reset-password"):
            ask = api.post if last else api.get
            assert_refused(ask(f"{STAFF}/{UNKNOWN_ID}{last}"), 404, "staff_not_found")


class TestOwnPassword:
    def test_ends_all_other_sessions(self, app, own, member, api):
        other = log_in(app.test_client(), member)

        changed = change(own)

        assert changed.get_json() == {"done": True}
        assert own.get("/api/v1/loans").status_code == 200
        elsewhere = Api(client=app.test_client(), key=other["access_token"])
        assert_refused(elsewhere.get("/api/v1/loans"), 401, "not_authenticated")
        assert log_in(app.test_client(), member, password=OWN)["role"] == "teller"
        old = {"username": member.username, "password": PASSWORD}
        assert_refused(app.test_client().post(SESSIONS, json=old), 401, "login_failed")

    @pytest.mark.parametrize(
        "weak",
        ["eleven char", "x" * 129, "passwordpassword", "PasswordPassword", "branchloans123"],
    )
    def test_is_refused_where_it_is_guessed_soon(self, own, weak):
        response = change(own, new=weak)

        code = "weak_password" if len(weak) <= 128 else "invalid_request"
        assert_refused(response, 422, code, pointers=["#/new_password"])
        assert own.get("/api/v1/loans").status_code == 200

    def test_is_not_the_username(self, own, member):
        assert_refused(
            change(own, new=member.username.upper()), 422, "weak_password", pointers=["#/new_password"]
        )

    @pytest.mark.parametrize("new", ["twelve chars", "            x", "x" * 128, "ÄÖÜäöüß€🦁🦁🦁🦁"])
    def test_may_be_anything_else(self, app, own, member, new):
        assert change(own, new=new).get_json() == {"done": True}
        assert log_in(app.test_client(), member, password=new)["role"] == "teller"

    def test_wants_the_old_one_and_counts_wrong_guesses_at_it(self, own, app, member):
        wrong = [change(own, old="not the one") for _ in range(5)]

        locked = change(own)

        for response in (*wrong, locked):
            assert_refused(response, 422, "wrong_password", pointers=["#/old_password"])
        login = {"username": member.username, "password": PASSWORD}
        assert app.test_client().post(SESSIONS, json=login).status_code == 401

    def test_leaves_nothing_of_itself_under_an_idempotency_key(self, own, session):
        count = sa.text("SELECT count(*) FROM idempotency_keys")
        before = session.execute(count).scalar_one()
        session.rollback()

        change(own)

        assert session.execute(count).scalar_one() == before


class TestReset:
    def test_gives_a_new_first_password_and_ends_what_was_open(self, api, app, own, member):
        answer = api.post(f"{STAFF}/{member.id}/reset-password")

        first = answer.get_json()["password"]
        assert answer.get_json()["password_changed_at"] is None
        assert_refused(own.get("/api/v1/loans"), 401, "not_authenticated")
        assert log_in(app.test_client(), member, password=first)["password_change_required"] is True

    def test_is_refused_to_the_disabled(self, api, member):
        api.post(f"{STAFF}/{member.id}/disable")

        assert_refused(api.post(f"{STAFF}/{member.id}/reset-password"), 404, "staff_not_found")


class TestDisable:
    def test_is_for_good(self, api, own, member, app):
        answers = [api.post(f"{STAFF}/{member.id}/disable") for _ in range(2)]

        assert [answer.get_json()["disabled_at"] for answer in answers] == [INSTANT_OF_TESTS] * 2
        assert_refused(own.get("/api/v1/loans"), 401, "not_authenticated")
        login = {"username": member.username, "password": PASSWORD}
        assert app.test_client().post(SESSIONS, json=login).status_code == 401


class TestRoles:
    def test_of_an_account_are_looked_up_not_believed(self, app, committed, own, member):
        table = StaffMember.__table__
        committed(
            lambda session: session.execute(
                sa.update(table).where(table.c.id == member.id).values(role="auditor")
            )
        )

        assert own.get("/api/v1/products").status_code == 200
        assert_refused(own.post("/api/v1/products"), 403, "scope_missing")

    def test_of_an_admin_come_to_everything_a_key_can(self, app, committed, today):
        admin = staffing.staff_api(app, committed, role="admin")

        made = admin.post("/api/v1/clients", {"name": "all", "scopes": ["loans:read", "staff:manage"]})

        assert made.status_code == 201
        assert admin.post(f"{made.headers['Location']}/keys").status_code == 201
