"""Commands that change a running loan over HTTP, on 20 February 2026.

The loan is 1,200.00 KES in three installments from 15 January 2026 (`samples.SCHEDULE`): 408.03 (396.03 + 12.00) was
due on 15 February; 408.03 (399.99 + 8.04) is due on 15 March, 408.02 (403.98 + 4.04) on 15 April. The second period
has 28 days, of which five are gone.
"""

from datetime import date

import pytest

from tests import factories
from tests.api import routes, samples
from tests.api.samples import UNKNOWN_ID, assert_refused, line, part
from tests.conftest import Api

SERVICING = tuple(route for route in routes.COMMANDS if route.endpoint.startswith("servicing."))
# What no money moves with.
WITHOUT_AMOUNT = frozenset(
    f"servicing.{name}"
    for name in ("change_rate", "pause_interest", "reschedule", "re_age", "charge_off", "write_off")
)


@pytest.fixture
def api(app, issue_key, today):
    """The API with a key that may do everything, on the day of these tests."""
    today(date(2026, 2, 20))
    return Api(client=app.test_client(), key=issue_key())


@pytest.fixture
def path(api):
    return samples.disbursed(api)


def rows_of(api, path):
    return api.get(f"{path}/schedule").get_json()["installments"]


class TestAnswer:
    def test_tells_the_event_what_it_did_and_the_loan(self, api, path):
        response = api.post(
            f"{path}/charges", samples.repayment("50.00", date="2026-02-18", note="Visit", reference="V-1")
        )

        charged = samples.done(response)
        loan = charged.pop("loan")
        assert response.headers["Location"] == f"{path}/transactions/{charged['id']}"
        assert samples.without(charged, "id", "loan_id", "actor", "recorded_at") == {
            "sequence": 4,
            "type": "fee",
            "date": "2026-02-18",
            "amount": "50.00",
            "currency": "KES",
            "details": {},
            "reverses": None,
            "reference": "V-1",
            "note": "Visit",
            "approved_by": None,
            "credit": "0.00",
            "allocations": [part(2, fee="50.00")],
            "postings": [
                line("1120", "Fee receivable", debit="50.00"),
                line("4100", "Fee income", credit="50.00"),
            ],
            "reversed_by": None,
            "reversed_on": None,
        }
        assert loan == api.get(path).get_json()
        assert (loan["fee_outstanding"], loan["total_outstanding"]) == ("50.00", "1274.08")
        shown = api.get(response.headers["Location"]).get_json()
        assert shown == charged | {"loan": loan, "postings": []}

    def test_shows_the_loan_as_of_today_when_it_is_read_later(self, api, path, today):
        charged = api.post(f"{path}/charges", samples.repayment("50.00")).headers["Location"]
        paid = api.post(f"{path}/repayments", samples.repayment("5.00")).headers["Location"]
        today(date(2026, 3, 20))

        shown = api.get(path).get_json()

        # Since 15 February.
        assert (shown["as_of"], shown["days_past_due"]) == ("2026-03-20", 33)
        assert [api.get(each).get_json()["loan"] for each in (charged, paid)] == [shown, shown]

    @pytest.mark.parametrize("route", SERVICING, ids=str)
    def test_refuses_an_unknown_loan(self, api, route):
        assert_refused(api.post(route.path, route.body), 404, "loan_not_found")

    @pytest.mark.parametrize("route", SERVICING, ids=str)
    def test_refuses_a_field_that_the_command_does_not_know(self, api, route):
        response = api.post(route.path, route.body | {"colour": "red"})

        assert_refused(response, 422, "invalid_request", pointers=["#/colour"])

    @pytest.mark.parametrize("route", SERVICING, ids=str)
    def test_refuses_an_amount_and_a_currency_where_no_money_moves(self, api, route):
        response = api.post(route.path, route.body | {"amount": "5.00", "currency": "KES"})

        if route.endpoint in WITHOUT_AMOUNT:
            assert_refused(response, 422, "invalid_request", pointers=["#/amount", "#/currency"])
        else:
            assert_refused(response, 404, "loan_not_found")

    @pytest.mark.parametrize("route", SERVICING, ids=str)
    def test_refuses_a_loan_that_is_not_paid_out(self, api, committed, route):
        loan = committed(factories.make_pending_loan)

        response = api.post(route.path.replace(UNKNOWN_ID, str(loan.id), 1), route.body)

        problem = assert_refused(response, 409, "transition_not_allowed")
        assert problem["loan_status"] == "pending"

    @pytest.mark.parametrize("route", SERVICING, ids=str)
    def test_refuses_a_day_to_come(self, api, path, route):
        if route.endpoint == "servicing.recover":
            api.post(f"{path}/write-off")
        body = route.body | {"date": "2026-02-21"}
        if "until" in body:
            body["until"] = "2026-03-21"

        response = api.post(f"{path}{route.rule.removeprefix('/api/v1/loans/<uuid:loan_id>')}", body)

        assert_refused(response, 422, "date_in_future", pointers=["#/date"])


class TestCharges:
    def test_take_a_late_fee_for_a_penalty_of_the_overdue_installment(self, api, path):
        charged = samples.done(api.post(f"{path}/charges", samples.repayment("20.00", type="late_fee")))

        assert charged["type"] == "late_fee"
        assert charged["allocations"] == [part(1, penalty="20.00")]

    @pytest.mark.parametrize(
        ("given", "code", "pointer"),
        [
            ({"amount": "0.00"}, "amount_not_positive", "#/amount"),
            ({"amount": "1.001"}, "invalid_amount", "#/amount"),
            ({"amount": "-1"}, "invalid_request", "#/amount"),
            ({"amount": None}, "invalid_request", "#/amount"),
            ({"currency": "USD"}, "currency_mismatch", "#/currency"),
            ({"type": "gift"}, "invalid_request", "#/type"),
            ({"date": "2026-01-14"}, "date_too_early", "#/date"),
        ],
    )
    def test_refuse_what_the_rules_forbid(self, api, path, given, code, pointer):
        response = api.post(f"{path}/charges", samples.repayment("50.00") | given)

        assert_refused(response, 422, code, pointers=[pointer])


class TestWaivers:
    def test_take_all_fees_unless_told_how_much(self, api, path):
        samples.done(api.post(f"{path}/charges", samples.repayment("50.00")))

        waived = samples.done(api.post(f"{path}/waivers", {"type": "fee"}))

        assert (waived["type"], waived["amount"]) == ("fee_waiver", "50.00")
        assert (waived["loan"]["fee_waived"], waived["loan"]["fee_outstanding"]) == ("50.00", "0.00")

    def test_take_some_of_one_component_of_one_installment(self, api, path):
        samples.done(api.post(f"{path}/charges", samples.repayment("50.00")))
        body = {"type": "fee", "amount": "20.00", "currency": "KES", "installment": 2, "component": "fee"}

        waived = samples.done(api.post(f"{path}/waivers", body))

        assert waived["allocations"] == [part(2, fee="20.00")]
        assert waived["details"] == {"installment": 2, "component": "fee"}

    def test_take_interest_that_is_due_or_accrued(self, api, path):
        # 12.00 is due; 803.97 at 1 % for 5 of 28 days is 1.4357, so 1.44.
        waived = samples.done(api.post(f"{path}/waivers", {"type": "interest"}))

        assert waived["allocations"] == [part(1, interest="12.00"), part(2, interest="1.44")]
        assert waived["loan"]["interest_waived"] == "13.44"

    def test_refuse_where_nothing_is_unpaid(self, api, path):
        assert_refused(api.post(f"{path}/waivers", {"type": "fee"}), 409, "nothing_to_waive")

    def test_refuse_more_than_there_is_and_say_how_much_that_is(self, api, path):
        samples.done(api.post(f"{path}/charges", samples.repayment("50.00")))

        response = api.post(f"{path}/waivers", {"type": "fee", "amount": "50.01"})

        problem = assert_refused(response, 422, "more_than_there_is", pointers=["#/amount"])
        assert (problem["available"], problem["currency"]) == ("50.00", "KES")

    def test_of_interest_refuse_what_narrows_those_of_fees(self, api, path):
        body = {"type": "interest", "installment": 1, "component": "fee"}

        response = api.post(f"{path}/waivers", body)

        assert_refused(response, 422, "invalid_request", pointers=["#/installment", "#/component"])


class TestRateChanges:
    def test_plan_the_rows_to_come_anew(self, api, path):
        """From 15 February: 803.97 at 2 % over two rows: 803.97 x 0.02 / (1 - 1.02^-2) = 414.0844, so 414.08."""
        changed = samples.done(api.post(f"{path}/rate-changes", {"annual_rate": "24", "date": "2026-02-15"}))

        assert (changed["type"], changed["details"]) == ("rate_change", {"annual_rate": "24.00"})
        rows = rows_of(api, path)
        assert [row["amount"] for row in rows] == ["408.03", "414.08", "414.09"]
        assert rows[1]["interest"] == "16.08"

    @pytest.mark.parametrize("rate", [24, 24.5, "-1", "1000.01", "twelve", None])
    def test_refuse_what_is_no_rate(self, api, path, rate):
        response = api.post(f"{path}/rate-changes", {"annual_rate": rate})

        assert_refused(response, 422, "invalid_request", pointers=["#/annual_rate"])

    def test_want_the_scope_of_who_approves(self, app, issue_key, path):
        clerk = Api(client=app.test_client(), key=issue_key("loans:service"))

        response = clerk.post(f"{path}/rate-changes", {"annual_rate": "24"})

        assert assert_refused(response, 403, "scope_missing")["scope"] == "loans:approve"


class TestPauses:
    def test_bear_no_interest(self, api, path):
        # Over a period at 0 and one at 1 %: 803.97 x 1.01 / 2.01 = 403.9850, so 403.98 or, half to even, 403.98.
        paused = samples.done(api.post(f"{path}/pauses", {"date": "2026-02-15", "until": "2026-03-15"}))

        assert paused["details"] == {"until": "2026-03-15"}
        assert rows_of(api, path)[1]["interest"] == "0.00"

    def test_refuse_an_end_before_their_beginning(self, api, path):
        response = api.post(f"{path}/pauses", {"until": "2026-02-20"})

        assert_refused(response, 422, "invalid_change", pointers=["#/until"])


class TestReschedules:
    def test_give_new_dates_and_a_grace(self, api, path):
        body = {
            "first_due_date": "2026-03-31",
            "installments": 4,
            "grace": {"principal": 1},
        }

        changed = samples.done(api.post(f"{path}/reschedules", body))

        assert changed["details"] == {
            "first_due_date": "2026-03-31",
            "installments": 4,
            "grace": {"principal": 1, "interest": 0, "interest_free": 0},
        }
        rows = rows_of(api, path)
        assert [row["due_date"] for row in rows] == [
            *("2026-02-15", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"),
        ]
        assert rows[1]["principal"] == "0.00"

    def test_give_an_installment_and_as_many_as_it_takes(self, api, path):
        changed = samples.done(api.post(f"{path}/reschedules", {"installment_amount": "210.00"}))

        # 803.97 in installments of 210.00 takes four of them.
        assert changed["loan"]["maturity_date"] == "2026-06-15"
        assert rows_of(api, path)[1]["amount"] == "210.00"

    @pytest.mark.parametrize(
        ("body", "code", "pointer"),
        [
            ({}, "invalid_change", "#/installments"),
            ({"first_due_date": "2026-02-20"}, "invalid_due_dates", "#/first_due_date"),
            ({"installments": 2, "grace": {"principal": 2}}, "invalid_change", "#/grace"),
            ({"installment_amount": "0.01"}, "invalid_change", "#/installment_amount"),
            ({"installment_amount": "0.00"}, "amount_not_positive", "#/installment_amount"),
            ({"installments": 601}, "invalid_request", "#/installments"),
            ({"grace": {"principal": -1}}, "invalid_request", "#/grace/principal"),
            ({"grace": {"fees": 1}}, "invalid_request", "#/grace/fees"),
        ],
    )
    def test_refuse_what_makes_no_schedule(self, api, path, body, code, pointer):
        assert_refused(api.post(f"{path}/reschedules", body), 422, code, pointers=[pointer])


class TestReAges:
    def test_take_what_is_overdue_with_them(self, api, path):
        changed = samples.done(
            api.post(f"{path}/re-ages", {"first_due_date": "2026-03-20", "installments": 3})
        )

        loan = changed["loan"]
        assert (loan["days_past_due"], loan["next_due_date"]) == (0, "2026-03-20")
        assert (loan["principal_outstanding"], loan["maturity_date"]) == ("1200.00", "2026-05-20")


class TestAllowedActions:
    def test_say_what_can_be_done_and_of_the_rest_why_not(self, api, path):
        actions = {each["action"]: each for each in api.get(path).get_json()["allowed_actions"]}

        assert {name for name, each in actions.items() if each["allowed"]} == {
            *("repay", "pay_off", "charge_fee", "charge_late_fee", "waive_interest", "change_rate"),
            *("pause_interest", "reschedule", "re_age", "grant_credit", "charge_off", "write_off", "reverse"),
        }
        assert all((each["reason"] is None) == each["allowed"] for each in actions.values())
        assert actions["waive_fees"]["reason"] == "No fee or penalty is unpaid."

    def test_change_with_the_loan(self, api, path):
        samples.done(api.post(f"{path}/write-off"))

        actions = api.get(path).get_json()["allowed_actions"]

        assert {each["action"] for each in actions if each["allowed"]} == {"recover", "reverse"}
