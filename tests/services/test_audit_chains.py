"""Audit records are chained: whatever is removed, changed, moved or added behind the service's back shows (I13)."""

import threading
import uuid

import pytest
import sqlalchemy as sa

from loans.db import db, transaction
from loans.services import audit, audit_chains
from tests.factories import make_borrower, make_context, make_disbursed_loan, make_repayment
from tests.services import rows

ACTIONS = ["loan.apply", "loan.approve", "loan.disburse", "loan.record_repayment"]


@pytest.fixture(scope="module")
def book(open_book):
    """A committed book of two loans, each with four audit records, and what they belong to."""
    with open_book() as app, app.app_context():
        yield app, transaction(lambda session: [make_paid_loan(session) for _ in range(2)])


@pytest.fixture
def session(book):
    with book[0].app_context():
        yield db.session()
        db.session.rollback()


@pytest.fixture
def loan(book):
    return book[1][0]


@pytest.fixture
def tamper(session):
    """Change rows past the triggers, as an operator with the keys of the database could."""

    def run(statement, loan, **given):
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        result = session.execute(sa.text(statement), {"id": loan.id, **given})
        assert result.rowcount > 0

    return run


def make_paid_loan(session):
    loan = make_disbursed_loan(session)
    make_repayment(session, loan=loan, amount="106.62")
    return loan


def verify(session):
    return list(audit_chains.verify(session, progress=lambda _: None))


def details(session, loan):
    """What is found of one loan, if nothing is found of anything else."""
    faults = verify(session)
    assert {(fault.invariant, fault.subject) for fault in faults} == {("I13", f"loan {loan.id}")}
    return [fault.detail for fault in faults]


class TestChain:
    def test_numbers_the_records_of_a_subject(self, session, loan):
        trail = rows.audit(session, loan)

        assert [record.sequence for record in trail] == [1, 2, 3, 4]
        assert [record.action for record in trail] == ACTIONS

    def test_names_the_hash_of_the_record_before(self, session, loan):
        trail = rows.audit(session, loan)

        assert [record.previous_hash for record in trail] == [None, *(record.hash for record in trail[:-1])]
        assert len({record.hash for record in trail}) == 4
        assert all(len(record.hash) == 32 for record in trail)

    def test_keeps_its_end_apart(self, session, loan):
        head = session.execute(
            sa.text("SELECT sequence, hash FROM audit_heads WHERE subject_id = :id"), {"id": loan.id}
        ).one()

        assert (head.sequence, bytes(head.hash)) == (4, rows.audit(session, loan)[-1].hash)

    def test_takes_neither_number_nor_hash_from_who_writes(self, session, loan):
        session.execute(
            sa.text(
                "INSERT INTO audit_records (id, subject_id, subject_type, action, actor, recorded_at, sequence,"
                " previous_hash, hash) VALUES (uuidv7(), :id, 'loan', 'loan.forge', 'x', now(), 9, '\\x01', '\\x02')"
            ),
            {"id": loan.id},
        )

        forged = rows.audit(session, loan)[-1]
        assert (forged.sequence, forged.previous_hash) == (5, rows.audit(session, loan)[3].hash)
        assert verify(session) == []

    def test_of_several_records_in_one_statement_goes_on(self, session, loan):
        session.execute(
            sa.text(
                "INSERT INTO audit_records (id, subject_id, subject_type, action, actor, recorded_at)"
                " SELECT uuidv7(), :id, 'loan', 'loan.note', 'x', now() FROM generate_series(1, 3)"
            ),
            {"id": loan.id},
        )

        assert [record.sequence for record in rows.audit(session, loan)] == [1, 2, 3, 4, 5, 6, 7]
        assert verify(session) == []

    def test_is_not_begun_by_what_is_rolled_back(self, session):
        borrower = make_borrower(session)
        session.rollback()

        count = sa.text("SELECT count(*) FROM audit_heads WHERE subject_id = :id")
        assert session.execute(count, {"id": borrower.id}).scalar_one() == 0

    def test_has_one_end_however_many_write_at_once(self, book):
        """Eight threads write of one subject that no row of stands for, so that nothing else makes them wait."""
        app, subject_id = book[0], uuid.uuid4()
        barrier, failed = threading.Barrier(8), []

        def write():
            def work(session):
                statement = audit.record(
                    "legacy_loan.note",
                    subject_type="legacy_loan",
                    subject_id=subject_id,
                    before=None,
                    after={"thread": threading.current_thread().name},
                    context=make_context(),
                )
                session.execute(statement)

            try:
                with app.app_context():
                    barrier.wait(timeout=20)
                    for _ in range(5):
                        transaction(work)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failed.append(error)

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)

        assert failed == []
        with app.app_context():
            query = sa.text("SELECT sequence FROM audit_records WHERE subject_id = :id ORDER BY sequence")
            found = db.session.execute(query, {"id": subject_id}).scalars().all()
            assert found == list(range(1, 41))
            assert verify(db.session()) == []
            db.session.rollback()


class TestVerify:
    def test_finds_nothing_in_a_sound_book(self, session):
        assert verify(session) == []

    def test_tells_how_far_it_is(self, session, monkeypatch):
        monkeypatch.setattr(audit_chains, "BATCH_SIZE", 5)
        total = session.execute(sa.text("SELECT count(*) FROM audit_records")).scalar_one()
        heard = []

        assert list(audit_chains.verify(session, progress=heard.append)) == []

        assert set(heard[:-1]) == {5}
        assert sum(heard) == total

    @pytest.mark.parametrize(
        "change",
        [
            "actor = 'staff:somebody-else'",
            "action = 'loan.reject'",
            "request_id = NULL",
            "before = '{}'",
            'after = after || \'{"status": "repaid"}\'',
            "after = NULL",
            "recorded_at = recorded_at + interval '1 microsecond'",
            "id = gen_random_uuid()",
            "subject_type = 'borrower'",
        ],
    )
    def test_sees_a_changed_record(self, session, loan, tamper, change):
        tamper(f"UPDATE audit_records SET {change} WHERE subject_id = :id AND sequence = 2", loan)

        (fault,) = verify(session)

        assert fault.invariant == "I13"
        assert fault.subject.endswith(str(loan.id))
        assert fault.detail.startswith("audit record 2 (loan.")
        assert " was changed: its hash is " in fault.detail

    def test_sees_a_changed_record_with_a_hash_that_fits(self, session, loan, tamper):
        tamper("UPDATE audit_records SET actor = 'x' WHERE subject_id = :id AND sequence = 2", loan)
        tamper(
            "UPDATE audit_records SET hash = audit_record_hash(audit_records) WHERE subject_id = :id AND sequence = 2",
            loan,
        )

        (detail,) = details(session, loan)

        assert detail.startswith("audit record 3 (loan.disburse) does not follow the one before it: ")

    def test_sees_a_changed_last_record_with_a_hash_that_fits(self, session, loan, tamper):
        tamper("UPDATE audit_records SET actor = 'x' WHERE subject_id = :id AND sequence = 4", loan)
        tamper(
            "UPDATE audit_records SET hash = audit_record_hash(audit_records) WHERE subject_id = :id AND sequence = 4",
            loan,
        )

        (detail,) = details(session, loan)

        assert detail.startswith("audit record 4 (loan.record_repayment) is not its last one: ")

    def test_sees_a_missing_first_record(self, session, loan, tamper):
        tamper("DELETE FROM audit_records WHERE subject_id = :id AND sequence = 1", loan)

        assert details(session, loan) == ["audit record 1 is missing"]

    def test_sees_records_missing_in_the_middle(self, session, loan, tamper):
        tamper("DELETE FROM audit_records WHERE subject_id = :id AND sequence IN (2, 3)", loan)

        assert details(session, loan) == ["audit records 2 to 3 are missing"]

    def test_sees_a_missing_end(self, session, loan, tamper):
        tamper("DELETE FROM audit_records WHERE subject_id = :id AND sequence >= 3", loan)

        assert details(session, loan) == ["its last 2 audit records are missing: there were 4"]

    def test_sees_that_all_are_missing(self, session, loan, tamper):
        tamper("DELETE FROM audit_records WHERE subject_id = :id", loan)

        (fault,) = verify(session)

        assert (fault.invariant, fault.subject) == ("I13", f"subject {loan.id}")
        assert fault.detail == "audit records 1 to 4 are missing, which are all it had"

    def test_sees_records_that_changed_places(self, session, loan, tamper):
        for number, place in ((2, 99), (3, 2), (99, 3)):
            tamper(
                "UPDATE audit_records SET sequence = :place WHERE subject_id = :id AND sequence = :number",
                loan,
                number=number,
                place=place,
            )

        found = details(session, loan)

        # Neither follows the one before it, and the number is a part of what is hashed.
        assert [detail.partition(":")[0] for detail in found] == [
            "audit record 2 (loan.disburse) does not follow the one before it",
            "audit record 2 (loan.disburse) was changed",
            "audit record 3 (loan.approve) does not follow the one before it",
            "audit record 3 (loan.approve) was changed",
            "audit record 4 (loan.record_repayment) does not follow the one before it",
        ]

    def test_sees_a_record_of_another_subject(self, session, book, loan, tamper):
        other = book[1][1]
        tamper(
            "UPDATE audit_records SET subject_id = :id, sequence = 5 WHERE subject_id = :other AND sequence = 4",
            loan,
            other=other.id,
        )

        found = {(fault.subject, fault.detail.partition(":")[0]) for fault in verify(session)}

        assert found == {
            (f"loan {loan.id}", "audit record 5 (loan.record_repayment) does not follow the one before it"),
            (f"loan {loan.id}", "audit record 5 (loan.record_repayment) was changed"),
            (f"loan {loan.id}", "audit record 5 (loan.record_repayment) is not its last one"),
            (f"loan {other.id}", "its last 1 audit records are missing"),
        }

    def test_sees_a_missing_head(self, session, loan, tamper):
        tamper("DELETE FROM audit_heads WHERE subject_id = :id", loan)

        assert details(session, loan) == [
            "the end of its audit records is not known; the last there is has number 4"
        ]

    def test_finds_it_wherever_a_batch_ends(self, session, loan, tamper, monkeypatch):
        tamper("DELETE FROM audit_records WHERE subject_id = :id AND sequence = 2", loan)

        for size in (1, 2, 3, 1000):
            monkeypatch.setattr(audit_chains, "BATCH_SIZE", size)
            assert details(session, loan) == ["audit record 2 is missing"]

    @pytest.mark.parametrize(
        "text",
        [
            "plain",
            "Zoë 😀 \u007f",
            'a "quoted" \\ word',
            "line\nbreak\ttab\x08\x0c\r",
            "\u0001\u001f",
            "</script>",
            "",
        ],
    )
    def test_hashes_any_text_alike(self, session, text):
        """Names and values that JSON has to escape, and names that differ in length and letters."""
        facts = {
            "b": text,
            "aa": 1,
            "a": None,
            "é": [text, True, -7],
            text or "x": {"ZZ": 10**20, "z": False},
        }
        subject_id = uuid.uuid4()
        session.execute(
            audit.record(
                "legacy_loan.note",
                subject_type="legacy_loan",
                subject_id=subject_id,
                before=facts,
                after=None,
                context=make_context(actor=f"staff:{text}", request_id=text),
            )
        )

        assert verify(session) == []
