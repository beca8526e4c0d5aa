"""The statistics of the book over HTTP, against a book worked by hand on 15 June 2026.

The small loan, 1,000.00 over three months, has 330.02 + 10.00, 333.32 + 6.70 and 336.66 + 3.37. A loan of 1,200.00 over
twelve pays 106.62, of which interest 12.00, 11.05, 10.10, 9.13, 8.16, 7.17, 6.18, 5.17, 4.16, 3.14, 2.10 and 1.06.
"""

from datetime import date

import pytest

from loans import clock
from loans.services import origination, servicing, settlements
from tests.api.bookkeeping import NOON, add, api_of
from tests.api.samples import assert_refused
from tests.factories import (
    make_approved_loan,
    make_context,
    make_disbursed_loan,
    make_pending_loan,
    make_product,
    make_repayment,
)
from tests.services.bank import opened
from tests.services.small_loan import FIRST_DUE, SECOND_DUE, THIRD_DUE, make_small_loan

PATH = "/api/v1/portfolio"
INSTALLMENTS = (("340.02", FIRST_DUE), ("340.02", SECOND_DUE), ("340.03", THIRD_DUE))


def pay(session, loan, *, times):
    for amount, on in INSTALLMENTS[:times]:
        make_repayment(session, loan=loan, amount=amount, on=on)


def fill_shillings(session):
    """A loan in each status, and of those disbursed one not late, one late by 92 days, one charged off."""
    product, context = make_product(session), make_context()
    make_pending_loan(session, product=product)
    make_approved_loan(session, product=product)
    for decide in (origination.reject, origination.cancel):
        loan = make_pending_loan(session, product=product)
        decide(session, loan_id=loan.id, on=loan.applied_on, context=context)
    pay(session, make_small_loan(session, product=product), times=3)
    pay(session, make_small_loan(session, product=product), times=1)
    for give_up in (settlements.write_off, settlements.charge_off):
        give_up(session, loan_id=make_small_loan(session, product=product).id, context=context)
    # Its first installment is due today, which is not late.
    make_disbursed_loan(session, product=product, on=date(2026, 5, 15))


def fill_dollars(session):
    """Loans late by 26, 31, 61 and 120 days; the last has a fee of 50.00 and a late fee of 20.00 as well."""
    product = make_product(session, currency="USD")
    make_disbursed_loan(session, product=product, on=date(2026, 4, 20))
    loan = make_disbursed_loan(session, product=product)
    for on in (FIRST_DUE, SECOND_DUE, THIRD_DUE):
        make_repayment(session, loan=loan, amount="106.62", on=on)
    pay(session, make_small_loan(session, product=product), times=2)
    worst = make_small_loan(session, product=product)
    for charge, amount in ((servicing.charge_fee, "50.00"), (servicing.charge_late_fee, "20.00")):
        charge(session, loan_id=worst.id, amount=amount, on=FIRST_DUE, context=make_context())


@pytest.fixture
def book(make_database, today):
    """The API on an empty book."""
    with opened(make_database()) as app:
        yield api_of(app)


@pytest.fixture(scope="module")
def filled(make_database):
    """The API on the hand-made book, which nobody changes."""
    with pytest.MonkeyPatch.context() as patch, opened(make_database()) as app:
        patch.setattr(clock, "now", lambda: NOON)
        api = api_of(app)
        add(api, fill_shillings)
        add(api, fill_dollars)
        yield api


def amounts(shown):
    """An amount by component as one text, zeros left out."""
    return " ".join(
        f"{name} {shown[name]}" for name in ("principal", "interest", "fee", "penalty") if float(shown[name])
    )


def of(api, currency, **asked):
    query = "&".join(f"{name}={value}" for name, value in ({"currency": currency} | asked).items())
    response = api.get(f"{PATH}?{query}")
    assert response.status_code == 200, response.text
    (found,) = response.get_json()["currencies"]
    assert found["currency"] == currency
    return found


class TestShillings:
    @pytest.fixture
    def found(self, filled):
        return of(filled, "KES", months=6)

    def test_have_loans_in_every_status(self, found):
        assert [(each["status"], each["loans"]) for each in found["loans"]] == [
            ("pending", 1),
            ("approved", 1),
            ("rejected", 1),
            ("cancelled", 1),
            ("disbursed", 3),
            ("repaid", 1),
            ("defaulted", 1),
        ]

    def test_owe_what_two_loans_owe(self, found):
        # 669.98 + 1,200.00 and 10.07 + 79.42; the first interest of the new loan, 12.00, is earned today.
        assert amounts(found["outstanding"]) == "principal 1869.98 interest 89.49"
        assert found["outstanding"]["total"] == "1959.47"
        assert amounts(found["receivable"]) == "principal 1869.98 interest 22.07"

    def test_keep_what_is_charged_off_apart(self, found):
        assert found["charged_off"]["loans"] == 1
        assert amounts(found["charged_off"]["outstanding"]) == "principal 1000.00 interest 20.07"

    def test_are_in_arrears_by_bucket(self, found):
        assert [
            (each["bucket"], each["loans"], amounts(each["outstanding"])) for each in found["arrears"]
        ] == [
            ("0", 1, "principal 1200.00 interest 79.42"),
            ("1-30", 0, ""),
            ("31-60", 0, ""),
            ("61-90", 0, ""),
            ("over 90", 1, "principal 669.98 interest 10.07"),
        ]

    def test_are_at_risk(self, found):
        # 669.98 / 1,869.98 = 0.35828
        assert found["portfolio_at_risk"] == [
            {"days": days, "principal": "669.98", "ratio": "0.3583"} for days in (30, 60, 90)
        ]

    def test_moved_month_by_month(self, found):
        assert [(each["month"], each["disbursed"], each["repaid"]) for each in found["moved"]] == [
            ("2026-01", "4000.00", "0.00"),
            ("2026-02", "0.00", "680.04"),
            ("2026-03", "0.00", "340.02"),
            ("2026-04", "0.00", "340.03"),
            ("2026-05", "1200.00", "0.00"),
            ("2026-06", "0.00", "0.00"),
        ]

    def test_were_lent_in_two_months(self, found):
        lent = [each for each in found["vintages"] if each["loans"]]

        # 1,000.00 + 330.02 repaid, 669.98 owed, 1,000.00 charged off, 1,000.00 written off: 4,000.00.
        assert lent == [
            {
                "month": "2026-01",
                "loans": 4,
                "disbursed": "4000.00",
                "principal_repaid": "1330.02",
                "principal_outstanding": "669.98",
                "principal_charged_off": "1000.00",
                "principal_written_off": "1000.00",
                "par30": "1.0000",
            },
            {
                "month": "2026-05",
                "loans": 1,
                "disbursed": "1200.00",
                "principal_repaid": "0.00",
                "principal_outstanding": "1200.00",
                "principal_charged_off": "0.00",
                "principal_written_off": "0.00",
                "par30": "0.0000",
            },
        ]
        assert found["earlier_vintages"]["loans"] == 0
        assert found["earlier_vintages"]["par30"] is None

    def test_are_expected_month_by_month(self, found):
        assert amounts(found["expected"]["overdue"]) == "principal 669.98 interest 10.07"
        assert [(each["month"], amounts(each)) for each in found["expected"]["months"]] == [
            ("2026-06", "principal 94.62 interest 12.00"),
            ("2026-07", "principal 95.57 interest 11.05"),
            ("2026-08", "principal 96.52 interest 10.10"),
            ("2026-09", "principal 97.49 interest 9.13"),
            ("2026-10", "principal 98.46 interest 8.16"),
            ("2026-11", "principal 99.45 interest 7.17"),
        ]
        # 1,200.00 less 582.11; 6.18 + 5.17 + 4.16 + 3.14 + 2.10 + 1.06.
        assert amounts(found["expected"]["later"]) == "principal 617.89 interest 21.81"


class TestDollars:
    @pytest.fixture
    def found(self, filled):
        return of(filled, "USD", months=2)

    def test_owe_fees_and_penalties(self, found):
        # 1,200.00 + 913.29 + 336.66 + 1,000.00; 79.42 + 46.27 + 3.37 + 20.07.
        assert amounts(found["outstanding"]) == "principal 3449.95 interest 149.13 fee 50.00 penalty 20.00"

    def test_are_in_arrears_by_bucket(self, found):
        assert [
            (each["bucket"], each["loans"], amounts(each["outstanding"])) for each in found["arrears"]
        ] == [
            ("0", 0, ""),
            ("1-30", 1, "principal 1200.00 interest 79.42"),
            ("31-60", 1, "principal 913.29 interest 46.27"),
            ("61-90", 1, "principal 336.66 interest 3.37"),
            ("over 90", 1, "principal 1000.00 interest 20.07 fee 50.00 penalty 20.00"),
        ]

    def test_are_at_risk_by_how_late_they_are(self, found):
        # Of 3,449.95: 0.65217, 0.38744, 0.28986.
        assert [(each["days"], each["principal"], each["ratio"]) for each in found["portfolio_at_risk"]] == [
            (30, "2249.95", "0.6522"),
            (60, "1336.66", "0.3874"),
            (90, "1000.00", "0.2899"),
        ]

    def test_were_lent_before_the_months_shown(self, found):
        assert [each["loans"] for each in found["vintages"]] == [0, 0]
        # Repaid: 330.02 + 333.32, and 94.62 + 95.57 + 96.52.
        assert found["earlier_vintages"] == {
            "loans": 4,
            "disbursed": "4400.00",
            "principal_repaid": "950.05",
            "principal_outstanding": "3449.95",
            "principal_charged_off": "0.00",
            "principal_written_off": "0.00",
            "par30": "0.6522",
        }

    def test_are_expected_with_what_is_overdue(self, found):
        # 94.62 + 97.49 + 336.66 + 1,000.00; 12.00 + 9.13 + 3.37 + 20.07. Then 95.57 + 98.46 and 11.05 + 8.16.
        assert (
            amounts(found["expected"]["overdue"])
            == "principal 1528.77 interest 44.57 fee 50.00 penalty 20.00"
        )
        assert [amounts(each) for each in found["expected"]["months"]] == [
            "principal 194.03 interest 19.21",
            "principal 195.97 interest 17.27",
        ]


class TestRequest:
    def test_shows_every_currency_unless_one_is_asked_for(self, filled):
        everything = filled.get(PATH).get_json()

        assert [each["currency"] for each in everything["currencies"]] == ["KES", "USD"]
        assert [len(each["moved"]) for each in everything["currencies"]] == [12, 12]
        assert (everything["as_of"], everything["computed_at"]) == (
            "2026-06-15",
            "2026-06-15T12:00:00.000000Z",
        )
        assert filled.get(f"{PATH}?currency=JPY").get_json()["currencies"] == []

    def test_of_an_empty_book_shows_nothing(self, book):
        assert book.get(PATH).get_json()["currencies"] == []

    @pytest.mark.parametrize("months", ["0", "61", "-1", "1.5", "x", ""])
    def test_takes_one_to_sixty_months(self, book, months):
        assert_refused(
            book.get(f"{PATH}?months={months}"), 422, "invalid_request", pointers=["query:/months"]
        )

    @pytest.mark.parametrize("months", [1, 60])
    def test_takes_the_ends_of_the_range(self, filled, months):
        assert len(of(filled, "KES", months=months)["vintages"]) == months

    def test_has_no_other_day(self, book):
        response = book.get(f"{PATH}?as_of=2026-06-14")

        assert_refused(response, 422, "invalid_request", pointers=["query:/as_of"])

    def test_refuses_what_is_no_currency(self, book):
        assert_refused(book.get(f"{PATH}?currency=KSH"), 422, "invalid_request", pointers=["query:/currency"])
