"""Errors: one shape for all, and what a caller is told when the fault is ours."""

import json
import uuid
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from loans import logger
from loans.app import create_app
from loans.db import db
from loans.services import idempotency
from tests.api import samples
from tests.api.samples import assert_refused
from tests.conftest import Api, make_settings

NOWHERE = "postgresql+psycopg2://nobody:hunter2@127.0.0.1:1/nowhere"


@contextmanager
def application(url, **given):
    """An application of our own, whose connections are given back."""
    app = create_app(make_settings(url, **given))
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


def lines_of(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class TestProblem:
    def test_has_these_members_and_no_others(self, api):
        response = api.post("/api/v1/borrowers", {"first_name": "Amina"}, headers={"X-Request-ID": "req-1"})

        assert response.status_code == 422
        assert response.content_type == "application/problem+json"
        assert response.get_json() == {
            "type": "/errors/invalid_request",
            "title": "Invalid request",
            "status": 422,
            "detail": "1 fault(s): #/last_name",
            "instance": "/api/v1/borrowers",
            "code": "invalid_request",
            "request_id": "req-1",
            "errors": [
                {
                    "pointer": "#/last_name",
                    "code": "invalid",
                    "detail": "Missing data for required field.",
                }
            ],
        }

    def test_leads_to_an_explanation(self, api):
        problem = api.get("/api/v1/nothing").get_json()

        explained = api.get(problem["type"])

        assert explained.status_code == 200
        assert explained.get_json()["title"] == problem["title"]

    def test_keeps_its_status_a_number_where_the_loan_has_one_too(self, api, pending_loan):
        response = api.post(f"/api/v1/loans/{pending_loan.id}/disburse")

        problem = assert_refused(response, 409, "transition_not_allowed")
        assert (problem["status"], problem["loan_status"]) == (409, "pending")

    def test_is_not_stored_by_anyone_on_the_way(self, api):
        for response in (api.get("/api/v1/nothing"), api.get("/api/v1/loans?limit=1")):
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Content-Type-Options"] == "nosniff"


class TestRequestId:
    @pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-ID"])
    @pytest.mark.parametrize("offered", ["a", "A-z_0.9", "x" * 64])
    def test_is_the_callers_own_where_well_formed(self, api, header, offered):
        response = api.get("/api/v1/loans?limit=1", headers={header: offered})

        assert response.headers["X-Request-ID"] == offered

    @pytest.mark.parametrize("offered", ["", "x" * 65, "a b", "a/b", "caf\xe9", "<script>"])
    def test_is_a_new_one_otherwise(self, api, offered):
        response = api.get("/api/v1/loans?limit=1", headers={"X-Request-ID": offered})

        assert str(uuid.UUID(response.headers["X-Request-ID"])) == response.headers["X-Request-ID"]

    def test_is_not_that_of_what_the_thread_does_next(self, api):
        api.get("/api/v1/loans?limit=1", headers={"X-Request-ID": "t-1"})

        assert logger.request_id() is None

    def test_stands_in_the_one_line_that_a_request_logs(self, api, capsys, pending_loan):
        capsys.readouterr()

        api.get(f"/api/v1/loans/{pending_loan.id}", headers={"X-Request-ID": "req-2"})

        (line,) = lines_of(capsys)
        assert samples.without(line, "timestamp", "duration", "client") == {
            "level": "info",
            "request_id": "req-2",
            "message": "request",
            "method": "GET",
            "route": "/api/v1/loans/<uuid:loan_id>",
            "status": 200,
            "replayed": False,
        }
        assert line["client"] == str(api.client_id)

    def test_line_names_no_client_where_there_is_none(self, app, capsys):
        capsys.readouterr()

        app.test_client().get("/api/v1/loans")

        (line,) = lines_of(capsys)
        assert (line["status"], line["client"]) == (401, None)


class TestFault:
    def test_of_ours_tells_nothing_but_where_to_ask(self, database_url, capsys):
        with application(database_url) as app:

            @app.get("/broken")
            def broken():
                raise RuntimeError("secret detail")

            response = app.test_client().get("/broken", headers={"X-Request-ID": "req-3"})

        problem = assert_refused(response, 500, "internal_error")
        assert problem["request_id"] == "req-3"
        assert "secret" not in response.text
        fault = next(line for line in lines_of(capsys) if line["message"] == "unhandled exception")
        assert fault["level"] == "error"
        assert fault["request_id"] == "req-3"
        assert "RuntimeError: secret detail" in fault["error_trace"]

    def test_of_the_database_being_away_asks_to_come_back(self, issue_key, capsys):
        with application(NOWHERE) as app:
            response = Api(client=app.test_client(), key=issue_key()).get("/api/v1/loans")

        problem = assert_refused(response, 503, "unavailable")
        assert response.headers["Retry-After"] == "1"
        assert "127.0.0.1" not in json.dumps(problem)
        (line,) = [line for line in lines_of(capsys) if line["message"] == "database unavailable"]
        assert line["level"] == "error"
        assert "hunter2" not in json.dumps(line)

    def test_of_another_holding_the_loan_asks_to_come_back(self, api, database_url, disbursed_loan):
        path = f"/api/v1/loans/{disbursed_loan.id}/repayments"
        other = sa.create_engine(database_url, poolclass=sa.NullPool)
        key = str(uuid.uuid4())

        with application(database_url, lock_timeout_ms=50) as app, other.begin() as connection:
            query = sa.text("SELECT 1 FROM loans WHERE id = :id FOR UPDATE")
            connection.execute(query, {"id": disbursed_loan.id})
            impatient = Api(client=app.test_client(), key=api.key)
            response = impatient.post(path, samples.repayment("1.00"), headers={"Idempotency-Key": key})

        assert_refused(response, 503, "unavailable")
        assert response.headers["Retry-After"] == "1"
        retried = api.post(path, samples.repayment("1.00"), headers={"Idempotency-Key": key})
        assert retried.status_code == 201, retried.text
        assert "Idempotent-Replayed" not in retried.headers

    def test_of_no_free_connection_asks_to_come_back(self, api, database_url):
        with application(database_url, db_pool_size=1) as app:
            with app.app_context():
                db.engine.pool._timeout = 0.05
                held = db.engine.connect()
            with held:
                response = Api(client=app.test_client(), key=api.key).get("/api/v1/loans")

        assert_refused(response, 503, "unavailable")

    def test_of_a_key_still_in_use_asks_to_come_back(self, api, database_url):
        """Another request with the key has not committed yet: its advisory lock is held."""
        key = str(uuid.uuid4())
        blocker = sa.create_engine(database_url, poolclass=sa.NullPool)
        number = idempotency._lock_number(
            idempotency.Claim(client_id=api.client_id, key=key, fingerprint=b"")
        )
        with blocker.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
            response = api.post("/api/v1/borrowers", samples.borrower(), headers={"Idempotency-Key": key})

        assert_refused(response, 409, "idempotency_key_in_use")
        assert response.headers["Retry-After"] == "1"

    def test_of_a_statement_that_the_database_refuses_is_ours(self, empty_api, capsys):
        with empty_api.client.application.app_context():
            db.session.execute(sa.text("ALTER TABLE borrowers RENAME TO gone"))
            db.session.commit()

        response = empty_api.get("/api/v1/borrowers")

        assert_refused(response, 500, "internal_error")
        assert "relation" not in response.text
        fault = next(line for line in lines_of(capsys) if line["message"] == "unhandled exception")
        assert "UndefinedTable" in fault["error_trace"]
