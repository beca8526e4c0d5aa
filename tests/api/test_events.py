"""GET /api/v1/events and /api/v1/events/{event_id}: what happened, in order, from where one was."""

import re
import uuid

import pytest

from tests import settling
from tests.api import samples, staffing
from tests.api.samples import UNKNOWN_ID, assert_refused

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def read(api):
    """Read on in the feed once what is there has settled."""

    def ask(query=""):
        with api.client.application.app_context():
            settling.wait_until_settled()
        response = api.get(f"/api/v1/events{query}")
        assert response.status_code == 200, response.text
        return response.get_json()

    return ask


@pytest.fixture
def path(api):
    return samples.disbursed(api)


class TestReadFeed:
    def test_tells_what_happened(self, api, read, path):
        headers = {"X-Request-ID": "pay-1", "traceparent": TRACE}
        paid = api.post(f"{path}/repayments", samples.repayment("100.00"), headers=headers).get_json()
        loan = path.rpartition("/")[2]

        event = read(f"?subject_id={loan}")["data"][-1]

        assert samples.without(event, "id", "data", "traceparent") == {
            "type": "loan.repayment_recorded",
            "occurred_at": samples.INSTANT_OF_TESTS,
            "subject": {"type": "loan", "id": loan},
            "request_id": "pay-1",
        }
        assert event["traceparent"].startswith(TRACE[:36])
        assert samples.UUID.fullmatch(event["id"])
        assert samples.without(event["data"], "borrower_id") == {
            "loan_id": loan,
            "event_id": paid["id"],
            "sequence": 4,
            "date": "2026-06-15",
            "amount": "100.00",
            "status": "disbursed",
            "currency": "KES",
            "disbursed": "1200.00",
            "principal_outstanding": event["data"]["principal_outstanding"],
            "interest_outstanding": event["data"]["interest_outstanding"],
            "fee_outstanding": "0.00",
            "penalty_outstanding": "0.00",
            "credit_balance": "0.00",
        }

    def test_goes_on_where_the_page_before_ended(self, api, read, path):
        loan = path.rpartition("/")[2]
        first = read(f"?subject_id={loan}&limit=2")
        second = read(f"?subject_id={loan}&limit=2&cursor={first['next_cursor']}")

        assert [event["type"] for event in first["data"] + second["data"]] == [
            *("loan.applied", "loan.approved", "loan.disbursed"),
        ]
        assert (first["has_more"], second["has_more"]) == (True, False)

    def test_of_nothing_new_has_a_cursor_to_ask_again_with(self, api, read, path):
        loan = path.rpartition("/")[2]
        cursor = read(f"?subject_id={loan}")["next_cursor"]
        nothing = read(f"?subject_id={loan}&cursor={cursor}")
        api.post(f"{path}/charges", samples.repayment("50.00"))

        later = read(f"?subject_id={loan}&cursor={nothing['next_cursor']}")

        assert (nothing["data"], nothing["has_more"]) == ([], False)
        assert [event["type"] for event in later["data"]] == ["loan.fee_charged"]

    def test_links_to_what_is_to_come(self, api, read, path):
        read()
        page = api.get("/api/v1/events?types=loan.disbursed,loan.applied&limit=1")

        (address,) = re.findall(r'<(.+)>; rel="next"', page.headers["Link"])
        assert "types=loan.disbursed%2Cloan.applied" in address
        assert api.get(address).get_json()["data"] != page.get_json()["data"]

    def test_of_types_has_no_others(self, read, path):
        found = read("?types=loan.disbursed,borrower.registered&limit=200")["data"]

        assert {event["type"] for event in found} == {"loan.disbursed", "borrower.registered"}

    @pytest.mark.parametrize(
        ("asked", "code"),
        [
            ("types=loan.flown", "invalid_request"),
            ("types=loan.applied,loan.applied", "invalid_request"),
            ("subject_id=7", "invalid_request"),
            ("cursor=x", "invalid_cursor"),
        ],
    )
    def test_refuses_what_it_does_not_understand(self, api, asked, code):
        response = api.get(f"/api/v1/events?{asked}")

        assert_refused(response, 422, code, pointers=[f"query:/{asked.partition('=')[0]}"])

    def test_refuses_the_cursor_of_another_list(self, api, path):
        cursor = api.get("/api/v1/audit?limit=1").get_json()["next_cursor"]

        assert_refused(
            api.get(f"/api/v1/events?cursor={cursor}"), 422, "invalid_cursor", pointers=["query:/cursor"]
        )

    @pytest.mark.parametrize(
        ("role", "status"), [("admin", 200), ("auditor", 200), ("officer", 403), ("teller", 403)]
    )
    def test_is_for_who_may_read_events(self, app, committed, today, role, status):
        staff = staffing.staff_api(app, committed, role=role)

        assert staff.get("/api/v1/events").status_code == status

    def test_takes_one_statement_beside_that_of_the_key(self, api, statements_of):
        api.get("/api/v1/events")

        asked = statements_of(lambda: api.get("/api/v1/events?types=loan.applied,loan.disbursed"))

        assert len(asked) == 2


class TestGetEvent:
    def test_gives_it_as_the_feed_does(self, api, read, path):
        (told, *_) = read(f"?subject_id={path.rpartition('/')[2]}")["data"]

        assert api.get(f"/api/v1/events/{told['id']}").get_json() == told

    def test_of_nothing_is_not_found(self, api):
        assert_refused(api.get(f"/api/v1/events/{UNKNOWN_ID}"), 404, "event_not_found")
        assert_refused(api.get(f"/api/v1/events/{uuid.uuid4()}"), 404, "event_not_found")
