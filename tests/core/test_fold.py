from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import events, fold, lifecycle
from loans.core.allocation import Allocation, Overpayment
from loans.core.events import EventKind, ReversalRefused
from loans.core.fold import AmountNotPositive, DateTooEarly, DisbursementDiffers, LoanState
from loans.core.lifecycle import Status, TransitionNotAllowed
from tests.core.samples import (
    APPLICATION,
    APPLIED_ON,
    APPROVAL,
    APPROVED_ON,
    DISBURSED_ON,
    DISBURSEMENT,
    FIRST_DUE,
    ORIGINATION,
    SECOND_DUE,
    THIRD_DUE,
    happened,
    repayment,
    reversal,
    sample_terms,
)
from tests.core.strategies import histories, reversed_by

TERMS = sample_terms()
FIRST_PAYMENT = repayment(34002, on=FIRST_DUE, number=4)
SECOND_PAYMENT = repayment(34002, on=SECOND_DUE, number=5)
LAST_PAYMENT = repayment(34003, on=THIRD_DUE, number=6)
ONE_DAY = timedelta(days=1)


def total(state):
    return (
        state.principal_paid,
        state.interest_paid,
        state.principal_outstanding,
        state.interest_outstanding,
    )


class TestFold:
    def test_of_nothing_is_an_empty_loan(self):
        state = fold.fold(TERMS, [])

        assert state == LoanState(terms=TERMS, status=None)
        assert state == fold.empty(TERMS)

    def test_of_an_application_is_pending(self):
        state = fold.fold(TERMS, [APPLICATION])

        assert state == LoanState(terms=TERMS, status=Status.PENDING, applied_on=APPLIED_ON)

    def test_of_an_approval_is_approved(self):
        state = fold.fold(TERMS, [APPLICATION, APPROVAL])

        assert (state.status, state.approved_on, state.installments) == (Status.APPROVED, APPROVED_ON, ())

    @pytest.mark.parametrize(
        ("kind", "status"), [(EventKind.REJECTED, Status.REJECTED), (EventKind.CANCELLED, Status.CANCELLED)]
    )
    def test_of_a_refusal_is_closed_that_day(self, kind, status):
        state = fold.fold(TERMS, [APPLICATION, happened(kind, APPROVED_ON, number=2)])

        assert (state.status, state.closed_on) == (status, APPROVED_ON)

    def test_of_a_cancelled_approval_is_closed_that_day(self):
        state = fold.fold(
            TERMS, [APPLICATION, APPROVAL, happened(EventKind.CANCELLED, DISBURSED_ON, number=3)]
        )

        assert (state.status, state.approved_on, state.closed_on) == (
            Status.CANCELLED,
            APPROVED_ON,
            DISBURSED_ON,
        )

    def test_of_a_disbursement_owes_principal_and_all_interest(self):
        state = fold.fold(TERMS, ORIGINATION)

        assert (state.status, state.disbursed_on, state.disbursed) == (Status.DISBURSED, DISBURSED_ON, 100000)
        assert total(state) == (0, 0, 100000, 2007)
        assert state.outstanding == 102007
        assert [each.due_date for each in state.installments] == [FIRST_DUE, SECOND_DUE, THIRD_DUE]

    def test_of_a_repayment_owes_that_much_less(self):
        state = fold.fold(TERMS, [*ORIGINATION, repayment(34102, on=FIRST_DUE, number=4)])

        assert state.status is Status.DISBURSED
        assert total(state) == (33002, 1100, 66998, 907)
        assert state.allocations == (
            Allocation(FIRST_PAYMENT.id, 1, principal=33002, interest=1000),
            Allocation(FIRST_PAYMENT.id, 2, principal=0, interest=100),
        )

    def test_of_every_installment_is_repaid_on_the_last_day(self):
        state = fold.fold(TERMS, [*ORIGINATION, FIRST_PAYMENT, SECOND_PAYMENT, LAST_PAYMENT])

        assert (state.status, state.closed_on) == (Status.REPAID, THIRD_DUE)
        assert total(state) == (100000, 2007, 0, 0)
        assert [each.settled_on for each in state.installments] == [FIRST_DUE, SECOND_DUE, THIRD_DUE]

    def test_of_a_repayment_on_the_day_of_disbursement_stands(self):
        state = fold.fold(TERMS, [*ORIGINATION, repayment(102007, on=DISBURSED_ON, number=4)])

        assert (state.status, state.closed_on) == (Status.REPAID, DISBURSED_ON)

    def test_counts_events_of_the_day_asked_for_and_none_after_it(self):
        told = [*ORIGINATION, FIRST_PAYMENT, SECOND_PAYMENT]

        assert fold.fold(TERMS, told, as_of=SECOND_DUE - ONE_DAY) == fold.fold(TERMS, told[:-1])
        assert fold.fold(TERMS, told, as_of=SECOND_DUE) == fold.fold(TERMS, told)
        assert fold.fold(TERMS, told, as_of=date(2000, 1, 1)) == fold.empty(TERMS)

    def test_reads_a_reversed_repayment_as_though_it_had_never_been(self):
        told = [*ORIGINATION, FIRST_PAYMENT, reversal(FIRST_PAYMENT, on=SECOND_DUE, number=6)]

        assert fold.fold(TERMS, told) == fold.fold(TERMS, ORIGINATION)
        assert fold.fold(TERMS, told, as_of=FIRST_DUE) == fold.fold(TERMS, ORIGINATION, as_of=FIRST_DUE)

    def test_opens_a_repaid_loan_again_when_a_repayment_is_reversed(self):
        told = [*ORIGINATION, FIRST_PAYMENT, SECOND_PAYMENT, LAST_PAYMENT]

        state = fold.fold(TERMS, [*told, reversal(FIRST_PAYMENT, on=THIRD_DUE, number=7)])

        assert (state.status, state.closed_on) == (Status.DISBURSED, None)
        assert state.outstanding == 34002
        assert state.next_due.number == 3

    def test_places_a_back_dated_repayment_before_later_ones(self):
        told = [*ORIGINATION, SECOND_PAYMENT, FIRST_PAYMENT]

        state = fold.fold(TERMS, told)

        assert [each.settled_on for each in state.installments] == [FIRST_DUE, SECOND_DUE, None]

    def test_refuses_a_repayment_dated_before_the_disbursement(self):
        with pytest.raises(TransitionNotAllowed, match="approved, so it cannot take a repayment"):
            fold.fold(TERMS, [*ORIGINATION, repayment(100, on=APPROVED_ON, number=4)])

    def test_passes_on_refused_reversals(self):
        with pytest.raises(ReversalRefused):
            fold.fold(TERMS, [*ORIGINATION, reversal(FIRST_PAYMENT, on=SECOND_DUE, number=6)])

    @given(histories(), st.data())
    def test_ends_in_the_same_state_whatever_the_order_of_arrival(self, history, data):
        terms, told = history
        arrived = data.draw(st.permutations(told))

        assert fold.fold(terms, arrived) == fold.fold(terms, told)

    @given(histories(repayments_min=1), st.data())
    def test_restores_the_state_exactly_when_a_repayment_is_reversed(self, history, data):
        terms, told = history
        undone = data.draw(st.sampled_from([event for event in told if event.kind is EventKind.REPAYMENT]))
        before = fold.fold(terms, [event for event in told if event != undone])
        arrived = data.draw(st.permutations([*told, reversed_by(undone, on=undone.date)]))

        assert fold.fold(terms, arrived) == before

    @given(histories())
    def test_keeps_totals_and_rows_in_agreement(self, history):
        terms, told = history

        state = fold.fold(terms, told)

        assert state.principal_paid == sum(each.principal_paid for each in state.installments)
        assert state.interest_paid == sum(each.interest_paid for each in state.installments)
        assert state.principal_outstanding == sum(each.principal_outstanding for each in state.installments)
        assert state.interest_outstanding == sum(each.interest_outstanding for each in state.installments)
        assert state.principal_paid + state.principal_outstanding == state.disbursed
        assert (state.status is Status.REPAID) == (state.outstanding == 0)
        repaid = sum(event.amount for event in told if event.kind is EventKind.REPAYMENT)
        assert sum(each.principal + each.interest for each in state.allocations) == repaid

    @given(histories(), st.dates(date(1970, 1, 1), date(2200, 6, 1)))
    def test_as_of_a_date_is_the_fold_of_the_events_until_then(self, history, as_of):
        terms, told = history

        state = fold.fold(terms, told, as_of=as_of)

        assert state == fold.fold(terms, [event for event in told if event.date <= as_of])


class TestStep:
    @given(histories(repayments_min=1))
    def test_over_the_unsettled_rows_alone_equals_the_whole_fold(self, history):
        terms, told = history
        *earlier, last = events.in_order(told)
        before = fold.fold(terms, earlier)
        unsettled = tuple(each for each in before.installments if not each.is_settled)

        after = fold.step(replace(before, installments=unsettled, allocations=()), last)

        whole = fold.fold(terms, told)
        changed = {each.number: each for each in after.installments}
        assert tuple(changed.get(each.number, each) for each in before.installments) == whole.installments
        assert before.allocations + after.allocations == whole.allocations
        assert replace(after, installments=(), allocations=()) == replace(
            whole, installments=(), allocations=()
        )

    def test_refuses_an_event_the_status_does_not_admit(self):
        with pytest.raises(TransitionNotAllowed):
            fold.step(fold.empty(TERMS), APPROVAL)

    def test_does_not_take_reversals(self):
        state = fold.fold(TERMS, [*ORIGINATION, FIRST_PAYMENT])

        with pytest.raises(AssertionError, match="fold the history anew"):
            fold.step(state, reversal(FIRST_PAYMENT, on=SECOND_DUE, number=6))

    @pytest.mark.parametrize("amount", [99999, 100001])
    def test_refuses_to_disburse_another_amount_than_agreed(self, amount):
        state = fold.fold(TERMS, [APPLICATION, APPROVAL])

        with pytest.raises(DisbursementDiffers) as refused:
            fold.step(state, replace(DISBURSEMENT, amount=amount))

        assert refused.value.field == "amount"
        assert refused.value.detail == "The loan must be disbursed in full: 1000.00 KES."

    @pytest.mark.parametrize("amount", [0, -100])
    def test_refuses_amounts_of_nothing_or_less(self, amount):
        approved = fold.fold(TERMS, [APPLICATION, APPROVAL])
        disbursed = fold.fold(TERMS, ORIGINATION)

        with pytest.raises(AmountNotPositive) as refused_disbursement:
            fold.step(approved, replace(DISBURSEMENT, amount=amount))
        with pytest.raises(AmountNotPositive) as refused_repayment:
            fold.step(disbursed, repayment(amount, on=FIRST_DUE, number=4))

        assert refused_disbursement.value.field == "amount"
        assert refused_repayment.value.field == "amount"

    def test_refuses_an_overpayment_with_the_amount_that_closes_the_loan(self):
        state = fold.fold(TERMS, [*ORIGINATION, FIRST_PAYMENT])

        with pytest.raises(Overpayment) as refused:
            fold.step(state, repayment(68006, on=SECOND_DUE, number=5))

        assert refused.value.extensions == {"payoff_amount": 68005, "currency": "KES"}

    def test_refuses_money_for_a_repaid_loan(self):
        state = fold.fold(TERMS, [*ORIGINATION, repayment(102007, on=FIRST_DUE, number=4)])

        with pytest.raises(TransitionNotAllowed, match="The loan is repaid, so it cannot take a repayment"):
            fold.step(state, repayment(1, on=SECOND_DUE, number=5))

    def test_refuses_an_event_dated_before_the_step_it_follows(self):
        state = fold.fold(TERMS, ORIGINATION)

        with pytest.raises(DateTooEarly) as refused:
            fold.step(state, repayment(100, on=DISBURSED_ON - ONE_DAY, number=4))

        assert refused.value.field == "date"
        assert refused.value.detail == "2024-01-14 is before 2024-01-15, when the loan became disbursed."
        assert refused.value.extensions == {"earliest": "2024-01-15"}


class TestCheckDate:
    @pytest.mark.parametrize(
        ("told", "latest"),
        [([APPLICATION], APPLIED_ON), ([APPLICATION, APPROVAL], APPROVED_ON), (ORIGINATION, DISBURSED_ON)],
    )
    def test_admits_the_day_of_the_latest_step_and_none_before(self, told, latest):
        state = fold.fold(TERMS, told)

        fold.check_date(state, on=latest)
        with pytest.raises(DateTooEarly):
            fold.check_date(state, on=latest - ONE_DAY)

    def test_admits_any_day_for_the_first_event(self):
        first = replace(APPLICATION, date=date(1, 1, 1))

        assert fold.fold(TERMS, [first]).applied_on == date(1, 1, 1)


class TestLoanState:
    def test_knows_no_dates_before_it_is_disbursed(self):
        state = fold.fold(TERMS, [APPLICATION])

        assert state.next_due is None
        assert state.maturity_date is None
        assert state.days_past_due(THIRD_DUE) == 0
        assert state.overdue(THIRD_DUE) == 0

    def test_matures_with_the_last_installment_whatever_rows_are_loaded(self):
        state = fold.fold(TERMS, ORIGINATION)

        assert state.maturity_date == THIRD_DUE
        assert replace(state, installments=()).maturity_date == THIRD_DUE

    @pytest.mark.parametrize(
        ("on", "days", "overdue"),
        [
            (DISBURSED_ON, 0, 0),
            (FIRST_DUE - ONE_DAY, 0, 0),
            (FIRST_DUE, 0, 0),
            (FIRST_DUE + ONE_DAY, 1, 34002),
            (SECOND_DUE, 29, 34002),
            (SECOND_DUE + ONE_DAY, 30, 68004),
        ],
    )
    def test_is_past_due_from_the_day_after_the_due_date(self, on, days, overdue):
        state = fold.fold(TERMS, ORIGINATION)

        assert state.days_past_due(on) == days
        assert state.overdue(on) == overdue

    def test_is_past_due_since_the_next_date_once_the_oldest_is_settled(self):
        state = fold.fold(TERMS, [*ORIGINATION, repayment(34002, on=THIRD_DUE, number=4)])

        assert state.days_past_due(THIRD_DUE) == 31
        assert state.next_due.number == 2

    def test_stays_past_due_on_a_part_payment(self):
        state = fold.fold(TERMS, [*ORIGINATION, repayment(34001, on=FIRST_DUE, number=4)])

        assert state.days_past_due(FIRST_DUE + ONE_DAY) == 1
        assert state.overdue(FIRST_DUE + ONE_DAY) == 1

    def test_is_never_past_due_once_repaid(self):
        state = fold.fold(TERMS, [*ORIGINATION, repayment(102007, on=FIRST_DUE, number=4)])

        assert state.next_due is None
        assert state.days_past_due(THIRD_DUE + ONE_DAY) == 0
        assert state.overdue(THIRD_DUE + ONE_DAY) == 0

    @given(histories(), st.data())
    def test_moves_only_along_the_lifecycle(self, history, data):
        terms, told = history
        length = data.draw(st.integers(1, len(told)))
        *earlier, last = events.in_order(told)[:length]

        before, after = fold.fold(terms, earlier), fold.fold(terms, [*earlier, last])

        expected = lifecycle.TRANSITIONS[before.status, last.kind]
        assert after.status in {expected, Status.REPAID if expected is Status.DISBURSED else expected}
