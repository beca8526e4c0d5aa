from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from loans.core import costs, fold, simulations
from loans.core.charges import Fee, FeeTime
from loans.core.errors import LendingError
from loans.core.events import EventKind
from loans.core.lifecycle import Status, TransitionNotAllowed
from loans.core.postings import Line
from tests.core.samples import (
    APPROVED_ON,
    DISBURSED_ON,
    DISBURSEMENT,
    FIRST_DUE,
    ORIGINATION,
    SECOND_DUE,
    THIRD_DUE,
    asked,
    happened,
    repayment,
    reversal,
    sample_terms,
)

PAID = repayment(34002, on=FIRST_DUE, number=4)


def near(rate, expected):
    return abs(rate - Fraction(expected)) < Fraction(1, 100)


class TestQuote:
    def test_lays_out_the_schedule_and_says_what_it_costs(self):
        state, cost = simulations.quote(sample_terms(), on=DISBURSED_ON)

        assert asked(state) == [(33002, 1000), (33332, 670), (33666, 337)]
        # 12 x 1 %; 1.01 ** 12 - 1; the same over 91 days instead of a quarter of 365.
        assert near(cost.apr_us, "12.00")
        assert near(cost.apr_eu, "12.68")
        assert near(cost.effective_rate, "12.72")
        assert (cost.credit.total_cost, cost.credit.total_of_payments) == (2007, 102007)

    def test_counts_a_deducted_fee_as_a_cost(self):
        fee = Fee(charged=FeeTime.UPFRONT, amount=1000)

        _, cost = simulations.quote(sample_terms(fees=(fee,)), on=DISBURSED_ON)

        assert (cost.credit.amount_financed, cost.credit.total_cost) == (99000, 3007)


class TestCosts:
    def test_have_no_rate_where_none_fits(self):
        # All but a cent is deducted as a fee.
        fee = Fee(charged=FeeTime.UPFRONT, amount=99999)

        _, cost = simulations.quote(
            sample_terms(fees=(fee,), frequency=sample_terms().frequency), on=DISBURSED_ON
        )

        assert (cost.apr_us, cost.apr_eu, cost.effective_rate) == (None, None, None)

    @pytest.mark.parametrize("told", [[], [PAID]])
    def test_are_reckoned_on_disbursements_only(self, told):
        state, _ = simulations.quote(sample_terms(), on=DISBURSED_ON)

        with pytest.raises(AssertionError, match="reckoned on disbursements"):
            costs.of(state, told)


class TestSimulate:
    def test_pays_out_on_the_day_of_the_first_event_when_nothing_says_otherwise(self):
        first = replace(PAID, date=DISBURSED_ON, amount=100)

        simulated = simulations.simulate(sample_terms(), [first], as_of=FIRST_DUE)

        assert (simulated.state.disbursed_on, simulated.state.received) == (DISBURSED_ON, 100)

    def test_pays_out_on_the_start_date_or_the_day_asked_for(self):
        agreed = sample_terms(start_date=DISBURSED_ON)

        assert simulations.simulate(agreed, [], as_of=FIRST_DUE).state.disbursed_on == DISBURSED_ON
        assert simulations.simulate(sample_terms(), [], as_of=FIRST_DUE).state.disbursed_on == FIRST_DUE

    def test_takes_a_whole_life_as_told(self):
        simulated = simulations.simulate(sample_terms(), [*ORIGINATION, PAID], as_of=SECOND_DUE)

        assert simulated.state == fold.fold(sample_terms(), [*ORIGINATION, PAID], as_of=SECOND_DUE)
        assert simulated.planned.installments[0].paid.total == 0
        assert simulated.costs.credit.total_cost == 2007

    def test_keeps_a_journal_of_what_each_event_and_the_time_before_it_did(self):
        entries = simulations.simulate(sample_terms(), [*ORIGINATION, PAID], as_of=FIRST_DUE).entries

        assert [(entry.date, entry.event, entry.lines) for entry in entries] == [
            (DISBURSED_ON, DISBURSEMENT, (Line("1000", -100000), Line("1100", 100000))),
            (FIRST_DUE, None, (Line("1110", 1000), Line("4000", -1000))),
            (FIRST_DUE, PAID, (Line("1000", 34002), Line("1100", -33002), Line("1110", -1000))),
        ]
        assert dict(entries[-1].balances) == {"1000": -65998, "1100": 66998, "4000": -1000}

    def test_costs_nothing_when_the_disbursement_was_reversed(self):
        undone = reversal(DISBURSEMENT, on=FIRST_DUE, number=5)

        simulated = simulations.simulate(sample_terms(), [*ORIGINATION, undone], as_of=SECOND_DUE)

        assert (simulated.state.status, simulated.costs, simulated.entries) == (Status.APPROVED, None, ())

    def test_says_which_event_was_refused(self):
        early = replace(PAID, date=APPROVED_ON)
        cancelled = happened(EventKind.CANCELLED, THIRD_DUE, number=6)

        with pytest.raises(TransitionNotAllowed) as refused_early:
            simulations.simulate(sample_terms(), [*ORIGINATION, early], as_of=SECOND_DUE)
        with pytest.raises(LendingError) as refused_late:
            simulations.simulate(sample_terms(), [*ORIGINATION, cancelled], as_of=date(2024, 5, 1))

        assert refused_early.value.event_id == early.id
        assert refused_late.value.event_id == cancelled.id
