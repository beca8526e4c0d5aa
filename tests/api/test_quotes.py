"""Quotes over HTTP: what a loan on terms of the caller's own would cost."""

import pytest

from tests.api import samples
from tests.api.samples import LOAN_TERMS, assert_refused

PATH = "/api/v1/quotes"
DUE = ("2024-02-15", "2024-03-15", "2024-04-15")


def quoted(api, **given):
    response = api.post(PATH, {"terms": LOAN_TERMS | given})
    assert response.status_code == 200, response.text
    return response.get_json()


class TestQuote:
    def test_lays_out_the_schedule_with_its_totals_and_rates(self, api):
        """A = 340.02: docs/lending-rules.md, section 4.

        340.02, 340.02 and 340.03 are worth 1000.00 at i = 1.0001772 % a month, found by bisection: 12 i = 12.002126 %
        (Regulation Z), (1 + i)^12 - 1 = 12.684875 % (the directive). By days, 31, 60 and 91 of 365, it is 12.721366 %.
        """
        answer = quoted(api)

        rows = [
            tuple(row[name] for name in ("number", "due_date", "principal", "interest", "amount", "balance"))
            for row in answer["schedule"]
        ]
        assert rows == [
            (1, "2024-02-15", "330.02", "10.00", "340.02", "669.98"),
            (2, "2024-03-15", "333.32", "6.70", "340.02", "336.66"),
            (3, "2024-04-15", "336.66", "3.37", "340.03", "0.00"),
        ]
        assert [row["from_date"] for row in answer["schedule"]] == ["2024-01-15", *DUE[:2]]
        assert {(row["type"], row["fee"]) for row in answer["schedule"]} == {("installment", "0.00")}
        assert answer["totals"] == {
            "principal": "1000.00",
            "interest": "20.07",
            "fee": "0.00",
            "amount": "1020.07",
            "disbursed_to_borrower": "1000.00",
        }
        assert answer["installment_amount"] == "340.02"
        assert answer["cost_of_credit"] == {
            "amount_financed": "1000.00",
            "total_of_payments": "1020.07",
            "total_cost": "20.07",
        }
        assert answer["rates"] == {"apr_eu": "12.684875", "apr_us": "12.002126", "effective": "12.721366"}

    def test_fills_in_every_default(self, api):
        answer = quoted(api)

        assert answer["terms"] == samples.POLICY | LOAN_TERMS

    @pytest.mark.parametrize(
        ("given", "rows"),
        [
            # docs/lending-rules.md, section 4.
            (
                {"method": "equal_principal"},
                [("333.33", "10.00"), ("333.33", "6.67"), ("333.34", "3.33")],
            ),
            ({"method": "flat"}, [("333.33", "10.00"), ("333.33", "10.00"), ("333.34", "10.00")]),
            ({"method": "interest_only"}, [("0.00", "10.00"), ("0.00", "10.00"), ("1000.00", "10.00")]),
            ({"method": "bullet"}, [("1000.00", "30.00")]),
            ({"balloon": "400.00"}, [("198.01", "10.00"), ("199.99", "8.02"), ("602.00", "6.02")]),
        ],
    )
    def test_agrees_with_the_examples_of_the_rules(self, api, given, rows):
        answer = quoted(api, **given)

        assert [(row["principal"], row["interest"]) for row in answer["schedule"]] == rows

    @pytest.mark.parametrize("method", ["equal_principal", "flat", "interest_only", "bullet"])
    def test_has_no_installment_amount_where_installments_are_not_level(self, api, method):
        assert quoted(api, method=method)["installment_amount"] is None

    def test_takes_upfront_fees_off_what_the_borrower_receives(self, api):
        fees = [
            {"name": "processing", "type": "upfront", "percent": "2.00"},
            {"name": "insurance", "type": "per_installment", "amount": "1.50"},
        ]

        answer = quoted(api, fees=fees)

        assert [row["fee"] for row in answer["schedule"]] == ["1.50", "1.50", "1.50"]
        assert answer["totals"]["disbursed_to_borrower"] == "980.00"
        assert (answer["totals"]["fee"], answer["totals"]["amount"]) == ("4.50", "1024.57")
        # 1024.57 is paid for 980.00.
        assert answer["cost_of_credit"]["total_cost"] == "44.57"

    def test_adds_fees_to_the_loan_where_agreed(self, api):
        fees = [{"type": "upfront", "amount": "20.00", "collection": "added"}]

        answer = quoted(api, fees=fees)

        assert answer["totals"]["principal"] == "1020.00"
        assert answer["totals"]["disbursed_to_borrower"] == "1000.00"
        assert answer["schedule"][-1]["balance"] == "0.00"

    def test_shows_a_down_payment_as_a_row_of_its_own(self, api):
        answer = quoted(api, down_payment={"percent": "10"})

        first, second = answer["schedule"][:2]
        assert (first["type"], first["due_date"], first["amount"]) == ("down_payment", "2024-01-15", "100.00")
        assert (second["type"], second["number"], second["interest"]) == ("installment", 2, "9.00")

    def test_moves_due_dates_off_the_holidays_of_a_calendar(self, api):
        # 1 June is Madaraka Day in Kenya; in 2024 it was a Saturday.
        given = {
            "start_date": "2024-05-01",
            "holiday_calendar": "KE",
            "business_day_convention": "following",
            "installments": 1,
        }

        answer = quoted(api, **given)

        assert answer["schedule"][0]["due_date"] == "2024-06-03"
        assert answer["terms"]["holiday_calendar"] == "KE"
        assert "holidays" not in answer["terms"]

    def test_shows_the_holidays_that_were_pinned(self, api):
        holidays = {"weekend": [5, 6], "days": ["2024-02-15"]}

        answer = quoted(api, holidays=holidays, business_day_convention="following")

        assert answer["schedule"][0]["due_date"] == "2024-02-16"
        assert answer["terms"]["holidays"] == holidays

    def test_starts_today_unless_told_otherwise(self, api):
        response = api.post(PATH, {"terms": samples.without(LOAN_TERMS, "start_date")})

        answer = response.get_json()
        assert answer["schedule"][0]["from_date"] == "2026-06-15"
        assert answer["terms"]["start_date"] == "2026-06-15"

    def test_of_its_own_terms_is_the_same_quote(self, api):
        answer = quoted(api, fees=[{"type": "upfront", "amount": "5.00"}], grace={"interest": 1})

        again = api.post(PATH, {"terms": answer["terms"]}).get_json()

        assert again == answer

    @pytest.mark.parametrize(
        ("currency", "principal", "first"),
        [("JPY", "100000", ("33002", "1000")), ("KWD", "100.000", ("33.002", "1.000"))],
    )
    def test_counts_decimals_by_the_currency(self, api, currency, principal, first):
        """The same figures as minor units: 100,000 of them at 1 % a month."""
        answer = quoted(api, currency=currency, principal=principal)

        assert (answer["schedule"][0]["principal"], answer["schedule"][0]["interest"]) == first


BAD_TERMS = [
    ({"principal": "0"}, "#/terms/principal"),
    ({"principal": "0.00"}, "#/terms/principal"),
    ({"principal": "-1000.00"}, "#/terms/principal"),
    ({"principal": "1" + "0" * 30}, "#/terms/principal"),
    ({"principal": "NaN"}, "#/terms/principal"),
    ({"principal": "Infinity"}, "#/terms/principal"),
    ({"principal": "1e5"}, "#/terms/principal"),
    ({"principal": 1000}, "#/terms/principal"),
    ({"principal": 1000.5}, "#/terms/principal"),
    ({"principal": True}, "#/terms/principal"),
    ({"principal": None}, "#/terms/principal"),
    ({"principal": "1000.001"}, "#/terms/principal"),
    ({"currency": "JPY", "principal": "100.50"}, "#/terms/principal"),
    ({"currency": "XXX"}, "#/terms/currency"),
    ({"currency": "kes"}, "#/terms/currency"),
    ({"annual_rate": "-1"}, "#/terms/annual_rate"),
    ({"annual_rate": "1000.01"}, "#/terms/annual_rate"),
    ({"annual_rate": "0.0000001"}, "#/terms/annual_rate"),
    ({"annual_rate": 12}, "#/terms/annual_rate"),
    ({"installments": 0}, "#/terms/installments"),
    ({"installments": -3}, "#/terms/installments"),
    ({"installments": 12_000}, "#/terms/installments"),
    ({"installments": 601}, "#/terms/installments"),
    ({"installments": "3"}, "#/terms/installments"),
    ({"installments": 3.0}, "#/terms/installments"),
    ({"installments": 10**19}, "#/terms/installments"),
    ({"frequency": {"every": 1, "unit": "year"}, "installments": 1000}, "#/terms/installments"),
    ({"frequency": {"every": 1, "unit": "year"}, "installments": 51}, "#/terms/installments"),
    ({"frequency": {"every": 1000, "unit": "year"}}, "#/terms/frequency/every"),
    ({"frequency": {"every": 0, "unit": "month"}}, "#/terms/frequency/every"),
    ({"frequency": {"unit": "fortnight"}}, "#/terms/frequency/unit"),
    ({"first_due_date": "2024-01-15"}, "#/terms/first_due_date"),
    ({"first_due_date": "2023-12-31"}, "#/terms/first_due_date"),
    ({"start_date": "2024-02-30"}, "#/terms/start_date"),
    ({"start_date": "15/01/2024"}, "#/terms/start_date"),
    ({"start_date": "9999-12-01"}, "#/terms/start_date"),
    ({"due_day": 32}, "#/terms/due_day"),
    ({"method": "annuity"}, "#/terms/method"),
    ({"day_count": "ACT/364"}, "#/terms/day_count"),
    ({"rounding": "nearest"}, "#/terms/rounding"),
    ({"method": "flat", "interest_mode": "daily"}, "#/terms/interest_mode"),
    ({"method": "bullet", "balloon": "1.00"}, "#/terms/balloon"),
    ({"balloon": "1000.00"}, "#/terms/balloon"),
    ({"grace": {"principal": 3}}, "#/terms/grace/principal"),
    ({"grace": {"interest": -1}}, "#/terms/grace/interest"),
    ({"grace": 1}, "#/terms/grace"),
    ({"fees": [{"type": "upfront"}]}, "#/terms/fees/0/amount"),
    ({"fees": [{"type": "upfront", "amount": "0"}]}, "#/terms/fees/0/amount"),
    ({"fees": [{"type": "upfront", "percent": "100.01"}]}, "#/terms/fees/0/percent"),
    ({"fees": [{"type": "dated", "amount": "1.00"}]}, "#/terms/fees/0/date"),
    ({"fees": [{"type": "upfront", "amount": "1"}] * 21}, "#/terms/fees"),
    ({"late_fee": {"grace_days": 3}}, "#/terms/late_fee/amount"),
    ({"penalty_rate": "-5"}, "#/terms/penalty_rate"),
    ({"down_payment": "1000.00"}, "#/terms/down_payment"),
    ({"down_payment": {"percent": "100"}}, "#/terms/down_payment"),
    ({"allocation": {"order": ["interest", "principal"]}}, "#/terms/allocation/order"),
    ({"allocation": {"order": ["interest"] * 4}}, "#/terms/allocation/order"),
    ({"holiday_calendar": "Atlantis"}, "#/terms/holiday_calendar"),
    ({"pauses": [{"from_date": "2024-02-01", "until": "2024-02-01"}]}, "#/terms/pauses/0/until"),
    ({"tranches_max": 101}, "#/terms/tranches_max"),
    ({"colour": "blue"}, "#/terms/colour"),
]


class TestBadTerms:
    @pytest.mark.parametrize(("given", "pointer"), BAD_TERMS)
    def test_are_refused_with_the_field_named(self, api, given, pointer):
        response = api.post(PATH, {"terms": LOAN_TERMS | given})

        problem = response.get_json()
        assert_refused(response, 422, problem["code"], pointers=[pointer])
        assert problem["code"] in {"invalid_request", "date_out_of_range"}

    def test_are_all_named_at_once(self, api):
        body = {
            "terms": {
                "principal": "0",
                "currency": "KES",
                "installments": 0,
                "fees": [{"type": "upfront"}, {"type": "monthly", "amount": "1.00"}],
                "a/b": 1,
            },
            "colour": "blue",
        }

        response = api.post(PATH, body)

        pointers = [
            *("#/terms/principal", "#/terms/annual_rate", "#/terms/installments"),
            *("#/terms/fees/0/amount", "#/terms/fees/1/type", "#/terms/a~1b", "#/colour"),
        ]
        problem = assert_refused(response, 422, "invalid_request", pointers=pointers)
        assert {fault["code"] for fault in problem["errors"]} == {"invalid", "invalid_fee"}

    @pytest.mark.parametrize("body", [{}, {"terms": None}])
    def test_must_be_there(self, api, body):
        assert_refused(api.post(PATH, body), 422, "invalid_request", pointers=["#/terms"])

    def test_that_contradict_the_calendar_are_refused_with_their_own_code(self, api):
        given = {
            "frequency": {"every": 1, "unit": "day"},
            "business_day_convention": "following",
            "start_date": "2024-01-05",
        }

        response = api.post(PATH, {"terms": LOAN_TERMS | given})

        # The sixth and seventh are a weekend, so that both would fall due on Monday.
        assert_refused(response, 422, "invalid_terms", pointers=["#/terms/business_day_convention"])


class TestRates:
    def test_are_null_where_fees_take_all_that_is_paid_out(self, api):
        answer = quoted(api, fees=[{"type": "upfront", "percent": "100"}])

        assert answer["rates"] == {"apr_eu": None, "apr_us": None, "effective": None}
        # 340.02, 340.02 and 340.03 are paid for nothing.
        assert answer["cost_of_credit"] == {
            "amount_financed": "0.00",
            "total_of_payments": "1020.07",
            "total_cost": "1020.07",
        }
