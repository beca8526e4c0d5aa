"""Money of a running loan over HTTP that is no plain repayment, and the way back from it, on 20 February 2026.

The loan is that of test_servicing.py: 1,200.00 KES in three installments from 15 January 2026.
"""

from datetime import date

import pytest

from tests.api import samples
from tests.api.samples import UNKNOWN_ID, assert_refused, line, part
from tests.conftest import Api


@pytest.fixture
def api(app, issue_key, today):
    """The API with a key that may do everything, on the day of these tests."""
    today(date(2026, 2, 20))
    return Api(client=app.test_client(), key=issue_key())


@pytest.fixture
def path(api):
    return samples.disbursed(api)


def pay(api, path, amount="408.03", day="2026-02-15", **given):
    return samples.done(api.post(f"{path}/repayments", samples.repayment(amount, date=day, **given)))


class TestPayoff:
    def test_is_quoted_with_its_parts_and_what_a_day_adds(self, api, path):
        # 1200.00, the 12.00 that are due and 1.4357 accrued; a day of 28 is 0.2871.
        response = api.get(f"{path}/payoff")

        assert response.status_code == 200, response.text
        assert response.get_json() == {
            "loan_id": path.rsplit("/", 1)[1],
            "currency": "KES",
            "date": "2026-02-20",
            "amount": "1213.44",
            "principal": "1200.00",
            "interest": "13.44",
            "fee": "0.00",
            "penalty": "0.00",
            "per_diem": "0.29",
        }

    def test_is_quoted_for_a_day_to_come(self, api, path):
        # 12.00 and 8 of 28 days of the second period: 2.2971.
        assert api.get(f"{path}/payoff?on=2026-02-23").get_json()["interest"] == "14.30"

    @pytest.mark.parametrize("query", ["on=tomorrow", "as_of=2026-02-20", "on=2026-02-20&on=2026-02-21"])
    def test_is_not_quoted_for_what_is_no_day(self, api, path, query):
        pointer = "query:/as_of" if query.startswith("as_of") else "query:/on"

        assert_refused(api.get(f"{path}/payoff?{query}"), 422, "invalid_request", pointers=[pointer])

    def test_is_not_quoted_for_a_day_before_the_application(self, api, path):
        response = api.get(f"{path}/payoff?on=2026-01-14")

        assert_refused(response, 422, "date_too_early", pointers=["query:/on"])

    def test_is_nothing_before_the_loan_is_paid_out(self, api, pending_loan):
        assert api.get(f"/api/v1/loans/{pending_loan.id}/payoff?on=2026-06-15").get_json()["amount"] == "0.00"

    def test_ends_the_loan_for_what_was_quoted(self, api, path):
        quoted = api.get(f"{path}/payoff").get_json()["amount"]

        paid = samples.done(api.post(f"{path}/payoff", {"amount": quoted, "currency": "KES"}))

        assert (paid["type"], paid["amount"], paid["loan"]["status"]) == ("payoff", "1213.44", "repaid")

    def test_needs_no_amount(self, api, path):
        assert samples.done(api.post(f"{path}/payoff"))["amount"] == "1213.44"

    def test_refuses_another_amount_and_says_which_it_is(self, api, path):
        response = api.post(f"{path}/payoff", {"amount": "1213.43"})

        problem = assert_refused(response, 422, "payoff_differs", pointers=["#/amount"])
        assert problem["payoff_amount"] == "1213.44"

    def test_is_a_repayment_that_can_be_reversed(self, api, path):
        paid = samples.done(api.post(f"{path}/payoff"))

        response = api.post(f"{path}/repayments/{paid['id']}/reverse")

        assert response.get_json()["loan"]["status"] == "disbursed"


class TestRepayments:
    def test_hold_what_is_more_than_owed_where_told_to(self, api, path):
        paid = pay(api, path, "1300.00", overpayment="hold")

        assert (paid["credit"], paid["loan"]["credit_balance"]) == ("75.92", "75.92")
        assert paid["loan"]["status"] == "repaid"

    def test_refuse_it_otherwise(self, api, path):
        response = api.post(f"{path}/repayments", samples.repayment("1300.00", overpayment="refuse"))

        assert (
            assert_refused(response, 422, "overpayment", pointers=["#/amount"])["payoff_amount"] == "1224.08"
        )

    def test_refuse_any_other_word(self, api, path):
        response = api.post(f"{path}/repayments", samples.repayment("1.00", overpayment="keep"))

        assert_refused(response, 422, "invalid_request", pointers=["#/overpayment"])


class TestGoodwillCredits:
    def test_pay_like_a_repayment_at_the_lenders_cost(self, api, path):
        credited = samples.done(api.post(f"{path}/goodwill-credits", samples.repayment("12.00")))

        assert credited["allocations"] == [part(1, interest="12.00")]
        assert line("5200", "Goodwill credits", debit="12.00") in credited["postings"]

    def test_refuse_more_than_is_owed(self, api, path):
        response = api.post(f"{path}/goodwill-credits", samples.repayment("1224.09"))

        problem = assert_refused(response, 422, "more_than_there_is", pointers=["#/amount"])
        assert problem["available"] == "1224.08"


class TestChargebacks:
    def test_owe_again_what_a_repayment_had_paid(self, api, path):
        paid = pay(api, path)

        back = samples.done(api.post(f"{path}/chargebacks", {"repayment": paid["id"]}))

        assert (back["type"], back["amount"]) == ("chargeback", "408.03")
        assert back["details"] == {"repayment": paid["id"]}
        assert back["allocations"] == [part(2, interest="12.00", principal="396.03")]

    def test_take_a_part(self, api, path):
        paid = pay(api, path)

        back = samples.done(api.post(f"{path}/chargebacks", {"repayment": paid["id"], "amount": "8.03"}))

        assert back["allocations"] == [part(2, principal="8.03")]

    def test_refuse_what_is_no_repayment(self, api, path):
        response = api.post(f"{path}/chargebacks", {"repayment": UNKNOWN_ID})

        assert_refused(response, 422, "unknown_repayment", pointers=["#/repayment"])

    def test_refuse_what_is_no_identifier(self, api, path):
        response = api.post(f"{path}/chargebacks", {"repayment": "7"})

        assert_refused(response, 422, "invalid_request", pointers=["#/repayment"])


class TestRefunds:
    def test_pay_the_credit_balance_out(self, api, path):
        pay(api, path, "1300.00", overpayment="hold")

        refunded = samples.done(api.post(f"{path}/refunds", samples.repayment("75.92")))

        assert refunded["details"] == {"of": "overpayment"}
        assert refunded["loan"]["credit_balance"] == "0.00"

    def test_give_a_fee_back_that_was_paid(self, api, path):
        samples.done(api.post(f"{path}/charges", samples.repayment("50.00", type="late_fee")))
        pay(api, path, "50.00", day="2026-02-20")

        refunded = samples.done(api.post(f"{path}/refunds", samples.repayment("50.00", of="fee")))

        assert refunded["postings"] == [
            line("1000", "Cash and bank", credit="50.00"),
            line("5110", "Fees refunded", debit="50.00"),
        ]

    def test_refuse_more_than_there_is(self, api, path):
        response = api.post(f"{path}/refunds", samples.repayment("0.01"))

        assert_refused(response, 422, "more_than_there_is", pointers=["#/amount"])


class TestLosses:
    def test_charge_off_leaves_the_borrower_owing(self, api, path):
        before = api.get(path).get_json()

        charged_off = samples.done(api.post(f"{path}/charge-off"))

        loan = charged_off["loan"]
        assert (loan["status"], loan["charged_off_on"]) == ("disbursed", "2026-02-20")
        assert loan["total_outstanding"] == before["total_outstanding"]

    def test_charge_off_happens_once(self, api, path):
        samples.done(api.post(f"{path}/charge-off"))

        assert_refused(api.post(f"{path}/charge-off"), 409, "transition_not_allowed")

    def test_write_off_gives_up_what_is_unpaid(self, api, path):
        written_off = samples.done(api.post(f"{path}/write-off"))

        loan = written_off["loan"]
        assert (loan["status"], loan["total_outstanding"]) == ("defaulted", "0.00")
        assert (loan["principal_written_off"], loan["interest_written_off"]) == ("1200.00", "13.44")

    def test_write_off_shows_what_it_took_while_it_stands(self, api, path):
        written_off = samples.done(api.post(f"{path}/write-off"))
        transaction = f"{path}/transactions/{written_off['id']}"

        def shown():
            listed = api.get(f"{path}/events").get_json()["data"]
            amounts = [each["amount"] for each in listed if each["id"] == written_off["id"]]
            return [api.get(transaction).get_json()["amount"], *amounts]

        while_it_stands = shown()
        api.post(f"{transaction}/reverse")

        assert written_off["amount"] == "1213.44"
        assert while_it_stands == ["1213.44", "1213.44"]
        assert shown() == ["0.00", "0.00"]

    def test_recoveries_follow_a_write_off(self, api, path):
        samples.done(api.post(f"{path}/write-off"))

        recovered = samples.done(api.post(f"{path}/recoveries", samples.repayment("100.00")))

        assert recovered["postings"] == [
            line("1000", "Cash and bank", debit="100.00"),
            line("4300", "Recoveries", credit="100.00"),
        ]

    def test_recoveries_do_not_precede_it(self, api, path):
        response = api.post(f"{path}/recoveries", samples.repayment("100.00"))

        assert_refused(response, 409, "transition_not_allowed")


class TestReverse:
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
        ],
    )
    def test_leaves_the_loan_as_though_it_had_never_happened(self, api, path, rest, body):
        before, schedule = api.get(path).get_json(), api.get(f"{path}/schedule").get_json()
        happened = api.post(f"{path}/{rest}", body)

        response = api.post(f"{happened.headers['Location']}/reverse", {"note": "In error"})

        assert response.status_code == 200, response.text
        reversed_ = response.get_json()
        assert (reversed_["allocations"], reversed_["credit"]) == ([], "0.00")
        assert reversed_["reversed_on"] == "2026-02-20"
        assert samples.without(reversed_["loan"], "updated_at") == samples.without(before, "updated_at")
        assert api.get(f"{path}/schedule").get_json() == schedule

    def test_takes_the_disbursement_back(self, api, path):
        (paid_out,) = [
            event for event in api.get(f"{path}/events").get_json()["data"] if event["type"] == "disbursed"
        ]

        response = api.post(f"{path}/transactions/{paid_out['id']}/reverse")

        loan = response.get_json()["loan"]
        assert (loan["status"], loan["disbursed"], loan["disbursed_on"]) == ("approved", "0.00", None)

    def test_refuses_a_second_time(self, api, path):
        location = api.post(f"{path}/charge-off").headers["Location"]
        api.post(f"{location}/reverse")

        assert_refused(api.post(f"{location}/reverse"), 409, "reversal_refused")

    def test_refuses_what_cannot_be_reversed(self, api, path):
        approved = api.get(f"{path}/events").get_json()["data"][1]

        assert_refused(api.post(f"{path}/transactions/{approved['id']}/reverse"), 409, "reversal_refused")

    @pytest.mark.parametrize("rest", ["", "/reverse"])
    def test_refuses_an_unknown_event(self, api, path, rest):
        ask = api.post if rest else api.get

        response = ask(f"{path}/transactions/{UNKNOWN_ID}{rest}")

        assert_refused(response, 404, "transaction_not_found")
