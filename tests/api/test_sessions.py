"""Staff log in, go on and log out: guesses that count, tokens that end."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import argon2
import jwt
import pytest
import sqlalchemy as sa

from loans import clock
from loans.db import db
from loans.models.staff import StaffMember
from loans.services import passwords
from loans.services.passwords import Password
from tests.api import staffing
from tests.api.samples import assert_refused, without
from tests.api.staffing import PASSWORD, SESSIONS, log_in, make_member
from tests.conftest import Api
from tests.services.bank import at_once

STAFF = StaffMember.__table__
REFRESH, END = f"{SESSIONS}/refresh", f"{SESSIONS}/end"
WRONG = "not the password"


@pytest.fixture
def at(monkeypatch):
    """Set the clock to so many seconds after noon."""

    def set_to(seconds):
        now = datetime(2026, 6, 15, 12, tzinfo=UTC) + timedelta(seconds=seconds)
        monkeypatch.setattr(clock, "now", lambda: now)

    set_to(0)
    return set_to


@pytest.fixture
def member(at, committed):
    return make_member(committed)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def guess(client, member):
    """Log in as the member with a password, by default a wrong one."""

    def post(password=WRONG, username=None):
        return client.post(SESSIONS, json={"username": username or member.username, "password": password})

    return post


@pytest.fixture
def status_of(client):
    """The status that a bearer gets."""
    return lambda bearer: Api(client=client, key=bearer).get("/api/v1/loans").status_code


@pytest.fixture
def renew(client):
    """Send a refresh token."""
    return lambda token: client.post(REFRESH, json={"refresh_token": token})


def trail(session, member):
    query = sa.text("SELECT action FROM audit_records WHERE subject_id = :id ORDER BY id")
    return list(session.execute(query, {"id": member.id}).scalars())


def wrong_guesses(session, member):
    query = sa.select(STAFF.c.failed_logins).where(STAFF.c.id == member.id)
    return session.execute(query).scalar_one()


class TestLogin:
    def test_gives_tokens_for_a_day_of_work(self, guess, member, session):
        response = guess(PASSWORD)

        opened = response.get_json()
        assert without(opened, "access_token", "refresh_token") == {
            "staff_id": str(member.id),
            "role": "teller",
            "token_type": "Bearer",
            "expires_in": 600,
            "refresh_expires_at": "2026-06-16T00:00:00.000000Z",
            "password_change_required": False,
        }
        assert response.headers["Cache-Control"] == "no-store"
        assert trail(session, member) == ["staff.employ", "staff.login"]

    def test_takes_the_username_in_any_case_and_a_password_in_any_form(self, client, committed, at):
        member = make_member(committed, password=Password(hashed=passwords.hash_of("Rosé und Käse 1")))

        # The same letters with their accents apart, as some keyboards send them.
        assert log_in(client, member, password="Rose\u0301 und Ka\u0308se 1")["role"] == "teller"
        upper = {"username": member.username.upper(), "password": "Rosé und Käse 1"}
        assert client.post(SESSIONS, json=upper).status_code == 200

    def test_opens_what_the_role_may(self, client, member, api, status_of):
        bearer = log_in(client, member)["access_token"]

        assert status_of(bearer) == 200
        refused = Api(client=client, key=bearer).post("/api/v1/products", {})
        assert assert_refused(refused, 403, "scope_missing")["detail"] == (
            "this role lacks the scope products:write"
        )

    def test_is_named_in_what_it_does(self, app, committed, today, session):
        officer = staffing.staff_api(app, committed, role="officer")

        borrower = officer.post("/api/v1/borrowers", {"first_name": "A", "last_name": "B"}).get_json()["id"]

        query = sa.text("SELECT actor FROM audit_records WHERE subject_id = :id")
        actor = session.execute(query, {"id": borrower}).scalar_one()
        claims = jwt.decode(officer.key, options={"verify_signature": False})
        assert actor == f"staff:{claims['sub']}"

    def test_says_the_same_whatever_is_wrong(self, client, committed, guess, api):
        disabled, locked = make_member(committed), make_member(committed)
        api.post(f"/api/v1/staff/{disabled.id}/disable")
        for _ in range(5):
            guess(WRONG, locked.username)

        answers = [
            guess(WRONG),
            guess(PASSWORD, f"nobody-{uuid.uuid4().hex}"),
            guess(PASSWORD, disabled.username),
            guess(PASSWORD, locked.username),
        ]

        assert {answer.status_code for answer in answers} == {401}
        assert {answer.headers["WWW-Authenticate"] for answer in answers} == {'Bearer realm="Branch Loans"'}
        assert len({str(without(answer.get_json(), "request_id")) for answer in answers}) == 1

    def test_hashes_once_whatever_is_wrong(self, monkeypatch, app, committed, guess, api):
        disabled = make_member(committed)
        api.post(f"/api/v1/staff/{disabled.id}/disable")
        hashed, held = [], []
        verify = argon2.PasswordHasher.verify

        def count(self, *arguments):
            hashed.append(1)
            with app.app_context():
                held.append(db.engine.pool.checkedout())
            return verify(self, *arguments)

        monkeypatch.setattr(argon2.PasswordHasher, "verify", count)

        for username in (None, f"nobody-{uuid.uuid4().hex}", disabled.username):
            guess(WRONG, username)
            guess(PASSWORD, username)

        # Nor is a connection held meanwhile.
        assert (len(hashed), set(held)) == (6, {0})

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"username": "amina"}, "#/password"),
            ({"username": "amina", "password": ""}, "#/password"),
            ({"username": "amina", "password": "x" * 129}, "#/password"),
            ({"username": "amina", "password": 7}, "#/password"),
            ({"username": "a\u0000b", "password": "x"}, "#/username"),
            ({"username": "amina", "password": "x", "role": "admin"}, "#/role"),
        ],
    )
    def test_is_refused_where_malformed(self, client, body, pointer):
        assert_refused(client.post(SESSIONS, json=body), 422, "invalid_request", pointers=[pointer])

    @pytest.mark.parametrize("password", ['"\\ud800"', '"\\u0000 and more"'])
    def test_survives_a_password_of_strange_characters(self, client, member, password):
        body = f'{{"username": "{member.username}", "password": {password}}}'

        response = client.post(SESSIONS, data=body, content_type="application/json")

        assert response.status_code in {401, 422}


class TestLock:
    def test_comes_with_the_fifth_wrong_guess_and_goes_after_a_quarter_of_an_hour(
        self, guess, at, session, member
    ):
        wrong = [guess().status_code for _ in range(5)]

        at(1)
        assert guess(PASSWORD).status_code == 401
        at(899)
        assert guess(PASSWORD).status_code == 401
        at(900)
        assert (wrong, guess(PASSWORD).status_code) == ([401] * 5, 200)
        assert trail(session, member) == ["staff.employ", "staff.lock", "staff.login"]

    def test_is_counted_although_the_request_failed(self, guess, session, member):
        guess()

        assert wrong_guesses(session, member) == 1

    def test_counts_wrong_guesses_in_a_row_only(self, guess, session, member):
        answers = [
            guess(password).status_code for password in (*[WRONG] * 4, PASSWORD, *[WRONG] * 4, PASSWORD)
        ]

        assert answers == [*[401] * 4, 200, *[401] * 4, 200]
        assert wrong_guesses(session, member) == 0

    def test_begins_to_count_anew_when_it_is_over(self, guess, at, session, member):
        for _ in range(5):
            guess()
        at(900)

        guess()

        assert wrong_guesses(session, member) == 1
        assert guess(PASSWORD).status_code == 200

    def test_is_lifted_by_hand(self, guess, api, member):
        for _ in range(5):
            guess()
        locked = api.get(f"/api/v1/staff/{member.id}").get_json()

        unlocked = api.post(f"/api/v1/staff/{member.id}/unlock").get_json()

        assert locked["locked_until"] == "2026-06-15T12:15:00.000000Z"
        assert unlocked["locked_until"] is None
        assert guess(PASSWORD).status_code == 200

    def test_lets_five_guesses_through_however_many_come_at_once(self, app, monkeypatch, member, session):
        compared, real = [], argon2.PasswordHasher.verify
        nobody = []

        def note(self, hashed, password):
            (compared if hashed == staffing.HASHED else nobody).append(password)
            return real(self, hashed, password)

        monkeypatch.setattr(argon2.PasswordHasher, "verify", note)

        def guess(number):
            body = {"username": member.username, "password": f"guess number {number}"}
            return app.test_client().post(SESSIONS, json=body).status_code

        answers = at_once(guess, times=32)

        assert Counter(answers) == {401: 32}
        assert (len(compared), len(nobody)) == (5, 27)
        assert wrong_guesses(session, member) == 5
        assert trail(session, member) == ["staff.employ", "staff.lock"]

    def test_does_not_end_a_session_that_is_open(self, client, member, guess, status_of):
        bearer = log_in(client, member)["access_token"]

        for _ in range(6):
            guess()

        assert status_of(bearer) == 200


class TestAccessToken:
    def test_lasts_ten_minutes_and_the_difference_of_two_clocks(self, client, member, at, status_of):
        bearer = log_in(client, member)["access_token"]
        statuses = []

        for seconds in (599, 659, 660, 86_400):
            at(seconds)
            statuses.append(status_of(bearer))

        assert statuses == [200, 200, 401, 401]

    def test_is_refused_the_moment_its_owner_is_disabled(self, client, member, api, status_of, renew):
        opened = log_in(client, member)
        before = status_of(opened["access_token"])

        api.post(f"/api/v1/staff/{member.id}/disable")

        assert (before, status_of(opened["access_token"])) == (200, 401)
        assert_refused(renew(opened["refresh_token"]), 401, "session_over")

    def test_costs_one_statement_as_a_key_does(self, client, member, statements_of, status_of, api):
        bearer = log_in(client, member)["access_token"]
        status_of(api.key)

        asked = [statements_of(lambda each=each: status_of(each)) for each in (bearer, api.key)]

        assert [len(each) for each in asked] == [2, 2]
        assert "staff JOIN staff_sessions" in asked[0][0]
        assert "api_keys JOIN api_clients" in asked[1][0]


class TestRefresh:
    def test_gives_the_next_tokens_and_takes_the_old_one_back(self, client, member, renew, at, status_of):
        first = log_in(client, member)
        at(700)

        second = renew(first["refresh_token"]).get_json()

        assert (status_of(first["access_token"]), status_of(second["access_token"])) == (401, 200)
        assert second["refresh_token"] != first["refresh_token"]
        # The day of work began at the login.
        assert second["refresh_expires_at"] == "2026-06-16T00:00:00.000000Z"

    def test_of_a_used_token_ends_the_whole_family(self, client, member, renew, status_of, session):
        first = log_in(client, member)
        other = log_in(client, member)
        second = renew(first["refresh_token"]).get_json()
        third = renew(second["refresh_token"]).get_json()

        assert_refused(renew(first["refresh_token"]), 401, "session_over")

        assert_refused(renew(third["refresh_token"]), 401, "session_over")
        assert status_of(third["access_token"]) == 401
        assert status_of(other["access_token"]) == 200
        assert trail(session, member)[-1] == "staff.refresh_token_reused"

    def test_by_many_at_once_gives_one_of_them_tokens_that_soon_open_nothing(
        self, app, client, member, renew
    ):
        token = log_in(client, member)["refresh_token"]

        answers = at_once(lambda _: app.test_client().post(REFRESH, json={"refresh_token": token}), times=8)

        assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 7}
        (won,) = [answer.get_json() for answer in answers if answer.status_code == 200]
        assert_refused(renew(won["refresh_token"]), 401, "session_over")

    def test_is_over_twelve_hours_after_the_login(self, client, member, renew, at):
        token = log_in(client, member)["refresh_token"]
        at(12 * 3600 - 1)
        token = renew(token).get_json()["refresh_token"]
        at(12 * 3600)

        assert_refused(renew(token), 401, "session_over")

    def test_token_is_stored_as_a_hash_only(self, client, member, session):
        token = log_in(client, member)["refresh_token"]

        stored = session.execute(sa.text("SELECT string_agg(refresh_tokens::text, ' ') FROM refresh_tokens"))

        assert token.removeprefix("blr_") not in stored.scalar_one()

    def test_forgets_sessions_of_a_month_ago_at_a_login(self, client, member, at, session):
        log_in(client, member)
        at(31 * 86_400)

        log_in(client, member)

        count = sa.text("SELECT count(*) FROM staff_sessions WHERE staff_id = :id")
        assert session.execute(count, {"id": member.id}).scalar_one() == 1


class TestEnd:
    def test_ends_the_session_at_once(self, client, member, renew, status_of, session):
        opened = log_in(client, member)
        end = {"refresh_token": opened["refresh_token"]}

        answers = [client.post(END, json=end) for _ in range(2)]

        assert [answer.get_json() for answer in answers] == [{"done": True}] * 2
        assert status_of(opened["access_token"]) == 401
        assert_refused(renew(opened["refresh_token"]), 401, "session_over")
        assert trail(session, member) == ["staff.employ", "staff.login", "staff.logout"]

    @pytest.mark.parametrize("token", ["x", f"blr_{'0' * 64}", "blr_" + "é" * 64])
    def test_of_nothing_is_done_already(self, client, at, token):
        assert client.post(END, json={"refresh_token": token}).get_json() == {"done": True}
