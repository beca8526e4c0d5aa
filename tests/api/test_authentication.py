"""Who may call: keys, scopes, and what is public."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from loans.api import legacy_errors
from loans.models.api_key import ApiKey
from loans.services import api_keys
from tests.api import routes
from tests.api.samples import UNKNOWN_ID, assert_refused, without

PATH = "/api/v1/loans"
PUBLIC = (
    "/",
    "/errors",
    "/errors/overpayment",
    "/health",
    "/health-db",
    "/openapi.json",
    "/docs/",
    "/docs/migrating-from-the-first-api.md",
    "/metrics",
)


def id_of(key):
    return uuid.UUID(key.split("_")[2])


@pytest.fixture
def ask(app, today):
    """Ask for the loans with an Authorization header."""

    def get(authorization=None):
        headers = {} if authorization is None else {"Authorization": authorization}
        return app.test_client().get(PATH, headers=headers)

    return get


class TestKey:
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_opens_what_its_scopes_name(self, ask, issue_key, scheme):
        key = issue_key("loans:read")

        assert ask(f"{scheme} {key}").status_code == 200
        assert ask(f"{scheme}  {key} ").status_code == 200

    @pytest.mark.parametrize("route", routes.ROUTES, ids=str)
    def test_is_needed_for_every_route(self, app, route):
        response = app.test_client().open(route.path, method=route.method)

        problem = assert_refused(response, 401, "not_authenticated")
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="Branch Loans"'
        assert "Authorization: Bearer" in problem["detail"]

    @pytest.mark.parametrize("route", routes.ROUTES, ids=str)
    def test_without_the_scope_is_refused_by_every_route(self, app, issue_key, today, route):
        key = issue_key(*(scope for scope in api_keys.SCOPES if scope != route.scope))

        response = app.test_client().open(
            route.path, method=route.method, headers={"Authorization": f"Bearer {key}"}
        )

        assert assert_refused(response, 403, "scope_missing")["scope"] == route.scope

    @pytest.mark.parametrize("route", routes.ROUTES, ids=str)
    def test_with_only_the_scope_is_let_in_by_every_route(self, app, issue_key, today, route):
        headers = {"Authorization": f"Bearer {issue_key(route.scope)}"}
        if route.method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())

        response = app.test_client().open(
            route.path,
            method=route.method,
            headers=headers,
            json=route.body if route.method == "POST" else None,
        )

        # What was asked for does not exist, or could be done at once, or wants a file.
        refused = response.status_code not in {200, 201, 404, 409, 422, *({415} if route.takes_file else ())}
        # Nobody gives a role that may do more than oneself: see test_permissions.py.
        assert not refused or response.get_json()["code"] == "scope_not_held", response.text

    @pytest.mark.parametrize(
        "authorization",
        ["", "Bearer", "Basic dXNlcjpwYXNz", "Token abc", "bl_test_x_y", "Bearer\u00a0x"],
    )
    def test_is_refused_where_the_header_holds_none(self, ask, authorization):
        assert_refused(ask(authorization), 401, "not_authenticated")

    def test_gets_one_answer_whatever_is_wrong_with_it(self, ask, issue_key, committed):
        now = datetime(2026, 6, 15, 12, tzinfo=UTC)
        good, expired = issue_key(), issue_key(expires_at=now)
        revoked = issue_key()
        committed(
            lambda session: session.execute(
                sa.update(ApiKey.__table__)
                .where(ApiKey.__table__.c.id == id_of(revoked))
                .values(revoked_at=now - timedelta(days=1))
            )
        )
        head, secret = good.rsplit("_", 1)
        wrong = {
            "malformed": "bl_test_nonsense",
            "empty": "",
            "spaced": f"{head} {secret}",
            "in capitals": good.upper(),
            "cut short": good[:-1],
            "extended": f"{good}0",
            "unknown": f"bl_test_{uuid.uuid4().hex}_{secret}",
            "another's secret": f"{head}_{issue_key().rsplit('_', 1)[1]}",
            "of another environment": good.replace("bl_test_", "bl_production_"),
            "not ASCII": "bl_test_\xe9",
            "very long": "x" * 8000,
            "expired": expired,
            "revoked": revoked,
        }

        answers = {name: ask(f"Bearer {key}") for name, key in wrong.items()}

        for name, answer in answers.items():
            assert answer.status_code == 401, name
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Branch Loans"'
        bodies = {str(without(answer.get_json(), "request_id")) for answer in answers.values()}
        assert len(bodies) == 1
        assert ask(f"Bearer {good}").status_code == 200

    def test_works_until_the_moment_it_expires(self, ask, issue_key):
        noon = datetime(2026, 6, 15, 12, tzinfo=UTC)
        key = issue_key(expires_at=noon + timedelta(microseconds=1))

        assert ask(f"Bearer {key}").status_code == 200

    def test_is_not_taken_from_the_query(self, app, issue_key):
        response = app.test_client().get(f"{PATH}?api_key={issue_key()}")

        assert_refused(response, 401, "not_authenticated")

    def test_comes_before_the_body_is_looked_at(self, app):
        response = app.test_client().post(PATH, data=b"{not json", content_type="text/plain")

        assert_refused(response, 401, "not_authenticated")

    def test_is_never_told_back(self, ask, issue_key):
        key = issue_key("ledger:read")

        response = ask(f"Bearer {key}")

        assert key.rsplit("_", 1)[1] not in response.text


class TestPublicRoutes:
    @pytest.mark.parametrize("path", PUBLIC)
    def test_need_no_key(self, app, path):
        assert app.test_client().get(path).status_code == 200

    def test_are_all_that_is_not_below_the_prefix(self):
        rules = {rule.rule for rule in routes.APP.url_map.iter_rules()}

        # The first API is open or not by a setting: tests/api/test_legacy_loans.py.
        public = {rule for rule in rules if not rule.startswith((routes.PREFIX, *legacy_errors.PATHS))}

        assert public == {*PUBLIC, "/errors/<code>", "/docs/<path:path>"} - {"/errors/overpayment"}

    def test_ignore_a_wrong_key(self, app):
        response = app.test_client().get("/health", headers={"Authorization": "Bearer nonsense"})

        assert response.status_code == 200


class TestUnknownPath:
    def test_is_not_found_with_and_without_a_key(self, app, api):
        assert_refused(app.test_client().get("/api/v1/nothing"), 404, "not_found")
        assert_refused(api.get(f"/api/v1/nothing/{UNKNOWN_ID}"), 404, "not_found")
