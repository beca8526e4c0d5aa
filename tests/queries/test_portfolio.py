"""The sums over a book, by the components of its schedules."""

import pytest

from loans.db import db
from loans.queries import portfolio
from loans.queries.portfolio import MoneyFigures
from loans.services import servicing, settlements
from tests.factories import BUSINESS_DATE, make_context, make_product, make_repayment
from tests.services.bank import opened
from tests.services.small_loan import FIRST_DUE, SECOND_DUE, THIRD_DUE, make_small_loan, reverse


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
        assert (arrears.bucket, arrears.overdue, arrears.at_risk) == ("over 90", 109007, 100000)

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


class TestMoney:
    def test_received_is_what_came_in_less_what_was_charged_back(self, empty_book):
        loan = make_small_loan(empty_book)
        kept = make_repayment(empty_book, loan=loan, amount="340.02", on=FIRST_DUE)
        gone = make_repayment(empty_book, loan=loan, amount="340.02", on=SECOND_DUE)
        reversed_ = make_repayment(empty_book, loan=loan, amount="200.00", on=SECOND_DUE)
        reverse(empty_book, reversed_)
        for repayment, amount in ((kept, "40.02"), (gone, None)):
            settlements.charge_back(
                empty_book,
                loan_id=loan.id,
                repayment_id=repayment.event.id,
                amount=amount,
                on=THIRD_DUE,
                context=make_context(),
            )

        assert portfolio.money(empty_book) == (
            MoneyFigures(currency="KES", disbursed=100000, received=30000),
        )

    def test_received_leaves_out_a_goodwill_credit_and_not_what_is_held(self, empty_book):
        loan = make_small_loan(empty_book)
        settlements.grant_credit(
            empty_book, loan_id=loan.id, amount="20.07", on=FIRST_DUE, context=make_context()
        )
        make_repayment(empty_book, loan=loan, amount="1100.00", on=THIRD_DUE, overpayment="hold")

        (moved,) = portfolio.money(empty_book)

        assert moved.received == 110000

    def test_disbursed_leaves_out_a_fee_that_was_added(self, empty_book):
        added = {"type": "upfront", "amount": "50.00", "collection": "added"}
        deducted = {"type": "upfront", "amount": "10.00"}
        loan = make_small_loan(empty_book, product=make_product(empty_book, fees=[added, deducted]))

        (moved,) = portfolio.money(empty_book)

        assert (loan.disbursed, moved.disbursed) == (105000, 100000)
