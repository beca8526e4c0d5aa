"""The first API, case by case as its clients know it: tests/data/first_api.json."""

import json
import uuid
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

SEEDED = {seed["id"]: seed for seed in GOLDEN["seeds"]}


@pytest.fixture(scope="module")
def seeded(make_database):
    """An installation with the five loans that each began with; no case may leave more in it."""
    app = create_app(make_settings(make_database()))
    with app.app_context():
        assert sum(transaction(step) for step in demo.legacy_steps(make_context())) == 5
    # Outside of the context, so that each request has its own, and with it a session that ends.
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def client(app):
    """The application that all tests share."""
    return app.test_client()


@pytest.fixture
def empty_client(empty_api):
    """An installation without a loan, called without a key."""
    return empty_api.client


def business(loan):
    """A loan without its instants."""
    return {name: value for name, value in loan.items() if name not in {"created_at", "updated_at"}}


class TestList:
    def test_is_an_array_of_all_loans(self, seeded):
        response = seeded.get("/api/loans")

        assert (response.status_code, response.content_type) == (200, "application/json")
        assert {loan["id"]: business(loan) for loan in response.json} == SEEDED
        assert [first_api.faults_of_loan(json.dumps(loan)) for loan in response.json] == [[]] * 5

    def test_of_nothing_is_an_empty_array(self, empty_client):
        assert empty_client.get("/api/loans").text == "[]\n"

    def test_begins_with_the_newest(self, empty_client, today):
        made = []
        for day in (10, 12, 11):
            today(make_context().business_date.replace(day=day))
            asked = {"borrower_id": f"day-{day}", "amount": day, "currency": "KES"}
            made.append(empty_client.post("/api/loans", json=asked).json)

        loans = empty_client.get("/api/loans").json

        assert [loan["borrower_id"] for loan in loans] == ["day-12", "day-11", "day-10"]
        assert loans[0]["created_at"] == loans[0]["updated_at"] == "Fri, 12 Jun 2026 12:00:00 GMT"
        assert loans == [made[1], made[2], made[0]]


class TestStats:
    def test_are_these_bytes_for_the_seeds(self, seeded):
        assert seeded.get("/api/stats").text == GOLDEN["stats_of_seeds"]

    def test_are_zeros_for_nothing(self, empty_client):
        assert empty_client.get("/api/stats").text == GOLDEN["stats_of_nothing"]

    def test_divide_without_a_finite_decimal_as_floats_do(self, empty_client):
        for amount in ("10.00", "10.00", "10.01"):
            asked = {"borrower_id": "b", "amount": amount, "currency": "KES"}
            empty_client.post("/api/loans", json=asked)

        stats = empty_client.get("/api/stats").json

        assert stats["total_amount"] == 30.01
        assert stats["avg_amount"] == pytest.approx(10.003333333333334, abs=1e-14)
        assert (stats["total_loans"], stats["by_currency"], stats["by_status"]) == (
            3,
            {"KES": 3},
            {"pending": 3},
        )


class TestPaths:
    @pytest.mark.parametrize("case", **first_api.named(GOLDEN["paths"]))
    def test_answer_with_their_status(self, seeded, case):
        method, path = case["call"].split(" ", 1)

        response = seeded.open(path, method=method)

        assert response.status_code == case["status"]
        assert (response.data == b"") == (method == "HEAD")

    @pytest.mark.parametrize("case", **first_api.named(GOLDEN["methods"]))
    def test_name_their_methods(self, seeded, case):
        method, path = case["call"].split(" ", 1)

        response = seeded.open(path, method=method)

        assert response.status_code == case["status"]
        assert sorted(response.headers["Allow"].split(", ")) == case["allow"]

    @pytest.mark.parametrize("seed", GOLDEN["seeds"], ids=lambda seed: seed["borrower_id"])
    def test_of_a_loan_give_it(self, seeded, seed):
        response = seeded.get(f"/api/loans/{seed['id']}")

        assert business(response.json) == seed
        assert first_api.faults_of_loan(response.text) == []

    def test_of_a_loan_in_any_form_give_the_same(self, client):
        asked = {"borrower_id": "b", "amount": 1, "currency": "KES"}
        made = client.post("/api/loans", json=asked)
        identifier = uuid.UUID(made.json["id"])

        answers = {
            client.get(f"/api/loans/{form}").text
            for form in (identifier, identifier.hex, str(identifier).upper(), f"{{{identifier}}}")
        }

        assert answers == {made.text}

    def test_without_a_uuid_say_so(self, seeded):
        assert seeded.get("/api/loans/7").json["detail"] == "Invalid loan id"


class TestPost:
    @pytest.mark.parametrize("case", **first_api.named(GOLDEN["accepted"]))
    def test_records_a_pending_loan(self, client, case):
        response = client.post("/api/loans", data=first_api.body_of(case), headers=first_api.headers_of(case))

        assert (response.status_code, response.content_type) == (201, "application/json")
        assert "Location" not in response.headers
        assert first_api.faults_of_loan(response.text) == []
        assert {name: response.json[name] for name in case["row"]} == case["row"]
        assert response.json["status"] == "pending"
        assert response.json["id"] not in SEEDED
        for name, was in case.get("was", {}).items():
            assert Decimal(response.json[name]) == Decimal(was)
        assert client.get(f"/api/loans/{response.json['id']}").text == response.text

    @pytest.mark.parametrize("case", **first_api.named(GOLDEN["refused"]))
    def test_refuses(self, seeded, case):
        response = seeded.post("/api/loans", data=first_api.body_of(case), headers=first_api.headers_of(case))

        assert response.status_code == 400
        assert response.json.keys() == first_api.ERROR_KEYS
        assert response.json["error_code"] == "invalid_loan_request"
        faults = response.json["detail"].split("; ")
        assert [fault.partition(": ")[0] for fault in faults] == case["detail"]
        assert len(seeded.get("/api/loans").json) == 5

    def test_of_nothing_that_can_be_stored_is_an_error_of_the_service(self, seeded):
        statuses = {case["name"]: case.get("was_status") for case in GOLDEN["refused"]}

        # What the earlier service answered 500 to; the case above shows that ours does not.
        assert sum(status == 500 for status in statuses.values()) == 5

    def test_beyond_the_limit_of_a_body_is_refused(self, client):
        response = client.post("/api/loans", data=b"[" * 300_000, content_type="application/json")

        assert (response.status_code, response.json["error_code"]) == (413, "body_too_large")

    def test_writes_the_event_and_the_audit_record_with_it(self, client, session, today):
        asked = {"borrower_id": "usr_india_999", "amount": "12000.5", "currency": "inr", "term_months": 6}
        made = client.post("/api/loans", json=asked, headers={"X-Request-ID": "golden-1"}).json

        query = sa.text("SELECT type, payload FROM outbox_events WHERE subject_id = :id")
        events = session.execute(query, {"id": made["id"]}).all()
        query = sa.text(
            "SELECT action, subject_type, actor, request_id, before, after FROM audit_records"
            " WHERE subject_id = :id"
        )
        records = session.execute(query, {"id": made["id"]}).all()
        facts = {
            "loan_id": made["id"],
            "borrower_id": "usr_india_999",
            "amount": "12000.50",
            "currency": "INR",
            "status": "pending",
            "term_months": 6,
            "interest_rate_apr": None,
        }
        assert [tuple(event) for event in events] == [("legacy_loan.created", facts)]
        assert [tuple(record) for record in records] == [
            ("legacy_loan.create", "legacy_loan", "anonymous", "golden-1", None, facts)
        ]

    def test_leaves_the_book_alone(self, empty_api):
        asked = {"borrower_id": "b", "amount": 1, "currency": "KES"}
        empty_api.client.post("/api/loans", json=asked)

        assert empty_api.get("/api/v1/loans").json["data"] == []
        assert empty_api.get("/api/v1/ledger/trial-balance").json["accounts"] == []
