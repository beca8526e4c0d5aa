"""Files of repayments: a line for each row, in their order, whatever becomes of the others."""

import json
import uuid

import pytest
import sqlalchemy as sa

from loans.db import db
from loans.services import verification
from tests.api import uploads
from tests.api.samples import UNKNOWN_ID, assert_refused
from tests.api.uploads import CSV, lines, ndjson, repayment, send, statuses
from tests.factories import make_disbursed_loan
from tests.services import rows as stored

HEADER = "loan_id,amount,currency,date,reference,note,overpayment,idempotency_key\n"


@pytest.fixture
def other_loan(committed):
    """A second loan, of 1,200.00 KES in three installments."""
    return committed(lambda session: make_disbursed_loan(session, installments=3))


@pytest.fixture
def read(committed):
    """Look at what is stored: `read(stored.events, loan)`."""
    return lambda look, *args: committed(lambda session: look(session, *args))


@pytest.fixture
def faults(committed):
    """List what a verification of the whole book finds."""
    return lambda: committed(lambda session: list(verification.verify(session, progress=lambda _: None)))


class TestRows:
    def test_are_answered_in_their_order(self, api, disbursed_loan, other_loan):
        response = send(
            api,
            ndjson(
                repayment(disbursed_loan, "100.00", date="2026-02-15", reference="TX-1"),
                repayment(other_loan, "9999.00"),
                repayment(disbursed_loan, "50.00"),
            ),
        )

        answered, summary = lines(response)
        first, refused, last = answered
        recorded = first.pop("repayment")
        assert first == {"row": 1, "line": 1, "status": 201}
        assert recorded == {
            "id": recorded["id"],
            "loan_id": str(disbursed_loan.id),
            "sequence": 4,
            "date": "2026-02-15",
            "amount": "100.00",
            "currency": "KES",
            "loan_status": "disbursed",
            "total_outstanding": "1124.08",
            "credit_balance": "0.00",
        }
        detail = "9999.00 KES is more than is owed: 1224.08 KES closes the loan."
        problem = refused.pop("problem")
        assert refused == {"row": 2, "line": 2, "status": 422}
        assert problem == {
            "type": "/errors/overpayment",
            "title": "More than is owed",
            "status": 422,
            "detail": detail,
            "code": "overpayment",
            "payoff_amount": "1224.08",
            "currency": "KES",
            "errors": [{"pointer": "#/amount", "code": "overpayment", "detail": detail}],
        }
        assert (last["row"], last["repayment"]["total_outstanding"]) == (3, "1074.08")
        assert (summary["rows"], summary["done"], summary["refused"]) == (3, 2, 1)

    def test_store_what_single_requests_would(self, api, disbursed_loan, other_loan, read, faults):
        rows = [{"amount": "100.00", "date": "2026-02-15", "reference": "TX-1"}, {"amount": "50.00"}]
        for row in rows:
            api.post(f"/api/v1/loans/{disbursed_loan.id}/repayments", row | {"currency": "KES"})

        response = send(api, ndjson(*(repayment(other_loan, **row) for row in rows)))

        assert statuses(response) == [201, 201]
        for look in (stored.events, stored.snapshot, stored.whole_schedule, stored.journal):
            assert read(look, other_loan) == read(look, disbursed_loan)
        assert [told for told, _ in read(stored.outbox, other_loan)] == [
            told for told, _ in read(stored.outbox, disbursed_loan)
        ]
        assert [(each.action, each.actor) for each in read(stored.audit, other_loan)] == [
            (each.action, each.actor) for each in read(stored.audit, disbursed_loan)
        ]
        assert faults() == []

    def test_are_the_transactions_that_the_loan_then_shows(self, api, disbursed_loan):
        answered, _ = lines(send(api, ndjson(repayment(disbursed_loan, "100.00"))))

        shown = api.get(f"/api/v1/loans/{disbursed_loan.id}/repayments/{answered[0]['repayment']['id']}")

        assert (shown.status_code, shown.get_json()["amount"]) == (200, "100.00")

    def test_of_one_loan_are_done_in_file_order(self, api, disbursed_loan):
        """The second closes the loan, so that there is nothing for the third; a fourth, back-dated, has no place."""
        answered, _ = lines(
            send(
                api,
                ndjson(
                    repayment(disbursed_loan, "224.08"),
                    repayment(disbursed_loan, "1000.00"),
                    repayment(disbursed_loan, "1.00"),
                    repayment(disbursed_loan, "1.00", date="2026-02-20"),
                ),
            )
        )

        assert [row["status"] for row in answered] == [201, 201, 409, 409]
        assert answered[1]["repayment"]["loan_status"] == "repaid"
        assert {row["problem"]["code"] for row in answered[2:]} == {"transition_not_allowed"}

    def test_may_hold_what_is_more_than_owed(self, api, disbursed_loan):
        answered, _ = lines(send(api, ndjson(repayment(disbursed_loan, "1300.00", overpayment="hold"))))

        assert answered[0]["repayment"]["credit_balance"] == "75.92"

    def test_are_refused_each_for_itself(self, api, disbursed_loan):
        good = repayment(disbursed_loan)
        response = send(
            api,
            ndjson(
                good | {"loan_id": UNKNOWN_ID},
                good | {"loan_id": "7"},
                good | {"amount": 10},
                good | {"amount": "0.00"},
                good | {"currency": "USD"},
                good | {"date": "2026-06-16"},
                good | {"date": "2025-01-01"},
                good | {"colour": "blue"},
                {"loan_id": good["loan_id"]},
                good | {"idempotency_key": "caf\xe9"},
                good,
            ),
        )

        answered, summary = lines(response)
        assert [(row["status"], row.get("problem", {}).get("code")) for row in answered] == [
            (404, "loan_not_found"),
            (422, "invalid_request"),
            (422, "invalid_request"),
            (422, "amount_not_positive"),
            (422, "currency_mismatch"),
            (422, "date_in_future"),
            (422, "date_too_early"),
            (422, "invalid_request"),
            (422, "invalid_request"),
            (422, "invalid_request"),
            (201, None),
        ]
        assert [[fault["pointer"] for fault in row["problem"]["errors"]] for row in answered[:-1]] == [
            ["#/loan_id"],
            ["#/loan_id"],
            ["#/amount"],
            ["#/amount"],
            ["#/currency"],
            ["#/date"],
            ["#/date"],
            ["#/colour"],
            ["#/amount", "#/currency"],
            ["#/idempotency_key"],
        ]
        assert (summary["done"], summary["refused"]) == (1, 10)

    def test_may_be_none(self, api):
        for raw, content_type in ((b"", uploads.NDJSON), (b"\n \n", uploads.NDJSON), (HEADER.encode(), CSV)):
            assert lines(send(api, raw, content_type=content_type)) == (
                [],
                {
                    "rows": 0,
                    "done": 0,
                    "replayed": 0,
                    "refused": 0,
                    "atomic": "row",
                    "dry_run": False,
                },
            )


class TestSecondTime:
    def test_answers_as_before_and_does_nothing(self, api, disbursed_loan, read):
        raw = ndjson(repayment(disbursed_loan, "10.00"), repayment(disbursed_loan, "10.00"))
        first, _ = lines(send(api, raw, key="day-1"))
        before = read(stored.events, disbursed_loan)

        again, summary = lines(send(api, raw, key="day-1"))

        assert again == [
            {**{name: row[name] for name in ("row", "line", "status", "repayment")}, "replayed": True}
            for row in first
        ]
        assert (summary["done"], summary["replayed"]) == (2, 2)
        assert read(stored.events, disbursed_loan) == before

    def test_with_another_request_key_does_it_again(self, api, disbursed_loan):
        raw = ndjson(repayment(disbursed_loan))

        answers = [lines(send(api, raw))[0][0]["repayment"]["sequence"] for _ in range(2)]

        assert answers == [4, 5]

    def test_knows_a_row_by_its_own_key_wherever_it_stands(self, api, disbursed_loan):
        row = repayment(disbursed_loan, idempotency_key="bank-77")
        first, _ = lines(send(api, ndjson(row)))
        as_csv = (
            HEADER
            + f"{disbursed_loan.id},1.00,KES,,,,,bank-78\n{disbursed_loan.id},10.00,KES,,,,refuse,bank-77\n"
        )

        again, _ = lines(send(api, as_csv.encode(), content_type=CSV))

        assert [row["status"] for row in again] == [201, 201]
        assert "replayed" not in again[0]
        assert again[1]["replayed"] is True
        assert again[1]["repayment"] == first[0]["repayment"]

    def test_of_a_key_with_another_content_is_refused(self, api, disbursed_loan):
        send(api, ndjson(repayment(disbursed_loan, idempotency_key="bank-77")), key="day-1")

        answered, _ = lines(
            send(
                api,
                ndjson(
                    repayment(disbursed_loan, "11.00", idempotency_key="bank-77"),
                    repayment(disbursed_loan, "12.00"),
                ),
            )
        )

        assert [row["status"] for row in answered] == [422, 201]
        assert answered[0]["problem"]["code"] == "idempotency_key_reused"

    def test_within_one_file_is_the_second_time_too(self, api, disbursed_loan, read):
        answered, summary = lines(
            send(
                api,
                ndjson(
                    repayment(disbursed_loan, idempotency_key="bank-79"),
                    repayment(disbursed_loan, idempotency_key="bank-79"),
                    repayment(disbursed_loan, "11.00", idempotency_key="bank-79"),
                ),
            )
        )

        assert [row["status"] for row in answered] == [201, 201, 422]
        assert answered[1]["replayed"] is True
        assert answered[1]["repayment"] == answered[0]["repayment"]
        assert (summary["done"], summary["replayed"], summary["refused"]) == (2, 1, 1)
        assert len(read(stored.events, disbursed_loan)) == 4

    def test_of_a_refused_row_is_the_first(self, api, approved_loan):
        raw = ndjson(repayment(approved_loan))
        first = statuses(send(api, raw, key="day-2"))
        api.post(f"/api/v1/loans/{approved_loan.id}/disburse")

        assert (first, statuses(send(api, raw, key="day-2"))) == ([409], [201])

    def test_after_the_answer_expired_is_refused(self, api, app, disbursed_loan):
        raw = ndjson(repayment(disbursed_loan, idempotency_key=str(uuid.uuid4())))
        send(api, raw)
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE idempotency_keys SET body = NULL, location = NULL WHERE key = :key"),
                {"key": json.loads(raw)["idempotency_key"]},
            )

        answered, _ = lines(send(api, raw))

        assert answered[0]["problem"]["code"] == "idempotency_key_expired"

    def test_of_a_single_request_under_a_rows_key_is_refused(self, api, disbursed_loan):
        send(api, ndjson(repayment(disbursed_loan, idempotency_key="bank-80")))

        response = api.post(
            f"/api/v1/loans/{disbursed_loan.id}/repayments",
            {"amount": "10.00", "currency": "KES"},
            headers={"Idempotency-Key": "bank-80"},
        )

        assert_refused(response, 422, "idempotency_key_reused")


class TestAtomic:
    def test_all_refuses_the_whole_file_for_one_row(self, api, disbursed_loan, other_loan, read):
        raw = ndjson(
            repayment(disbursed_loan),
            repayment(other_loan, "9999.00"),
            {"loan_id": "7"},
            repayment(other_loan),
        )

        response = send(api, raw, query="?atomic=all", key="whole")

        problem = assert_refused(response, 422, "file_refused")
        assert [(row["row"], row["status"], row["problem"]["code"]) for row in problem["rows"]] == [
            (2, 422, "overpayment"),
            (3, 422, "invalid_request"),
        ]
        for loan in (disbursed_loan, other_loan):
            assert len(read(stored.events, loan)) == 3
        mended = ndjson(repayment(disbursed_loan), repayment(other_loan))
        assert statuses(send(api, mended, query="?atomic=all", key="whole")) == [201, 201]

    def test_all_stores_everything_where_nothing_is_refused(self, api, disbursed_loan, other_loan, faults):
        raw = ndjson(repayment(disbursed_loan), repayment(other_loan), repayment(disbursed_loan))

        first, summary = lines(send(api, raw, query="?atomic=all", key="whole-2"))
        again, _ = lines(send(api, raw, query="?atomic=all", key="whole-2"))

        assert [row["repayment"]["sequence"] for row in first] == [4, 4, 5]
        assert (summary["atomic"], summary["done"]) == ("all", 3)
        assert [row["replayed"] for row in again] == [True] * 3
        assert faults() == []

    def test_is_row_or_all(self, api, disbursed_loan):
        for query in ("?atomic=none", "?atomic=", "?atomic=ALL"):
            response = send(api, ndjson(repayment(disbursed_loan)), query=query)

            assert_refused(response, 422, "invalid_request", pointers=["query:/atomic"])

    def test_is_given_once(self, api, disbursed_loan):
        response = send(api, ndjson(repayment(disbursed_loan)), query="?atomic=row&atomic=all&colour=blue")

        assert_refused(response, 422, "invalid_request", pointers=["query:/atomic"])


class TestDryRun:
    def test_answers_as_it_would_and_stores_nothing(self, api, disbursed_loan, read):
        raw = ndjson(
            repayment(disbursed_loan, "224.08"),
            repayment(disbursed_loan, "9.99"),
            repayment(disbursed_loan, "1000.00"),
        )

        response = send(api, raw, query="?dry_run=true", key="rehearsed")

        answered, summary = lines(response)
        assert response.headers["Dry-Run"] == "true"
        assert [row["status"] for row in answered] == [201, 201, 422]
        assert summary["dry_run"] is True
        assert len(read(stored.events, disbursed_loan)) == 3
        assert "replayed" not in lines(send(api, raw, key="rehearsed"))[0][0]

    def test_of_all_or_nothing_refuses_too(self, api, disbursed_loan, read):
        response = send(
            api,
            ndjson(repayment(disbursed_loan), repayment(disbursed_loan, "9999.00")),
            query="?dry_run=true&atomic=all",
        )

        assert_refused(response, 422, "file_refused")
        assert len(read(stored.events, disbursed_loan)) == 3
