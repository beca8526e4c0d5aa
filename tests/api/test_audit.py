"""GET /api/v1/audit and /api/v1/loans/{loan_id}/audit: for auditors, filtered, chained."""

import itertools
import json
import re
import uuid

import pytest

from tests.api import samples, staffing
from tests.api.samples import UNKNOWN_ID, assert_refused
from tests.conftest import ROOT

SCRIPT = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def path(api):
    """A loan with four audit records."""
    path = samples.disbursed(api)
    api.post(f"{path}/repayments", samples.repayment("100.00"), headers={"X-Request-ID": f"pay-{path[-12:]}"})
    return path


def loan_id(path):
    return path.rpartition("/")[2]


def actions(response):
    assert response.status_code == 200, response.text
    return [record["action"] for record in response.get_json()["data"]]


class TestListAuditRecords:
    def test_shows_who_did_what(self, api, path):
        (record, *_) = api.get(f"/api/v1/audit?subject_id={loan_id(path)}").get_json()["data"]

        assert samples.without(record, "id", "hash", "previous_hash", "after", "before") == {
            "subject_type": "loan",
            "subject_id": loan_id(path),
            "sequence": 4,
            "action": "loan.record_repayment",
            "actor": f"api_client:{api.client_id}",
            "approved_by": None,
            "request_id": f"pay-{path[-12:]}",
            "recorded_at": samples.INSTANT_OF_TESTS,
        }
        assert (record["before"]["principal_outstanding"], record["after"]["status"]) == (
            "1200.00",
            "disbursed",
        )
        assert re.fullmatch("[0-9a-f]{64}", record["hash"])

    @pytest.mark.parametrize(
        ("until", "is_any"),
        [
            ("0129-02-25T22:21:53.4-16:40", False),
            ("0001-01-01T00:00:00%2B23:00", False),
            ("9999-12-31T23:59:59-23:00", True),
        ],
    )
    def test_takes_any_offset(self, api, path, until, is_any):
        # PostgreSQL itself takes none of 16 hours.
        found = api.get(f"/api/v1/audit?subject_id={loan_id(path)}&until={until}").get_json()["data"]

        assert bool(found) is is_any

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ("action=loan.approve", ["loan.approve"]),
            ("subject_type=loan", ["loan.record_repayment", "loan.disburse", "loan.approve", "loan.apply"]),
            ("subject_type=borrower", []),
            ("action=loan.approve&subject_type=loan", ["loan.approve"]),
            ("action=loan.approve&subject_type=borrower", []),
            ("actor=staff:nobody", []),
            ("since=2026-06-15T12:00:00Z&until=2026-06-15T12:00:00Z&limit=1", ["loan.record_repayment"]),
            ("since=2026-06-15T12:00:00.000001Z", []),
            ("until=2026-06-15T11:59:59.999999Z", []),
        ],
    )
    def test_is_filtered(self, api, path, asked, expected):
        response = api.get(f"/api/v1/audit?subject_id={loan_id(path)}&{asked}")

        assert actions(response) == expected

    def test_is_filtered_by_actor_and_request(self, api, path):
        mine = api.get(f"/api/v1/audit?actor=api_client:{api.client_id}&limit=200")

        assert actions(mine) == [
            *("loan.record_repayment", "loan.disburse", "loan.approve", "loan.apply"),
            *("product.publish", "borrower.register"),
        ]
        assert actions(api.get(f"/api/v1/audit?request_id=pay-{path[-12:]}")) == ["loan.record_repayment"]

    @pytest.mark.parametrize("asked", ["", "&subject_type=loan", "&subject_id="])
    def test_is_paged_without_gap_or_repetition(self, api, path, asked):
        asked += loan_id(path) if asked.endswith("=") else ""
        whole = api.get(f"/api/v1/audit?actor=api_client:{api.client_id}{asked}").get_json()["data"]
        address, found = f"/api/v1/audit?actor=api_client:{api.client_id}&limit=1{asked}", []
        while address:
            page = api.get(address)
            found += page.get_json()["data"]
            link = re.fullmatch(r'<(.+)>; rel="next"', page.headers.get("Link", ""))
            address = link and link.group(1)

        assert found == whole
        assert len(found) >= 4

    def test_refuses_a_cursor_of_another_filter(self, api, path):
        cursor = api.get("/api/v1/audit?limit=1&subject_type=loan").get_json()["next_cursor"]

        response = api.get(f"/api/v1/audit?limit=1&subject_type=borrower&cursor={cursor}")

        assert_refused(response, 422, "invalid_cursor", pointers=["query:/cursor"])

    @pytest.mark.parametrize(
        "asked", ["subject_id=7", "since=yesterday", "actor=", "action=a%00b", "colour=blue", "limit=201"]
    )
    def test_refuses_what_it_does_not_understand(self, api, asked):
        response = api.get(f"/api/v1/audit?{asked}")

        name = asked.partition("=")[0]
        assert_refused(response, 422, "invalid_request", pointers=[f"query:/{name}"])

    @pytest.mark.parametrize(
        ("role", "status"), [("admin", 200), ("auditor", 200), ("officer", 403), ("teller", 403)]
    )
    def test_is_for_auditors(self, app, committed, today, path, role, status):
        staff = staffing.staff_api(app, committed, role=role)

        assert staff.get("/api/v1/audit").status_code == status
        assert staff.get(f"{path}/audit").status_code == status


class TestListAuditOfLoan:
    def test_is_the_chain_from_its_start(self, api, path):
        chain = api.get(f"{path}/audit").get_json()["data"]

        assert [record["sequence"] for record in chain] == [1, 2, 3, 4]
        assert chain[0]["previous_hash"] is None
        for before, after in itertools.pairwise(chain):
            assert after["previous_hash"] == before["hash"]

    def test_is_paged(self, api, path):
        first = api.get(f"{path}/audit?limit=3").get_json()
        second = api.get(f"{path}/audit?limit=3&cursor={first['next_cursor']}").get_json()

        assert [record["sequence"] for record in first["data"] + second["data"]] == [1, 2, 3, 4]
        assert second["next_cursor"] is None

    def test_of_no_loan_is_not_found(self, api):
        assert_refused(api.get(f"/api/v1/loans/{UNKNOWN_ID}/audit"), 404, "loan_not_found")


class TestDocumentedScript:
    """The script in docs/audit.md, as an auditor runs it on what the API answers."""

    @pytest.fixture
    def broken(self):
        (script,) = SCRIPT.findall((ROOT / "docs" / "audit.md").read_text(encoding="utf-8"))
        names = {}
        exec(compile(script, "docs/audit.md", "exec"), names)  # noqa: S102 - it is our own
        return names["broken"]

    @pytest.fixture
    def chain(self, api, path):
        return api.get(f"{path}/audit").get_json()["data"]

    def test_finds_nothing_in_a_sound_chain(self, broken, chain):
        assert broken(chain) == []

    def test_finds_nothing_in_the_chain_of_a_product_with_terms(self, api, broken):
        product = api.post("/api/v1/products", samples.product(late_fee={"percent": "5.00"})).get_json()["id"]
        chain = api.get(f"/api/v1/audit?subject_id={product}").get_json()["data"]

        assert "late_fee" in json.dumps(chain)
        assert broken(chain[::-1]) == []

    def test_finds_a_changed_record(self, broken, chain):
        chain[1]["actor"] = "staff:somebody-else"

        assert broken(chain) == [2]

    def test_finds_a_missing_record(self, broken, chain):
        del chain[1]

        assert broken(chain) == [3]

    def test_finds_a_record_that_was_put_in(self, broken, chain):
        chain.insert(2, chain[1] | {"id": str(uuid.uuid4()), "sequence": 3})

        assert broken(chain) == [3, 3]
