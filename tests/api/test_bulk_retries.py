"""A file that is sent again, at the same time, or half-way broken off: nothing is lost and nothing is doubled."""

import json
import threading
import uuid

import pytest
import sqlalchemy as sa

from loans.db import db
from loans.services import bulk, verification
from tests.api import uploads
from tests.api.samples import assert_refused
from tests.api.uploads import lines, ndjson, repayment, send
from tests.conftest import Api
from tests.factories import make_approved_loan, make_borrower, make_disbursed_loan, make_product
from tests.services import rows as stored
from tests.services.bank import at_once

TWINS = 4
LOANS = 20
ATTEMPTS_MAX = 20
TABLES = (
    *("loans", "loan_events", "installments", "journal_entries", "journal_lines"),
    *("outbox_events", "audit_records", "idempotency_keys"),
)


@pytest.fixture
def sizes(app):
    """How many rows there are in each table that a file writes."""

    def look():
        with app.app_context(), db.engine.connect() as connection:
            return {
                table: connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
                for table in TABLES
            }

    return look


@pytest.fixture
def loans(committed):
    """Loans of 1,200.00 KES over three installments."""

    def make(session):
        product = make_product(session)
        return [make_disbursed_loan(session, product=product, installments=3) for _ in range(LOANS)]

    return committed(make)


@pytest.fixture
def faults(committed):
    """List what a verification of the whole book finds."""
    return lambda: committed(lambda session: list(verification.verify(session, progress=lambda _: None)))


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of three rows, so that a short file has several."""
    monkeypatch.setattr("loans.api.bulk_runs.BATCH_ROWS", 3)


@pytest.fixture
def impatient(monkeypatch):
    """One who waits once for a lock."""
    monkeypatch.setattr("loans.api.bulk_runs.LOCK_ATTEMPTS_MAX", 1)


@pytest.fixture
def collection(loans):
    """A file of three repayments of each loan, each with a key of its own."""
    return [repayment(loan, "10.00", idempotency_key=str(uuid.uuid4())) for _ in range(3) for loan in loans]


def applications(committed, count):
    """Rows of applications, each with an external_id."""
    owner, product = committed(make_borrower), committed(make_product)
    return [
        {
            "borrower_id": str(owner.id),
            "product_id": str(product.id),
            "principal": "5000.00",
            "currency": "KES",
            "installments": 6,
            "external_id": f"bulk-{uuid.uuid4().hex}",
        }
        for _ in range(count)
    ]


def sent_until_answered(api, raw, *, query):
    """Send a file again while the answer says so: who takes all or nothing waits for the others' whole file."""
    for _ in range(ATTEMPTS_MAX):
        answer = send(api, raw, query=query, key="wednesday")
        if answer.status_code == 200 and lines(answer)[1]["refused"] == 0:
            break
    return answer


class TestAgain:
    @pytest.mark.parametrize("query", ["", "?atomic=all"])
    def test_does_nothing_more(self, api, collection, sizes, query):
        raw = ndjson(*collection)
        first, _ = lines(send(api, raw, query=query, key="monday"))
        done = sizes()

        again, summary = lines(send(api, raw, query=query, key="monday"))

        assert [row["repayment"] for row in again] == [row["repayment"] for row in first]
        assert summary["replayed"] == len(collection)
        assert sizes() == done

    def test_of_a_file_that_was_broken_off_does_the_rest(self, api, collection, sizes, small_batches, faults):
        before = sizes()
        answer = send(api, ndjson(*collection), key="tuesday", buffered=False)
        begun = next(answer.iter_encoded())
        answer.close()
        broken_off = sizes()

        rows, summary = lines(send(api, ndjson(*collection), key="tuesday"))

        done = len(begun.splitlines())
        assert 3 <= done < len(collection)
        assert done <= broken_off["loan_events"] - before["loan_events"] < len(collection)
        assert summary["replayed"] == broken_off["loan_events"] - before["loan_events"]
        assert [row["status"] for row in rows] == [201] * len(collection)
        assert sizes()["loan_events"] == before["loan_events"] + len(collection)
        assert faults() == []


class TestAtTheSameTime:
    @pytest.mark.parametrize("query", ["", "?atomic=all"])
    def test_the_same_file_is_done_once(self, api, collection, sizes, small_batches, faults, query):
        before = sizes()
        raw = ndjson(*collection)

        answers = at_once(lambda _: lines(sent_until_answered(api, raw, query=query)), times=TWINS)

        for rows, summary in answers:
            assert [row["status"] for row in rows] == [201] * len(collection)
            assert (summary["done"], summary["refused"]) == (len(collection), 0)
        assert len({json.dumps([row["repayment"] for row in rows]) for rows, _ in answers}) == 1
        assert sum(summary["replayed"] for _, summary in answers) >= len(collection) * (TWINS - 1)
        after = sizes()
        assert after["loan_events"] == before["loan_events"] + len(collection)
        assert after["idempotency_keys"] == before["idempotency_keys"] + len(collection)
        assert faults() == []

    def test_files_in_opposite_orders_do_not_wait_in_a_circle(self, api, loans, sizes, faults):
        """Each takes all loans, the one from the first to the last, the other from the last to the first."""
        before = sizes()
        rows = [repayment(loan, "10.00") for loan in loans]

        def sent(number):
            return lines(send(api, ndjson(*(rows if number % 2 else reversed(rows)))))[1]

        summaries = at_once(sent, times=TWINS)

        assert [(each["done"], each["refused"]) for each in summaries] == [(LOANS, 0)] * TWINS
        assert sizes()["loan_events"] == before["loan_events"] + LOANS * TWINS
        assert faults() == []

    def test_single_repayments_come_in_between(self, api, loans, sizes, faults, small_batches):
        before = sizes()

        def sent(number):
            if number == 0:
                return lines(send(api, ndjson(*(repayment(loan, "10.00") for loan in loans))))[1]["done"]
            client = Api(client=api.client.application.test_client(), key=api.key)
            paths = [f"/api/v1/loans/{loan.id}/repayments" for loan in reversed(loans)]
            body = {"amount": "5.00", "currency": "KES"}
            return sum(client.post(path, body).status_code == 201 for path in paths)

        assert at_once(sent, times=TWINS) == [LOANS] * TWINS
        assert sizes()["loan_events"] == before["loan_events"] + LOANS * TWINS
        assert faults() == []

    def test_one_key_for_two_contents_does_one_of_them(self, api, loans, sizes):
        before = sizes()

        def sent(number):
            row = repayment(loans[number], "10.00", idempotency_key="the-same")
            return lines(send(api, ndjson(row)))[0][0]

        answered = at_once(sent, times=TWINS)

        assert sorted(row["status"] for row in answered) == [201, 422, 422, 422]
        assert {row["problem"]["code"] for row in answered if "problem" in row} == {"idempotency_key_reused"}
        assert sizes()["loan_events"] == before["loan_events"] + 1

    def test_the_same_applications_are_made_once(self, api, committed, sizes, small_batches, faults):
        before = sizes()
        rows = applications(committed, 10)

        answers = at_once(
            lambda number: lines(
                send(
                    api, ndjson(*rows), path=uploads.LOANS, key="thursday", query="?atomic=all" * (number % 2)
                )
            ),
            times=TWINS,
        )

        assert len({json.dumps([row["loan"] for row in found]) for found, _ in answers}) == 1
        assert sizes()["loans"] == before["loans"] + 10
        assert faults() == []

    def test_of_applications_with_one_external_id_and_several_keys_one_is_made(self, api, committed, sizes):
        rows = applications(committed, 6)
        before = sizes()

        def sent(number):
            ordered = rows if number % 2 else list(reversed(rows))
            return lines(send(api, ndjson(*ordered), path=uploads.LOANS))[0]

        answered = [row for found in at_once(sent, times=TWINS) for row in found]

        assert sum(row["status"] == 201 for row in answered) == 6
        refused = [row["problem"]["code"] for row in answered if row["status"] != 201]
        assert refused == ["duplicate_loan"] * 6 * (TWINS - 1)
        assert sizes()["loans"] == before["loans"] + 6


class TestCost:
    def test_of_a_batch_does_not_depend_on_its_rows(self, api, loans, statements_of):
        """The caller; loans, keys and events in one statement each; one write of all, one of the keys."""

        def asked(rows):
            return len(statements_of(lambda: lines(send(api, ndjson(*rows)))))

        # The use of a key is noted once a minute.
        lines(send(api, ndjson()))
        rows = [repayment(loan, "1.00") for loan in loans]

        assert (asked(rows[:1]), asked(rows), asked(rows * 5)) == (6, 6, 6)

    def test_of_a_batch_of_applications_does_not_either(self, api, committed, statements_of):
        """The caller; keys, borrowers, products and external_ids; one write of all, one of the keys."""
        lines(send(api, ndjson()))
        few, many = applications(committed, 1), applications(committed, 50)

        def asked(rows):
            return len(statements_of(lambda: lines(send(api, ndjson(*rows), path=uploads.LOANS))))

        assert (asked(few), asked(many)) == (7, 7)

    def test_of_5000_rows_is_that_of_their_batches(
        self, api, loans, statements_of, sizes, faults, monkeypatch
    ):
        # Loans of 250 events take long, and on a busy machine a batch may end before its rows.
        monkeypatch.setattr(bulk, "BATCH_SECONDS", 7.0)
        monkeypatch.setattr("loans.api.bulk_runs.BATCH_ROWS", 100)
        rows = [repayment(loan, "0.01", reference=f"TX-{turn}") for turn in range(250) for loan in loans]
        before = sizes()
        lines(send(api, ndjson()))
        found = []

        statements = statements_of(lambda: found.append(lines(send(api, ndjson(*rows)))))

        (answered, summary) = found[0]
        assert [row["row"] for row in answered] == list(range(1, 5001))
        assert (summary["rows"], summary["done"]) == (5000, 5000)
        assert len(statements) == 1 + 5 * (5000 // 100)
        after = sizes()
        assert {
            name: after[name] - before[name] for name in ("loan_events", "outbox_events", "audit_records")
        } == {
            "loan_events": 5000,
            "outbox_events": 5000,
            "audit_records": 5000,
        }
        assert faults() == []


class TestFaults:
    def test_of_ours_stop_at_their_row(self, api, app, loans, small_batches):
        """A damaged loan is not touched (I2); its neighbours in the batch are done all the same."""
        damaged = loans[4]
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE loans SET next_due_amount = next_due_amount + 1 WHERE id = :id"),
                {"id": damaged.id},
            )
        try:
            answered, summary = lines(send(api, ndjson(*(repayment(loan) for loan in loans[:8]))))
        finally:
            with app.app_context(), db.engine.begin() as connection:
                connection.execute(
                    sa.text("UPDATE loans SET next_due_amount = next_due_amount - 1 WHERE id = :id"),
                    {"id": damaged.id},
                )

        assert [row["status"] for row in answered] == [201, 201, 201, 201, 500, 201, 201, 201]
        assert answered[4]["problem"]["code"] == "internal_error"
        assert summary["refused"] == 1

    def test_of_the_database_end_the_work_and_say_so_of_each_row(
        self, api, app, loans, small_batches, impatient, sizes
    ):
        """A loan that somebody holds: its batch waits, gives up, and nothing after it is tried."""
        before = sizes()
        raw = ndjson(*(repayment(loan) for loan in loans[:9]))
        with app.app_context(), db.engine.connect() as other:
            other.execute(sa.text("SELECT 1 FROM loans WHERE id = :id FOR UPDATE"), {"id": loans[4].id})

            answered, summary = lines(send(api, raw, key="friday"))

        assert [row["status"] for row in answered] == [201] * 3 + [503] * 6
        assert (summary["done"], summary["refused"]) == (3, 6)
        assert sizes()["loan_events"] == before["loan_events"] + 3
        assert lines(send(api, raw, key="friday"))[1]["replayed"] == 3
        assert sizes()["loan_events"] == before["loan_events"] + 9

    def test_of_the_database_before_anything_was_done_refuse_the_request(self, api, app, loans, impatient):
        with app.app_context(), db.engine.connect() as other:
            other.execute(sa.text("SELECT 1 FROM loans WHERE id = :id FOR UPDATE"), {"id": loans[0].id})

            response = send(api, ndjson(repayment(loans[0])))

        assert_refused(response, 503, "unavailable")
        assert response.headers["Retry-After"] == "1"

    def test_of_one_who_holds_a_loan_for_longer_than_a_lock_is_waited_for_are_waited_for(
        self, api, app, loans
    ):
        with app.app_context(), db.engine.connect() as other:
            other.execute(sa.text("SELECT 1 FROM loans WHERE id = :id FOR UPDATE"), {"id": loans[0].id})
            # Longer than DB_LOCK_TIMEOUT_MS.
            release = threading.Timer(2.5, other.rollback)
            release.start()

            answered, _ = lines(send(api, ndjson(repayment(loans[0]))))

            release.join()
        assert [row["status"] for row in answered] == [201]


class TestRecords:
    def test_name_the_request_in_every_batch(self, api, loans, committed, small_batches):
        raw = ndjson(*(repayment(loan) for loan in loans[:7]))
        headers = {
            "Authorization": f"Bearer {api.key}",
            "Idempotency-Key": str(uuid.uuid4()),
            "X-Request-ID": "collection-7",
        }

        api.client.post(uploads.REPAYMENTS, data=raw, content_type=uploads.NDJSON, headers=headers).get_data()

        found = [committed(lambda session, loan=loan: stored.audit(session, loan))[-1] for loan in loans[:7]]
        assert {(each.action, each.request_id) for each in found} == {
            ("loan.record_repayment", "collection-7")
        }

    def test_of_a_refused_row_do_not_exist(self, api, committed, sizes):
        loan = committed(make_approved_loan)
        before = sizes()

        lines(send(api, ndjson(repayment(loan))))

        assert sizes() == before


class TestSlowRows:
    @pytest.mark.parametrize("query", ["", "?atomic=all"])
    def test_end_a_batch_before_its_time(self, api, loans, sizes, faults, monkeypatch, query):
        """Without any time a batch has one row, and all of them are done all the same."""
        monkeypatch.setattr(bulk, "BATCH_SECONDS", 0.0)
        before = sizes()

        answered, summary = lines(send(api, ndjson(*(repayment(loan) for loan in loans)), query=query))

        assert [row["row"] for row in answered] == list(range(1, LOANS + 1))
        assert summary["done"] == LOANS
        assert sizes()["loan_events"] == before["loan_events"] + LOANS
        assert faults() == []
