"""The sums over a book, by the components of its schedules."""

import pytest

from loans.db import db
from loans.queries import portfolio
from loans.services import servicing, settlements
from tests.factories import BUSINESS_DATE, make_context
from tests.services.bank import opened
from tests.services.small_loan import FIRST_DUE, make_small_loan


@pytest.fixture
def empty_book(make_database):
    """A session on a book without any loan."""
    with opened(make_database()) as app, app.app_context():
        yield db.session()
        db.session.rollback()


class TestFigures:
    def test_count_fees_and_penalties(self, empty_book):
        loan = make_small_loan(empty_book)
        for charge, amount in ((servicing.charge_fee, "50.00"), (servicing.charge_late_fee, "20.00")):
            charge(empty_book, loan_id=loan.id, amount=amount, on=FIRST_DUE, context=make_context())

        (status,) = portfolio.by_status(empty_book)
        (arrears,) = portfolio.arrears(empty_book, on=BUSINESS_DATE)

        assert (status.fee_outstanding, status.penalty_outstanding) == (5000, 2000)
        # 1,020.07 and both of them were due by 15 April.
        assert (arrears.bucket, arrears.overdue, arrears.at_risk) == ("91+", 109007, 100000)

    def test_leave_out_what_was_waived(self, empty_book):
        loan = make_small_loan(empty_book)
        servicing.waive_interest(empty_book, loan_id=loan.id, context=make_context())

        (arrears,) = portfolio.arrears(empty_book, on=BUSINESS_DATE)

        assert arrears.overdue == 100000

    def test_leave_out_what_was_written_off(self, empty_book):
        loan = make_small_loan(empty_book)
        settlements.write_off(empty_book, loan_id=loan.id, context=make_context())

        (status,) = portfolio.by_status(empty_book)

        assert (status.status, status.principal_outstanding) == ("defaulted", 0)
        assert portfolio.arrears(empty_book, on=BUSINESS_DATE) == ()
