"""Looking at a loan from another day, and as it was known at a moment: ?as_of= and ?known_at=."""

from datetime import UTC, date, datetime

import pytest

from loans import clock
from tests.api import samples
from tests.api.samples import assert_refused
from tests.conftest import Api


@pytest.fixture
def api(app, issue_key, today):
    """The API with a key that may do everything, on 20 February 2026."""
    today(date(2026, 2, 20))
    return Api(client=app.test_client(), key=issue_key())


@pytest.fixture
def path(api):
    return samples.disbursed(api)


@pytest.fixture
def at(monkeypatch):
    """Let it be an hour of 20 February."""

    def set_to(hour):
        monkeypatch.setattr(clock, "now", lambda: datetime(2026, 2, 20, hour, tzinfo=UTC))

    return set_to


class TestAsOf:
    def test_looks_back(self, api, path):
        api.post(f"{path}/repayments", samples.repayment("408.03", date="2026-02-18"))

        before = api.get(f"{path}?as_of=2026-02-17").get_json()
        after = api.get(f"{path}?as_of=2026-02-18").get_json()

        assert (before["as_of"], before["principal_paid"], before["days_past_due"]) == (
            "2026-02-17",
            "0.00",
            2,
        )
        assert (after["as_of"], after["principal_paid"], after["days_past_due"]) == (
            "2026-02-18",
            "396.03",
            0,
        )

    def test_looks_ahead_as_though_nothing_else_happened(self, api, path):
        loan = api.get(f"{path}?as_of=2026-06-15").get_json()

        assert (loan["days_past_due"], loan["bucket"], loan["next_due_date"]) == (
            120,
            "over 90",
            "2026-02-15",
        )

    def test_looks_ahead_at_late_fees_that_time_will_bring(self, api):
        path = samples.disbursed(api, late_fee={"amount": "25.00", "grace_days": 10})

        today = api.get(f"{path}/schedule").get_json()
        later = api.get(f"{path}/schedule?as_of=2026-02-26").get_json()

        assert (today["as_of"], today["totals"]["penalty"]) == ("2026-02-20", "0.00")
        assert (later["as_of"], later["totals"]["penalty"]) == ("2026-02-26", "25.00")
        assert later["installments"][0]["penalty_outstanding"] == "25.00"

    @pytest.mark.parametrize(
        ("day", "status", "total"),
        [("2026-01-15", "disbursed", "1224.08"), ("2026-02-20", "disbursed", "1224.08")],
    )
    def test_knows_the_status_of_the_day(self, api, path, day, status, total):
        loan = api.get(f"{path}?as_of={day}").get_json()

        assert (loan["status"], loan["total_outstanding"]) == (status, total)

    def test_of_a_day_before_the_application_is_refused(self, api, path):
        response = api.get(f"{path}?as_of=2026-01-14")

        problem = assert_refused(response, 422, "date_too_early", pointers=["query:/as_of"])
        assert problem["earliest"] == "2026-01-15"

    @pytest.mark.parametrize("rest", ["", "/schedule"])
    @pytest.mark.parametrize("day", ["", "today", "2026-02-30", "2026-2-1"])
    def test_is_a_day(self, api, path, rest, day):
        response = api.get(f"{path}{rest}?as_of={day}")

        assert_refused(response, 422, "invalid_request", pointers=["query:/as_of"])

    def test_may_be_the_last_day_of_all(self, api, path):
        assert api.get(f"{path}?as_of=9999-12-31").status_code == 200


class TestKnownAt:
    def test_leaves_out_what_was_recorded_later(self, api, path, at):
        at(13)
        paid = api.post(f"{path}/repayments", samples.repayment("408.03", date="2026-02-15")).get_json()
        at(14)
        api.post(f"{path}/repayments/{paid['id']}/reverse")

        known = [
            api.get(f"{path}?known_at=2026-02-20T{hour}:30:00Z").get_json()["principal_paid"]
            for hour in (12, 13, 14)
        ]

        assert known == ["0.00", "396.03", "0.00"]

    def test_goes_together_with_as_of(self, api, path, at):
        at(13)
        api.post(f"{path}/repayments", samples.repayment("408.03", date="2026-02-15"))

        def days_past_due(**asked):
            return api.get(f"{path}", query_string=asked).get_json()["days_past_due"]

        # What the books of the 18th said on the 20th at noon, and what they say since one o'clock.
        assert days_past_due(as_of="2026-02-18", known_at="2026-02-20T12:30:00Z") == 3
        assert days_past_due(as_of="2026-02-18", known_at="2026-02-20T13:00:00Z") == 0

    def test_takes_any_offset(self, api, path, at):
        at(13)
        api.post(f"{path}/charges", samples.repayment("50.00"))

        nairobi = {"known_at": "2026-02-20T15:59:59.999999+03:00"}

        assert api.get(path, query_string=nairobi).get_json()["fee_outstanding"] == "0.00"

    def test_before_the_application_was_recorded_is_refused(self, api, path):
        response = api.get(f"{path}?known_at=2026-02-20T11:59:59Z")

        assert_refused(response, 422, "date_too_early", pointers=["query:/known_at"])

    @pytest.mark.parametrize(
        "instant",
        [
            "",
            "2026-02-20",
            "2026-02-20T12:00:00",
            "2026-02-20 12:00:00Z",
            "2026-02-30T12:00:00Z",
            "20260220T120000Z",
            "2026-02-20T24:00:01Z",
            "1771588800",
        ],
    )
    @pytest.mark.parametrize("rest", ["", "/schedule"])
    def test_is_an_instant(self, api, path, rest, instant):
        response = api.get(f"{path}{rest}", query_string={"known_at": instant})

        assert_refused(response, 422, "invalid_request", pointers=["query:/known_at"])

    @pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
    def test_may_lie_at_the_ends_of_time(self, api, path, instant):
        response = api.get(path, query_string={"known_at": instant})

        assert response.status_code == (200 if instant.startswith("9") else 422), response.text
