"""Files of applications."""

import uuid

import pytest

from tests.api import uploads
from tests.api.samples import UNKNOWN_ID, assert_refused, without
from tests.api.uploads import lines, ndjson, send


@pytest.fixture
def application(borrower, product):
    """A row of a file of applications."""
    return {
        "borrower_id": str(borrower.id),
        "product_id": str(product.id),
        "principal": "5000.00",
        "currency": "KES",
        "installments": 6,
    }


@pytest.fixture
def send_all(api):
    """Send applications and give the lines of the answer."""
    return lambda *rows, **given: lines(send(api, ndjson(*rows), path=uploads.LOANS, **given))


class TestRows:
    def test_make_the_loans_that_single_requests_would(self, api, application, send_all):
        rows = [application | {"date": "2026-06-01", "note": "By file"}, application | {"due_day": 5}]
        single = [api.post("/api/v1/loans", row).get_json() for row in rows]

        answered, summary = send_all(*rows)

        made = [api.get(f"/api/v1/loans/{row['loan']['id']}").get_json() for row in answered]
        own = ("id", "created_at", "updated_at")
        assert [without(loan, *own) for loan in made] == [without(loan, *own) for loan in single]
        assert answered[0]["loan"] == {
            "id": made[0]["id"],
            "external_id": None,
            "status": "pending",
            "principal": "5000.00",
            "currency": "KES",
            "applied_on": "2026-06-01",
        }
        assert (summary["done"], summary["refused"]) == (2, 0)

    def test_are_refused_each_for_itself(self, application, send_all):
        answered, _ = send_all(
            application | {"borrower_id": UNKNOWN_ID},
            application | {"product_id": UNKNOWN_ID},
            application | {"currency": "USD"},
            application | {"principal": "1.00"},
            application | {"installments": 61},
            application | {"installments": "6"},
            application | {"date": "2026-06-16"},
            application | {"start_date": "2026-07-01", "first_due_date": "2026-06-20"},
            application | {"loan_id": UNKNOWN_ID},
            application,
        )

        assert [(row["status"], row.get("problem", {}).get("code")) for row in answered] == [
            (422, "unknown_borrower"),
            (422, "unknown_product"),
            (422, "currency_mismatch"),
            (422, "outside_product_limits"),
            (422, "outside_product_limits"),
            (422, "invalid_request"),
            (422, "date_in_future"),
            (422, "invalid_request"),
            (422, "invalid_request"),
            (201, None),
        ]
        pointers = [row["problem"]["errors"][0]["pointer"] for row in answered[:-1]]
        assert pointers == [
            *("#/borrower_id", "#/product_id", "#/currency", "#/principal", "#/installments"),
            *("#/installments", "#/date", "#/first_due_date", "#/loan_id"),
        ]

    def test_with_one_external_id_are_made_once(self, application, send_all):
        twin = application | {"external_id": f"twin-{uuid.uuid4().hex}"}

        within, _ = send_all(twin, twin | {"installments": 7})
        later, _ = send_all(twin)

        assert [row["status"] for row in within] == [201, 409]
        assert [row["problem"]["code"] for row in (within[1], later[0])] == ["duplicate_loan"] * 2

    def test_of_a_key_with_another_content_are_refused(self, application, send_all):
        first, _ = send_all(application, key="loans-1")

        again, _ = send_all(application, application, key="loans-1")
        other, _ = send_all(application | {"installments": 7}, key="loans-1")

        assert again[0] == first[0] | {"replayed": True}
        assert "replayed" not in again[1]
        assert other[0]["problem"]["code"] == "idempotency_key_reused"


class TestAtomic:
    def test_all_makes_none_for_one_that_is_refused(self, api, application, product):
        raw = ndjson(application, application | {"installments": 61})

        response = send(api, raw, path=uploads.LOANS, query="?atomic=all")

        assert [row["row"] for row in assert_refused(response, 422, "file_refused")["rows"]] == [2]
        assert api.get(f"/api/v1/loans?product_id={product.id}").get_json()["data"] == []

    def test_all_makes_all(self, api, application, product, send_all):
        answered, _ = send_all(application, application, query="?atomic=all")

        listed = api.get(f"/api/v1/loans?product_id={product.id}").get_json()["data"]
        assert {row["loan"]["id"] for row in answered} == {loan["id"] for loan in listed}


class TestDryRun:
    def test_makes_none(self, api, application, product, send_all):
        answered, summary = send_all(application, query="?dry_run=true")

        assert (answered[0]["status"], summary["dry_run"]) == (201, True)
        assert api.get(f"/api/v1/loans?product_id={product.id}").get_json()["data"] == []
