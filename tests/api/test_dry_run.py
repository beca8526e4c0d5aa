"""?dry_run=true: a command does all that it does, answers, and leaves nothing behind."""

import uuid
from datetime import date

import pytest
import sqlalchemy as sa

from loans.db import db
from tests.api import routes, samples
from tests.api.samples import UNKNOWN_ID, assert_refused
from tests.conftest import Api


@pytest.fixture
def api(app, issue_key, today):
    today(date(2026, 2, 20))
    return Api(client=app.test_client(), key=issue_key())


@pytest.fixture
def path(api):
    return samples.disbursed(api)


def rows_of_all_tables(app):
    """How many rows each table has."""
    with app.app_context():
        names = sa.inspect(db.engine).get_table_names()
        return {
            name: db.session.execute(sa.text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in names
        }


class TestDryRun:
    @pytest.mark.parametrize(
        ("rest", "body"),
        [
            ("charges", samples.repayment("50.00")),
            ("waivers", {"type": "interest"}),
            ("rate-changes", {"annual_rate": "24"}),
            ("pauses", {"until": "2026-03-15"}),
            ("reschedules", {"installments": 6}),
            ("re-ages", {}),
            ("payoff", {}),
            ("goodwill-credits", samples.repayment("12.00")),
            ("charge-off", {}),
            ("write-off", {}),
            ("repayments", samples.repayment("408.03")),
            ("repayments", samples.repayment("1300.00", overpayment="hold")),
        ],
    )
    def test_answers_what_would_happen_and_stores_nothing(self, app, api, path, rest, body):
        before, rows = api.get(path).get_json(), rows_of_all_tables(app)

        dry = api.post(f"{path}/{rest}?dry_run=true", body)

        assert dry.status_code == 201, dry.text
        assert dry.headers["Dry-Run"] == "true"
        assert "Location" not in dry.headers
        assert rows_of_all_tables(app) == rows
        assert api.get(path).get_json() == before
        real = api.post(f"{path}/{rest}", body)
        assert "Dry-Run" not in real.headers
        assert without_ids(dry.get_json()) == without_ids(real.get_json())

    def test_previews_an_application(self, app, api, borrower, product):
        rows = rows_of_all_tables(app)

        response = api.post("/api/v1/loans?dry_run=true", samples.application(borrower.id, product.id))

        loan = response.get_json()
        assert (response.status_code, loan["status"]) == (201, "pending")
        assert rows_of_all_tables(app) == rows
        assert_refused(api.get(f"/api/v1/loans/{loan['id']}"), 404, "loan_not_found")

    def test_refuses_what_the_command_refuses(self, api, path):
        response = api.post(f"{path}/repayments?dry_run=true", samples.repayment("9999.00"))

        assert_refused(response, 422, "overpayment", pointers=["#/amount"])
        assert "Dry-Run" not in response.headers

    def test_leaves_its_key_to_the_command(self, api, path):
        key = {"Idempotency-Key": str(uuid.uuid4())}
        api.post(f"{path}/charge-off?dry_run=true", headers=dict(key))

        response = api.post(f"{path}/charge-off", headers=dict(key))

        assert response.status_code == 201, response.text
        assert "Idempotent-Replayed" not in response.headers

    def test_may_come_with_the_key_of_a_command(self, api, path):
        key = {"Idempotency-Key": str(uuid.uuid4())}
        api.post(f"{path}/charges", samples.repayment("50.00"), headers=dict(key))

        again = api.post(f"{path}/charges?dry_run=true", samples.repayment("50.00"), headers=dict(key))

        assert again.headers["Dry-Run"] == "true"
        assert again.get_json()["loan"]["fee_outstanding"] == "100.00"

    def test_may_be_declined(self, api, path):
        response = api.post(f"{path}/charge-off?dry_run=false")

        assert "Dry-Run" not in response.headers
        assert api.get(path).get_json()["charged_off_on"] == "2026-02-20"

    @pytest.mark.parametrize("value", ["yes", "1", "True", ""])
    def test_is_true_or_false(self, api, path, value):
        response = api.post(f"{path}/charge-off?dry_run={value}")

        assert_refused(response, 422, "invalid_request", pointers=["query:/dry_run"])

    @pytest.mark.parametrize("route", routes.COMMANDS, ids=str)
    def test_is_understood_by_every_command(self, api, route):
        response = api.post(f"{route.path}?dry_run=true", route.body)

        if UNKNOWN_ID in route.path:
            assert response.status_code == 404, response.text
        else:
            # A product of this code may be there already, and the borrower of the application is not.
            assert response.status_code in {201, 409, 422}, response.text

    @pytest.mark.parametrize("route", [*routes.QUERIES, *routes.CALCULATIONS], ids=str)
    def test_is_unknown_to_what_stores_nothing_anyway(self, api, route):
        path = f"{route.path}?dry_run=true"

        response = api.get(path) if route.method == "GET" else api.post(path, route.body)

        assert_refused(response, 422, "invalid_request", pointers=["query:/dry_run"])


def without_ids(answer):
    """An answer but for what is another one each time."""
    loan = samples.without(answer["loan"], "updated_at")
    return samples.without(answer, "id", "recorded_at", "loan") | {"loan": loan}
