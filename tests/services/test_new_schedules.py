"""Reschedules and re-ages, on the small loan recorded day by day.

1,000.00 at 12 % over three equal months from 15 January 2026: 330.02 + 10.00, 333.32 + 6.70 and 336.66 + 3.37.
"""

from datetime import date

import pytest

from loans.core.changes import AmountNotPositive, InvalidChange
from loans.core.dates import InvalidDueDates
from loans.core.terms import Grace
from loans.services import servicing
from tests.factories import make_context, make_repayment
from tests.services import rows
from tests.services.small_loan import FIRST_DUE, SECOND_DUE, THIRD_DUE, make_running_loan


def posted(transaction):
    return {line.account: line.amount for line in transaction.lines}


@pytest.fixture
def loan(session):
    return make_running_loan(session)


class TestReschedule:
    def test_replaces_the_installments_to_come(self, session, loan):
        make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE, context=make_context(FIRST_DUE))

        rescheduled = servicing.reschedule(
            session, loan_id=loan.id, installments=4, context=make_context(FIRST_DUE)
        )

        # 669.98 x 0.01 / (1 - 1.01^-4) = 171.70.
        assert rows.components(session, loan) == [
            (1, 0, 0, 1000, 33002),
            (2, 0, 0, 670, 16500),
            (3, 0, 0, 505, 16665),
            (4, 0, 0, 338, 16832),
            (5, 0, 0, 170, 17001),
        ]
        assert rescheduled.loan.maturity_date == date(2026, 6, 15)

    def test_takes_away_installments_that_are_no_longer_there(self, session, loan):
        servicing.reschedule(session, loan_id=loan.id, installments=1, context=make_context(FIRST_DUE))

        assert rows.components(session, loan) == [(1, 0, 0, 1000, 33002), (2, 0, 0, 670, 66998)]

    def test_keeps_to_an_installment_that_was_agreed(self, session, loan):
        rescheduled = servicing.reschedule(
            session, loan_id=loan.id, installment_amount="300.00", context=make_context(FIRST_DUE)
        )

        # 669.98: 6.70 + 293.30, then 376.68: 3.77 + 296.23, then 80.45: 0.80 + 80.45.
        assert rows.components(session, loan)[1:] == [
            (2, 0, 0, 670, 29330),
            (3, 0, 0, 377, 29623),
            (4, 0, 0, 80, 8045),
        ]
        assert rescheduled.event.details == {"installment_amount": "300.00"}

    def test_moves_the_due_dates(self, session, loan):
        rescheduled = servicing.reschedule(
            session, loan_id=loan.id, first_due_date=date(2026, 3, 31), context=make_context(FIRST_DUE)
        )

        assert [row.due_date for row in rescheduled.state.installments] == [
            FIRST_DUE,
            date(2026, 3, 31),
            date(2026, 4, 30),
        ]
        assert rescheduled.event.details == {"first_due_date": "2026-03-31"}

    def test_grants_grace(self, session, loan):
        rescheduled = servicing.reschedule(
            session,
            loan_id=loan.id,
            installments=3,
            grace=Grace(principal=1),
            context=make_context(FIRST_DUE),
        )

        assert rows.components(session, loan)[1] == (2, 0, 0, 670, 0)
        assert rescheduled.event.details["grace"] == {"principal": 1, "interest": 0, "interest_free": 0}

    @pytest.mark.parametrize(
        ("given", "field", "refusal"),
        [
            ({}, "installments", InvalidChange),
            ({"first_due_date": FIRST_DUE}, "first_due_date", InvalidDueDates),
            ({"installments": 601}, "installments", InvalidChange),
            ({"installments": 2, "grace": Grace(principal=2)}, "grace", InvalidChange),
            ({"installment_amount": "6.70"}, "installment_amount", InvalidChange),
            ({"installment_amount": "0.00"}, "installment_amount", AmountNotPositive),
        ],
    )
    def test_is_refused_without_writing_anything(self, session, loan, given, field, refusal):
        stored = rows.trail(session, loan)

        with pytest.raises(refusal) as raised:
            servicing.reschedule(session, loan_id=loan.id, context=make_context(FIRST_DUE), **given)

        assert raised.value.field == field
        assert rows.trail(session, loan) == stored

    def test_is_refused_where_nothing_is_left_to_fall_due(self, session, loan):
        with pytest.raises(InvalidChange):
            servicing.reschedule(session, loan_id=loan.id, installments=3, context=make_context(THIRD_DUE))


class TestReAge:
    def test_takes_the_overdue_installments_with_it(self, session, loan):
        re_aged = servicing.re_age(session, loan_id=loan.id, installments=3, context=make_context(SECOND_DUE))

        # 1,000.00 over three months as in the beginning; the 16.70 of interest are due with the first.
        assert rows.components(session, loan) == [
            (1, 0, 0, 0, 0),
            (2, 0, 0, 0, 0),
            (3, 0, 0, 1000 + 1670, 33002),
            (4, 0, 0, 670, 33332),
            (5, 0, 0, 337, 33666),
        ]
        assert (re_aged.loan.next_due_date, re_aged.loan.days_past_due(SECOND_DUE)) == (THIRD_DUE, 0)
        assert re_aged.event.kind == "re_age"

    def test_leaves_the_ledger_to_what_has_been_earned(self, session, loan):
        re_aged = servicing.re_age(session, loan_id=loan.id, installments=3, context=make_context(SECOND_DUE))

        assert posted(re_aged) == {"1110": 1670, "4000": -1670}

    def test_is_refused_where_it_contradicts_itself(self, session, loan):
        with pytest.raises(InvalidChange):
            servicing.re_age(
                session,
                loan_id=loan.id,
                installments=1,
                grace=Grace(principal=1),
                context=make_context(SECOND_DUE),
            )
