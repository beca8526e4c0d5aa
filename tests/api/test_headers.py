"""What goes along with requests and answers: traces, deprecation, and other origins."""

import json
from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask, Response

from loans.api import deprecation, errors
from loans.api.deprecation import Deprecation, deprecated
from loans.api.endpoint import Blueprint, query
from loans.app import create_app
from loans.db import db
from loans.schemas.ledger import TrialBalanceOut
from tests.api import routes, samples
from tests.api.samples import assert_refused
from tests.conftest import make_settings

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class TestTraceparent:
    def test_is_echoed_logged_and_goes_with_the_events(self, api, app, capsys):
        response = api.post("/api/v1/borrowers", samples.borrower(), headers={"traceparent": TRACE})

        assert response.headers["traceparent"] == TRACE
        (line,) = [each for each in map(json.loads, capsys.readouterr().out.splitlines()) if "route" in each]
        assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
        with app.app_context(), db.engine.connect() as connection:
            told = connection.execute(
                sa.text("SELECT traceparent FROM outbox_events WHERE subject_id = :id"),
                {"id": response.get_json()["id"]},
            )
            assert told.scalars().all() == [TRACE]

    def test_of_a_later_version_is_taken_as_far_as_it_is_known(self, api):
        response = api.get("/api/v1/loans", headers={"traceparent": f"cc{TRACE[2:]}-more"})

        assert response.headers["traceparent"] == f"cc{TRACE[2:]}"

    @pytest.mark.parametrize(
        "offered",
        [
            "",
            "nonsense",
            TRACE.upper(),
            TRACE + "-more",
            TRACE + " ",
            "ff" + TRACE[2:],
            TRACE[:-3],
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "cc" + TRACE[2:] + "-" + "x" * 200,
        ],
    )
    def test_that_is_none_is_passed_over(self, api, capsys, offered):
        response = api.get("/api/v1/loans", headers={"traceparent": offered})

        assert response.status_code == 200
        assert "traceparent" not in response.headers
        assert "trace_id" not in capsys.readouterr().out


class TestDeprecated:
    @pytest.fixture
    def client(self, app, api):
        old = Flask("old")
        old.extensions.update({name: app.extensions[name] for name in ("settings", "limiter")})
        blueprint = Blueprint("old", __name__, url_prefix="/api/v0")

        @query(blueprint, "/old", scope="ledger:read", returns=TrialBalanceOut)
        @deprecated(Deprecation(since=date(2026, 1, 1), sunset=date(2026, 12, 31), link="/docs/old"))
        def old_view(_session):
            """Answer."""

        @query(blueprint, "/new", scope="ledger:read", returns=TrialBalanceOut)
        def new_view(_session):
            """Answer."""

        old.register_blueprint(blueprint)
        deprecation.init_app(old)
        errors.init_app(old)
        self.described = old.view_functions["old.old_view"]._apidoc
        return old.test_client()

    def test_route_says_so_even_where_it_refuses(self, client):
        response = client.get("/api/v0/old")

        # 1 January 2026, 0:00 UTC, is 1767225600 (RFC 9745 has a structured date), 31 December a Thursday.
        assert response.headers["Deprecation"] == "@1767225600"
        assert response.headers["Sunset"] == "Thu, 31 Dec 2026 00:00:00 GMT"
        assert response.headers.getlist("Link") == [
            '</docs/old>; rel="deprecation"; type="text/html"',
            '</docs/old>; rel="sunset"; type="text/html"',
        ]
        assert response.status_code == 401

    def test_route_says_so_in_the_document(self, client):
        assert self.described["manual_doc"]["deprecated"] is True

    def test_is_not_said_of_others(self, client):
        headers = client.get("/api/v0/new").headers

        assert {"Deprecation", "Sunset", "Link"} & set(headers.keys()) == set()

    def test_may_have_no_sunset(self):
        told = Deprecation(since=date(2026, 1, 1), link="/docs/old", link_type="text/markdown")

        headers = told.put_on(Response()).headers

        assert "Sunset" not in headers
        assert headers.getlist("Link") == ['</docs/old>; rel="deprecation"; type="text/markdown"']

    def test_cannot_go_before_it_is_deprecated(self):
        with pytest.raises(ValueError, match="before"):
            Deprecation(since=date(2026, 1, 2), sunset=date(2026, 1, 1), link="/docs/old")


class TestCrossOrigin:
    ORIGIN = "https://desk.example.com"

    @pytest.fixture
    def open_client(self, database_url):
        app = create_app(make_settings(database_url, cors_allowed_origins=(self.ORIGIN,)))
        yield app.test_client()
        with app.app_context():
            db.engine.dispose()

    def preflight(self, client, origin, path="/api/v1/loans"):
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, idempotency-key",
        }
        return client.options(path, headers=headers)

    def test_is_not_spoken_of_by_default(self, api):
        response = api.get("/api/v1/loans", headers={"Origin": self.ORIGIN})

        assert [name for name, _ in response.headers if name.startswith("Access-Control")] == []
        assert "Access-Control-Allow-Origin" not in self.preflight(api.client, self.ORIGIN).headers

    def test_lets_the_origin_that_is_set_in(self, open_client):
        asked = self.preflight(open_client, self.ORIGIN)

        assert asked.status_code == 200
        assert asked.headers["Access-Control-Allow-Origin"] == self.ORIGIN
        assert "Access-Control-Allow-Credentials" not in asked.headers
        assert "Idempotency-Key".lower() in asked.headers["Access-Control-Allow-Headers"].lower()
        assert "PATCH" in asked.headers["Access-Control-Allow-Methods"]
        assert asked.headers["Access-Control-Max-Age"] == "600"
        assert "Origin" in asked.headers["Vary"]
        # A refusal must be readable for the page, too.
        refused = open_client.get("/api/v1/loans", headers={"Origin": self.ORIGIN})
        assert_refused(refused, 401, "not_authenticated")
        assert refused.headers["Access-Control-Allow-Origin"] == self.ORIGIN
        assert "ETag" in refused.headers["Access-Control-Expose-Headers"]

    def test_shows_its_pages_every_header_of_the_document(self, open_client):
        document = open_client.get("/openapi.json").get_json()
        named = {
            name
            for path in document["paths"].values()
            for method, operation in path.items()
            if method != "parameters"
            for answer in operation["responses"].values()
            for name in answer.get("headers", {})
        }

        response = open_client.get("/api/v1/loans", headers={"Origin": self.ORIGIN})
        shown = set(response.headers["Access-Control-Expose-Headers"].split(", "))

        assert "Approval-Required" in named
        assert named | {"Age"} <= shown

    @pytest.mark.parametrize(
        "origin",
        [
            "https://desk.example.com.evil.com",
            "https://evil-desk.example.com",
            "https://deskxexample.com",
            "http://desk.example.com",
            "https://desk.example.com:8443",
            "null",
            "",
        ],
    )
    def test_keeps_every_other_origin_out(self, open_client, origin):
        for response in (
            self.preflight(open_client, origin),
            open_client.get("/api/v1/loans", headers={"Origin": origin}),
        ):
            assert "Access-Control-Allow-Origin" not in response.headers

    def test_is_for_the_api_alone(self, open_client):
        response = open_client.get("/errors", headers={"Origin": self.ORIGIN})

        assert "Access-Control-Allow-Origin" not in response.headers


class TestRetryAfter:
    @pytest.mark.parametrize("route", routes.QUERIES, ids=str)
    def test_is_documented_for_what_may_be_sent_again(self, route):
        document = routes.APP.test_client().get("/openapi.json").get_json()

        answers = document["paths"][route.documented_path][route.method.lower()]["responses"]

        assert "Retry-After" in answers["503"]["headers"]
