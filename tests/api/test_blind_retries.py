"""A client that sends every command again and again with its key does no harm, whatever happened to the answer."""

import json
import subprocess
import sys
import uuid

import pytest
import sqlalchemy as sa

from loans.db import db
from tests.api import commands, routes, samples
from tests.api.samples import assert_refused
from tests.conftest import ROOT, SECRET_KEY
from tests.services.bank import at_once

CHANGING = [*routes.COMMANDS, *routes.CHANGES]
TWINS = 4
# Every table that a command writes.
TABLES = (
    *("borrowers", "products", "product_versions", "loans", "loan_events", "installments"),
    *("journal_entries", "journal_lines", "outbox_events", "audit_records", "idempotency_keys"),
    *("api_clients", "api_keys", "staff", "staff_sessions", "approvals", "approval_policies"),
)
# Serves one request, commits it, and is killed before a byte of the answer is sent.
DYING = """
import json, os, signal, sys
from loans.app import create_app
from loans import clock
from loans.config import Settings
from datetime import UTC, datetime
clock.now = lambda: datetime(2026, 6, 15, 12, tzinfo=UTC)
url, secret_key, method, path, body, headers = json.loads(sys.stdin.read())
app = create_app(Settings(environment="test", database_url=url, secret_key=secret_key))
inner = app.wsgi_app
def answer(environ, start_response):
    inner(environ, start_response)
    os.kill(os.getpid(), signal.SIGKILL)
app.wsgi_app = answer
app.test_client().open(path, method=method, json=body, headers=headers)
"""


@pytest.fixture
def sizes(app):
    """How many rows there are in each table, and what the loans and borrowers have come to."""

    def look():
        with app.app_context(), db.engine.connect() as connection:
            counts = {
                table: connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
                for table in TABLES
            }
            sums = connection.execute(
                sa.text(
                    "SELECT (SELECT sum(event_count) FROM loans), (SELECT sum(version) FROM borrowers),"
                    " (SELECT sum(version) FROM products), (SELECT sum(abs(amount)) FROM journal_lines)"
                )
            ).one()
        return counts, tuple(sums)

    return look


def send(api, method, path, body, headers):
    """Send a request once."""
    given = {"Authorization": f"Bearer {api.key}", **headers}
    return api.client.application.test_client().open(path, method=method, json=body, headers=given)


def repeated(route, first):
    """What a repetition answers after a first answer."""
    if route.endpoint not in commands.SHOWN_ONCE:
        return first.data
    secret = commands.SHOWN_ONCE[route.endpoint]
    told = first.get_json()[secret]
    return first.data.replace(json.dumps(told).encode(), b"null")


class TestRetry:
    @pytest.mark.parametrize("route", CHANGING, ids=str)
    def test_gets_the_same_answer_and_does_nothing_more(self, api, sizes, route):
        path, body, headers = commands.prepared(api, route)
        headers["Idempotency-Key"] = str(uuid.uuid4())
        before = sizes()
        first = send(api, route.method, path, body, headers)
        done = sizes()

        again = [send(api, route.method, path, body, headers) for _ in range(2)]

        assert first.status_code in {200, 201}, first.text
        assert done != before
        assert sizes() == done
        for response in again:
            assert (response.status_code, response.data) == (first.status_code, repeated(route, first))
            assert response.headers["Idempotent-Replayed"] == "true"
            assert response.headers.get("Location") == first.headers.get("Location")

    @pytest.mark.parametrize("route", CHANGING, ids=str)
    def test_at_the_same_time_does_it_once(self, api, sizes, route):
        path, body, headers = commands.prepared(api, route)
        headers["Idempotency-Key"] = str(uuid.uuid4())
        before = sizes()

        answers = at_once(lambda _: send(api, route.method, path, body, headers), times=TWINS)

        done = [answer for answer in answers if answer.status_code in {200, 201}]
        waiting = [answer for answer in answers if answer not in done]
        assert len({repeated(route, answer) for answer in done}) == 1
        assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
        for answer in waiting:
            assert_refused(answer, 409, "idempotency_key_in_use")
            assert answer.headers["Retry-After"] == "1"
        after = sizes()
        assert after[0]["idempotency_keys"] == before[0]["idempotency_keys"] + 1
        acts = 2 if route.endpoint in commands.AUDITED_TWICE else 1
        assert after[0]["audit_records"] == before[0]["audit_records"] + acts

    @pytest.mark.parametrize("route", CHANGING, ids=str)
    def test_of_a_refused_one_stores_nothing(self, api, sizes, route):
        before = sizes()

        for _ in range(2):
            headers = {"Idempotency-Key": "refused", "If-Match": "*"}
            response = send(api, route.method, route.path, {"colour": "blue"}, headers)

            assert_refused(response, 422, "invalid_request", pointers=_faults(response))
        assert sizes() == before


def _faults(response):
    return {fault["pointer"] for fault in response.get_json()["errors"]}


class TestKilledBetweenCommitAndAnswer:
    @pytest.mark.parametrize(
        "endpoint",
        ["loans.apply", "loans.disburse", "repayments.record_repayment", "borrowers.change_borrower"],
    )
    def test_has_done_it_once_and_answers_a_retry(self, api, sizes, database_url, endpoint):
        route = next(each for each in CHANGING if each.endpoint == endpoint)
        path, body, headers = commands.prepared(api, route)
        headers |= {"Idempotency-Key": str(uuid.uuid4()), "Authorization": f"Bearer {api.key}"}
        before = sizes()

        died = die(database_url, route.method, path, body, headers)

        committed = sizes()
        retries = [send(api, route.method, path, body, headers) for _ in range(2)]
        assert died == -9
        assert committed[0]["idempotency_keys"] == before[0]["idempotency_keys"] + 1
        assert sizes() == committed
        assert {answer.status_code for answer in retries} <= {200, 201}
        assert [answer.headers["Idempotent-Replayed"] for answer in retries] == ["true", "true"]
        assert retries[0].data == retries[1].data
        if endpoint == "repayments.record_repayment":
            loan = path.removesuffix("/repayments")
            assert retries[0].get_json()["loan"] == api.get(loan).get_json()


def die(*request):
    """Send a request to a process of its own, which is killed after the commit; give how it ended."""
    asked = json.dumps([request[0], SECRET_KEY, *request[1:]])
    return subprocess.run(
        [sys.executable, "-c", DYING], input=asked, text=True, cwd=ROOT, check=False, capture_output=True
    ).returncode


class TestExpiredKey:
    def test_never_does_it_again(self, api, app, sizes):
        path, body, headers = commands.prepared(
            api, next(each for each in CHANGING if each.endpoint == "repayments.record_repayment")
        )
        headers["Idempotency-Key"] = str(uuid.uuid4())
        send(api, "POST", path, body, headers)
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE idempotency_keys SET body = NULL, location = NULL WHERE key = :key"),
                {"key": headers["Idempotency-Key"]},
            )
        before = sizes()

        same = send(api, "POST", path, body, headers)
        other = send(api, "POST", path, samples.repayment("7.00"), headers)

        assert_refused(same, 422, "idempotency_key_expired")
        assert_refused(other, 422, "idempotency_key_reused")
        assert sizes() == before
