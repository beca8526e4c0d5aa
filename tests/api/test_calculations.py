"""POSTs that store nothing: no Idempotency-Key, no transaction, no connection while they compute."""

import pytest

from loans import calendars
from loans.db import db
from tests.api import routes, samples
from tests.api.samples import assert_refused
from tests.conftest import Api

QUOTE = {"terms": samples.LOAN_TERMS}


@pytest.fixture
def ask(api):
    """POST without an Idempotency-Key."""

    def post(path, body):
        return api.client.post(path, json=body, headers={"Authorization": f"Bearer {api.key}"})

    return post


class TestCalculation:
    def test_needs_no_key(self, ask):
        response = ask("/api/v1/quotes", QUOTE)

        assert response.status_code == 200, response.text
        assert "Idempotent-Replayed" not in response.headers

    @pytest.mark.parametrize("key", ["used-before", "", "x" * 256])
    def test_ignores_a_key_that_comes_along(self, api, key):
        headers = {"Idempotency-Key": key}
        first = api.post("/api/v1/quotes", QUOTE, headers=dict(headers))

        other = api.post(
            "/api/v1/quotes", {"terms": samples.LOAN_TERMS | {"principal": "2000.00"}}, headers=dict(headers)
        )

        assert (first.status_code, other.status_code) == (200, 200)
        assert first.get_json()["totals"]["principal"] == "1000.00"
        assert other.get_json()["totals"]["principal"] == "2000.00"

    @pytest.mark.parametrize("route", routes.CALCULATIONS, ids=str)
    def test_wants_the_scope_of_who_reads(self, app, issue_key, today, route):
        stranger = Api(client=app.test_client(), key=issue_key("ledger:read"))

        response = stranger.post(route.path, route.body)

        assert assert_refused(response, 403, "scope_missing")["scope"] == "loans:read"

    @pytest.mark.parametrize("route", routes.CALCULATIONS, ids=str)
    @pytest.mark.parametrize("body", [[], "terms", 7])
    def test_wants_an_object(self, api, disbursed_loan, route, body):
        path = route.path.replace(samples.UNKNOWN_ID, str(disbursed_loan.id))

        response = api.client.post(path, json=body, headers={"Authorization": f"Bearer {api.key}"})

        assert_refused(response, 422, "invalid_request", pointers=["#"])

    def test_gives_its_connection_back_before_it_computes(self, app, api, monkeypatch):
        """The look-up of the key takes one; a calendar is asked for while terms are read."""
        held = []
        resolve = calendars.resolve

        def watched(code, **years):
            held.append(db.engine.pool.checkedout())
            return resolve(code, **years)

        monkeypatch.setattr(calendars, "resolve", watched)

        response = api.post("/api/v1/quotes", {"terms": samples.LOAN_TERMS | {"holiday_calendar": "KE"}})

        assert response.status_code == 200, response.text
        assert held == [0]
