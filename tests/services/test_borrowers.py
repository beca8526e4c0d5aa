import uuid
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from loans.models.borrower import Borrower
from loans.queries import borrowers as stored
from loans.services import borrowers
from loans.services.borrowers import BorrowerNotFound, DuplicateBorrower, InvalidDateOfBirth
from tests.factories import BUSINESS_DATE, make_borrower
from tests.services import rows


def count_named(session, last_name):
    table = Borrower.__table__
    return session.execute(sa.select(sa.func.count()).where(table.c.last_name == last_name)).scalar_one()


class TestRegister:
    def test_stores_what_is_given(self, session):
        borrower = make_borrower(
            session,
            external_id="crm-9",
            first_name="Wanjiku",
            last_name="Mwangi",
            email="wanjiku@example.com",
            phone="+254700000001",
            date_of_birth=date(1990, 2, 28),
        )

        assert stored.find(session, borrower_id=borrower.id) == borrower
        assert (borrower.first_name, borrower.last_name) == ("Wanjiku", "Mwangi")
        assert (borrower.email, borrower.phone) == ("wanjiku@example.com", "+254700000001")
        assert (borrower.external_id, borrower.date_of_birth) == ("crm-9", date(1990, 2, 28))

    def test_needs_a_name_only(self, session):
        borrower = make_borrower(session)

        assert (borrower.external_id, borrower.email, borrower.phone, borrower.date_of_birth) == (None,) * 4

    def test_keeps_names_and_contacts_out_of_announcement_and_audit(self, session):
        borrower = make_borrower(session, external_id="crm-10", email="amina@example.com")

        facts = {"borrower_id": str(borrower.id), "external_id": "crm-10"}
        assert rows.outbox(session, borrower) == [("borrower.registered", facts)]
        (entry,) = rows.audit(session, borrower)
        assert (entry.action, entry.subject_type) == ("borrower.register", "borrower")
        assert (entry.before, entry.after) == (None, facts)

    def test_refuses_an_external_id_twice(self, session):
        make_borrower(session, external_id="crm-11")

        with pytest.raises(DuplicateBorrower) as refusal:
            make_borrower(session, external_id="crm-11", last_name="Twin")

        assert refusal.value.field == "external_id"
        assert count_named(session, "Twin") == 0

    @pytest.mark.parametrize("born", [BUSINESS_DATE, date(1896, 1, 1), date(1896, 6, 15)])
    def test_accepts_a_date_of_birth_of_today_or_130_years_ago(self, session, born):
        assert make_borrower(session, date_of_birth=born).date_of_birth == born

    @pytest.mark.parametrize("born", [BUSINESS_DATE + timedelta(days=1), date(1895, 12, 31), date(1, 1, 1)])
    def test_refuses_a_date_of_birth_beyond_them(self, session, born):
        with pytest.raises(InvalidDateOfBirth) as refusal:
            make_borrower(session, date_of_birth=born, last_name="Methuselah")

        assert refusal.value.field == "date_of_birth"
        assert count_named(session, "Methuselah") == 0


class TestGet:
    def test_gives_a_borrower(self, session):
        borrower = make_borrower(session)

        assert borrowers.get(session, borrower_id=borrower.id) == borrower

    def test_refuses_an_unknown_one(self, session):
        with pytest.raises(BorrowerNotFound):
            borrowers.get(session, borrower_id=uuid.uuid4())
