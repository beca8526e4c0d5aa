"""flask verify: silent on a sound book, and naming the loan and the invariant on any other."""

import pytest

from loans import cli
from loans.db import transaction
from tests.factories import make_disbursed_loan, make_pending_loan

# Each breaks the book in one way; the repayment is event 4 (applied, approved, disbursed, repaid).
CORRUPTIONS = {
    "a changed journal line": (
        "UPDATE journal_lines SET amount = amount + 1 WHERE sequence = 4 AND account = '1000'",
        {"I1", "I3", "I11", "I12"},
    ),
    "a deleted journal entry": (
        "WITH gone AS (DELETE FROM journal_lines WHERE sequence = 4) DELETE FROM journal_entries WHERE sequence = 4",
        {"I3", "I11", "I12"},
    ),
    "money moved between two accounts": (
        "UPDATE journal_lines SET account = '4000' WHERE sequence = 4 AND account = '1100'",
        {"I3", "I11"},
    ),
    "a changed balance": (
        "UPDATE loans SET interest_outstanding = interest_outstanding - 1",
        {"I2"},
    ),
    "a changed status": ("UPDATE loans SET status = 'defaulted'", {"I2"}),
    "a changed date": ("UPDATE loans SET applied_on = '2026-01-14'", {"I2"}),
    "a changed installment": (
        "UPDATE installments SET principal = principal + 1 WHERE number = 12",
        {"I2", "I4"},
    ),
    "a missing installment": ("DELETE FROM installments WHERE number = 12", {"I2", "I4"}),
    "a repayment counted too early": (
        "UPDATE installments SET settled_on = '2026-02-15' WHERE number = 1",
        {"I2"},
    ),
    "a changed event": (
        "UPDATE loan_events SET amount = amount - 1 WHERE sequence = 4",
        {"I2", "I3", "I11", "I12"},
    ),
    "a deleted event": ("DELETE FROM loan_events WHERE sequence = 4", {"I2", "I3", "I11", "I12"}),
    "an event that cannot have been": (
        "UPDATE loan_events SET effective_date = '2025-12-31' WHERE sequence = 2",
        {"I2", "I11"},
    ),
    "a changed audit record": (
        "UPDATE audit_records SET actor = 'x' WHERE action = 'loan.record_repayment'",
        {"I13"},
    ),
    "a deleted audit record": ("DELETE FROM audit_records WHERE action = 'loan.approve'", {"I13"}),
    "a deleted end of the audit trail": (
        "DELETE FROM audit_records WHERE action = 'loan.record_repayment'",
        {"I13"},
    ),
    "more repaid than was owed": (
        "UPDATE loan_events SET amount = 999999 WHERE sequence = 4",
        {"I2", "I3", "I11", "I12"},
    ),
}


def named(output):
    """The invariants that the lines of a report begin with."""
    return {line.split()[0] for line in output.splitlines() if line.startswith("I")}


class TestVerify:
    def test_is_content_with_an_empty_book(self, flask):
        result = flask("verify")

        assert result.exit_code == 0
        assert "0 loans verified: no differences (I1, I2, I3, I4, I11, I12, I13)." in result.stdout

    def test_is_content_with_the_demo_portfolio(self, flask):
        flask("seed-demo")

        result = flask("verify")

        assert result.exit_code == 0
        assert "18 loans verified: no differences (I1, I2, I3, I4, I11, I12, I13)." in result.stdout

    @pytest.mark.parametrize("corruption", CORRUPTIONS)
    def test_names_the_loan_and_the_invariant_after(self, flask, repaying_loan, corrupt, corruption):
        statement, invariants = CORRUPTIONS[corruption]
        corrupt(statement)

        result = flask("verify")

        assert result.exit_code == 1
        assert named(result.stdout) == invariants
        assert f" loan {repaying_loan.id}: " in result.stdout
        assert "1 loans verified: " in result.stdout
        assert "docs/runbooks/verification.md" in result.stdout

    def test_says_what_is_stored_and_what_it_should_be(self, flask, repaying_loan, corrupt):
        corrupt("UPDATE loans SET interest_paid = 1201")

        result = flask("verify")

        assert (
            f"I2 loan {repaying_loan.id}: interest_paid is stored as 1201 and folds to 1200" in result.stdout
        )

    def test_is_content_again_once_that_is_written(self, flask, repaying_loan, corrupt):
        corrupt("UPDATE loans SET interest_paid = 1201")

        corrupt("UPDATE loans SET interest_paid = 1200")

        assert flask("verify").exit_code == 0

    def test_names_the_account_that_does_not_tie_out(self, flask, repaying_loan, corrupt):
        corrupt("UPDATE journal_lines SET amount = amount + 1 WHERE sequence = 4 AND account = '1000'")

        result = flask("verify")

        assert (
            "I11 account 1000 KES: the general ledger holds -109337 and the loans imply -109338 (minor units)"
            in result.stdout
        )

    def test_names_only_the_loan_that_differs(self, flask, book, repaying_loan, corrupt):
        with book.app_context():
            sound_loan = transaction(make_disbursed_loan)
        corrupt(f"UPDATE loans SET interest_paid = 0 WHERE id = '{repaying_loan.id}'")

        result = flask("verify")

        assert str(repaying_loan.id) in result.stdout
        assert str(sound_loan.id) not in result.stdout
        assert "2 loans verified: 1 differences." in result.stdout

    def test_shows_a_hundred_differences_and_counts_the_rest(self, flask, book, corrupt, monkeypatch):
        monkeypatch.setattr(cli, "FAULTS_SHOWN_MAX", 2)
        with book.app_context():
            for _ in range(5):
                transaction(make_pending_loan)
        corrupt("UPDATE loans SET status = 'approved'")

        result = flask("verify")

        assert len([line for line in result.stdout.splitlines() if line.startswith("I2")]) == 2
        assert "... and 3 more" in result.stdout
        assert "5 loans verified: 5 differences." in result.stdout

    def test_changes_nothing(self, flask, book, repaying_loan):
        first = flask("verify").stdout

        assert flask("verify").stdout == first

    def test_exits_with_1_as_a_process_too(self, start_flask, repaying_loan, corrupt):
        corrupt("UPDATE loans SET interest_paid = 1201")
        process = start_flask("verify")

        output, _ = process.communicate(timeout=60)

        assert process.returncode == 1
        assert str(repaying_loan.id) in output
