"""What explanations say of events and payoffs, on loans that can be checked with a pocket calculator."""

import uuid
from datetime import date
from fractions import Fraction

import pytest

from loans.core import explanations, fold
from loans.core.charges import Collection, Fee, FeeTime
from loans.core.events import EventKind
from loans.core.explanations import NothingToExplain
from loans.core.terms import Across, EarlyPayment, Grace, InterestMode
from tests.core.samples import (
    APPLICATION,
    APPROVAL,
    DISBURSED_ON,
    DISBURSEMENT,
    FIRST_DUE,
    ORIGINATION,
    SECOND_DUE,
    THIRD_DUE,
    folded,
    happened,
    repayment,
    reversal,
    sample_terms,
)

PAID = repayment(34102, on=FIRST_DUE, number=4)
HALFWAY = date(2024, 1, 30)


def of_event(event, *told, on=THIRD_DUE, **changes):
    return explanations.explain_event(
        sample_terms(**changes), [*ORIGINATION, *told], event_id=event.id, as_of=on
    )


def of_payoff(*told, on, **changes):
    return explanations.explain_payoff(sample_terms(**changes), [*ORIGINATION, *told], on=on)


def figures(explained):
    return [(step.figure, step.rounded) for step in explained.steps]


def step_of(explained, figure):
    return next(step for step in explained.steps if step.figure == figure)


class TestExplainEvent:
    def test_follows_money_bucket_by_bucket_and_says_why_it_stopped(self):
        explained = of_event(PAID, PAID)

        assert explained.text.splitlines() == [
            "This repayment on 2024-02-15 took 341.02 KES.",
            "Due interest of installment 1: 10.00 of 10.00, out of 341.02.",
            "Due principal of installment 1: 330.02 of 330.02, out of 331.02.",
            "In advance interest of installment 2: 1.00 of 6.70, out of 1.00.",
            (
                "It stopped there: the money was used up, with 5.70 of that still unpaid;"
                " early money pays the next installments."
            ),
        ]

    def test_follows_the_order_across_rows_when_vertical(self):
        paid = repayment(34100, on=THIRD_DUE, number=4)

        explained = of_event(paid, paid, across=Across.VERTICAL)

        assert figures(explained) == [
            ("past_due_interest", 1000),
            ("past_due_interest", 670),
            ("past_due_principal", 32430),
            ("credit_balance", 0),
        ]
        assert (
            explained.steps[-1].text
            == "It stopped there: the money was used up, with 5.72 of that still unpaid."
        )

    def test_follows_the_last_rows_first_when_so_agreed(self):
        paid = repayment(80000, on=FIRST_DUE, number=4)

        explained = of_event(paid, paid, early_payment=EarlyPayment.LAST_INSTALLMENT)

        numbers = [step.inputs["installment"] for step in explained.steps[:-1]]
        assert numbers == [1, 1, 3, 3, 2, 2]

    def test_tells_of_money_held(self):
        paid = repayment(102507, on=FIRST_DUE, number=4)

        explained = of_event(paid, paid)

        assert (
            explained.steps[-1].text == "Nothing more was left to pay: 5.00 is the customer's credit balance."
        )

    def test_tells_when_the_loan_is_paid(self):
        paid = repayment(102007, on=FIRST_DUE, number=4)

        assert of_event(paid, paid).steps[-1].text == "It stopped there: the loan is paid."

    def test_of_a_disbursement_gives_its_fees_and_the_level_installment(self):
        fee = Fee(name="setup", charged=FeeTime.UPFRONT, percent=Fraction(5), collection=Collection.ADDED)

        explained = of_event(DISBURSEMENT, fees=(fee,))

        assert figures(explained) == [("fee.charged", 5000), ("level_installment", 35702), ("total", 100000)]
        assert explained.summary == (
            "This disbursement on 2024-01-15 paid out 1000.00 KES, and 50.00 KES of fees was lent on top."
        )

    def test_of_a_fee_tells_with_which_row_it_is_due_and_what_credit_paid_of_it(self):
        paid = repayment(102107, on=FIRST_DUE, number=4)
        fee = happened(EventKind.FEE, date(2024, 2, 20), 700, number=5)

        explained = of_event(fee, paid, fee)

        assert [(step.figure, step.rounded, step.formula) for step in explained.steps[:2]] == [
            ("fee", 700, "charged, installment 2"),
            ("total", 700, "taken in all"),
        ]
        assert figures(explained)[2:] == [("in_advance_fee", 100), ("credit_balance", 0)]

    def test_of_a_fee_in_a_row_of_its_own_tells_what_credit_paid_of_it(self):
        paid = repayment(102107, on=THIRD_DUE, number=4)
        fee = happened(EventKind.FEE, date(2024, 5, 1), 700, number=5)

        explained = of_event(fee, paid, fee, on=date(2024, 5, 1))

        assert figures(explained)[2:] == [("due_fee", 100), ("credit_balance", 0)]

    def test_of_a_waiver_tells_what_it_waived(self):
        waiver = happened(EventKind.INTEREST_WAIVER, FIRST_DUE, None, number=5)

        assert figures(of_event(waiver, waiver)) == [("interest", 1000), ("total", 1000)]

    def test_of_a_reversed_event_says_that_it_counts_no_more(self):
        undone = reversal(PAID, on=SECOND_DUE, number=6)

        assert of_event(PAID, PAID, undone).summary == (
            "This repayment on 2024-02-15 has been reversed: it counts on no date."
        )
        assert of_event(undone, PAID, undone).summary == (
            f"This reversal on 2024-03-15 takes event {PAID.id} out of the history, on every date."
        )

    def test_of_a_decision_says_what_was_decided(self):
        assert of_event(APPROVAL).summary == "On 2024-01-12 the loan was approved."
        assert (
            of_event(APPLICATION).summary == f"On {APPLICATION.date} the loan was applied for: 1000.00 KES."
        )
        assert of_event(APPLICATION).steps == ()

    @pytest.mark.parametrize(
        ("told", "summary"),
        [
            (
                happened(EventKind.RATE_CHANGE, HALFWAY, number=5, annual_rate=Fraction("18.5")),
                "This rate change on 2024-01-30 changed the rate from 12 % to 18.5 % from that day on.",
            ),
            (
                happened(EventKind.INTEREST_PAUSE, HALFWAY, number=5, until=date(2024, 2, 10)),
                (
                    "This interest pause on 2024-01-30 lets no interest accrue from 2024-01-30 up to 2024-02-10,"
                    " exclusive."
                ),
            ),
            (
                # 1000.00 x 12 % x 1/12 a month over four months: 256.28.
                happened(EventKind.RESCHEDULE, DISBURSED_ON, number=5, installments=4),
                (
                    "This reschedule on 2024-01-15 planned 4 rows from number 1 on, the first due on 2024-02-15, set at"
                    " 256.28 KES each."
                ),
            ),
            (
                happened(EventKind.FEE, HALFWAY, 700, number=5),
                "This fee on 2024-01-30 charged 7.00 KES.",
            ),
            (
                happened(EventKind.CHARGE_OFF, FIRST_DUE, number=5),
                "This charge off on 2024-02-15 took a loss of 1010.00 KES in the books; 1020.07 KES is owed as before.",
            ),
            (
                happened(EventKind.WRITE_OFF, FIRST_DUE, number=5),
                "This write off on 2024-02-15 gave up 1010.00 KES.",
            ),
        ],
    )
    def test_says_what_its_kind_of_event_did(self, told, summary):
        assert of_event(told, told).summary == summary

    def test_says_what_a_chargeback_and_a_refund_gave_back(self):
        paid = repayment(102107, on=FIRST_DUE, number=4)
        refund = happened(EventKind.REFUND, FIRST_DUE, 60, number=5)
        back = happened(EventKind.CHARGEBACK, SECOND_DUE, 2000, number=6, repayment=paid.id)

        assert of_event(refund, paid, refund).summary == (
            "This refund on 2024-02-15 gave back 0.60 KES of the customer's credit balance."
        )
        assert of_event(back, paid, back).summary == (
            "This chargeback on 2024-03-15 took back 20.00 KES of the repayment of 2024-02-15, owed again."
        )

    def test_says_what_a_disbursement_kept_for_fees(self):
        fee = Fee(name="setup", charged=FeeTime.UPFRONT, percent=Fraction(5))

        assert of_event(DISBURSEMENT, fees=(fee,)).summary == (
            "This disbursement on 2024-01-15 paid out 1000.00 KES, of which 50.00 KES was kept for fees."
        )

    def test_says_what_a_re_age_took_along(self):
        # 340.02 is overdue; 1010.00 less nothing is owed by 15 February, over two rows.
        late = happened(EventKind.RE_AGE, date(2024, 2, 20), number=5, installments=1)

        assert "planned 1 row from number 2 on, the first due on 2024-03-15" in of_event(late, late).summary
        assert of_event(late, late).summary.endswith(", and took 340.02 KES of arrears along.")

    def test_after_a_write_off_says_that_it_counts_for_nothing(self):
        write_off = happened(EventKind.WRITE_OFF, FIRST_DUE, number=5)
        fee = happened(EventKind.FEE, SECOND_DUE, 700, number=6)

        assert (
            of_event(fee, write_off, fee).summary
            == "This fee on 2024-03-15 counts for nothing after the write-off."
        )

    @pytest.mark.parametrize("event", [PAID, happened(EventKind.FEE, THIRD_DUE, 1, number=99)])
    def test_is_refused_for_an_event_that_is_not_there_by_then(self, event):
        with pytest.raises(NothingToExplain) as refused:
            of_event(event, PAID, on=DISBURSED_ON)

        assert refused.value.field == "event"


class TestExplainPayoff:
    def test_gives_every_part_and_the_cost_of_another_day(self):
        explained = of_payoff(on=HALFWAY)

        assert figures(explained) == [
            ("principal", 100000),
            ("interest.accrued", None),
            ("interest.accrued_to_date", 484),
            ("interest", 484),
            ("fee", 0),
            ("penalty", 0),
            ("payoff", 100484),
            ("per_diem", 32),
        ]
        assert step_of(explained, "interest.accrued_to_date").unrounded == Fraction(15000, 31)
        assert explained.summary == "1004.84 KES ends the loan on 2024-01-30."

    def test_gives_what_is_overdue_row_by_row(self):
        explained = of_payoff(PAID, on=date(2024, 3, 20), penalty_rate=Fraction(12))

        principal, interest = step_of(explained, "principal"), step_of(explained, "interest")
        assert dict(principal.inputs) == {"installment 2": 33332, "installment 3": 33666}
        # 5.70 of row 2, and 3.3666 x 5/31 = 0.5430 of row 3.
        assert dict(interest.inputs) == {
            "installment 2": 570,
            "accrued for installment 3, less what was received": 54,
        }
        # 333.32 x 12 % x 5/365 = 0.5479; a day: 3.3666 / 31 + 0.1096 = 0.2182.
        assert (step_of(explained, "penalty").rounded, step_of(explained, "per_diem").rounded) == (55, 22)

    def test_asks_for_fees_charged_to_rows_to_come(self):
        fee = happened(EventKind.FEE, date(2024, 1, 20), 700, number=5)

        explained = of_payoff(fee, on=HALFWAY, fees=(Fee(charged=FeeTime.PER_INSTALLMENT, amount=200),))

        assert dict(step_of(explained, "fee").inputs) == {"charged to installment 1": 700}

    def test_never_asks_for_more_interest_than_was_planned(self):
        waiver = happened(EventKind.RATE_CHANGE, FIRST_DUE, number=5, annual_rate=Fraction(12))

        explained = of_payoff(waiver, on=FIRST_DUE)

        assert step_of(explained, "interest").rounded == folded(waiver, on=FIRST_DUE).payoff.interest == 1000

    def test_puts_off_interest_in_grace_to_the_row_that_asks_for_it(self):
        explained = of_payoff(on=HALFWAY, grace=Grace(interest=2))

        assert dict(step_of(explained, "interest").inputs) == {
            "accrued for installment 3, less what was received": 484
        }

    def test_of_a_loan_written_off_costs_nothing_more(self):
        write_off = happened(EventKind.WRITE_OFF, FIRST_DUE, number=5)

        explained = of_payoff(write_off, on=SECOND_DUE)

        assert (step_of(explained, "payoff").rounded, step_of(explained, "per_diem").rounded) == (0, 0)

    def test_stands_on_the_last_day_of_the_calendar(self):
        explained = of_payoff(on=date.max, penalty_rate=Fraction(12), interest_mode=InterestMode.DAILY)

        assert step_of(explained, "per_diem").rounded == 0

    def test_is_refused_before_the_disbursement(self):
        with pytest.raises(NothingToExplain) as refused:
            explanations.explain_payoff(sample_terms(), [APPLICATION, APPROVAL], on=THIRD_DUE)

        assert refused.value.field == "on"


class TestFoldWithoutTrace:
    def test_is_the_same_as_with_one(self):
        # Explanations watch; they change nothing.
        told = [*ORIGINATION, PAID]

        assert fold.fold(sample_terms(), told) == fold.fold(sample_terms(), told, trace=explanations.Trace())

    def test_takes_yen_without_decimals(self):
        explained = explanations.explain_installment(
            sample_terms(currency="JPY"), ORIGINATION, number=2, as_of=DISBURSED_ON
        )

        assert (
            explained.steps[1].text == "Interest of 2024-02-15 to 2024-03-15: 669.98, rounded half_even 670."
        )
        assert isinstance(explained.steps[-1].to_json("JPY")["rounded"], str)
        assert uuid.UUID(explained.to_json()["steps"][3]["events"][0]) == DISBURSEMENT.id
