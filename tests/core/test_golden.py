"""Published figures, read from tests/data with their sources; EXCLUSIONS.md there argues what is not used."""

import re
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest

from loans.core import fold
from loans.core.charges import LateFee
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.events import EventKind
from loans.core.terms import DownPayment, Grace, InterestMode, Method
from tests.core.published import DATA, UNITS, cents, originated, published, published_terms, scenarios
from tests.core.samples import happened

TABLES = published("amortization_tables")
CHARGES = published("payoff_rebate_fees")
SCENARIOS = scenarios()
FILES = [
    "amortization_tables",
    "payoff_rebate_fees",
    "day_counts",
    "schedule_dates",
    "apr_eu_uk",
    "apr_us_reg_z",
]

MONTHLY_ROUNDED_BY_ROW = [
    ("fineract-30360-db-02", DayCount.THIRTY_360),
    ("fineract-30360-db-02", DayCount.THIRTY_E_360),
    ("fineract-30360-db-02", DayCount.EQUAL_PERIODS),
    ("fineract-30360-db-13", DayCount.THIRTY_360),
    ("fineract-30360-db-13", DayCount.EQUAL_PERIODS),
    ("fineract-act365f-db-03", DayCount.ACT_365F),
    ("fineract-act360-db-02", DayCount.ACT_360),
    ("fineract-actact-isda-db-08", DayCount.ACT_ACT),
]
ROUNDED_FOR_DISPLAY = {
    "ec-ex01": {},
    "numpy-ipmt-2500": {},
    # Its rate is effective, 7 %: (1.07 ** (1/12) - 1) x 12 is 6.784974 % nominal, as ours are.
    "ec-ex31": {"method": Method.EQUAL_PRINCIPAL, "annual_rate": "6.784974"},
}
UNUSED_TABLES = {"ec-ex10"}
UNUSED_CHARGES = {"prepay-6-months-150000"}
UNUSED_SCENARIOS = {"prog-emi-actual-actual", "prog-flat-daily-4pct"}


def laid_out(terms, *, on):
    """Fold the loan on the day on which it is paid out, before anything else has happened."""
    return fold.fold(terms, originated(terms, on=on))


def with_balances(state):
    """Pair each row with the principal left after it."""
    balance = state.disbursed
    for row in state.installments:
        balance -= row.due.principal
        yield row, balance


class TestAmortizationTables:
    @pytest.mark.parametrize(("case_id", "day_count"), MONTHLY_ROUNDED_BY_ROW)
    def test_rounded_by_row_match_to_the_cent(self, case_id, day_count):
        inputs, expected = TABLES[case_id]["inputs"], TABLES[case_id]["expected"]
        every, unit = inputs["repay_every"].split()
        terms = published_terms(
            principal=cents(inputs["principal"]),
            annual_rate=inputs["annual_rate_percent"],
            installments=inputs["n"],
            frequency=Frequency(int(every), UNITS[unit]),
            day_count=day_count,
        )

        state = laid_out(terms, on=inputs["disbursed"])

        for (row, balance), cells in zip(with_balances(state), expected["rows"], strict=True):
            assert (row.number, row.due_date) == (cells["n"], date.fromisoformat(cells["date"]))
            assert (row.due.principal, row.due.interest) == (
                cents(cells["principal"]),
                cents(cells["interest"]),
            )
            assert balance == cents(cells["closing_balance"])
        assert state.installments[0].due.total == cents(inputs["instalment"])
        assert state.outstanding.interest == cents(expected["total_interest"])

    @pytest.mark.parametrize("case_id", ROUNDED_FOR_DISPLAY)
    def test_rounded_for_display_match_a_run_without_rounding(self, case_id):
        # These tables keep full precision inside and round only what they print. So the engine runs on
        # hundred-millionths, where its own rounding disappears, and each cell must lie within half a cent.
        case = TABLES[case_id]
        inputs = case["inputs"]
        unit = Fraction(1, 10**8)
        agreed = {"annual_rate": inputs["annual_rate_percent"]} | ROUNDED_FOR_DISPLAY[case_id]
        terms = published_terms(
            principal=int(inputs["principal"]) * 10**8, installments=inputs["n"], **agreed
        )

        state = laid_out(terms, on="2024-01-01")

        half_cent = Fraction(case["tolerance"]["per_cell_abs"])
        for (row, balance), cells in zip(with_balances(state), case["expected"]["rows"], strict=False):
            assert row.number == cells["n"]
            assert abs(row.due.interest * unit - Fraction(cells["interest"])) <= half_cent
            assert abs(row.due.principal * unit - Fraction(cells["principal"])) <= half_cent
            assert abs(balance * unit - Fraction(cells["closing_balance"])) <= half_cent
        for year, cells in enumerate(case["expected"].get("year_sums", [])):
            rows = [row.due for row in state.installments[12 * year : 12 * year + 12]]
            assert abs(sum(due.interest for due in rows) * unit - Fraction(cells["interest"])) <= half_cent
            assert abs(sum(due.principal for due in rows) * unit - Fraction(cells["principal"])) <= half_cent

    def test_of_the_european_commission_has_our_level_installment(self):
        inputs = TABLES["ec-ex01"]["inputs"]
        terms = published_terms(
            principal=cents(inputs["principal"]),
            annual_rate=inputs["annual_rate_percent"],
            installments=inputs["n"],
        )

        state = laid_out(terms, on="2024-01-01")

        assert {row.due.total for row in state.installments[:-1]} == {cents(inputs["instalment"])}

    def test_interest_only_match_to_the_cent_after_the_odd_first_period(self):
        # The first period differs by rule: there the ten odd days are 1/360 each (50.13), here 1/365 (49.95).
        inputs, expected = TABLES["jls-interestonly"]["inputs"], TABLES["jls-interestonly"]["expected"]
        terms = published_terms(
            principal=cents(inputs["principal"]),
            annual_rate=Fraction(inputs["annual_rate"]) * 100,
            installments=inputs["n"],
            method=Method.INTEREST_ONLY,
            first_due_date=date.fromisoformat(inputs["first_payment"]),
        )

        state = laid_out(terms, on=inputs["loan_date"])

        rows = dict(enumerate(state.installments, start=1))
        for cells in expected["rows"][1:]:
            due = rows[cells["n"]].due
            assert (due.interest, due.principal) == (cents(cells["interest"]), cents(cells["principal"]))
            assert due.total == cents(cells["payment"])
        assert rows[1].due == (0, 0, 4995, 0)
        _, interest, principal = expected["year_sums"]["2023"]
        assert sum(rows[n].due.interest for n in range(4, 13)) == cents(interest)
        assert sum(rows[n].due.principal for n in range(4, 13)) == cents(principal)


class TestPayoffsAndFees:
    def test_simple_interest_by_the_day_matches(self):
        inputs, expected = CHARGES["si-10000-6-90"]["inputs"], CHARGES["si-10000-6-90"]["expected"]
        terms = published_terms(
            principal=cents(inputs["principal"]),
            annual_rate=Fraction(inputs["annual_rate"]) * 100,
            installments=1,
            frequency=Frequency(1, PeriodUnit.YEAR),
            day_count=DayCount.ACT_365F,
            interest_mode=InterestMode.DAILY,
        )

        state = fold.fold(
            terms,
            originated(terms, on="2023-01-01"),
            as_of=date(2023, 1, 1) + timedelta(days=inputs["days"]),
        )

        assert (state.payoff.interest, state.payoff.total) == (
            cents(expected["interest"]),
            cents(expected["payoff"]),
        )
        assert state.interest_accrued == 14795
        # Published as 1.6438, to four decimals.
        assert state.per_diem == 164

    def test_the_cost_of_a_day_matches(self):
        inputs, expected = CHARGES["si-10000-11.75"]["inputs"], CHARGES["si-10000-11.75"]["expected"]
        terms = published_terms(
            principal=cents(inputs["principal"]),
            annual_rate=Fraction(inputs["annual_rate"]) * 100,
            installments=1,
            day_count=DayCount.ACT_365F,
            interest_mode=InterestMode.DAILY,
        )

        state = laid_out(terms, on="2023-01-01")

        assert state.per_diem == cents(expected["per_diem"])

    def test_a_payoff_within_the_first_month_matches(self):
        inputs, expected = CHARGES["payoff-fineract-4"]["inputs"], CHARGES["payoff-fineract-4"]["expected"]
        terms = published_terms(
            principal=cents(inputs["principal"]),
            annual_rate=Fraction(inputs["annual_rate"]) * 100,
            installments=1,
            day_count=DayCount(inputs["day_count"]),
        )
        on = date.fromisoformat(inputs["payoff_date"])
        told = originated(terms, on=inputs["disbursed"])

        state = fold.fold(terms, told, as_of=on)
        paid_off = fold.fold(terms, [*told, happened(EventKind.PAYOFF, on, None, number=4)])

        assert (state.payoff.interest, state.payoff.total) == (
            cents(expected["interest"]),
            cents(expected["payoff"]),
        )
        assert (paid_off.status, paid_off.received) == ("repaid", cents(expected["payoff"]))

    def test_a_late_fee_of_five_percent_matches(self):
        # Due on the 1st with 15 days of grace and charged on the 16th: the due date is one of those days there,
        # so in our words they are 14 days after it.
        inputs, expected = CHARGES["late-fee-750"]["inputs"], CHARGES["late-fee-750"]["expected"]
        terms = published_terms(
            principal=cents(inputs["payment"]),
            annual_rate=0,
            installments=1,
            late_fee=LateFee(percent=Fraction(inputs["fee_percent"]), grace_days=inputs["grace_days"] - 1),
        )
        told = originated(terms, on="2024-01-01")
        charged_on = date(2024, 2, int(expected["first_day_charged"]))

        day_before = fold.fold(terms, told, as_of=charged_on - timedelta(days=1))
        state = fold.fold(terms, told, as_of=charged_on)

        assert day_before.outstanding.penalty == 0
        assert state.outstanding.penalty == cents(expected["late_fee"])
        assert state.outstanding.total == cents(expected["total_due"])

    def test_a_level_installment_after_an_odd_first_period_matches(self):
        case = CHARGES["odd-period-hp12c-4500"]
        inputs, expected = case["inputs"], case["expected"]
        terms = published_terms(
            principal=cents(inputs["principal"]),
            annual_rate=Fraction(inputs["annual_rate"]) * 100,
            installments=inputs["n"],
            day_count=DayCount.THIRTY_360,
            first_due_date=date(2004, 4, 1),
        )

        state = laid_out(terms, on=inputs["interest_from"])

        assert {row.due.total for row in state.installments[:-1]} == {cents(expected["payment"])}


# How the terms of each scenario are said in ours, beside what its file states in numbers.
AGREED = {
    "cum-declining-equal-principal": [
        {"method": Method.EQUAL_PRINCIPAL, "day_count": DayCount.EQUAL_PERIODS},
    ],
    "prog-emi-360-30": [{"day_count": DayCount.THIRTY_360}, {"day_count": DayCount.EQUAL_PERIODS}],
    "prog-emi-365-actual": [{"day_count": DayCount.ACT_365F}],
    # Its year has 360 days, and its fortnights their 14 real ones.
    "prog-emi-every-2-weeks": [{"day_count": DayCount.ACT_360}],
    "prog-bullet-grace-n-minus-1": [
        {"grace": Grace(principal=7), "day_count": DayCount.THIRTY_360},
        {"grace": Grace(principal=7), "day_count": DayCount.EQUAL_PERIODS},
        {"method": Method.INTEREST_ONLY, "day_count": DayCount.THIRTY_360},
    ],
    "prog-alloc-uc1-simple": [
        {"down_payment": DownPayment(percent=Fraction(25)), "day_count": DayCount.ACT_ACT},
    ],
    "prog-early-less-than-interest": [
        {"interest_mode": InterestMode.DAILY, "day_count": DayCount.THIRTY_360},
        {"interest_mode": InterestMode.DAILY, "day_count": DayCount.EQUAL_PERIODS},
    ],
    "prog-early-exact-emi": [
        {"interest_mode": InterestMode.DAILY, "day_count": DayCount.EQUAL_PERIODS},
    ],
}
# Cells (step, row number, column) that differ by the rule which EXCLUSIONS.md names, with our figures.
OURS = {
    "prog-early-exact-emi": {
        (1, 2, "interest"): 75,
        (1, 2, "principal"): 1626,
        (1, 2, "balance"): 6699,
        (1, 3, "balance"): 5037,
        (1, 4, "balance"): 3365,
        (1, 5, "balance"): 1684,
        (1, 6, "principal"): 1684,
        (1, 6, "due"): 1694,
        (1, 6, "outstanding"): 1694,
    },
}


def told_in(scenario, terms):
    """Give, for each step that expects a schedule: the day, the events so far, and the step and its totals."""
    loan = scenario["loan"]
    told = originated(terms, on=loan["expected_disbursement_date"])
    if scenario["product"]["down_payment"]["enabled"]:
        # The product pays the down payment by itself, as a repayment of the day.
        amount = terms.principal * int(scenario["product"]["down_payment"]["percentage"]) // 100
        told.append(happened(EventKind.REPAYMENT, told[-1].date, amount, number=4))
    on = told[-1].date
    for number, (step, after) in enumerate(pairwise([*scenario["steps"], {}]), start=10):
        if step["op"] == "set_business_date":
            on = date.fromisoformat(step["date"])
        elif step["op"] == "transaction":
            assert step["type"] == "REPAYMENT"
            told.append(happened(EventKind.REPAYMENT, on, cents(step["amount"]), number=number))
        elif step["op"] == "expect_schedule":
            yield on, tuple(told), step, after["totals"]


def seen(row, balance):
    """Say a row in the words of the scenarios."""
    return {
        "due_date": row.due_date.isoformat(),
        "principal": row.due.principal,
        "interest": row.due.interest,
        "fees": row.due.fee,
        "penalties": row.due.penalty,
        "due": row.due.total,
        "paid": row.paid.total,
        "outstanding": row.outstanding.total,
        "balance": balance,
        "paid_date": None if row.settled_on is None else row.settled_on.isoformat(),
    }


class TestScenarios:
    @pytest.mark.parametrize(
        ("name", "agreed"), [(name, agreed) for name, ways in AGREED.items() for agreed in ways]
    )
    def test_match_to_the_cent_at_every_step(self, name, agreed):
        scenario = SCENARIOS[name]
        loan, ours = scenario["loan"], OURS.get(name, {})
        terms = published_terms(
            principal=cents(loan["principal"]),
            annual_rate=loan["interest_rate_pct"],
            installments=loan["number_of_repayments"],
            frequency=Frequency(loan["repayment_every"], UNITS[loan["repayment_unit"]]),
            **agreed,
        )

        for at, (on, told, step, totals) in enumerate(told_in(scenario, terms)):
            state = fold.fold(terms, told, as_of=on)

            rows = [row for row in step["rows"] if row["row_type"] != "disbursement"]
            assert [row.number for row in state.installments] == [row["nr"] for row in rows]
            for (row, balance), cells in zip(with_balances(state), rows, strict=True):
                for column, figure in seen(row, balance).items():
                    expected = cells[column] if "date" in column else cents(cells[column])
                    assert figure == ours.get((at, row.number, column), expected), (on, row.number, column)
            if name not in OURS:
                assert state.outstanding.total == cents(totals["outstanding"])
                assert sum(row.due.interest for row in state.installments) == cents(totals["interest"])
                assert sum(row.due.total for row in state.installments) == cents(totals["due"])
                assert state.paid.total == cents(totals["paid"])


class TestExclusions:
    def test_leave_no_case_unused_and_unnamed(self):
        tables = {name for name, _ in MONTHLY_ROUNDED_BY_ROW} | {*ROUNDED_FOR_DISPLAY, "jls-interestonly"}
        charges = {
            "si-10000-6-90",
            "si-10000-11.75",
            "late-fee-750",
            "payoff-fineract-4",
            "odd-period-hp12c-4500",
        }

        assert tables | UNUSED_TABLES == set(TABLES)
        assert charges | UNUSED_CHARGES == set(CHARGES)
        assert set(AGREED) | UNUSED_SCENARIOS == set(SCENARIOS)

    def test_name_every_published_case(self):
        page = (DATA / "EXCLUSIONS.md").read_text()
        named = set(re.findall(r"`([^`]+)`", page))

        known = {case_id for name in FILES for case_id in published(name)} | set(SCENARIOS)

        assert known <= named
        assert (
            set(re.findall(r"`([^`]+)`", page.partition("## Not used")[2]))
            >= UNUSED_TABLES | UNUSED_CHARGES | UNUSED_SCENARIOS
        )
