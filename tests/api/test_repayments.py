"""Repayments over HTTP."""

import pytest

from tests import factories
from tests.api import samples
from tests.api.samples import INSTANT_OF_TESTS, UNKNOWN_ID, assert_refused


def path_of(loan):
    return f"/api/v1/loans/{loan.id}/repayments"


class TestRecordRepayment:
    def test_answers_with_its_allocation_and_the_loan_it_left(self, api, disbursed_loan):
        body = samples.repayment("500.00", date="2026-02-15", reference="MP-1", note="Market day")

        response = api.post(path_of(disbursed_loan), body)

        assert response.status_code == 201, response.text
        answered = response.get_json()
        assert response.headers["Location"] == f"{path_of(disbursed_loan)}/{answered['id']}"
        loan = answered.pop("loan")
        # 408.03 settles the first installment; of the 91.97 left 8.04 is interest of the second.
        assert samples.without(answered, "id", "loan_id", "actor", "postings") == {
            "sequence": 4,
            "date": "2026-02-15",
            "amount": "500.00",
            "currency": "KES",
            "reference": "MP-1",
            "note": "Market day",
            "approved_by": None,
            "recorded_at": INSTANT_OF_TESTS,
            "reversed_by": None,
            "reversed_on": None,
            "type": "repayment",
            "details": {},
            "reverses": None,
            "credit": "0.00",
            "allocations": [
                samples.part(1, principal="396.03", interest="12.00"),
                samples.part(2, principal="83.93", interest="8.04"),
            ],
        }
        expected = {
            "status": "disbursed",
            "principal_paid": "479.96",
            "interest_paid": "20.04",
            "principal_outstanding": "720.04",
            "interest_outstanding": "4.04",
            "total_outstanding": "724.08",
            "next_due_date": "2026-03-15",
            "next_due_amount": "316.06",
            "days_past_due": 92,
        }
        assert {name: loan[name] for name in expected} == expected
        assert loan == api.get(f"/api/v1/loans/{disbursed_loan.id}").get_json()

    def test_tells_who_recorded_it_and_what_it_posted(self, api, disbursed_loan):
        response = api.post(path_of(disbursed_loan), samples.repayment("500.00", date="2026-02-15"))

        answered = response.get_json()
        assert answered["loan_id"] == str(disbursed_loan.id)
        assert answered["actor"] == f"api_client:{api.client_id}"
        # 4.04 of interest is left unpaid and 92 days past due, so it stays in suspense.
        assert answered["postings"] == [
            samples.line("1000", "Cash and bank", debit="500.00"),
            samples.line("1100", "Loan principal receivable", credit="479.96"),
            samples.line("1110", "Interest receivable", credit="20.04"),
            samples.line("2110", "Interest in suspense", debit="20.04"),
            samples.line("4000", "Interest income", credit="20.04"),
        ]

    def test_closes_the_loan_with_the_last_cent(self, api, disbursed_loan):
        api.post(path_of(disbursed_loan), samples.repayment("1224.07", date="2026-02-01"))

        response = api.post(path_of(disbursed_loan), samples.repayment("0.01", date="2026-04-01"))

        loan = response.get_json()["loan"]
        assert (loan["status"], loan["closed_on"]) == ("repaid", "2026-04-01")
        assert (loan["total_outstanding"], loan["next_due_date"]) == ("0.00", None)
        assert (loan["next_due_amount"], loan["days_past_due"]) == ("0.00", 0)

    def test_takes_the_day_of_the_disbursement(self, api, disbursed_loan):
        response = api.post(path_of(disbursed_loan), samples.repayment("1.00", date="2026-01-15"))

        assert response.status_code == 201, response.text

    def test_spreads_a_payment_dated_earlier_as_though_it_had_come_first(self, api, disbursed_loan):
        later = api.post(path_of(disbursed_loan), samples.repayment("12.00", date="2026-02-15")).get_json()
        assert later["allocations"] == [samples.part(1, interest="12.00")]

        earlier = api.post(path_of(disbursed_loan), samples.repayment("12.00", date="2026-02-01")).get_json()

        assert earlier["allocations"] == [samples.part(1, interest="12.00")]
        now = api.get(f"{path_of(disbursed_loan)}/{later['id']}").get_json()
        assert now["allocations"] == [samples.part(1, principal="12.00")]

    def test_refuses_more_than_is_owed_and_says_what_closes_the_loan(self, api, disbursed_loan):
        response = api.post(path_of(disbursed_loan), samples.repayment("1224.09"))

        problem = assert_refused(response, 422, "overpayment", pointers=["#/amount"])
        assert problem["payoff_amount"] == "1224.08"
        assert problem["currency"] == "KES"
        loan = api.get(f"/api/v1/loans/{disbursed_loan.id}").get_json()
        assert (loan["total_outstanding"], loan["principal_paid"]) == ("1224.08", "0.00")

    def test_takes_the_amount_that_it_named(self, api, disbursed_loan):
        refused = api.post(path_of(disbursed_loan), samples.repayment("9999.00")).get_json()

        response = api.post(path_of(disbursed_loan), samples.repayment(refused["payoff_amount"]))

        assert response.get_json()["loan"]["status"] == "repaid"

    @pytest.mark.parametrize(("currency", "payoff"), [("JPY", "12"), ("KWD", "0.012")])
    def test_writes_the_payoff_with_the_decimals_of_the_currency(self, api, committed, currency, payoff):
        """Twelve minor units without interest."""

        def make(session):
            limits = factories.make_limits(principal_min=1)
            product = factories.make_product(session, currency=currency, limits=limits, annual_rate="0")
            return factories.make_disbursed_loan(session, product=product, amount=payoff)

        loan = committed(make)

        response = api.post(path_of(loan), {"amount": "20", "currency": currency})

        assert assert_refused(response, 422, "overpayment", pointers=["#/amount"])["payoff_amount"] == payoff

    @pytest.mark.parametrize(
        ("given", "code", "pointer"),
        [
            ({"amount": "0"}, "amount_not_positive", "#/amount"),
            ({"amount": "0.00"}, "amount_not_positive", "#/amount"),
            ({"amount": "1.005"}, "invalid_amount", "#/amount"),
            ({"currency": "USD"}, "currency_mismatch", "#/currency"),
            ({"date": "2026-01-14"}, "date_too_early", "#/date"),
            ({"date": "0001-01-01"}, "date_too_early", "#/date"),
            ({"date": "2026-06-16"}, "date_in_future", "#/date"),
        ],
    )
    def test_refuses_what_the_rules_forbid(self, api, disbursed_loan, given, code, pointer):
        response = api.post(path_of(disbursed_loan), samples.repayment(**given))

        assert_refused(response, 422, code, pointers=[pointer])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("amount", 408),
            ("amount", 408.03),
            ("amount", "-408.03"),
            ("amount", None),
            ("amount", False),
            ("amount", ""),
            ("currency", None),
            ("currency", "EURO"),
            ("date", "15/02/2026"),
            ("reference", "x" * 101),
            ("note", "\ud800"),
        ],
    )
    def test_refuses_a_malformed_field(self, api, disbursed_loan, name, value):
        response = api.post(path_of(disbursed_loan), samples.repayment(**{name: value}))

        assert_refused(response, 422, "invalid_request", pointers=[f"#/{name}"])

    @pytest.mark.parametrize("status", ["pending_loan", "approved_loan", "repaid_loan"])
    def test_refuses_a_loan_that_owes_nothing(self, api, request, status):
        loan = request.getfixturevalue(status)

        response = api.post(path_of(loan), samples.repayment("1.00"))

        problem = assert_refused(response, 409, "transition_not_allowed")
        assert problem["loan_status"] == status.removesuffix("_loan")

    def test_refuses_an_unknown_loan(self, api):
        response = api.post(f"/api/v1/loans/{UNKNOWN_ID}/repayments", samples.repayment())

        assert_refused(response, 404, "loan_not_found")


class TestReverseRepayment:
    def test_leaves_the_loan_as_though_it_had_never_come_in(self, api, disbursed_loan):
        loan_path = f"/api/v1/loans/{disbursed_loan.id}"
        before = api.get(loan_path).get_json()
        schedule = api.get(f"{loan_path}/schedule").get_json()
        repayment = api.post(
            path_of(disbursed_loan), samples.repayment("500.00", date="2026-02-15")
        ).get_json()

        response = api.post(f"{path_of(disbursed_loan)}/{repayment['id']}/reverse", {"note": "Bounced"})

        assert response.status_code == 200, response.text
        reversed_ = response.get_json()
        assert reversed_["loan"] == before
        assert api.get(f"{loan_path}/schedule").get_json() == schedule
        reversal = api.get(f"{loan_path}/events").get_json()["data"][-1]
        kept = samples.without(repayment, "loan", "allocations", "reversed_by", "reversed_on", "postings")
        # The reversal posts what the repayment had posted, the other way round.
        turned = [each | {"debit": each["credit"], "credit": each["debit"]} for each in repayment["postings"]]
        assert samples.without(reversed_, "loan") == kept | {
            "allocations": [],
            "postings": turned,
            "reversed_by": reversal["id"],
            "reversed_on": "2026-06-15",
        }
        shown = api.get(f"{path_of(disbursed_loan)}/{repayment['id']}").get_json()
        assert shown == reversed_ | {"postings": []}

    def test_reopens_a_loan_that_it_had_closed(self, api, disbursed_loan):
        repayment = api.post(path_of(disbursed_loan), samples.repayment("1224.08")).get_json()

        response = api.post(f"{path_of(disbursed_loan)}/{repayment['id']}/reverse")

        loan = response.get_json()["loan"]
        assert (repayment["loan"]["status"], loan["status"], loan["closed_on"]) == (
            "repaid",
            "disbursed",
            None,
        )
        assert loan["total_outstanding"] == "1224.08"

    def test_refuses_a_second_time(self, api, disbursed_loan):
        repayment = api.post(path_of(disbursed_loan), samples.repayment()).get_json()
        path = f"{path_of(disbursed_loan)}/{repayment['id']}/reverse"
        api.post(path)

        response = api.post(path)

        assert_refused(response, 409, "reversal_refused")

    def test_refuses_an_unknown_repayment(self, api, disbursed_loan):
        response = api.post(f"{path_of(disbursed_loan)}/{UNKNOWN_ID}/reverse")

        assert_refused(response, 404, "repayment_not_found")

    def test_refuses_an_event_that_is_no_repayment(self, api, disbursed_loan):
        events = api.get(f"/api/v1/loans/{disbursed_loan.id}/events").get_json()["data"]

        response = api.post(f"{path_of(disbursed_loan)}/{events[2]['id']}/reverse")

        assert_refused(response, 404, "repayment_not_found")

    def test_refuses_another_loans_repayment(self, api, disbursed_loan, repaid_loan):
        repayment = api.post(path_of(disbursed_loan), samples.repayment()).get_json()

        response = api.post(f"{path_of(repaid_loan)}/{repayment['id']}/reverse")

        assert_refused(response, 404, "repayment_not_found")

    def test_refuses_an_unknown_loan(self, api):
        response = api.post(f"/api/v1/loans/{UNKNOWN_ID}/repayments/{UNKNOWN_ID}/reverse")

        assert_refused(response, 404, "loan_not_found")

    def test_refuses_a_date_since_it_is_always_today(self, api, disbursed_loan):
        response = api.post(f"{path_of(disbursed_loan)}/{UNKNOWN_ID}/reverse", {"date": "2026-06-14"})

        assert_refused(response, 422, "invalid_request", pointers=["#/date"])


class TestGetRepayment:
    def test_answers_what_was_recorded(self, api, disbursed_loan):
        recorded = api.post(path_of(disbursed_loan), samples.repayment())

        response = api.get(recorded.headers["Location"])

        assert response.status_code == 200
        assert response.get_json() == recorded.get_json() | {"postings": []}

    def test_refuses_an_unknown_repayment(self, api, disbursed_loan):
        assert_refused(api.get(f"{path_of(disbursed_loan)}/{UNKNOWN_ID}"), 404, "repayment_not_found")

    def test_refuses_an_unknown_loan(self, api):
        response = api.get(f"/api/v1/loans/{UNKNOWN_ID}/repayments/{UNKNOWN_ID}")

        assert_refused(response, 404, "loan_not_found")
