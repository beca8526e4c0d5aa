"""Where money goes, row by row. The examples of the rules are in test_lending_rules.py."""

import uuid
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given

from loans.core import fold
from loans.core.account import Applied, Part
from loans.core.business_days import Convention
from loans.core.charges import Fee, FeeBase, FeeTime
from loans.core.daycount import DayCount
from loans.core.events import EventKind
from loans.core.lifecycle import Status
from loans.core.terms import BUCKETS, Across, Component, EarlyPayment, Grace, InterestMode, Method, Timing
from tests.core.samples import (
    APPLICATION,
    APPROVAL,
    DISBURSEMENT,
    FIRST_DUE,
    SECOND_DUE,
    THIRD_DUE,
    asked,
    folded,
    happened,
    repayment,
    sample_terms,
)
from tests.core.strategies import loan_lives

PAYMENT = uuid.UUID(int=4)
PRINCIPAL_FIRST = tuple(
    sorted(BUCKETS, key=lambda bucket: (list(Timing).index(bucket[0]), bucket[1] != "principal"))
)


def parts_of(state, number=4):
    """What the event of that number paid, row by row."""
    return next(each.parts for each in state.applied if each.event_id == uuid.UUID(int=number))


class TestAllocate:
    def test_settles_interest_before_principal(self):
        state = folded(repayment(1500, on=FIRST_DUE, number=4))

        assert state.applied[-1] == Applied(PAYMENT, 1500, parts=(Part(1, interest=1000, principal=500),))
        assert [row.paid for row in state.installments] == [(0, 0, 1000, 500), (0, 0, 0, 0), (0, 0, 0, 0)]

    def test_settles_principal_first_when_so_agreed(self):
        state = folded(repayment(33502, on=FIRST_DUE, number=4), allocation=PRINCIPAL_FIRST)

        assert parts_of(state) == (Part(1, interest=500, principal=33002),)

    def test_settles_the_oldest_installment_before_the_next(self):
        state = folded(repayment(34002 + 670, on=FIRST_DUE, number=4))

        assert parts_of(state) == (Part(1, interest=1000, principal=33002), Part(2, interest=670))
        assert [row.outstanding.total for row in state.installments] == [0, 33332, 34003]

    def test_dates_an_installment_when_it_is_settled(self):
        state = folded(repayment(34002 + 1, on=FIRST_DUE, number=4))

        assert [row.settled_on for row in state.installments] == [FIRST_DUE, None, None]

    def test_goes_on_where_the_last_repayment_stopped(self):
        state = folded(
            repayment(34002 + 1, on=FIRST_DUE, number=4), repayment(34001, on=SECOND_DUE, number=5)
        )

        assert parts_of(state, 5) == (Part(2, interest=669, principal=33332),)
        assert [row.settled_on for row in state.installments] == [FIRST_DUE, SECOND_DUE, None]

    def test_takes_a_single_cent(self):
        state = folded(repayment(1, on=FIRST_DUE, number=4))

        assert parts_of(state) == (Part(1, interest=1),)

    def test_settles_the_whole_loan_to_the_cent(self):
        state = folded(repayment(102007, on=FIRST_DUE, number=4))

        assert all(row.is_settled and row.settled_on == FIRST_DUE for row in state.installments)
        assert (state.status, state.closed_on) == (Status.REPAID, FIRST_DUE)

    def test_passes_over_installments_of_nothing(self):
        disbursement = replace(DISBURSEMENT, amount=1)
        payment = repayment(1, on=FIRST_DUE, number=4)

        state = fold.fold(sample_terms(principal=1), [APPLICATION, APPROVAL, disbursement, payment])

        assert parts_of(state) == (Part(3, principal=1),)
        assert [row.settled_on for row in state.installments] == [None, None, FIRST_DUE]

    @pytest.mark.parametrize("amount", [102008, 150000])
    def test_holds_what_is_too_much_as_credit(self, amount):
        # Over HTTP this is refused unless it is asked for; the fold takes what history says.
        state = folded(repayment(amount, on=FIRST_DUE, number=4))

        assert (state.status, state.credit_balance) == (Status.REPAID, amount - 102007)
        assert (state.received, state.paid.total) == (amount, 102007)

    @given(life=loan_lives(events_min=1))
    def test_spreads_every_minor_unit_once(self, life):
        terms, told = life

        state = fold.fold(terms, told)

        amounts = {event.id: event.amount for event in told if event.kind in {"repayment", "payoff"}}
        for applied in state.applied:
            if applied.event_id not in amounts or state.status is Status.DEFAULTED:
                continue
            spread = sum(sum(part[1:]) for part in applied.parts)
            assert all(min(part) >= 0 and sum(part[1:]) > 0 for part in applied.parts)
            assert spread + applied.credit == applied.amount == (amounts[applied.event_id] or applied.amount)
        assert all(min(row.outstanding) >= 0 for row in state.installments)


class TestDue:
    # Nothing paid until 15 March: the first row is past due, the second due on the day.
    def test_pays_the_components_of_a_row_before_the_next_row_across_horizontally(self):
        state = folded(repayment(34100, on=SECOND_DUE, number=4))

        assert parts_of(state) == (Part(1, interest=1000, principal=33002), Part(2, interest=98))

    def test_pays_a_component_of_all_rows_before_the_next_component_across_vertically(self):
        state = folded(repayment(34100, on=THIRD_DUE, number=4), across=Across.VERTICAL)

        # Interest of both rows past due, 10.00 and 6.70, comes before any principal.
        assert parts_of(state) == (Part(1, interest=1000, principal=32430), Part(2, interest=670))

    def test_keeps_what_is_past_due_before_what_is_due_when_vertical(self):
        state = folded(repayment(34100, on=SECOND_DUE, number=4), across=Across.VERTICAL)

        assert parts_of(state) == (Part(1, interest=1000, principal=33002), Part(2, interest=98))

    def test_pays_twelve_buckets_in_the_order_agreed(self):
        due_first = tuple(
            (timing, component)
            for timing in (Timing.DUE, Timing.PAST_DUE, Timing.IN_ADVANCE)
            for component in Component
        )

        state = folded(repayment(34100, on=SECOND_DUE, number=4), allocation=due_first)

        # The second row, due that day: 333.32 and 6.70. Then 0.98 of the first, past due.
        assert parts_of(state) == (Part(1, interest=98), Part(2, interest=670, principal=33332))

    def test_takes_neighbours_of_one_timing_together(self):
        # Past-due interest, due interest, past-due principal, ...: three runs, not three timings.
        order = sorted(
            BUCKETS[:8], key=lambda bucket: (list(Component).index(bucket[1]), bucket[0] != "past_due")
        )

        state = folded(repayment(1700, on=SECOND_DUE, number=4), allocation=(*order, *BUCKETS[8:]))

        assert parts_of(state) == (Part(1, interest=1000, principal=30), Part(2, interest=670))


class TestEarlyMoney:
    # 500.00 on 15 February: 340.02 is due, 159.98 early.
    def early(self, rule, amount=50000, **changes):
        return folded(repayment(amount, on=FIRST_DUE, number=4), early_payment=rule, **changes)

    def test_goes_to_the_next_rows_unless_agreed_otherwise(self):
        state = self.early(EarlyPayment.NEXT_INSTALLMENTS)

        assert parts_of(state) == (
            Part(1, interest=1000, principal=33002),
            Part(2, interest=670, principal=15328),
        )
        assert asked(state) == [(33002, 1000), (33332, 670), (33666, 337)]

    def test_goes_to_the_last_row_first_when_so_agreed(self):
        state = self.early(EarlyPayment.LAST_INSTALLMENT)

        assert parts_of(state) == (
            Part(1, interest=1000, principal=33002),
            Part(3, interest=337, principal=15661),
        )
        assert asked(state) == [(33002, 1000), (33332, 670), (33666, 337)]

    def test_pays_the_interest_of_a_period_that_is_over_before_principal_of_the_last_row(self):
        # The first row's period ends on Saturday 17 February, and it is due on Monday. Its interest for 33 days is
        # 10.85; a day on 1000.00 in the second is 0.33; 8.82 of 20.00 are left.
        sunday = date(2024, 2, 18)

        state = folded(
            repayment(2000, on=sunday, number=4),
            early_payment=EarlyPayment.LAST_INSTALLMENT,
            interest_mode=InterestMode.DAILY,
            day_count=DayCount.ACT_365F,
            first_due_date=date(2024, 2, 17),
            convention=Convention.FOLLOWING,
        )

        assert parts_of(state) == (Part(1, interest=1085), Part(2, interest=33), Part(3, principal=882))

    def test_leaves_the_installment_and_shortens_the_term_when_so_agreed(self):
        # 159.98 in row 2; on 510.00 interest is 5.10, so 334.92 come on top; 175.08 with 1.75 are left.
        state = self.early(EarlyPayment.SHORTER_TERM)

        assert parts_of(state) == (Part(1, interest=1000, principal=33002), Part(2, principal=15998))
        assert asked(state) == [(33002, 1000), (15998 + 33492, 510), (17508, 175)]

    def test_drops_rows_that_a_shorter_term_leaves_empty(self):
        # 500.00 more than the first installment: 169.98 are left, less than an installment.
        state = self.early(EarlyPayment.SHORTER_TERM, amount=84002)

        assert asked(state) == [(33002, 1000), (50000 + 16998, 170)]

    def test_forgets_the_rows_that_it_empties(self):
        # A fee in what would have been the third period: its row is gone, so the fee has one of its own.
        fee = happened(EventKind.FEE, date(2024, 3, 20), 700, number=5)

        state = folded(repayment(84002, on=FIRST_DUE, number=4), fee, early_payment=EarlyPayment.SHORTER_TERM)

        row = state.installments[2]
        assert (row.number, row.kind, row.from_date, row.due_date) == (3, "extra", SECOND_DUE, fee.date)
        assert [row.due for row in state.installments[1:]] == [(0, 0, 170, 66998), (0, 700, 0, 0)]

    def test_leaves_the_term_and_lowers_the_installment_when_so_agreed(self):
        # 510.00 x 0.01 / (1 - 1.01**-2) = 258.8337; less 5.10; then 256.27 with 2.56.
        state = self.early(EarlyPayment.LOWER_INSTALLMENT)

        assert parts_of(state) == (Part(1, interest=1000, principal=33002), Part(2, principal=15998))
        assert asked(state) == [(33002, 1000), (15998 + 25373, 510), (25627, 256)]

    def test_pays_accrued_interest_before_principal_where_interest_is_saved(self):
        # Half of a period of 31 days that is 15: 10.00 x 15/31 = 4.8387 has accrued by 30 January.
        halfway = date(2024, 1, 30)

        state = folded(
            repayment(10484, on=halfway, number=4), early_payment=EarlyPayment.SHORTER_TERM, on=halfway
        )

        # Of 1000.00 100.00 are paid: 900.00 x 0.01 x 16/31 = 4.6452 more, with the 4.8387 that is 9.4839.
        assert parts_of(state) == (Part(1, interest=484, principal=10000),)
        assert state.installments[0].due == (0, 0, 948, 10000 + 34002 - 948)

    def test_pays_principal_before_accrued_interest_when_so_agreed(self):
        halfway = date(2024, 1, 30)

        state = folded(
            repayment(10484, on=halfway, number=4),
            early_payment=EarlyPayment.SHORTER_TERM,
            allocation=PRINCIPAL_FIRST,
            on=halfway,
        )

        assert parts_of(state) == (Part(1, principal=10484),)


class TestMovedDueDates:
    # 15 June 2024 is a Saturday: the period is over, and what it asks for is due on Monday.
    @pytest.mark.parametrize("rule", EarlyPayment)
    def test_let_money_of_the_weekend_pay_the_row_in_advance(self, rule):
        start = date(2024, 5, 15)
        origination = [replace(event, date=start) for event in (APPLICATION, APPROVAL, DISBURSEMENT)]
        terms = sample_terms(
            installments=1, early_payment=rule, convention=Convention.FOLLOWING, day_count=DayCount.ACT_365F
        )

        state = fold.fold(terms, [*origination, repayment(5000, on=date(2024, 6, 16), number=4)])

        # 1000.00 x 12 % x 31/365 = 10.19.
        assert parts_of(state) == (Part(1, interest=1019, principal=3981),)

    @pytest.mark.parametrize("rule", EarlyPayment)
    def test_let_a_daily_loan_cost_interest_of_the_weekend(self, rule):
        start = date(2024, 5, 15)
        origination = [replace(event, date=start) for event in (APPLICATION, APPROVAL, DISBURSEMENT)]
        terms = sample_terms(
            installments=1,
            early_payment=rule,
            interest_mode=InterestMode.DAILY,
            convention=Convention.FOLLOWING,
            day_count=DayCount.ACT_365F,
        )

        state = fold.fold(terms, [*origination, repayment(5000, on=date(2024, 6, 16), number=4)])

        # 1000.00 x 12 % x 32/365 = 10.5205.
        assert parts_of(state) == (Part(1, interest=1052, principal=3948),)


class TestEarlyMoneyOfDailyLoans:
    # ACT/365F: A = 340.00. On 30 January 1000.00 x 12 % x 15/365 = 4.9315 has accrued.
    HALFWAY = date(2024, 1, 30)

    def early(self, amount, **changes):
        agreed = {"interest_mode": InterestMode.DAILY, "day_count": DayCount.ACT_365F} | changes
        return folded(repayment(amount, on=self.HALFWAY, number=4), on=self.HALFWAY, **agreed)

    def test_pays_of_interest_only_what_has_accrued(self):
        state = self.early(600)

        # 1.07 of principal paid early count towards the installment: 998.93 x 12 % x 16/365 = 5.2547 more interest.
        assert parts_of(state) == (Part(1, interest=493, principal=107),)
        assert state.installments[0].due == (0, 0, 1019, 34000 - 1019)

    def test_settles_a_row_paid_up_to_the_installment_with_the_interest_accrued_so_far(self):
        state = self.early(34000)

        row, following = state.installments[:2]
        assert parts_of(state) == (Part(1, interest=493, principal=33507),)
        assert (row.due, row.to_date, row.settled_on) == ((0, 0, 493, 33507), self.HALFWAY, self.HALFWAY)
        # 664.93 x 12 % x (16 + 29)/365 = 9.8373 belongs to the second row.
        assert (following.from_date, following.due) == (self.HALFWAY, (0, 0, 984, 33016))

    def test_plans_the_fee_of_a_row_that_it_settles_again(self):
        # 10 % of 4.93 and 9.84, not of the 10.19 that the first row would have earned by its due date.
        fees = (Fee(charged=FeeTime.PER_INSTALLMENT, percent=Fraction(10), of=FeeBase.INTEREST),)

        state = self.early(34000, fees=fees)

        assert [row.due.fee for row in state.installments[:2]] == [49, 98]

    def test_goes_on_to_the_next_row_when_more_comes(self):
        state = self.early(35000)

        assert parts_of(state) == (Part(1, interest=493, principal=33507), Part(2, principal=1000))

    def test_pays_principal_of_the_last_rows_first_when_so_agreed(self):
        state = self.early(600, early_payment=EarlyPayment.LAST_INSTALLMENT)

        assert parts_of(state) == (Part(1, interest=493), Part(3, principal=107))

    @pytest.mark.parametrize("rule", [EarlyPayment.NEXT_INSTALLMENTS, EarlyPayment.LAST_INSTALLMENT])
    def test_pays_what_a_chargeback_asks_for_after_the_end(self, rule):
        payoff = happened(EventKind.PAYOFF, self.HALFWAY, None, number=4)
        # It is due with the first row; no row is planned any more.
        charged_back = happened(EventKind.CHARGEBACK, date(2024, 2, 1), 10000, number=5, repayment=payoff.id)
        paid = repayment(5000, on=date(2024, 2, 2), number=6)

        state = folded(
            payoff,
            charged_back,
            paid,
            on=date(2024, 2, 2),
            interest_mode=InterestMode.DAILY,
            day_count=DayCount.ACT_365F,
            early_payment=rule,
        )

        assert parts_of(state, 6) == (Part(1, principal=5000),)
        assert (state.status, state.payoff) == (Status.DISBURSED, (0, 0, 0, 5000))

    @pytest.mark.parametrize("method", [Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY])
    def test_pays_principal_of_the_next_rows_of_other_methods(self, method):
        state = self.early(600, method=method)

        at = 1 if method is Method.EQUAL_PRINCIPAL else 3
        expected = (
            {1: Part(1, interest=493, principal=107)}
            if at == 1
            else {
                1: Part(1, interest=493),
                3: Part(3, principal=107),
            }
        )
        assert parts_of(state) == tuple(expected.values())

    def test_pays_interest_put_off_by_grace_at_the_place_of_the_row_with_which_it_is_due(self):
        # 333.33 and 333.33 of principal, then the 4.93 that have accrued, due with the third row.
        state = self.early(67000, method=Method.EQUAL_PRINCIPAL, grace=Grace(interest=2))

        assert parts_of(state) == (
            Part(1, principal=33333),
            Part(2, principal=33333),
            Part(3, interest=334),
        )

    def test_settles_the_loan_with_the_payoff_amount(self):
        state = self.early(100493)

        assert (state.status, state.credit_balance, state.paid.total) == (Status.REPAID, 0, 100493)

    def test_does_not_settle_it_with_a_cent_less(self):
        state = self.early(100492)

        assert (state.status, state.payoff.total) == (Status.DISBURSED, 1)

    def test_leaves_a_row_open_whose_interest_is_not_paid(self):
        # Principal first: 335.07 fill the installment of 340.00, and 0.93 of 4.93 interest are paid.
        state = self.early(33600, allocation=PRINCIPAL_FIRST)

        assert parts_of(state) == (Part(1, interest=93, principal=33507),)
        assert state.installments[0].to_date == FIRST_DUE

    def test_passes_over_a_row_in_principal_grace(self):
        state = self.early(600, grace=Grace(principal=1))

        assert parts_of(state) == (Part(1, interest=493), Part(2, principal=107))
        assert state.installments[0].to_date == FIRST_DUE
