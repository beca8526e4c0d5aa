"""What might happen to a loan, several things side by side. Nothing is stored.

The loan of `samples.SCHEDULE` on 20 February 2026: 408.03 was due on 15 February.
"""

from datetime import date

import pytest

from tests.api import samples
from tests.api.samples import UNKNOWN_ID, assert_refused, line, part
from tests.conftest import Api


@pytest.fixture
def api(app, issue_key, today):
    """The API with a key that may do everything, on 20 February 2026."""
    today(date(2026, 2, 20))
    return Api(client=app.test_client(), key=issue_key())


@pytest.fixture
def path(api):
    return samples.disbursed(api)


def played(api, path, *scenarios, **given):
    response = api.post(f"{path}/simulations", {"scenarios": list(scenarios)} | given)
    assert response.status_code == 200, response.text
    return response.get_json()


class TestScenarios:
    def test_stand_side_by_side_with_the_loan_as_it_is(self, api, path):
        pay = {"type": "repayment", "date": "2026-02-20", "amount": "408.03", "id": "pay"}
        end = {"type": "payoff", "date": "2026-02-20"}
        loan = api.get(path).get_json()

        answer = played(api, path, {"name": "pay", "events": [pay]}, {"name": "end", "events": [end]})

        assert (answer["loan_id"], answer["currency"]) == (loan["id"], "KES")
        assert answer["current"]["days_past_due"] == 5
        assert answer["current"]["payoff"]["amount"] == "1213.44"
        paid, ended = answer["scenarios"]
        assert (paid["name"], paid["refusal"], ended["name"]) == ("pay", None, "end")
        assert paid["result"]["days_past_due"] == 0
        assert paid["result"]["allocations"] == [
            {
                "event": "pay",
                "type": "repayment",
                "date": "2026-02-20",
                "amount": "408.03",
                "credit": "0.00",
                "parts": [part(1, interest="12.00", principal="396.03")],
            }
        ]
        assert paid["result"]["postings"] == [
            line("1000", "Cash and bank", debit="408.03"),
            line("1100", "Loan principal receivable", credit="396.03"),
            line("1110", "Interest receivable", credit="12.00"),
        ]
        assert (ended["result"]["status"], ended["result"]["allocations"][0]["amount"]) == (
            "repaid",
            "1213.44",
        )
        assert api.get(path).get_json() == loan

    def test_may_refer_to_what_has_happened(self, api, path):
        paid = api.post(f"{path}/repayments", samples.repayment()).get_json()
        reversal = {"type": "reversal", "date": "2026-02-20", "event": paid["id"]}

        answer = played(api, path, {"events": [reversal]})

        assert answer["current"]["balances"]["principal"] == "803.97"
        assert answer["scenarios"][0]["result"]["balances"]["principal"] == "1200.00"

    def test_look_at_a_day_of_their_own(self, api, path):
        nothing = {"name": "do nothing", "events": []}

        answer = played(api, path, nothing | {"as_of": "2026-03-20"}, nothing, as_of="2026-02-25")

        assert [each["result"]["as_of"] for each in answer["scenarios"]] == ["2026-03-20", "2026-02-25"]
        assert [each["result"]["days_past_due"] for each in answer["scenarios"]] == [33, 10]

    def test_say_why_they_cannot_happen_and_let_the_others_be_told(self, api, path):
        recovery = {"type": "recovery", "date": "2026-02-20", "amount": "5.00", "id": "r"}

        answer = played(api, path, {"events": [recovery]}, {"events": []})

        refused, told = answer["scenarios"]
        assert refused["result"] is None
        assert (refused["refusal"]["code"], refused["refusal"]["event"]) == ("transition_not_allowed", "r")
        assert (told["refusal"], told["result"]["status"]) == (None, "disbursed")

    def test_name_every_fault_of_all_of_them(self, api, path):
        body = {
            "scenarios": [
                {"name": "", "events": [{"type": "fee", "date": "2026-02-20"}]},
                {"events": [{"type": "gift", "date": "2026-02-20"}], "colour": "blue"},
            ],
            "as_of": "soon",
        }

        response = api.post(f"{path}/simulations", body)

        pointers = [
            *("#/scenarios/0/name", "#/scenarios/0/events/0/amount", "#/scenarios/1/events/0/type"),
            *("#/scenarios/1/colour", "#/as_of"),
        ]
        assert_refused(response, 422, "invalid_request", pointers=pointers)

    def test_are_at_most_twenty(self, api, path):
        response = api.post(f"{path}/simulations", {"scenarios": [{"events": []}] * 21})

        assert_refused(response, 422, "invalid_request", pointers=["#/scenarios"])

    def test_have_at_most_a_thousand_events_in_all(self, api, path):
        fee = {"type": "fee", "date": "2026-02-20", "amount": "0.01"}
        halves = [{"events": [fee] * 500}, {"events": [fee] * 501}]

        response = api.post(f"{path}/simulations", {"scenarios": halves})

        assert_refused(response, 422, "invalid_request", pointers=["#/scenarios"])

    @pytest.mark.parametrize("scenarios", [{}, "pay", [7], [{"events": "all"}]])
    def test_are_a_list_of_objects_with_a_list_of_events(self, api, path, scenarios):
        response = api.post(f"{path}/simulations", {"scenarios": scenarios})

        assert response.status_code == 422, response.text

    def test_are_of_a_loan_that_exists(self, api):
        response = api.post(f"/api/v1/loans/{UNKNOWN_ID}/simulations", {"scenarios": [{"events": []}]})

        assert_refused(response, 404, "loan_not_found")


class TestRefusals:
    @pytest.mark.parametrize(
        ("event", "code"),
        [
            ({"type": "refund", "amount": "5.00"}, "more_than_there_is"),
            ({"type": "goodwill_credit", "amount": "5000.00"}, "more_than_there_is"),
            ({"type": "fee_waiver"}, "nothing_to_waive"),
            ({"type": "interest_waiver", "amount": "500.00"}, "more_than_there_is"),
            ({"type": "payoff", "amount": "1.00"}, "payoff_differs"),
            ({"type": "payoff", "amount": "1213.45"}, "payoff_differs"),
        ],
    )
    def test_are_those_of_the_command(self, api, path, event, code):
        asked = {"id": "e", "date": "2026-02-20"} | event

        (scenario,) = played(api, path, {"events": [asked]})["scenarios"]

        assert scenario["result"] is None
        assert (scenario["refusal"]["code"], scenario["refusal"]["event"]) == (code, "e")
        assert scenario["refusal"]["detail"]

    def test_are_none_of_the_payoff_amount(self, api, path):
        payoff = {"type": "payoff", "date": "2026-02-20", "amount": "1213.44"}

        (scenario,) = played(api, path, {"events": [payoff]})["scenarios"]

        assert (scenario["refusal"], scenario["result"]["status"]) == (None, "repaid")

    @pytest.mark.parametrize("kind", ["payoff", "chargeback"])
    def test_say_that_nothing_is_left(self, api, path, kind):
        paid = {"id": "p", "type": "payoff", "date": "2026-02-20"}
        other = {"id": "c", "type": "chargeback", "date": "2026-02-20", "repayment": "p"}
        again = {"id": "again", "type": kind, "date": "2026-02-21"}
        again |= {"repayment": "p"} if kind == "chargeback" else {}

        (scenario,) = played(
            api, path, {"events": [paid, *([other] if kind == "chargeback" else []), again]}
        )["scenarios"]

        assert scenario["refusal"]["event"] == "again"

    def test_of_all_when_they_take_too_much_work(self, api, path):
        change = {"type": "re_age", "date": "2026-02-20", "installments": 600}

        response = api.post(f"{path}/simulations", {"scenarios": [{"events": [change] * 45}] * 10})

        assert_refused(response, 422, "history_too_long", pointers=["#/scenarios"])
