import uuid
from datetime import date

import pytest

from loans.core.state import Amounts
from loans.queries import loans
from loans.queries.paging import InvalidCursor
from tests.factories import (
    make_disbursed_loan,
    make_pending_loan,
    make_repayment,
)


class TestPageOfEvents:
    def test_gives_the_oldest_event_first(self, session):
        loan = make_disbursed_loan(session)
        make_repayment(session, loan=loan, amount="1.00")

        first = loans.page_of_events(session, loan_id=loan.id, cursor=None, limit=3)
        second = loans.page_of_events(session, loan_id=loan.id, cursor=first.next_cursor, limit=3)

        assert [event.kind for event in first.items] == ["applied", "approved", "disbursed"]
        assert [event.kind for event in second.items] == ["repayment"]
        assert second.next_cursor is None

    def test_refuses_a_foreign_cursor(self, session):
        with pytest.raises(InvalidCursor):
            loans.page_of_events(session, loan_id=uuid.uuid4(), cursor="eA", limit=3)


class TestFind:
    def test_gives_the_stored_loan(self, session):
        loan = make_disbursed_loan(session)

        assert loans.find(session, loan_id=loan.id) == loan

    def test_gives_nothing_for_an_unknown_one(self, session):
        assert loans.find(session, loan_id=uuid.uuid4()) is None


class TestInstallments:
    def test_give_each_component_of_each_row(self, session):
        loan = make_disbursed_loan(session)
        repayment = make_repayment(session, loan=loan, amount="106.63")

        stored = loans.installments(session, loan_id=loan.id)

        assert stored == repayment.state.installments
        assert stored[1].due == Amounts(penalty=0, fee=0, interest=1105, principal=9557)
        assert stored[1].paid == Amounts(penalty=0, fee=0, interest=1, principal=0)


class TestTerms:
    def test_are_those_of_the_application(self, session):
        loan = make_pending_loan(session)

        terms = loans.terms(loan)

        assert (terms.principal, terms.currency, terms.installments) == (120000, "KES", 12)
        assert terms.annual_rate == 12


class TestDaysPastDue:
    @pytest.mark.parametrize(("on", "days"), [("2026-02-14", 0), ("2026-02-15", 0), ("2026-02-16", 1)])
    def test_count_from_the_day_after_the_due_date(self, session, on, days):
        loan = make_disbursed_loan(session)

        assert loan.days_past_due(date.fromisoformat(on)) == days

    def test_are_none_before_disbursement(self, session):
        loan = make_pending_loan(session)

        assert loan.days_past_due(loan.applied_on) == 0


class TestBatchAfter:
    def test_walks_all_loans_in_the_order_of_their_identifiers(self, session):
        made = {make_pending_loan(session).id for _ in range(3)}
        seen, last = [], None

        while batch := loans.batch_after(session, loan_id=last, size=2):
            last = batch[-1].id
            seen.extend(loan.id for loan in batch)

        assert seen == sorted(seen)
        assert made <= set(seen)
        assert len(seen) == loans.count(session)
