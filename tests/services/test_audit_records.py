"""One audit record: what may be recorded, and who may write the end of a chain."""

import uuid

import pytest
import sqlalchemy as sa

from loans.services import audit, borrowers
from tests.factories import make_borrower, make_context
from tests.services import rows


class TestHeads:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_heads SET sequence = sequence - 1",
            "UPDATE audit_heads SET hash = '\\x00'",
            "UPDATE audit_heads SET subject_id = gen_random_uuid(), sequence = sequence + 1",
            "DELETE FROM audit_heads",
            "TRUNCATE audit_heads",
        ],
    )
    def test_only_grow(self, session, statement):
        make_borrower(session)

        with pytest.raises(sa.exc.IntegrityError, match="insert-only"):
            session.execute(sa.text(statement))


class TestRights:
    """What the API's role may do, as deploy/db/roles.py gives it."""

    @pytest.fixture
    def as_service(self, session):
        role = f"service_{uuid.uuid4().hex[:8]}"
        for statement in (
            f"CREATE ROLE {role}",
            f"GRANT USAGE ON SCHEMA public TO {role}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
            f"REVOKE INSERT, UPDATE, DELETE ON audit_heads FROM {role}",
            f"SET LOCAL ROLE {role}",
        ):
            session.execute(sa.text(statement))
        # With its transaction the role is rolled back.
        return session

    def test_let_it_record_and_announce(self, as_service):
        borrower = make_borrower(as_service)

        assert [record.sequence for record in rows.audit(as_service, borrower)] == [1]
        assert [name for name, _ in rows.outbox(as_service, borrower)] == ["borrower.registered"]

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_heads SET sequence = sequence + 1",
            "INSERT INTO audit_heads VALUES (gen_random_uuid(), 0, NULL)",
            "DELETE FROM audit_heads",
        ],
    )
    def test_keep_it_from_the_ends_of_chains(self, as_service, statement):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied for table audit_heads"):
            as_service.execute(sa.text(statement))


class TestRecord:
    @pytest.mark.parametrize("facts", [{"rate": 1.5}, {"rates": [{"a": 1.0}]}])
    def test_refuses_a_fraction_that_is_no_text(self, facts):
        with pytest.raises(AssertionError, match=r"loan\.note has a number with a fraction"):
            audit.record(
                "loan.note",
                subject_type="loan",
                subject_id=uuid.uuid4(),
                before=None,
                after=facts,
                context=make_context(),
            )

    def test_refuses_an_action_that_is_named_after_something_else(self):
        with pytest.raises(AssertionError, match=r"loan\.note is recorded of a borrower"):
            audit.record(
                "loan.note",
                subject_type="borrower",
                subject_id=uuid.uuid4(),
                before=None,
                after=None,
                context=make_context(),
            )

    def test_of_a_change_follows_that_of_the_registration(self, session):
        borrower = make_borrower(session)
        borrowers.change(session, borrower_id=borrower.id, fields={"first_name": "A"}, context=make_context())

        assert [(record.sequence, record.action) for record in rows.audit(session, borrower)] == [
            (1, "borrower.register"),
            (2, "borrower.change"),
        ]
