"""flask import-repayments: a collection file, however long, and once, however often it is run."""

import csv
import json
import signal

import pytest
import sqlalchemy as sa

from loans import clock
from loans.db import db, transaction
from loans.services import verification
from tests.api.samples import UNKNOWN_ID
from tests.factories import make_disbursed_loan, make_product

HEADER = "loan_id,amount,currency,reference\n"
LOANS = 40
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.01


@pytest.fixture
def loans(book):
    """Loans of 1,200.00 KES over twelve months."""

    def make(session):
        product = make_product(session)
        return [make_disbursed_loan(session, product=product) for _ in range(LOANS)]

    with book.app_context():
        return transaction(make)


@pytest.fixture
def write(tmp_path):
    """Write a file and give its path: `write("day.csv", HEADER, *lines)`."""

    def make(name, *texts):
        path = tmp_path / name
        path.write_text("".join(texts), encoding="utf-8")
        return str(path)

    return make


@pytest.fixture
def repaid(book):
    """How many repayments there are."""

    def look():
        with book.app_context(), db.engine.connect() as connection:
            query = "SELECT count(*) FROM loan_events WHERE kind = 'repayment'"
            return connection.execute(sa.text(query)).scalar_one()

    return look


@pytest.fixture
def faults(book):
    """List what a verification of the whole book finds."""

    def look():
        with book.app_context():
            return transaction(lambda session: list(verification.verify(session, progress=lambda _: None)))

    return look


def row(loan, amount="10.00", reference="TX-1"):
    return f"{loan.id},{amount},KES,{reference}\n"


class TestImport:
    def test_records_every_row(self, flask, loans, write, repaid, faults):
        path = write("day.csv", HEADER, *(row(loan) for loan in loans))

        result = flask("import-repayments", path)

        assert (result.exit_code, result.stdout) == (0, "40 rows: 40 recorded, 0 were before, 0 refused.\n")
        assert repaid() == LOANS
        assert faults() == []

    def test_reads_ndjson_as_the_file_ends_or_as_it_is_told(self, flask, loans, write):
        line = json.dumps(
            {"loan_id": str(loans[0].id), "amount": "1.00", "currency": "KES", "reference": "TX-1"}
        )

        by_name = flask("import-repayments", write("day.ndjson", line))
        told = flask("import-repayments", write("day.txt", line), "--format", "ndjson")

        assert by_name.stdout == "1 rows: 1 recorded, 0 were before, 0 refused.\n"
        assert told.stdout == "1 rows: 0 recorded, 1 were before, 0 refused.\n"

    def test_is_written_down_as_the_operators(self, book, flask, loans, write):
        flask("import-repayments", write("day.csv", HEADER, row(loans[0])))

        with book.app_context(), db.engine.connect() as connection:
            query = sa.text(
                "SELECT actor, action FROM audit_records WHERE subject_id = :id ORDER BY id DESC LIMIT 1"
            )
            found = connection.execute(query, {"id": loans[0].id}).one()
        assert tuple(found) == ("cli:import-repayments", "loan.record_repayment")


class TestRefusedRows:
    def test_are_told_and_reported_and_end_with_1(self, flask, loans, write, tmp_path, repaid):
        path = write(
            "day.csv",
            HEADER,
            row(loans[0]),
            row(loans[1], "9999.00"),
            f"{UNKNOWN_ID},1.00,KES,=1+1\n",
            row(loans[2], reference=""),
            "\n",
            f"{loans[3].id},1.00\n",
        )
        report = tmp_path / "report.csv"

        result = flask("import-repayments", path, "--report", str(report))

        assert (result.exit_code, result.stdout) == (1, "5 rows: 1 recorded, 0 were before, 4 refused.\n")
        assert "line 3: overpayment: 9999.00 KES is more than is owed" in result.stderr
        with report.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert [(each["row"], each["line"], each["status"], each["code"]) for each in rows] == [
            ("1", "2", "201", ""),
            ("2", "3", "422", "overpayment"),
            ("3", "4", "404", "loan_not_found"),
            ("4", "5", "422", "row_key_missing"),
            ("5", "7", "422", "malformed_row"),
        ]
        assert rows[0]["loan_id"] == str(loans[0].id)
        assert rows[0]["repayment_id"]
        assert repaid() == 1

    def test_refuse_the_file_where_it_is_all_or_nothing(self, flask, loans, write, repaid):
        path = write("day.csv", HEADER, row(loans[0]), row(loans[1], "9999.00"))

        result = flask("import-repayments", path, "--atomic", "all")

        assert (result.exit_code, result.stdout) == (
            1,
            "Refused: 1 rows are at fault, and nothing of the file was stored.\n",
        )
        assert repaid() == 0

    def test_of_a_file_that_is_none_are_not_even_read(self, flask, write, repaid):
        result = flask("import-repayments", write("day.csv", "loan;amount\n1;2\n"))

        assert result.exit_code == 1
        assert "columns that there are not" in result.stderr
        assert repaid() == 0

    def test_may_be_too_many_for_one_transaction(self, book, flask, loans, write, monkeypatch):
        monkeypatch.setitem(
            book.extensions,
            "settings",
            type(book.extensions["settings"])(environment="test", bulk_rows_max=2),
        )
        path = write("day.csv", HEADER, *(row(loan) for loan in loans[:3]))

        for arguments in (("--atomic", "all"), ("--dry-run",)):
            result = flask("import-repayments", path, *arguments)

            assert (result.exit_code, "more than 2 rows" in result.stderr) == (1, True)


class TestDryRun:
    def test_tells_and_stores_nothing(self, flask, loans, write, repaid):
        path = write("day.csv", HEADER, row(loans[0]), row(loans[1], "9999.00"))

        result = flask("import-repayments", path, "--dry-run")

        assert (result.exit_code, result.stdout) == (
            1,
            "2 rows: 1 would be recorded, 0 were before, 1 refused.\n",
        )
        assert repaid() == 0


class TestSecondTime:
    def test_knows_each_row_by_loan_and_reference_in_any_order_and_file(self, flask, loans, write, repaid):
        rows = [row(loan) for loan in loans]
        flask("import-repayments", write("monday.csv", HEADER, *rows[:20]))

        again = flask("import-repayments", write("tuesday.csv", HEADER, *reversed(rows)))

        assert again.stdout == "40 rows: 20 recorded, 20 were before, 0 refused.\n"
        assert repaid() == LOANS

    def test_refuses_a_reference_with_another_amount(self, flask, loans, write, repaid):
        flask("import-repayments", write("monday.csv", HEADER, row(loans[0])))

        again = flask("import-repayments", write("tuesday.csv", HEADER, row(loans[0], "11.00")))

        assert (again.exit_code, repaid()) == (1, 1)
        assert "idempotency_key_reused" in again.stderr

    def test_knows_a_row_by_its_own_key_before_its_reference(self, flask, loans, write, repaid):
        header = HEADER.replace("\n", ",idempotency_key\n")
        lines = [row(loans[0]).replace("\n", f",{key}\n") for key in ("a", "b", "a")]

        result = flask("import-repayments", write("monday.csv", header, *lines))

        assert result.stdout == "3 rows: 2 recorded, 1 were before, 0 refused.\n"
        assert repaid() == 2


class TestInterrupted:
    @pytest.mark.parametrize("hit", [signal.SIGINT, signal.SIGKILL])
    def test_half_way_and_run_again_it_has_done_each_row_once(
        self, start_flask, loans, write, repaid, faults, hit
    ):
        """Of 50 rows for each of 40 loans some batches are done and others are not."""
        rows = [row(loan, "0.05", f"TX-{turn}") for turn in range(50) for loan in loans]
        path = write("month.csv", HEADER, *rows)
        process = start_flask("import-repayments", path)
        deadline = clock.monotonic() + PATIENCE_SECONDS
        while not repaid() and clock.monotonic() < deadline:
            clock.sleep(PAUSE_SECONDS)

        process.send_signal(hit)
        _, told = process.communicate(timeout=PATIENCE_SECONDS)
        half = repaid()

        again = start_flask("import-repayments", path)
        said, _ = again.communicate(timeout=2 * PATIENCE_SECONDS)
        assert process.returncode == {signal.SIGINT: 1, signal.SIGKILL: -9}[hit]
        assert ("run the same command again" in told) == (hit == signal.SIGINT)
        assert 0 < half < len(rows)
        assert again.returncode == 0
        assert said == f"2000 rows: {2000 - half} recorded, {half} were before, 0 refused.\n"
        assert repaid() == len(rows)
        assert faults() == []
