"""What is new about the first API: who may call it, how it says that it will go, and what may be asked of it."""

import json
import threading
import uuid

import pytest
import sqlalchemy as sa

from loans.app import create_app
from loans.config import Settings
from loans.db import db
from loans.services import api_keys
from tests.api import routes
from tests.api.samples import UNKNOWN_ID
from tests.api.test_openapi import faults
from tests.conftest import ROOT, SECRET_KEY, make_settings

ASKED = {"borrower_id": "usr_kenya_042", "amount": "12500.00", "currency": "KES"}
CALLS = (
    ("GET", "/api/loans", "legacy:read"),
    ("HEAD", "/api/loans", "legacy:read"),
    ("GET", f"/api/loans/{UNKNOWN_ID}", "legacy:read"),
    ("POST", "/api/loans", "legacy:write"),
    ("GET", "/api/stats", "legacy:read"),
)
# 21 November 2026 and the last second of 2027.
DEPRECATION, SUNSET = "@1795219200", "Sat, 01 Jan 2028 00:00:00 GMT"
PAGE = "/docs/migrating-from-the-first-api.md"


def lines_of(capsys, message):
    """The log lines with a message, without what every line has."""
    common = {"timestamp", "request_id"}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [
        {name: value for name, value in line.items() if name not in common}
        for line in lines
        if line["message"] == message
    ]


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def keyed(app, database_url, today):
    """The same database where LEGACY_API_AUTH is on."""
    application = create_app(make_settings(database_url, legacy_api_auth="on"))
    yield application.test_client()
    with application.app_context():
        db.engine.dispose()


def call(client, method, path, key=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return client.open(path, method=method, json=ASKED if method == "POST" else None, headers=headers)


class TestSetting:
    @pytest.mark.parametrize(
        ("environment", "given", "is_open"),
        [
            ("development", "auto", True),
            ("test", "auto", True),
            ("staging", "auto", False),
            ("production", "auto", False),
            ("production", "on", False),
            ("production", "off", True),
            ("development", "on", False),
            ("development", "off", True),
        ],
    )
    def test_opens_the_routes_by_itself_only_where_nobody_depends_on_them(self, environment, given, is_open):
        assert Settings(environment=environment, legacy_api_auth=given).is_legacy_api_open is is_open

    @pytest.mark.parametrize(("given", "count"), [("off", 1), ("auto", 0), ("on", 0)])
    def test_that_opens_them_in_production_is_logged_at_every_start(self, database_url, capsys, given, count):
        create_app(
            Settings(
                environment="production",
                database_url=database_url,
                secret_key=SECRET_KEY,
                legacy_api_auth=given,
            )
        )

        said = lines_of(capsys, "legacy API open")
        assert len(said) == count
        assert all(line["level"] == "warning" for line in said)


class TestOpen:
    @pytest.mark.parametrize(("method", "path", "scope"), CALLS)
    def test_answers_who_shows_no_key(self, client, method, path, scope):
        assert call(client, method, path).status_code in {200, 201, 404}

    def test_refuses_a_key_that_is_not_valid(self, client):
        assert call(client, "GET", "/api/loans", "nonsense").status_code == 401

    def test_remembers_whose_key_was_shown(self, client, issue_key, session):
        made = call(client, "POST", "/api/loans", issue_key("legacy:write")).json

        query = sa.text("SELECT actor FROM audit_records WHERE subject_id = :id")
        assert session.execute(query, {"id": made["id"]}).scalar_one().startswith("api_")


class TestKeyed:
    @pytest.mark.parametrize(("method", "path", "scope"), CALLS)
    def test_refuses_who_shows_no_key(self, keyed, method, path, scope):
        response = call(keyed, method, path)

        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize(("method", "path", "scope"), CALLS)
    def test_wants_the_scope_of_the_route_and_no_other(self, keyed, issue_key, method, path, scope):
        others = [other for other in api_keys.SCOPES if other != scope]

        assert call(keyed, method, path, issue_key(scope)).status_code in {200, 201, 404}
        assert call(keyed, method, path, issue_key(*others)).status_code == 403

    def test_tells_the_methods_to_everyone(self, keyed):
        assert keyed.options("/api/loans").status_code == 200

    def test_says_in_the_errors_of_these_routes_what_is_wrong(self, keyed):
        response = keyed.get("/api/loans", headers={"X-Request-ID": "who-1"})

        assert response.json == {
            "error": "Unauthorized",
            "detail": "send your API key or access token as `Authorization: Bearer <key or token>`",
            "error_code": "not_authenticated",
            "status_code": 401,
            "request_id": "who-1",
        }


class TestIdempotencyKey:
    def test_with_an_api_key_makes_a_repetition_harmless(self, client, issue_key, session):
        headers = {"Authorization": f"Bearer {issue_key('legacy:write')}", "Idempotency-Key": "k-1"}
        asked = ASKED | {"borrower_id": f"twice-{uuid.uuid4()}"}

        answers = [client.post("/api/loans", json=asked, headers=headers) for _ in range(2)]

        assert answers[0].data == answers[1].data
        assert [answer.status_code for answer in answers] == [201, 201]
        assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true"]
        query = sa.text("SELECT count(*) FROM legacy_loans WHERE borrower_id = :borrower_id")
        assert session.execute(query, asked).scalar_one() == 1

    def test_of_another_request_is_refused(self, client, issue_key):
        headers = {"Authorization": f"Bearer {issue_key('legacy:write')}", "Idempotency-Key": "k-2"}
        client.post("/api/loans", json=ASKED, headers=headers)

        response = client.post("/api/loans", json=ASKED | {"amount": 1}, headers=headers)

        assert (response.status_code, response.json["error_code"]) == (422, "idempotency_key_reused")

    @pytest.mark.parametrize("key", ["", '""', "x" * 256, "é"])
    def test_that_is_none_is_refused(self, client, issue_key, key):
        headers = {"Authorization": f"Bearer {issue_key('legacy:write')}", "Idempotency-Key": key}

        response = client.post("/api/loans", json=ASKED, headers=headers)

        assert (response.status_code, response.json["error_code"]) == (400, "invalid_idempotency_key")

    def test_sent_by_two_at_once_records_one(self, app, issue_key, session):
        headers = {"Authorization": f"Bearer {issue_key('legacy:write')}", "Idempotency-Key": "k-3"}
        asked = ASKED | {"borrower_id": f"twins-{uuid.uuid4()}"}
        ready, statuses = threading.Barrier(8), []

        def ask():
            ready.wait()
            statuses.append(app.test_client().post("/api/loans", json=asked, headers=headers).status_code)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert set(statuses) <= {201, 409}
        assert 201 in statuses
        query = sa.text("SELECT count(*) FROM legacy_loans WHERE borrower_id = :borrower_id")
        assert session.execute(query, asked).scalar_one() == 1

    def test_without_an_api_key_is_left_aside_as_ever(self, client):
        answers = [
            client.post("/api/loans", json=ASKED, headers={"Idempotency-Key": "k-4"}).json for _ in range(2)
        ]

        assert answers[0]["id"] != answers[1]["id"]


class TestDeprecation:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            *(each[:2] for each in CALLS),
            ("GET", "/api/loans/7"),
            ("OPTIONS", "/api/loans"),
            ("PUT", "/api/loans"),
            ("GET", "/api/loans/"),
            ("GET", "/api/stats/x"),
        ],
    )
    def test_is_said_in_every_answer(self, client, method, path):
        headers = call(client, method, path).headers

        assert (headers["Deprecation"], headers["Sunset"]) == (DEPRECATION, SUNSET)
        assert headers.getlist("Link") == [
            f'<{PAGE}>; rel="deprecation"; type="text/markdown"',
            f'<{PAGE}>; rel="sunset"; type="text/markdown"',
        ]

    def test_is_said_to_who_is_not_let_in(self, keyed):
        assert keyed.get("/api/stats").headers["Deprecation"] == DEPRECATION

    def test_is_of_no_other_route(self, api):
        for path in ("/api/v1/loans", "/health", "/api/loansome", "/api/v1/nowhere"):
            assert "Deprecation" not in api.get(path).headers

    def test_leads_to_a_page_that_is_there(self, client):
        response = client.get(PAGE)

        assert (response.status_code, response.content_type) == (200, "text/markdown; charset=utf-8")
        assert response.data == (ROOT / PAGE.removeprefix("/")).read_bytes()

    def test_is_in_the_document(self):
        document = routes.APP.test_client().get("/openapi.json").json
        operations = [
            document["paths"][path][method]
            for path, method in (
                ("/api/loans", "get"),
                ("/api/loans", "post"),
                ("/api/loans/{loan_id}", "get"),
                ("/api/stats", "get"),
            )
        ]

        assert [operation["deprecated"] for operation in operations] == [True] * 4
        of_others = [
            operation.get("deprecated")
            for path, item in document["paths"].items()
            if path.startswith(routes.PREFIX)
            for method, operation in item.items()
            if method != "parameters"
        ]
        assert set(of_others) == {None}


class TestDocument:
    def test_says_what_the_routes_answer(self, make_book):
        document = routes.APP.test_client().get("/openapi.json").json
        client = make_book(3).test_client()
        made = client.post("/api/loans", json=ASKED)

        for path, method, response in (
            ("/api/loans", "get", client.get("/api/loans")),
            ("/api/loans", "get", client.get("/api/loans?limit=0")),
            ("/api/loans", "get", client.get(f"/api/loans?before={UNKNOWN_ID}")),
            ("/api/loans", "post", made),
            ("/api/loans", "post", client.post("/api/loans")),
            ("/api/loans/{loan_id}", "get", client.get(f"/api/loans/{made.json['id']}")),
            ("/api/loans/{loan_id}", "get", client.get(f"/api/loans/{UNKNOWN_ID}")),
            ("/api/stats", "get", client.get("/api/stats")),
        ):
            answer = document["paths"][path][method]["responses"][str(response.status_code)]
            schema = answer["content"][response.content_type]["schema"]
            assert faults(document, schema, response.json) == []


class TestErrors:
    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            (None, "application/json"),
            ("*/*", "application/json"),
            ("application/json", "application/json"),
            ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
            ("text/html;q=0.5, application/json", "application/json"),
            ("image/png", "application/json"),
        ],
    )
    def test_are_html_for_who_prefers_it(self, client, accept, kind):
        response = client.get("/api/loans/7", headers={"Accept": accept} if accept else {})

        assert (response.status_code, response.content_type) == (400, kind)
        assert "Accept" in response.headers["Vary"]

    def test_in_html_quote_nothing_that_a_browser_would_run(self, client):
        asked = ASKED | {"term_months": "<script>"}
        response = client.post("/api/loans", json=asked, headers={"Accept": "text/html"})

        assert response.text == (
            "<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n<h1>Bad Request</h1>\n"
            "<p>term_months: Must be a whole number.</p>\n"
        )

    def test_of_a_database_that_is_away_are_500_as_ever(self):
        app = create_app(make_settings("postgresql+psycopg2://nobody@127.0.0.1:1/nowhere"))

        for method, path, _ in CALLS:
            response = call(app.test_client(), method, path)
            assert response.status_code == 500
            assert response.headers["Retry-After"] == "1"
        assert response.json["error_code"] == "unavailable"


class TestLog:
    def test_has_the_messages_of_the_earlier_service(self, make_book, capsys):
        client = make_book(2).test_client()
        made = client.post("/api/loans", json=ASKED).json["id"]
        for path in ("loans", f"loans/{made}", f"loans/{UNKNOWN_ID}", "loans/seven", "stats"):
            client.get(f"/api/{path}")
        client.post("/api/loans", json={**ASKED, "amount": 0})

        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        said = [
            {name: value for name, value in line.items() if name not in {"timestamp", "request_id"}}
            for line in lines
            if line["message"] != "request"
        ]
        assert said == [
            {"level": "info", "message": "Created loan", "loan_id": made, "borrower_id": "usr_kenya_042"},
            {"level": "info", "message": "Retrieved loans", "count": 3},
            {"level": "info", "message": "Retrieved loan", "loan_id": made},
            {"level": "warning", "message": "Loan not found", "loan_id": UNKNOWN_ID},
            {"level": "error", "message": "Invalid loan ID", "loan_id": "seven"},
            {
                "level": "info",
                "message": "Retrieved stats",
                "total_loans": 3,
                "total_amount": 12700.0,
                "status_count": 1,
                "currency_count": 1,
            },
            {
                "level": "error",
                "message": "Invalid request",
                "error": "amount: Must be greater than 0 and at most 50000.",
            },
        ]

    def test_counts_what_was_recorded(self, client):
        def count():
            (line,) = (
                line
                for line in client.get("/metrics").text.splitlines()
                if line.startswith("legacy_loans_created_total ")
            )
            return int(float(line.split()[1]))

        before = count()
        client.post("/api/loans", json=ASKED)
        client.post("/api/loans", json={})

        assert count() == before + 1
