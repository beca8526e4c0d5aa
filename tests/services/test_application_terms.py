"""What an application brings to the terms of a product, and what is pinned on the loan."""

from datetime import date

import pytest

from loans.core.documents import InvalidDocument
from loans.queries import loan_list, loans
from tests.factories import make_disbursed_loan, make_pending_loan, make_product
from tests.services import rows

APPLIED_ON = date(2026, 4, 1)


def due_dates(session, loan):
    return [row.due_date for row in loans.installments(session, loan_id=loan.id)]


class TestDates:
    def test_of_the_first_installment_may_be_agreed(self, session):
        loan = make_disbursed_loan(session, installments=3, on=APPLIED_ON, first_due_date=date(2026, 5, 10))

        assert loan.terms["first_due_date"] == "2026-05-10"
        assert due_dates(session, loan) == [date(2026, 5, 10), date(2026, 6, 10), date(2026, 7, 10)]

    def test_of_the_start_may_be_agreed(self, session):
        loan = make_disbursed_loan(session, installments=2, on=APPLIED_ON, start_date=date(2026, 4, 15))

        assert due_dates(session, loan) == [date(2026, 5, 15), date(2026, 6, 15)]

    @pytest.mark.parametrize(("given", "due_day"), [({}, 5), ({"due_day": 25}, 25)])
    def test_fall_on_the_products_day_unless_another_is_agreed(self, session, given, due_day):
        product = make_product(session, due_day=5)

        loan = make_disbursed_loan(session, product=product, installments=2, on=APPLIED_ON, **given)

        assert loan.terms["due_day"] == due_day
        assert {due.day for due in due_dates(session, loan)} == {due_day}

    @pytest.mark.parametrize(
        ("given", "pointer"),
        [
            (
                {"start_date": date(2026, 5, 1), "first_due_date": date(2026, 5, 1)},
                "#/first_due_date",
            ),
            ({"first_due_date": date(2026, 5, 10), "due_day": 11}, "#/first_due_date"),
            ({"due_day": 32}, "#/due_day"),
        ],
    )
    def test_that_contradict_one_another_are_refused(self, session, given, pointer):
        with pytest.raises(InvalidDocument) as refusal:
            make_pending_loan(session, on=APPLIED_ON, **given)

        assert [fault["pointer"] for fault in refusal.value.extensions["errors"]] == [pointer]


class TestTerms:
    def test_are_pinned_with_every_value(self, session):
        product = make_product(session, fees=[{"type": "upfront", "percent": "1"}])

        loan = make_pending_loan(session, product=product)

        assert loan.terms == product.terms | {"principal": "1200.00", "installments": 12}
        assert loan.terms["fees"][0]["collection"] == "deducted"

    def test_of_every_kind_reach_the_schedule(self, session):
        product = make_product(session, method="flat", fees=[{"type": "per_installment", "amount": "2.00"}])

        loan = make_disbursed_loan(session, product=product, amount="1000.00", installments=3)

        # 333.33 and 10.00 a month, 333.34 at last.
        assert rows.components(session, loan) == [
            (1, 0, 200, 1000, 33333),
            (2, 0, 200, 1000, 33333),
            (3, 0, 200, 1000, 33334),
        ]


class TestHolidays:
    @pytest.fixture
    def product(self, session):
        return make_product(session, holiday_calendar="KE", business_day_convention="following")

    def test_are_pinned_for_the_years_of_the_loan_and_five_more(self, session, product):
        loan = make_pending_loan(session, product=product, installments=12, on=APPLIED_ON)

        years = sorted({day[:4] for day in loan.terms["holidays"]["days"]})
        assert (loan.terms["holiday_calendar"], loan.terms["holidays"]["weekend"]) == ("KE", [5, 6])
        assert "2026-12-12" in loan.terms["holidays"]["days"]
        # April 2026 to April 2027; a due date at the turn of the year may move into the year before.
        assert (years[0], years[-1]) == ("2025", "2032")

    def test_move_due_dates(self, session, product):
        loan = make_disbursed_loan(session, product=product, installments=2, on=APPLIED_ON)

        # Friday, 1 May is Labour Day; 1 June, a Monday, is Madaraka Day.
        assert due_dates(session, loan) == [date(2026, 5, 4), date(2026, 6, 2)]

    def test_are_left_out_of_pages(self, session, product):
        loan = make_pending_loan(session, product=product)

        wanted = loan_list.Wanted(product_id=product.id)
        (listed,) = loan_list.page(session, wanted=wanted, cursor=None, limit=1).items

        kept = {name: value for name, value in loan.terms.items() if name != "holidays"}
        assert listed.terms == kept
        assert loans.find(session, loan_id=loan.id).terms == loan.terms
