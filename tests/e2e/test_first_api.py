"""The first API over a socket: every golden case against gunicorn, and a list that breaks off half-way."""

import http.client
import json
from decimal import Decimal

import pytest
import sqlalchemy as sa

from loans.app import create_app
from loans.db import db, transaction
from loans.services import demo
from tests import first_api
from tests.conftest import make_settings
from tests.factories import make_context
from tests.first_api import GOLDEN

pytestmark = pytest.mark.e2e


@pytest.fixture
def seeded_url(make_database):
    """A database with the five seeds."""
    url = make_database()
    with create_app(make_settings(url)).app_context():
        for step in demo.legacy_steps(make_context()):
            transaction(step)
        db.engine.dispose()
    return url


def ask(server, method, path, *, body=None, headers=None):
    """Give status, headers and body of one request, sent as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


class TestGoldenCases:
    def test_are_answered_as_ever(self, start_server, seeded_url):
        server = start_server(DATABASE_URL=seeded_url)

        for case in (*GOLDEN["paths"], *GOLDEN["methods"]):
            method, path = case["call"].split(" ", 1)
            status, headers, text = ask(server, method, path)
            assert (case["name"], status) == (case["name"], case["status"])
            assert headers["Deprecation"] == "@1795219200"
            assert (text == "") == (method in {"HEAD", "OPTIONS"})
            if "allow" in case:
                assert sorted(headers["Allow"].split(", ")) == case["allow"]
        for case in GOLDEN["refused"]:
            status, _, text = ask(
                server,
                "POST",
                "/api/loans",
                body=first_api.body_of(case),
                headers=first_api.headers_of(case),
            )
            assert (case["name"], status) == (case["name"], 400)
            assert json.loads(text).keys() == first_api.ERROR_KEYS
        assert ask(server, "GET", "/api/stats")[2] == GOLDEN["stats_of_seeds"]
        for case in GOLDEN["accepted"]:
            status, headers, text = ask(
                server,
                "POST",
                "/api/loans",
                body=first_api.body_of(case),
                headers=first_api.headers_of(case),
            )
            made = json.loads(text)
            assert (case["name"], status, headers["Location"]) == (case["name"], 201, None)
            assert {name: made[name] for name in case["row"]} == case["row"]
            for name, was in case.get("was", {}).items():
                assert Decimal(made[name]) == Decimal(was)
        loans = json.loads(ask(server, "GET", "/api/loans")[2])
        assert len(loans) == len(GOLDEN["seeds"]) + len(GOLDEN["accepted"])


class TestLongList:
    def test_that_breaks_off_is_noticed_by_the_client(self, start_server, seeded_url):
        server = start_server(DATABASE_URL=seeded_url)
        engine = sa.create_engine(seeded_url, poolclass=sa.NullPool)
        with engine.begin() as database:
            # More than the sockets between the two hold, so that the rest is not yet read when it fails.
            database.execute(
                sa.text(
                    "INSERT INTO legacy_loans (id, borrower_id, amount, currency, status)"
                    " SELECT gen_random_uuid(), 'row-' || n, 100, 'KES', 'pending'"
                    " FROM generate_series(1, 60000) n"
                )
            )
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
        connection.request("GET", "/api/loans")
        response = connection.getresponse()
        begun = response.read(1000)
        with engine.begin() as database:
            database.execute(sa.text("ALTER TABLE legacy_loans RENAME TO gone"))

        with pytest.raises(http.client.IncompleteRead):
            begun += response.read()

        connection.close()
        assert (response.status, response.chunked) == (200, True)
        assert begun.startswith(b'[{"amount":"')
