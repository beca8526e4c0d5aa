"""Explanations over HTTP: each figure of the answers, step by step."""

import re
from datetime import date
from fractions import Fraction

import pytest

from tests.api import samples
from tests.api.samples import UNKNOWN_ID, assert_refused
from tests.conftest import Api


@pytest.fixture
def api(app, issue_key, today):
    """The API with a key that may do everything, on 20 February 2026."""
    today(date(2026, 2, 20))
    return Api(client=app.test_client(), key=issue_key())


@pytest.fixture
def path(api):
    return samples.disbursed(api)


def explained(api, path):
    response = api.get(path)
    assert response.status_code == 200, response.text
    return response.get_json()


def step(answer, figure):
    """The last step of a figure, which gives it."""
    return [each for each in answer["steps"] if each["figure"] == figure][-1]


class TestInstallment:
    def test_tells_what_its_interest_is_made_of(self, api, path):
        """803.97 at 12 % for one of twelve months: 8.0397."""
        answer = explained(api, f"{path}/installments/2/explanation")

        interest = step(answer, "interest.earned")
        assert (interest["rounded"], interest["rounding"]) == ("8.04", "half_even")
        assert Fraction(interest["unrounded"]) == Fraction(80397, 10000)
        assert answer["text"].splitlines()[0] == answer["summary"]
        assert len(answer["text"].splitlines()) == 1 + len(answer["steps"])

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_comes_to_the_figures_of_the_schedule(self, api, path, number):
        row = explained(api, f"{path}/schedule")["installments"][number - 1]

        answer = explained(api, f"{path}/installments/{number}/explanation")

        for component in ("interest", "principal"):
            assert step(answer, component)["rounded"] == row[component]

    def test_names_the_product_version_and_the_loan(self, api, path):
        loan = explained(api, path)

        answer = explained(api, f"{path}/installments/1/explanation")

        assert {name: answer[name] for name in ("loan_id", "product_id", "product_version")} == {
            "loan_id": loan["id"],
            "product_id": loan["product_id"],
            "product_version": 1,
        }

    def test_tells_it_as_of_a_day_and_as_known_at_a_moment(self, api, path):
        api.post(f"{path}/charges", samples.repayment("50.00", date="2026-02-18"))

        now = explained(api, f"{path}/installments/2/explanation")
        before = explained(api, f"{path}/installments/2/explanation?as_of=2026-02-17")
        unknown = explained(api, f"{path}/installments/2/explanation?known_at=2026-02-20T12:00:00Z")

        assert "458.03 KES" in now["summary"]
        assert "408.03 KES" in before["summary"]
        assert unknown["summary"] == now["summary"]

    @pytest.mark.parametrize("number", [0, 4, 10**20])
    def test_refuses_one_that_there_is_not(self, api, path, number):
        assert_refused(api.get(f"{path}/installments/{number}/explanation"), 404, "nothing_to_explain")


class TestTransaction:
    def test_tells_where_the_money_went(self, api, path):
        paid = api.post(f"{path}/repayments", samples.repayment("500.00")).get_json()

        answer = explained(api, f"{path}/transactions/{paid['id']}/explanation")

        assert "500.00 KES" in answer["summary"]
        for amount in ("12.00", "396.03", "8.04", "83.93"):
            assert amount in answer["text"]

    def test_tells_that_it_was_reversed(self, api, path):
        paid = api.post(f"{path}/repayments", samples.repayment("500.00")).get_json()
        api.post(f"{path}/repayments/{paid['id']}/reverse")

        assert "reversed" in explained(api, f"{path}/transactions/{paid['id']}/explanation")["summary"]

    def test_refuses_one_that_there_is_not(self, api, path):
        response = api.get(f"{path}/transactions/{UNKNOWN_ID}/explanation")

        assert_refused(response, 404, "nothing_to_explain")


class TestPayoff:
    @pytest.mark.parametrize("query", ["", "?on=2026-02-23", "?on=2026-03-15", "?on=2026-12-31"])
    def test_comes_to_the_figures_of_the_payoff(self, api, path, query):
        payoff = explained(api, f"{path}/payoff{query}")

        answer = explained(api, f"{path}/payoff/explanation{query}")

        for component in ("principal", "interest", "fee", "penalty"):
            assert step(answer, component)["rounded"] == payoff[component]
        assert step(answer, "payoff")["rounded"] == payoff["amount"]
        assert step(answer, "per_diem")["rounded"] == payoff["per_diem"]

    def test_refuses_a_loan_that_is_not_paid_out(self, api, pending_loan):
        response = api.get(f"/api/v1/loans/{pending_loan.id}/payoff/explanation")

        assert_refused(response, 404, "nothing_to_explain")


@pytest.mark.parametrize("rest", ["installments/1", f"transactions/{UNKNOWN_ID}", "payoff"])
def test_an_unknown_loan_is_refused(api, rest):
    assert_refused(api.get(f"/api/v1/loans/{UNKNOWN_ID}/{rest}/explanation"), 404, "loan_not_found")


class TestLongLoan:
    def test_is_explained_though_its_fractions_have_thousands_of_digits(self, api):
        path = samples.disbursed(api, annual_rate="7.654321", installments_max=480, day_count="ACT/ACT")
        change = {"date": "2026-02-20", "installments": 480}
        assert api.post(f"{path}/re-ages", change).status_code == 201

        answer = explained(api, f"{path}/installments/2/explanation")

        level = step(answer, "level_installment")
        assert re.fullmatch(r"[0-9]+\.[0-9]{20}\.\.\.", level["unrounded"])
        assert re.fullmatch(r"[0-9]+\.[0-9]{20}\.\.\.", level["inputs"]["Fn"])
        assert level["unrounded"].startswith(level["rounded"][:3])


class TestPaths:
    def test_take_numbers_in_plain_digits_only(self, api, path):
        assert_refused(api.get(f"{path}/installments/%D9%A1/explanation"), 404, "not_found")

    @pytest.mark.parametrize("rest", ["payoff", "payoff/explanation"])
    def test_before_the_application_are_too_early(self, api, path, rest):
        response = api.get(f"{path}/{rest}?on=2026-01-14")

        assert_refused(response, 422, "date_too_early", pointers=["query:/on"])
