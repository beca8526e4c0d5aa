"""What explanations say of installments that can be checked with a pocket calculator."""

import json
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from loans.core import explanations, steps
from loans.core.business_days import Convention, Holidays
from loans.core.charges import Fee, FeeTime, LateFee
from loans.core.daycount import DayCount
from loans.core.events import EventKind
from loans.core.explanations import NothingToExplain
from loans.core.money import Rounding
from loans.core.terms import DownPayment, Grace, InterestMode, Method
from tests.core.samples import (
    DISBURSED_ON,
    DISBURSEMENT,
    FIRST_DUE,
    ORIGINATION,
    SECOND_DUE,
    happened,
    repayment,
    sample_terms,
)

PAID = repayment(34102, on=FIRST_DUE, number=4)
HALFWAY = date(2024, 1, 30)


def of_installment(number, *told, on=DISBURSED_ON, **changes):
    return explanations.explain_installment(
        sample_terms(**changes), [*ORIGINATION, *told], number=number, as_of=on
    )


def figures(explained):
    return [(step.figure, step.rounded) for step in explained.steps]


def step_of(explained, figure):
    return next(step for step in explained.steps if step.figure == figure)


class TestExplainInstallment:
    def test_gives_the_days_the_fraction_and_the_rounding_of_its_interest(self):
        explained = of_installment(2)

        accrued, earned = step_of(explained, "interest.accrued"), step_of(explained, "interest.earned")
        assert dict(accrued.inputs) == {
            "balance": 66998,
            "rate": Fraction(12),
            "from": FIRST_DUE,
            "to": SECOND_DUE,
        }
        assert (accrued.days, accrued.year_fraction) == (29, Fraction(1, 12))
        assert (earned.unrounded, earned.rounding, earned.rounded) == (
            Fraction("669.98"),
            Rounding.HALF_EVEN,
            670,
        )

    def test_gives_the_formula_of_the_level_installment_and_what_it_leaves_for_principal(self):
        explained = of_installment(2)

        level, principal = step_of(explained, "level_installment"), step_of(explained, "principal.planned")
        # 100000 x 0.01 x 1.030301 / 0.030301 in minor units.
        assert (level.unrounded, level.rounded) == (Fraction(1030301000, 30301), 34002)
        assert level.inputs["n"] == 3
        assert [level.inputs[f"f{at}"] for at in (1, 2, 3)] == [Fraction(1, 100)] * 3
        assert level.event_ids == (DISBURSEMENT.id,)
        assert principal.rounded == 34002 - 670

    def test_says_it_in_sentences(self):
        lines = of_installment(2, PAID, on=SECOND_DUE).text.splitlines()

        assert lines[:3] == [
            "Installment 2, due on 2024-03-15, asks for 340.02 KES; 339.02 of it is unpaid on 2024-03-15.",
            "2024-02-15 to 2024-03-15, 29 days: 669.98 x 12 % x 1/12 = 6.6998.",
            "Interest of 2024-02-15 to 2024-03-15: 6.6998, rounded half_even 6.70.",
        ]
        assert lines[-1] == "Repayment on 2024-02-15: 1.00 of interest paid."

    def test_ends_a_sentence_in_the_three_dots_of_a_figure_that_is_cut_off(self):
        # 1000.00 x 12 % x 31/365 = 10.19178082...
        lines = of_installment(1, day_count=DayCount.ACT_365F).text.splitlines()

        assert lines[1] == "2024-01-15 to 2024-02-15, 31 days: 1000.00 x 12 % x 31/365 = 10.191780..."

    def test_says_it_in_json(self):
        document = of_installment(2, PAID, on=SECOND_DUE).to_json()

        assert json.loads(json.dumps(document)) == document
        assert (document["subject"], document["currency"], document["as_of"]) == (
            "installment 2",
            "KES",
            "2024-03-15",
        )
        assert document["steps"][0] == {
            "figure": "interest.accrued",
            "formula": "balance x rate x part of a year",
            "inputs": {"balance": "669.98", "rate": "12", "from": "2024-02-15", "to": "2024-03-15"},
            "days": 29,
            "year_fraction": "1/12",
            "unrounded": "33499/5000",
            "rounding": None,
            "rounded": None,
            "events": [],
            "text": "2024-02-15 to 2024-03-15, 29 days: 669.98 x 12 % x 1/12 = 6.6998.",
        }
        assert document["steps"][-1]["inputs"] == {"event": "repayment", "date": "2024-02-15"}
        assert document["steps"][-1]["events"] == [str(PAID.id)]

    def test_cuts_interest_where_the_rate_changes(self):
        change = happened(EventKind.RATE_CHANGE, HALFWAY, number=5, annual_rate=Fraction(24))

        explained = of_installment(1, change, on=FIRST_DUE)

        stretches = [step for step in explained.steps if step.figure == "interest.accrued"]
        assert [(step.days, step.inputs["rate"], step.unrounded) for step in stretches] == [
            (15, 12, Fraction(1000 * 15, 31)),
            (16, 24, Fraction(2000 * 16, 31)),
        ]
        assert step_of(explained, "level_installment").event_ids == (change.id,)

    def test_of_a_daily_loan_cuts_interest_where_money_came(self):
        daily = {"interest_mode": InterestMode.DAILY, "day_count": DayCount.ACT_365F}
        late = repayment(34000, on=date(2024, 2, 25), number=4)

        explained = of_installment(2, late, on=SECOND_DUE, **daily)

        # The example of section 5.
        stretches = [step for step in explained.steps if step.figure == "interest.accrued"]
        assert [(step.days, step.inputs["balance"]) for step in stretches] == [(10, 100000), (19, 67019)]
        assert step_of(explained, "interest").rounded == 747

    def test_of_a_daily_row_paid_in_full_early_stops_that_day(self):
        daily = {"interest_mode": InterestMode.DAILY, "day_count": DayCount.ACT_365F}

        explained = of_installment(1, repayment(34000, on=HALFWAY, number=4), on=FIRST_DUE, **daily)

        stretches = [step for step in explained.steps if step.figure == "interest.accrued"]
        assert [(step.inputs["to"], step.days) for step in stretches] == [(HALFWAY, 15)]
        assert figures(explained)[-2:] == [("interest.paid", 493), ("principal.paid", 33507)]

    @pytest.mark.parametrize(
        ("number", "formula"), [(1, "an equal share, at most what is left"), (3, "what rounding left")]
    )
    def test_of_a_flat_loan_shares_the_interest_of_all_rows(self, number, formula):
        explained = of_installment(number, method=Method.FLAT, principal=100000)

        whole, earned = step_of(explained, "interest.of_all_rows"), step_of(explained, "interest.earned")
        assert (whole.rounded, whole.days, whole.year_fraction) == (3000, 91, Fraction(1, 4))
        assert (earned.rounded, earned.formula) == (1000, formula)

    @pytest.mark.parametrize(
        ("number", "text"),
        [
            # 1000.00 x 11 % x 3/12 = 27.50.
            (
                1,
                (
                    "Of that 9.17 falls on this row: an equal share, at most what is left"
                    " (27.50 / 3 = 9.166666..., rounded half_even)."
                ),
            ),
            (3, "Of that 9.16 falls on this row: what rounding left (27.50 - 18.34)."),
        ],
    )
    def test_of_a_flat_loan_names_the_divisor(self, number, text):
        explained = of_installment(number, method=Method.FLAT, annual_rate=Fraction(11))

        assert step_of(explained, "interest.earned").text == text

    def test_says_why_days_bear_no_interest(self):
        pause = happened(EventKind.INTEREST_PAUSE, HALFWAY, number=5, until=date(2024, 2, 5))

        paused = of_installment(1, pause, on=FIRST_DUE)
        free = of_installment(1, grace=Grace(interest_free=1))
        flat = of_installment(1, pause, on=FIRST_DUE, method=Method.FLAT)

        # 6 of 31 days of a month.
        step = paused.steps[1]
        assert step.text == (
            "2024-01-30 to 2024-02-05, 6 days: 1000.00 x 0 % x 1/62 = 0.00, no interest from 2024-01-30 up to"
            " 2024-02-05, exclusive: a pause stops it."
        )
        assert (step.inputs["paused from"], step.inputs["paused until"]) == (HALFWAY, date(2024, 2, 5))
        assert free.steps[0].text.endswith(
            "= 0.00, no interest from 2024-01-15 up to 2024-02-15, exclusive: grace frees installments of it."
        )
        assert step_of(flat, "interest.of_all_rows").text.endswith("exclusive: a pause stops it.")

    def test_says_nothing_of_a_pause_where_the_rate_is_nothing(self):
        step = of_installment(1, annual_rate=Fraction(0)).steps[0]

        assert step.text == "2024-01-15 to 2024-02-15, 31 days: 1000.00 x 0 % x 1/12 = 0.00."

    @pytest.mark.parametrize("day_count", [DayCount.THIRTY_360, DayCount.THIRTY_E_360])
    def test_counts_days_as_agreed_where_a_month_has_30(self, day_count):
        first = of_installment(1, day_count=day_count).steps[0].text

        assert (
            first == f"2024-01-15 to 2024-02-15, 31 days (30 by {day_count}): 1000.00 x 12 % x 1/12 = 10.00."
        )

    @pytest.mark.parametrize(
        ("holidays", "calendar"),
        [(None, ""), (Holidays(frozenset({5, 6}), frozenset(), "KE"), " in KE")],
    )
    def test_says_why_a_due_date_was_moved(self, holidays, calendar):
        origination = [replace(event, date=date(2024, 5, 15)) for event in ORIGINATION]
        terms = sample_terms(installments=2, convention=Convention.FOLLOWING, holidays=holidays)

        moved, unmoved = (
            explanations.explain_installment(terms, origination, number=number, as_of=date(2024, 5, 15))
            for number in (1, 2)
        )

        assert moved.summary.startswith(
            f"Installment 1, due on 2024-06-17 (not on Saturday 2024-06-15, no business day{calendar}: following),"
            " asks for "
        )
        assert unmoved.summary.startswith("Installment 2, due on 2024-07-15, asks for ")

    def test_of_a_payoff_tells_that_only_accrued_interest_is_asked(self):
        payoff = happened(EventKind.PAYOFF, HALFWAY, None, number=5)

        first, last = of_installment(1, payoff, on=HALFWAY), of_installment(3, payoff, on=HALFWAY)

        assert step_of(first, "interest").rounded == 484
        assert step_of(last, "principal.planned").formula == "what was planned when the loan ended"
        assert step_of(last, "interest").rounded == 0

    def test_of_a_flat_payoff_after_a_plan_anew_takes_off_what_had_accrued(self):
        # 10.00 a row; by 30 January 10.00 x 15/31 = 4.8387. At the same rate again all is planned anew: 30.00 in all,
        # 10.00 a row, of which 5.1613 are left for 16 days: 5 of them are 1.6129.
        same_rate = happened(EventKind.RATE_CHANGE, date(2024, 1, 30), number=5, annual_rate=Fraction(12))
        terms = sample_terms(method=Method.FLAT)

        explained = explanations.explain_payoff(terms, [*ORIGINATION, same_rate], on=date(2024, 2, 4))

        step = [each for each in explained.steps if each.figure == "interest.accrued"][-1]
        assert step.text == "2024-01-30 to 2024-02-04, 5 days: (10.00 - 4.838709...) x 5/16 = 1.612903..."
        assert step.inputs["accrued before"] == Fraction(150, 31)

    def test_of_a_flat_payoff_takes_the_days_passed_of_the_rows_interest(self):
        payoff = happened(EventKind.PAYOFF, HALFWAY, None, number=5)

        explained = of_installment(1, payoff, on=HALFWAY, method=Method.FLAT)

        stretch = step_of(explained, "interest.accrued")
        assert (stretch.formula, stretch.unrounded) == (
            "what is left of the row's interest x days / days left",
            Fraction(15000, 31),
        )

    def test_tells_of_interest_put_off_by_grace(self):
        grace = {"grace": Grace(interest=1)}

        assert dict(step_of(of_installment(1, **grace), "interest").inputs) == {
            "earned": 1000,
            "put off by grace": 1000,
        }
        assert dict(step_of(of_installment(2, **grace), "interest").inputs) == {
            "earned": 670,
            "put off before": 1000,
        }

    @pytest.mark.parametrize(
        ("changes", "number", "formula"),
        [
            ({"grace": Grace(principal=1)}, 1, "none: principal grace, but for what was paid into it"),
            ({}, 3, "all that is left, without the balloon before the last row"),
            ({"method": Method.INTEREST_ONLY}, 1, "none before the last row, but for what was paid into it"),
            ({"method": Method.EQUAL_PRINCIPAL}, 1, "share, at least what was paid into it"),
            ({"down_payment": DownPayment(amount=20000)}, 1, "amount agreed"),
            ({"down_payment": DownPayment(percent=Fraction(20))}, 1, "disbursed x percent / 100"),
        ],
    )
    def test_names_the_rule_of_its_principal(self, changes, number, formula):
        assert step_of(of_installment(number, **changes), "principal.planned").formula == formula

    def test_tells_of_an_installment_that_was_agreed(self):
        change = happened(EventKind.RESCHEDULE, FIRST_DUE, number=5, installment_amount=20000)

        level = step_of(of_installment(2, PAID, change, on=FIRST_DUE), "level_installment")

        assert (level.formula, level.rounded, level.event_ids) == ("amount agreed", 20000, (change.id,))

    def test_says_to_what_an_installment_is_rounded(self):
        level = step_of(of_installment(1, installment_multiple=1000), "level_installment")

        assert level.text.endswith("rounded half_even to a multiple of 10.00 340.00.")

    def test_gives_the_base_of_fees_and_the_cap_of_late_fees(self):
        fees = (Fee(name="service", charged=FeeTime.PER_INSTALLMENT, percent=Fraction(1)),)
        late_fee = LateFee(percent=Fraction(5), cap=1000)

        explained = of_installment(1, on=date(2024, 2, 20), fees=fees, late_fee=late_fee)

        fee, late = step_of(explained, "fee.charged"), step_of(explained, "penalty.charged")
        assert fee.text == "service on 2024-02-15: 1 % of 1000.00, 10.00."
        assert (late.formula, late.rounded) == ("base x percent / 100, at most the cap", 1000)
        assert late.text == "late fee on 2024-02-16: 5 % of 350.02, at most 10.00, 10.00."
        assert late.inputs["cap"] == 1000

    def test_sums_penalty_interest_before_it_is_rounded(self):
        late = repayment(10000, on=date(2024, 2, 20), number=4)

        explained = of_installment(1, late, on=date(2024, 2, 25), penalty_rate=Fraction("36.5"))

        # 330.02 for five days; the payment covers the 1.65 and the 10.00 first and then 88.35 of principal.
        stretches = [step for step in explained.steps if step.figure == "penalty.accrued"]
        assert [(step.days, step.inputs["balance"]) for step in stretches] == [(5, 33002), (5, 24167)]
        interest = step_of(explained, "penalty.interest")
        assert (interest.unrounded, interest.rounded) == (Fraction(33002 * 5 + 24167 * 5, 1000), 286)

    def test_tells_what_a_re_age_took_along_and_where_it_went(self):
        fee = happened(EventKind.FEE, FIRST_DUE, 700, number=4)
        re_age = happened(EventKind.RE_AGE, date(2024, 4, 1), number=5)

        overdue = of_installment(1, fee, re_age, on=date(2024, 4, 1))
        new = of_installment(3, fee, re_age, on=date(2024, 4, 1))

        assert step_of(overdue, "principal").inputs["taken along by a re-age"] == 33002
        assert dict(step_of(overdue, "fee").inputs) == {
            "taken along by a re-age": 700,
            "brought by events": 700,
        }
        assert step_of(new, "interest").inputs["brought by events"] == 1670
        assert step_of(new, "interest").event_ids == (re_age.id, re_age.id)
        assert dict(step_of(new, "fee").inputs) == {"brought by events": 700}

    def test_tells_of_a_chargeback(self):
        back = happened(EventKind.CHARGEBACK, date(2024, 3, 1), 33500, number=5, repayment=PAID.id)

        explained = of_installment(2, PAID, back, on=date(2024, 3, 1))

        principal = step_of(explained, "principal")
        assert (principal.inputs["charged back"], principal.event_ids) == (33002, (back.id,))

    def test_counts_what_was_done_to_rows_that_were_replaced_for_the_first_new_one(self):
        fee = happened(EventKind.FEE, date(2024, 3, 20), 700, number=5)
        reschedule = happened(EventKind.RESCHEDULE, date(2024, 3, 25), number=6, installments=2)
        paid = repayment(34003, on=SECOND_DUE, number=7)

        explained = of_installment(3, PAID, paid, fee, reschedule, on=date(2024, 3, 25))

        assert step_of(explained, "fee").event_ids == (fee.id,)

    def test_is_refused_for_a_row_that_is_not_there(self):
        with pytest.raises(NothingToExplain) as refused:
            of_installment(4)

        assert (refused.value.code, refused.value.field) == ("nothing_to_explain", "installment")


class TestWords:
    def test_write_rates_as_decimals(self):
        explained = of_installment(1, annual_rate=Fraction("18.5"))

        accrued = step_of(explained, "interest.accrued")
        assert accrued.to_json("KES")["inputs"]["rate"] == "18.5"
        assert "x 18.5 % x" in accrued.text

    def test_leave_a_rate_that_no_decimal_writes_a_fraction(self):
        assert steps.percent(Fraction(1, 3)) == "1/3"
        assert steps.percent(Fraction(12)) == "12"

    def test_give_the_annuity_of_the_level_installment(self):
        # Fn at 1 % a month: 1 + 1.01 (1 + 1.01) = 3.0301.
        level = step_of(of_installment(1), "level_installment")

        assert level.inputs["Fn"] == Fraction("3.0301")
        assert ", where Fn = 3.030100..., = " in level.text

    def test_write_very_long_fractions_as_decimals_that_are_cut_off(self):
        assert steps.written(Fraction(1, 3 * 10**999)) == "1/3" + 999 * "0"
        assert steps.written(Fraction(2 * 10**1000, 3)) == 999 * "6" + "6." + 20 * "6" + "..."
        assert steps.written(Fraction(-1, 3 * 10**1001)) == "-0." + 20 * "0" + "..."

    def test_say_one_day(self):
        pause = happened(EventKind.INTEREST_PAUSE, date(2024, 1, 16), number=5, until=FIRST_DUE)

        explained = of_installment(1, pause, on=FIRST_DUE)

        assert step_of(explained, "interest.accrued").text.startswith("2024-01-15 to 2024-01-16, 1 day: ")
