"""Each invariant is broken once on purpose, in a transaction that is rolled back."""

import uuid
from datetime import date

import pytest
import sqlalchemy as sa

from loans.db import db, transaction
from loans.services import verification
from tests.factories import make_approved_loan, make_cash_product, make_disbursed_loan, make_repayment
from tests.services.small_loan import FIRST_DUE, make_repaid_loan, make_small_loan

# Those that refuse any change, so that only an operator with the keys of the database could do what a test does.
GUARDED = ("loan_events", "journal_entries", "journal_lines")


@pytest.fixture(scope="module")
def book(open_book):
    """A committed book of four loans: approved, disbursed, disbursed with a payment, repaid."""
    with open_book() as app, app.app_context():
        yield app, transaction(make_loans)


@pytest.fixture
def session(book):
    with book[0].app_context():
        for table in GUARDED:
            db.session.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        yield db.session()
        db.session.rollback()


@pytest.fixture
def paid_loan(book):
    return book[1]["paid"]


def make_loans(session):
    # On a cash basis, so that a payment has three lines.
    paid_loan = make_small_loan(session, product=make_cash_product(session))
    make_repayment(session, loan=paid_loan, amount="340.02", on=FIRST_DUE)
    return {
        "approved": make_approved_loan(session),
        "disbursed": make_disbursed_loan(session),
        "paid": paid_loan,
        "repaid": make_repaid_loan(session)[0],
    }


def verify(session):
    return list(verification.verify(session, progress=lambda _: None))


def found(session):
    return {(fault.invariant, fault.subject) for fault in verify(session)}


def run(session, statement, loan, **given):
    result = session.execute(sa.text(statement), {"loan_id": loan.id, **given})
    assert result.rowcount > 0


class TestVerify:
    def test_finds_no_fault_in_a_clean_book(self, session):
        assert verify(session) == []

    def test_finds_no_fault_in_an_empty_book(self, open_book):
        with open_book() as app, app.app_context():
            assert verify(db.session()) == []

    def test_tells_how_far_it_is(self, session, monkeypatch):
        monkeypatch.setattr(verification, "BATCH_SIZE", 3)
        heard = []

        list(verification.verify(session, progress=heard.append))

        assert heard == [3, 1]

    def test_sees_an_entry_out_of_balance(self, session, paid_loan):
        run(
            session,
            "UPDATE journal_lines SET amount = amount + 1"
            " WHERE loan_id = :loan_id AND sequence = 4 AND account = '1000'",
            paid_loan,
        )

        faults = verify(session)

        assert faults[0] == verification.Fault(
            invariant="I1",
            subject=f"loan {paid_loan.id}",
            detail="journal entry 4 is out of balance by 1 KES minor units",
        )
        assert {fault.invariant for fault in faults[1:]} == {"I3", "I11", "I12"}

    def test_sees_an_entry_that_balances_and_is_wrong(self, session, paid_loan):
        for account, change in (("1100", -7), ("4000", 7)):
            run(
                session,
                "UPDATE journal_lines SET amount = amount + :change"
                " WHERE loan_id = :loan_id AND sequence = 4 AND account = :account",
                paid_loan,
                account=account,
                change=change,
            )

        assert found(session) == {
            ("I3", f"loan {paid_loan.id}"),
            ("I11", "account 1100 KES"),
            ("I11", "account 4000 KES"),
        }

    def test_sees_an_entry_in_another_currency(self, session, paid_loan):
        run(
            session,
            "UPDATE journal_lines SET currency = 'USD' WHERE loan_id = :loan_id AND sequence = 3",
            paid_loan,
        )

        assert found(session) == {
            ("I3", f"loan {paid_loan.id}"),
            ("I12", f"loan {paid_loan.id}"),
            ("I11", "account 1000 KES"),
            ("I11", "account 1000 USD"),
            ("I11", "account 1100 KES"),
            ("I11", "account 1100 USD"),
        }

    def test_sees_a_missing_entry(self, session, paid_loan):
        for table in ("journal_lines", "journal_entries"):
            run(session, f"DELETE FROM {table} WHERE loan_id = :loan_id AND sequence = 4", paid_loan)

        assert found(session) == {
            ("I3", f"loan {paid_loan.id}"),
            ("I12", f"loan {paid_loan.id}"),
            ("I11", "account 1000 KES"),
            ("I11", "account 1100 KES"),
            ("I11", "account 4000 KES"),
        }

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("status", "approved"),
            ("applied_on", date(2026, 1, 14)),
            ("approved_on", None),
            ("disbursed_on", date(2026, 1, 16)),
            ("closed_on", FIRST_DUE),
            ("maturity_date", date(2026, 4, 16)),
            ("interest_paid", 999),
            ("interest_outstanding", 1008),
            ("next_due_date", date(2026, 3, 16)),
            ("next_due_amount", 34003),
            ("charged_off_on", date(2026, 4, 16)),
            ("fee_outstanding", 1),
            ("penalty_written_off", 1),
            ("interest_waived", 1),
            ("credit_balance", 1),
            ("event_count", 5),
            ("last_event_on", date(2026, 2, 16)),
        ],
    )
    def test_sees_a_snapshot_that_is_not_the_fold(self, session, paid_loan, column, value):
        run(session, f"UPDATE loans SET {column} = :value WHERE id = :loan_id", paid_loan, value=value)

        (fault,) = verify(session)

        assert (fault.invariant, fault.subject) == ("I2", f"loan {paid_loan.id}")
        assert fault.detail.startswith(f"{column} is stored as {value} and folds to ")

    def test_sees_balances_moved_between_paid_and_outstanding(self, session, paid_loan):
        run(
            session,
            "UPDATE loans SET principal_paid = principal_paid + 1,"
            " principal_outstanding = principal_outstanding - 1 WHERE id = :loan_id",
            paid_loan,
        )

        assert [fault.detail for fault in verify(session)] == [
            "principal_paid is stored as 33003 and folds to 33002",
            "principal_outstanding is stored as 66997 and folds to 66998",
        ]

    @pytest.mark.parametrize(
        "change",
        [
            "principal_paid = 0",
            "interest = interest + 1",
            "settled_on = NULL",
            "due_date = due_date + 1",
            "from_date = from_date - 1",
            "to_date = to_date - 1",
            "kind = 'extra'",
            "fee = 1, fee_waived = 1",
            "penalty = 1, penalty_written_off = 1",
        ],
    )
    def test_sees_an_installment_that_is_not_the_fold(self, session, paid_loan, change):
        run(session, f"UPDATE installments SET {change} WHERE loan_id = :loan_id AND number = 1", paid_loan)

        (fault,) = verify(session)

        assert (fault.invariant, fault.subject) == ("I2", f"loan {paid_loan.id}")
        assert fault.detail.startswith("installment 1 is stored as ")

    def test_sees_a_missing_installment(self, session, paid_loan):
        run(session, "DELETE FROM installments WHERE loan_id = :loan_id AND number = 3", paid_loan)

        assert found(session) == {("I2", f"loan {paid_loan.id}"), ("I4", f"loan {paid_loan.id}")}

    def test_sees_principal_that_does_not_add_up(self, session, paid_loan):
        run(
            session,
            "UPDATE installments SET principal = principal + 1 WHERE loan_id = :loan_id AND number = 3",
            paid_loan,
        )

        faults = verify(session)

        assert [fault.invariant for fault in faults] == ["I2", "I4"]
        assert faults[1].subject == f"loan {paid_loan.id}"
        assert faults[1].detail == (
            "principal of all installments is 100001, disbursed and charged back was 100000 (minor units)"
        )

    def test_sees_a_gap_in_the_events(self, session, book):
        approved_loan = book[1]["approved"]
        run(
            session,
            "UPDATE loan_events SET sequence = 3 WHERE loan_id = :loan_id AND sequence = 2",
            approved_loan,
        )

        (fault,) = verify(session)

        assert (fault.invariant, fault.subject) == ("I2", f"loan {approved_loan.id}")
        assert fault.detail == "its events are numbered [1, 3], with a gap"

    def test_sees_a_missing_event(self, session, book):
        approved_loan = book[1]["approved"]
        run(session, "DELETE FROM loan_events WHERE loan_id = :loan_id AND sequence = 2", approved_loan)

        assert [fault.detail for fault in verify(session)] == [
            "status is stored as approved and folds to pending",
            "approved_on is stored as 2026-01-15 and folds to None",
            "event_count is stored as 2 and folds to 1",
        ]

    def test_sees_a_changed_event(self, session, paid_loan):
        run(
            session,
            "UPDATE loan_events SET amount = 34003 WHERE loan_id = :loan_id AND sequence = 4",
            paid_loan,
        )

        faults = verify(session)

        assert {fault.subject for fault in faults if fault.invariant != "I11"} == {f"loan {paid_loan.id}"}
        assert {fault.invariant for fault in faults} == {"I2", "I3", "I11", "I12"}

    def test_sees_events_that_cannot_have_happened(self, session, paid_loan):
        run(
            session,
            "UPDATE loan_events SET kind = 'cancelled' WHERE loan_id = :loan_id AND sequence = 2",
            paid_loan,
        )

        faults = verify(session)

        assert (faults[0].invariant, faults[0].subject) == ("I2", f"loan {paid_loan.id}")
        assert faults[0].detail.startswith("its events do not fold: ")

    def test_sees_a_loan_without_events(self, session, book):
        approved_loan = book[1]["approved"]
        run(session, "DELETE FROM loan_events WHERE loan_id = :loan_id", approved_loan)

        assert found(session) == {("I2", f"loan {approved_loan.id}")}

    def test_goes_on_after_a_loan_that_does_not_fold(self, session, paid_loan):
        run(
            session,
            "UPDATE loan_events SET reverses = id, kind = 'reversal', amount = 0"
            " WHERE loan_id = :loan_id AND sequence = 4",
            paid_loan,
        )
        heard = []

        faults = list(verification.verify(session, progress=heard.append))

        assert heard == [4]
        assert (faults[0].invariant, faults[0].subject) == ("I2", f"loan {paid_loan.id}")

    def test_names_every_loan_at_fault(self, session, book):
        session.execute(sa.text("UPDATE loans SET event_count = event_count + 1"))

        subjects = {fault.subject for fault in verify(session)}

        assert subjects == {f"loan {loan.id}" for loan in book[1].values()}
        assert all(uuid.UUID(subject.removeprefix("loan ")) for subject in subjects)
