"""Loans over HTTP: the steps between application and repayment."""

import uuid

import pytest

from tests import factories
from tests.api import samples
from tests.api.samples import UNKNOWN_ID, assert_refused

PATH = "/api/v1/loans"


class TestDecide:
    @pytest.mark.parametrize("action", ["approve", "reject", "cancel"])
    def test_needs_no_body(self, api, pending_loan, action):
        response = api.client.post(
            f"{PATH}/{pending_loan.id}/{action}",
            headers={"Authorization": f"Bearer {api.key}", "Idempotency-Key": str(uuid.uuid4())},
        )

        assert response.status_code == 200, response.text
        assert "Location" not in response.headers

    def test_approves_on_the_day_given(self, api, pending_loan):
        response = api.post(f"{PATH}/{pending_loan.id}/approve", {"date": "2026-01-20", "note": "Fine"})

        loan = response.get_json()
        assert (loan["status"], loan["approved_on"], loan["closed_on"]) == ("approved", "2026-01-20", None)

    @pytest.mark.parametrize(("action", "status"), [("reject", "rejected"), ("cancel", "cancelled")])
    def test_closes_a_loan_that_will_not_be(self, api, pending_loan, action, status):
        response = api.post(f"{PATH}/{pending_loan.id}/{action}", {"date": "2026-01-20"})

        loan = response.get_json()
        assert (loan["status"], loan["approved_on"], loan["closed_on"]) == (status, None, "2026-01-20")

    def test_cancels_a_loan_that_was_approved(self, api, approved_loan):
        response = api.post(f"{PATH}/{approved_loan.id}/cancel")

        assert response.get_json()["status"] == "cancelled"

    @pytest.mark.parametrize("action", ["approve", "reject", "cancel"])
    def test_refuses_a_day_before_the_application(self, api, pending_loan, action):
        response = api.post(f"{PATH}/{pending_loan.id}/{action}", {"date": "2026-01-14"})

        problem = assert_refused(response, 422, "date_too_early", pointers=["#/date"])
        assert problem["earliest"] == "2026-01-15"

    @pytest.mark.parametrize("action", ["approve", "reject", "cancel", "disburse"])
    def test_refuses_a_day_to_come(self, api, pending_loan, approved_loan, action):
        loan = approved_loan if action == "disburse" else pending_loan

        response = api.post(f"{PATH}/{loan.id}/{action}", {"date": "2026-06-16"})

        assert_refused(response, 422, "date_in_future", pointers=["#/date"])

    @pytest.mark.parametrize("action", ["approve", "reject", "cancel", "disburse"])
    def test_refuses_an_unknown_loan(self, api, action):
        assert_refused(api.post(f"{PATH}/{UNKNOWN_ID}/{action}"), 404, "loan_not_found")

    @pytest.mark.parametrize(
        ("status", "action"),
        [
            ("pending_loan", "disburse"),
            ("approved_loan", "approve"),
            ("approved_loan", "reject"),
            ("disbursed_loan", "approve"),
            ("disbursed_loan", "reject"),
            ("disbursed_loan", "cancel"),
            ("repaid_loan", "approve"),
            ("repaid_loan", "cancel"),
            ("repaid_loan", "disburse"),
        ],
    )
    def test_refuses_a_step_that_the_status_does_not_admit(self, api, request, status, action):
        loan = request.getfixturevalue(status)

        response = api.post(f"{PATH}/{loan.id}/{action}")

        problem = assert_refused(response, 409, "transition_not_allowed")
        assert problem["loan_status"] == status.removesuffix("_loan")
        assert problem["detail"].startswith(f"The loan is {status.removesuffix('_loan')}: it cannot be ")

    @pytest.mark.parametrize("ended", ["reject", "cancel"])
    @pytest.mark.parametrize("action", ["approve", "reject", "cancel", "disburse"])
    def test_refuses_every_step_after_the_end(self, api, pending_loan, ended, action):
        api.post(f"{PATH}/{pending_loan.id}/{ended}")

        response = api.post(f"{PATH}/{pending_loan.id}/{action}")

        assert_refused(response, 409, "transition_not_allowed")


class TestDisburse:
    def test_lays_out_the_schedule_from_that_day(self, api, borrower, product):
        application = samples.application(borrower.id, product.id, date="2026-01-15")
        loan_id = api.post(PATH, application).get_json()["id"]
        api.post(f"{PATH}/{loan_id}/approve", {"date": "2026-01-15"})

        response = api.post(f"{PATH}/{loan_id}/disburse", {"date": "2026-01-15", "reference": "TX-1"})

        assert response.status_code == 200, response.text
        expected = {
            "status": "disbursed",
            "disbursed_on": "2026-01-15",
            "maturity_date": "2026-04-15",
            "disbursed": "1200.00",
            "principal_outstanding": "1200.00",
            "interest_outstanding": "24.08",
            "total_outstanding": "1224.08",
            "next_due_date": "2026-02-15",
            "next_due_amount": "408.03",
            # 15 February to 15 June: 13 + 31 + 30 + 31 + 15 days.
            "days_past_due": 120,
        }
        loan = response.get_json()
        assert {name: loan[name] for name in expected} == expected

    def test_refuses_a_day_before_the_approval(self, api, pending_loan):
        api.post(f"{PATH}/{pending_loan.id}/approve", {"date": "2026-03-01"})

        response = api.post(f"{PATH}/{pending_loan.id}/disburse", {"date": "2026-02-28"})

        problem = assert_refused(response, 422, "date_too_early", pointers=["#/date"])
        assert problem["earliest"] == "2026-03-01"

    def test_takes_the_whole_principal_for_its_amount(self, api, approved_loan):
        response = api.post(f"{PATH}/{approved_loan.id}/disburse", {"amount": "1200.00", "currency": "KES"})

        assert response.get_json()["disbursed"] == "1200.00"

    def test_refuses_a_part_of_a_loan_that_has_none(self, api, approved_loan):
        response = api.post(f"{PATH}/{approved_loan.id}/disburse", {"amount": "1199.99"})

        assert_refused(response, 422, "disbursement_differs", pointers=["#/amount"])

    def test_refuses_a_second_time(self, api, disbursed_loan):
        response = api.post(f"{PATH}/{disbursed_loan.id}/disburse")

        problem = assert_refused(response, 409, "transition_not_allowed")
        assert problem["loan_status"] == "disbursed"

    def test_pays_out_part_by_part_what_its_terms_allow_in_parts(self, api, committed):
        """600.00 on 15 January at 1 % a month over three months, and 600.00 on 15 February.

        The first row is that of 600.00 alone: 6.00 + 198.01. The principal of the others, 401.99, and the new 600.00
        are spread over two rows of 1001.99 x 0.01 / (1 - 1.01^-2) = 508.5224, so 508.52.
        """
        loan = committed(
            lambda session: factories.make_approved_loan(
                session, product=factories.make_product(session, tranches_max=2), installments=3
            )
        )
        path = f"{PATH}/{loan.id}"

        first = api.post(f"{path}/disburse", {"amount": "600.00", "date": "2026-01-15"}).get_json()
        second = api.post(f"{path}/disburse", {"amount": "600.00", "date": "2026-02-15"}).get_json()
        third = api.post(f"{path}/disburse", {"amount": "0.01"})

        assert (first["disbursed"], first["status"], first["next_due_amount"]) == (
            "600.00",
            "disbursed",
            "204.01",
        )
        assert second["disbursed"] == "1200.00"
        rows = api.get(f"{path}/schedule").get_json()["installments"]
        assert [row["amount"] for row in rows[:2]] == ["204.01", "508.52"]
        assert_refused(third, 409, "transition_not_allowed")

    def test_refuses_a_reference_that_is_too_long(self, api, approved_loan):
        response = api.post(f"{PATH}/{approved_loan.id}/disburse", {"reference": "x" * 101})

        assert_refused(response, 422, "invalid_request", pointers=["#/reference"])
