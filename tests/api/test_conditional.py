"""Conditional requests: 304 for what the client has, 412 for a change of what has changed, 428 where it must say."""

import uuid

import pytest

from tests.api import samples
from tests.api.samples import UNKNOWN_ID, assert_refused


def tag_of(api, path):
    return api.get(path).headers["ETag"]


def events(api, path):
    return len(api.get(f"{path}/events").get_json()["data"])


@pytest.fixture
def loan(disbursed_loan):
    return f"/api/v1/loans/{disbursed_loan.id}"


@pytest.fixture
def paths(api, loan, borrower, product):
    """One of each that has an ETag."""
    repayment = api.post(f"{loan}/repayments", samples.repayment("1.00"))
    return [
        loan,
        f"/api/v1/borrowers/{borrower.id}",
        f"/api/v1/products/{product.id}",
        f"/api/v1/products/{product.id}/versions/1",
        repayment.headers["Location"],
        repayment.headers["Location"].replace("repayments", "transactions"),
    ]


class TestIfNoneMatch:
    def test_is_answered_without_a_body_where_nothing_has_changed(self, api, paths):
        for path in paths:
            whole = api.get(path)
            tag = whole.headers["ETag"]

            for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                response = api.get(path, headers={"If-None-Match": known})

                assert (response.status_code, response.data) == (304, b""), (path, known)
                assert response.headers["ETag"] == tag
                assert response.headers["X-Request-ID"]
                assert "Content-Type" not in response.headers
            assert tag.startswith('"')

    def test_is_answered_in_full_with_another_tag(self, api, loan):
        for known in ('"3-other"', "nonsense", "", 'W/""'):
            response = api.get(loan, headers={"If-None-Match": known})

            assert response.status_code == 200
            assert response.get_json()["id"]

    def test_is_answered_in_full_once_the_loan_has_changed(self, api, loan):
        tag = tag_of(api, loan)
        api.post(f"{loan}/repayments", samples.repayment("1.00"))

        response = api.get(loan, headers={"If-None-Match": tag})

        assert response.status_code == 200
        assert response.headers["ETag"] != tag

    @pytest.mark.parametrize(
        "other", ["?view=minimal", "?as_of=2026-03-01", "?expand=borrower", "?fields=id"]
    )
    def test_tells_one_view_from_another(self, api, loan, other):
        tag = tag_of(api, loan)

        assert api.get(f"{loan}{other}", headers={"If-None-Match": tag}).status_code == 200
        assert tag_of(api, f"{loan}{other}") != tag

    def test_notices_a_change_of_what_stands_beside(self, api, loan):
        path = f"{loan}?expand=borrower"
        tag = tag_of(api, path)
        borrower = f"/api/v1/borrowers/{api.get(loan).get_json()['borrower_id']}"
        api.patch(borrower, {"last_name": "Wanjiru"}, headers={"If-Match": tag_of(api, borrower)})

        response = api.get(path, headers={"If-None-Match": tag})

        assert response.get_json()["borrower"]["last_name"] == "Wanjiru"

    def test_of_head_is_answered_alike(self, api, loan):
        headers = {"Authorization": f"Bearer {api.key}", "If-None-Match": tag_of(api, loan)}

        assert api.client.head(loan, headers=headers).status_code == 304


class TestIfMatch:
    def test_lets_a_command_on_the_loan_as_it_was_read(self, api, loan):
        for read in (loan, f"{loan}?view=minimal"):
            tag = tag_of(api, read)

            response = api.post(f"{loan}/repayments", samples.repayment("1.00"), headers={"If-Match": tag})

            assert response.status_code == 201, response.text

    def test_refuses_one_on_a_loan_that_has_changed_and_does_nothing(self, api, loan):
        tag = tag_of(api, loan)
        api.post(f"{loan}/repayments", samples.repayment("1.00"))

        for stale in (tag, f"W/{tag}", f'{tag}, "2-x"', '"nonsense"', "nonsense", "", '""', 'W/""'):
            response = api.post(f"{loan}/repayments", samples.repayment("2.00"), headers={"If-Match": stale})

            assert_refused(response, 412, "precondition_failed")
        assert events(api, loan) == 4

    def test_takes_the_tag_that_nginx_has_made_weak(self, api, loan):
        response = api.post(
            f"{loan}/repayments",
            samples.repayment("1.00"),
            headers={"If-Match": f"W/{tag_of(api, loan)}"},
        )

        assert response.status_code == 201

    def test_takes_any_state_of_what_exists_with_a_star(self, api, loan):
        star = {"If-Match": "*"}

        assert api.post(f"{loan}/repayments", samples.repayment("1.00"), headers=star).status_code == 201
        unknown = api.post(f"/api/v1/loans/{UNKNOWN_ID}/approve", headers={"If-Match": "*"})
        assert_refused(unknown, 404, "loan_not_found")

    def test_is_not_judged_again_by_a_repetition(self, api, loan):
        headers = {"If-Match": tag_of(api, loan), "Idempotency-Key": str(uuid.uuid4())}
        first = api.post(f"{loan}/repayments", samples.repayment("1.00"), headers=dict(headers))

        second = api.post(f"{loan}/repayments", samples.repayment("1.00"), headers=dict(headers))

        assert second.headers["Idempotent-Replayed"] == "true"
        assert second.data == first.data

    def test_holds_for_a_rehearsal_too(self, api, loan):
        response = api.post(
            f"{loan}/repayments?dry_run=true", samples.repayment("1.00"), headers={"If-Match": '"1-x"'}
        )

        assert_refused(response, 412, "precondition_failed")

    def test_holds_for_a_version_of_a_product(self, api, product):
        path = f"/api/v1/products/{product.id}"
        tag = {"If-Match": tag_of(api, path)}

        first = api.post(f"{path}/versions", samples.terms(), headers=dict(tag))
        second = api.post(f"{path}/versions", samples.terms(), headers=dict(tag))

        assert first.status_code == 201, first.text
        assert_refused(second, 412, "precondition_failed")

    def test_is_refused_by_what_makes_something_new(self, api):
        response = api.post("/api/v1/borrowers", samples.borrower(), headers={"If-Match": '"1-x"'})

        assert_refused(response, 412, "precondition_failed")


class TestChangeBorrower:
    @pytest.fixture
    def path(self, api):
        body = samples.borrower(email="amina@example.com", external_id=str(uuid.uuid4()))
        return api.post("/api/v1/borrowers", body).headers["Location"]

    def change(self, api, path, **body):
        return api.patch(path, body, headers={"If-Match": tag_of(api, path)})

    def test_changes_what_is_named_and_nothing_else(self, api, path):
        before = api.get(path).get_json()

        response = self.change(api, path, last_name="Wanjiru", email=None)

        assert response.status_code == 200, response.text
        assert response.get_json() == before | {"last_name": "Wanjiru", "email": None}
        assert api.get(path).get_json() == response.get_json()

    def test_must_say_what_it_has_seen(self, api, path):
        response = api.patch(path, {"last_name": "Wanjiru"})

        assert_refused(response, 428, "precondition_required")

    def test_does_not_overwrite_what_another_has_changed(self, api, path):
        tag = tag_of(api, path)
        self.change(api, path, phone="+254712345678")

        response = api.patch(path, {"phone": "+254700000000"}, headers={"If-Match": tag})

        assert_refused(response, 412, "precondition_failed")
        assert api.get(path).get_json()["phone"] == "+254712345678"

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({}, ["#"]),
            ({"first_name": None}, ["#/first_name"]),
            ({"first_name": "", "colour": "blue"}, ["#/first_name", "#/colour"]),
            ({"id": UNKNOWN_ID}, ["#/id"]),
        ],
    )
    def test_refuses_faults_of_form(self, api, path, body, pointers):
        assert_refused(self.change(api, path, **body), 422, "invalid_request", pointers=pointers)

    def test_refuses_a_date_of_birth_to_come(self, api, path):
        response = self.change(api, path, date_of_birth="2026-06-16")

        assert_refused(response, 422, "invalid_date_of_birth", pointers=["#/date_of_birth"])

    def test_refuses_the_external_id_of_another(self, api, path):
        taken = api.post("/api/v1/borrowers", samples.borrower(external_id=str(uuid.uuid4()))).get_json()

        response = self.change(api, path, external_id=taken["external_id"])

        assert_refused(response, 409, "duplicate_borrower", pointers=["#/external_id"])
        assert self.change(api, path, external_id=api.get(path).get_json()["external_id"]).status_code == 200

    def test_refuses_an_unknown_borrower(self, api):
        response = api.patch(
            f"/api/v1/borrowers/{UNKNOWN_ID}", {"last_name": "W"}, headers={"If-Match": '"1-x"'}
        )

        assert_refused(response, 404, "borrower_not_found")
