"""Published figures, read from tests/data with their sources; EXCLUSIONS.md there lists what is not used and why."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from loans.core import dates, daycount, schedule
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.terms import Method, Terms

DATA = Path(__file__).parents[1] / "data"
MONTHLY = Frequency(1, PeriodUnit.MONTH)


def published(name):
    """Read the cases of one data file by their ids."""
    return {case["id"]: case for case in json.loads((DATA / f"{name}.json").read_text())["cases"]}


def scenario(name):
    return json.loads((DATA / "scenarios" / f"{name}.json").read_text())


def cents(text):
    """Read a published amount, which may leave out trailing zeros, as whole cents."""
    amount = Decimal(text) * 100
    assert amount == amount.to_integral_value()
    return int(amount)


def monthly_terms(*, principal, annual_rate, installments, day_count, method=Method.EQUAL_INSTALLMENTS):
    return Terms(
        principal=principal,
        currency="EUR",
        annual_rate=Fraction(annual_rate),
        method=method,
        installments=installments,
        frequency=MONTHLY,
        day_count=day_count,
    )


TABLES = published("amortization_tables")
ROUNDED_BY_ROW = [
    ("fineract-30360-db-02", DayCount.THIRTY_360),
    ("fineract-30360-db-02", DayCount.EQUAL_PERIODS),
    ("fineract-30360-db-13", DayCount.THIRTY_360),
    ("fineract-act365f-db-03", DayCount.ACT_365F),
]
ROUNDED_FOR_DISPLAY = ["ec-ex01", "numpy-ipmt-2500"]


class TestAmortizationTables:
    @pytest.mark.parametrize(("case_id", "day_count"), ROUNDED_BY_ROW)
    def test_rounded_by_row_match_to_the_cent(self, case_id, day_count):
        case = TABLES[case_id]
        inputs = case["inputs"]
        assert inputs["repay_every"] == "1 MONTHS"
        terms = monthly_terms(
            principal=cents(inputs["principal"]),
            annual_rate=inputs["annual_rate_percent"],
            installments=inputs["n"],
            day_count=day_count,
        )

        rows = schedule.build(terms, start_date=date.fromisoformat(inputs["disbursed"]))

        balance = terms.principal
        for row, expected in zip(rows, case["expected"]["rows"], strict=True):
            balance -= row.principal
            assert (row.number, row.due_date) == (expected["n"], date.fromisoformat(expected["date"]))
            assert (row.principal, row.interest) == (
                cents(expected["principal"]),
                cents(expected["interest"]),
            )
            assert balance == cents(expected["closing_balance"])
        assert rows[0].amount == cents(inputs["instalment"])
        assert sum(row.interest for row in rows) == cents(case["expected"]["total_interest"])

    @pytest.mark.parametrize("case_id", ROUNDED_FOR_DISPLAY)
    def test_rounded_for_display_match_a_run_without_rounding(self, case_id):
        # These tables keep full precision inside and round only what they print. So the engine runs on
        # hundred-millionths, where its own rounding disappears, and each cell must lie within half a cent.
        case = TABLES[case_id]
        inputs = case["inputs"]
        unit = Fraction(1, 10**8)
        terms = monthly_terms(
            principal=int(inputs["principal"]) * 10**8,
            annual_rate=inputs["annual_rate_percent"],
            installments=inputs["n"],
            day_count=DayCount.EQUAL_PERIODS,
        )

        rows = schedule.build(terms, start_date=date(2024, 1, 1))

        half_cent = Fraction(case["tolerance"]["per_cell_abs"])
        balance = terms.principal
        for row, expected in zip(rows, case["expected"]["rows"], strict=False):
            balance -= row.principal
            assert row.number == expected["n"]
            assert abs(row.interest * unit - Fraction(expected["interest"])) <= half_cent
            assert abs(row.principal * unit - Fraction(expected["principal"])) <= half_cent
            assert abs(balance * unit - Fraction(expected["closing_balance"])) <= half_cent
        for year, expected in enumerate(case["expected"].get("year_sums", [])):
            rows_of_year = rows[12 * year : 12 * year + 12]
            interest, principal = (
                sum(row.interest for row in rows_of_year),
                sum(row.principal for row in rows_of_year),
            )
            assert abs(interest * unit - Fraction(expected["interest"])) <= half_cent
            assert abs(principal * unit - Fraction(expected["principal"])) <= half_cent

    def test_of_the_european_commission_has_our_level_installment(self):
        inputs = TABLES["ec-ex01"]["inputs"]
        terms = monthly_terms(
            principal=cents(inputs["principal"]),
            annual_rate=inputs["annual_rate_percent"],
            installments=inputs["n"],
            day_count=DayCount.EQUAL_PERIODS,
        )

        rows = schedule.build(terms, start_date=date(2024, 1, 1))

        assert {row.amount for row in rows[:-1]} == {cents(inputs["instalment"])}

    def test_are_all_used(self):
        assert set(TABLES) == {case_id for case_id, _ in ROUNDED_BY_ROW} | set(ROUNDED_FOR_DISPLAY)


DAY_COUNTS = {"30/360 US": DayCount.THIRTY_360, "ACT/365F": DayCount.ACT_365F}


class TestDayCounts:
    @pytest.mark.parametrize("case", published("day_counts").values(), ids=lambda case: case["id"])
    def test_match(self, case):
        inputs, expected = case["inputs"], case["expected"]

        days, year = daycount.year_fraction(
            DAY_COUNTS[inputs["convention"]],
            from_date=date.fromisoformat(inputs["start"]),
            to_date=date.fromisoformat(inputs["end"]),
            frequency=MONTHLY,
        )

        if "days" in expected:
            assert days == expected["days"]
        else:
            tolerance = Fraction(case["tolerance"]["year_fraction"])
            assert abs(Fraction(days, year) - Fraction(expected["year_fraction"])) <= tolerance


class TestScheduleDates:
    def test_move_by_months_like_edate(self):
        case = published("schedule_dates")["edate-5"]
        inputs = case["inputs"]

        moved = dates.add_months(date.fromisoformat(inputs["date"]), inputs["months"])

        assert moved.isoformat() == case["expected"]["date"]

    def test_keep_the_day_of_the_anchor(self):
        case = published("schedule_dates")["monthly-anchor-3"]
        inputs = case["inputs"]

        due = dates.due_dates(
            date.fromisoformat(inputs["start"]),
            frequency=Frequency(inputs["every_months"], PeriodUnit.MONTH),
            count=inputs["n"],
        )

        assert [day.isoformat() for day in due] == case["expected"]["dates"]


class TestScenarios:
    @pytest.mark.parametrize(
        ("name", "method", "day_count"),
        [
            ("prog-emi-360-30", Method.EQUAL_INSTALLMENTS, DayCount.THIRTY_360),
            ("prog-emi-360-30", Method.EQUAL_INSTALLMENTS, DayCount.EQUAL_PERIODS),
            ("prog-emi-365-actual", Method.EQUAL_INSTALLMENTS, DayCount.ACT_365F),
            ("cum-declining-equal-principal", Method.EQUAL_PRINCIPAL, DayCount.EQUAL_PERIODS),
        ],
    )
    def test_lay_out_the_same_schedule(self, name, method, day_count):
        told = scenario(name)
        loan = told["loan"]
        assert (loan["repayment_every"], loan["repayment_unit"]) == (1, "MONTHS")
        steps = {step["op"]: step for step in told["steps"]}
        expected_rows = [row for row in steps["expect_schedule"]["rows"] if row["row_type"] == "installment"]
        terms = monthly_terms(
            principal=cents(loan["principal"]),
            annual_rate=loan["interest_rate_pct"],
            installments=loan["number_of_repayments"],
            day_count=day_count,
            method=method,
        )

        rows = schedule.build(terms, start_date=date.fromisoformat(loan["expected_disbursement_date"]))

        balance = terms.principal
        for row, expected in zip(rows, expected_rows, strict=True):
            balance -= row.principal
            assert (row.number, row.due_date.isoformat()) == (expected["nr"], expected["due_date"])
            assert (row.principal, row.interest) == (
                cents(expected["principal"]),
                cents(expected["interest"]),
            )
            assert (row.amount, balance) == (cents(expected["due"]), cents(expected["balance"]))
        totals = steps["expect_totals"]["totals"]
        assert sum(row.interest for row in rows) == cents(totals["interest"])
        assert sum(row.amount for row in rows) == cents(totals["due"])
