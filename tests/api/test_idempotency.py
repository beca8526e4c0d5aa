"""Asking twice does once: the Idempotency-Key."""

import json
import uuid

import pytest

from tests.api import routes, samples
from tests.api.samples import assert_refused, without
from tests.conftest import Api

BORROWERS = "/api/v1/borrowers"


def with_key(key):
    return {"Idempotency-Key": key}


@pytest.fixture
def send(api):
    """POST raw bytes with a key, as a client that writes its JSON in its own way."""

    def post(path, raw, *, key):
        headers = {"Authorization": f"Bearer {api.key}", "Idempotency-Key": key}
        return api.client.post(path, data=raw, content_type="application/json", headers=headers)

    return post


class TestIdempotencyKey:
    @pytest.mark.parametrize("route", routes.COMMANDS, ids=str)
    def test_is_required_by_every_command(self, api, route):
        response = api.client.post(
            route.path, json=route.body, headers={"Authorization": f"Bearer {api.key}"}
        )

        assert_refused(response, 400, "idempotency_key_missing")

    @pytest.mark.parametrize(
        "key", ["", '""', "x" * 256, '"' + "x" * 256 + '"', "caf\xe9", "tab\there", "\x7f"]
    )
    def test_is_refused_where_malformed(self, api, key):
        response = api.post(BORROWERS, samples.borrower(), headers=with_key(key))

        assert_refused(response, 400, "invalid_idempotency_key")

    @pytest.mark.parametrize("length", [1, 255])
    def test_may_be_as_short_and_as_long_as_said(self, api, length):
        key = uuid.uuid4().hex.ljust(255, "k")[:length] if length > 1 else "~"

        response = api.post(BORROWERS, samples.borrower(), headers=with_key(key))

        assert response.status_code == 201, response.text

    @pytest.mark.parametrize("key", ["a b c", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", '"', 'say "hi"'])
    def test_may_hold_any_printable_character(self, issue_key, app, today, key):
        fresh = Api(client=app.test_client(), key=issue_key())

        response = fresh.post(BORROWERS, samples.borrower(), headers=with_key(key))

        assert response.status_code == 201, response.text


class TestReplay:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            (BORROWERS, samples.borrower()),
            ("/api/v1/products", samples.product()),
        ],
    )
    def test_answers_byte_for_byte_the_same(self, api, path, body):
        key = str(uuid.uuid4())
        first = api.post(path, body, headers=with_key(key))

        second = api.post(path, body, headers=with_key(key))

        assert (first.status_code, second.status_code) == (201, 201)
        assert second.data == first.data
        assert second.headers["Location"] == first.headers["Location"]
        assert second.content_type == first.content_type
        assert "Idempotent-Replayed" not in first.headers
        assert second.headers["Idempotent-Replayed"] == "true"
        assert second.headers["X-Request-ID"] != first.headers["X-Request-ID"]

    def test_does_nothing_a_second_time(self, api, disbursed_loan):
        path = f"/api/v1/loans/{disbursed_loan.id}"
        key = str(uuid.uuid4())

        for _ in range(3):
            response = api.post(f"{path}/repayments", samples.repayment("100.00"), headers=with_key(key))
            assert response.status_code == 201, response.text

        assert api.get(path).get_json()["total_outstanding"] == "1124.08"
        assert len(api.get(f"{path}/events").get_json()["data"]) == 4

    def test_gives_the_first_answer_after_the_loan_moved_on(self, api, pending_loan):
        path = f"/api/v1/loans/{pending_loan.id}"
        key = str(uuid.uuid4())
        first = api.post(f"{path}/approve", headers=with_key(key))
        api.post(f"{path}/disburse")

        replayed = api.post(f"{path}/approve", headers=with_key(key))

        assert replayed.status_code == 200
        assert replayed.data == first.data
        assert replayed.get_json()["status"] == "approved"
        assert "Location" not in replayed.headers
        assert api.get(path).get_json()["status"] == "disbursed"

    def test_takes_a_quoted_key_for_the_bare_one(self, api):
        key = str(uuid.uuid4())
        first = api.post(BORROWERS, samples.borrower(), headers=with_key(key))

        quoted = api.post(BORROWERS, samples.borrower(), headers=with_key(f'"{key}"'))

        assert quoted.headers["Idempotent-Replayed"] == "true"
        assert quoted.data == first.data

    def test_minds_neither_spacing_nor_order_nor_escapes(self, send):
        key = str(uuid.uuid4())
        first = send(BORROWERS, '{"first_name":"Zoë","last_name":"Mwangi"}'.encode(), key=key)

        second = send(BORROWERS, b'{ "last_name" : "Mwangi",\n "first_name" : "Zo\\u00eb" }', key=key)

        assert first.status_code == 201, first.text
        assert second.headers["Idempotent-Replayed"] == "true"
        assert second.data == first.data

    @pytest.mark.parametrize("empty", [b"", b"  ", b"{}"])
    def test_takes_no_body_for_an_empty_one(self, send, pending_loan, empty):
        path, key = f"/api/v1/loans/{pending_loan.id}/approve", str(uuid.uuid4())
        first = send(path, b"{ }", key=key)

        second = send(path, empty, key=key)

        assert second.data == first.data


class TestReuse:
    def test_for_another_body_is_refused(self, api):
        key = str(uuid.uuid4())
        api.post(BORROWERS, samples.borrower(), headers=with_key(key))

        response = api.post(BORROWERS, samples.borrower(first_name="Akinyi"), headers=with_key(key))

        assert_refused(response, 422, "idempotency_key_reused")
        assert "Idempotent-Replayed" not in response.headers

    def test_for_another_path_is_refused(self, api, pending_loan, approved_loan):
        key = str(uuid.uuid4())
        api.post(f"/api/v1/loans/{pending_loan.id}/cancel", headers=with_key(key))

        response = api.post(f"/api/v1/loans/{approved_loan.id}/cancel", headers=with_key(key))

        assert_refused(response, 422, "idempotency_key_reused")
        assert api.get(f"/api/v1/loans/{approved_loan.id}").get_json()["status"] == "approved"

    def test_by_another_client_is_another_request(self, api, app, issue_key):
        key = str(uuid.uuid4())
        stranger = Api(client=app.test_client(), key=issue_key())
        first = api.post(BORROWERS, samples.borrower(), headers=with_key(key))

        response = stranger.post(BORROWERS, samples.borrower(), headers=with_key(key))

        assert response.status_code == 201
        assert "Idempotent-Replayed" not in response.headers
        assert response.get_json()["id"] != first.get_json()["id"]

    def test_without_the_scope_is_refused_like_any_request(self, api, app, issue_key):
        key = str(uuid.uuid4())
        api.post(BORROWERS, samples.borrower(), headers=with_key(key))
        reader = Api(client=app.test_client(), key=issue_key("borrowers:read"))

        response = reader.post(BORROWERS, samples.borrower(), headers=with_key(key))

        assert_refused(response, 403, "scope_missing")


class TestRefusedCommand:
    def test_stores_nothing_and_its_key_works_once_mended(self, api, disbursed_loan):
        path = f"/api/v1/loans/{disbursed_loan.id}/repayments"
        key = str(uuid.uuid4())
        refused = api.post(path, samples.repayment("9999.00"), headers=with_key(key))
        assert_refused(refused, 422, "overpayment", pointers=["#/amount"])

        mended = api.post(path, samples.repayment("10.00"), headers=with_key(key))

        assert mended.status_code == 201, mended.text
        assert "Idempotent-Replayed" not in mended.headers

    def test_is_judged_anew_when_sent_again(self, api, approved_loan):
        path = f"/api/v1/loans/{approved_loan.id}"
        key = str(uuid.uuid4())
        too_soon = api.post(f"{path}/repayments", samples.repayment("10.00"), headers=with_key(key))
        api.post(f"{path}/disburse")

        again = api.post(f"{path}/repayments", samples.repayment("10.00"), headers=with_key(key))

        assert (too_soon.status_code, again.status_code) == (409, 201)

    def test_keeps_its_key_free_after_a_fault_of_form(self, api):
        key = str(uuid.uuid4())
        api.post(BORROWERS, {"first_name": "Amina"}, headers=with_key(key))

        mended = api.post(BORROWERS, samples.borrower(), headers=with_key(key))

        assert mended.status_code == 201, mended.text


class TestStoredAnswer:
    def test_ends_with_a_newline_and_keeps_letters_as_they_are(self, api):
        response = api.post(BORROWERS, samples.borrower(last_name="Ngũgĩ"))

        assert response.data.endswith(b"}\n")
        assert "Ngũgĩ" in response.text
        assert json.loads(response.data) == response.get_json()
        assert without(response.get_json(), "id")["last_name"] == "Ngũgĩ"
