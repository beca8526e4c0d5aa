from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import fold
from loans.core.account import Applied, Part
from loans.core.changes import AmountNotPositive, DisbursementDiffers
from loans.core.events import EventKind, ReversalRefused
from loans.core.fold import DateTooEarly
from loans.core.lifecycle import Status, TransitionNotAllowed
from loans.core.state import LoanState
from loans.core.terms import Component
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
    folded,
    happened,
    repayment,
    reversal,
    sample_terms,
)
from tests.core.strategies import accepted, loan_lives, reversed_by

TERMS = sample_terms()
FIRST_PAYMENT = repayment(34002, on=FIRST_DUE, number=4)
SECOND_PAYMENT = repayment(34002, on=SECOND_DUE, number=5)
LAST_PAYMENT = repayment(34003, on=THIRD_DUE, number=6)
ONE_DAY = timedelta(days=1)


def total(reached):
    return (
        reached.paid.principal,
        reached.paid.interest,
        reached.outstanding.principal,
        reached.outstanding.interest,
    )


class TestFold:
    def test_of_nothing_is_an_empty_loan(self):
        reached = fold.fold(TERMS, [])

        assert reached == LoanState(terms=TERMS, status=None)
        assert reached == fold.empty(TERMS)

    def test_of_an_application_is_pending(self):
        reached = fold.fold(TERMS, [APPLICATION])

        assert reached == LoanState(
            terms=TERMS, status=Status.PENDING, as_of=APPLIED_ON, applied_on=APPLIED_ON
        )

    def test_of_an_approval_is_approved(self):
        reached = fold.fold(TERMS, [APPLICATION, APPROVAL])

        assert (reached.status, reached.approved_on, reached.installments) == (
            Status.APPROVED,
            APPROVED_ON,
            (),
        )

    @pytest.mark.parametrize(
        ("kind", "status"), [(EventKind.REJECTED, Status.REJECTED), (EventKind.CANCELLED, Status.CANCELLED)]
    )
    def test_of_a_refusal_is_closed_that_day(self, kind, status):
        reached = fold.fold(TERMS, [APPLICATION, happened(kind, APPROVED_ON, number=2)])

        assert (reached.status, reached.closed_on) == (status, APPROVED_ON)

    def test_of_a_cancelled_approval_is_closed_that_day(self):
        reached = fold.fold(
            TERMS, [APPLICATION, APPROVAL, happened(EventKind.CANCELLED, DISBURSED_ON, number=3)]
        )

        assert (reached.status, reached.approved_on, reached.closed_on) == (
            Status.CANCELLED,
            APPROVED_ON,
            DISBURSED_ON,
        )

    def test_of_a_disbursement_owes_principal_and_all_interest(self):
        reached = folded()

        assert (reached.status, reached.disbursed_on, reached.disbursed) == (
            Status.DISBURSED,
            DISBURSED_ON,
            100000,
        )
        assert total(reached) == (0, 0, 100000, 2007)
        assert reached.outstanding.total == 102007
        assert [row.due_date for row in reached.installments] == [FIRST_DUE, SECOND_DUE, THIRD_DUE]

    def test_of_a_repayment_owes_that_much_less(self):
        reached = folded(repayment(34102, on=FIRST_DUE, number=4))

        assert reached.status is Status.DISBURSED
        assert total(reached) == (33002, 1100, 66998, 907)
        assert reached.applied == (
            Applied(DISBURSEMENT.id, 100000),
            Applied(
                FIRST_PAYMENT.id,
                34102,
                parts=(Part(1, principal=33002, interest=1000), Part(2, principal=0, interest=100)),
            ),
        )

    def test_of_every_installment_is_repaid_on_the_last_day(self):
        reached = folded(FIRST_PAYMENT, SECOND_PAYMENT, LAST_PAYMENT)

        assert (reached.status, reached.closed_on) == (Status.REPAID, THIRD_DUE)
        assert total(reached) == (100000, 2007, 0, 0)
        assert [row.settled_on for row in reached.installments] == [FIRST_DUE, SECOND_DUE, THIRD_DUE]

    def test_of_a_repayment_on_the_day_of_disbursement_stands(self):
        reached = folded(repayment(102007, on=DISBURSED_ON, number=4))

        assert (reached.status, reached.closed_on) == (Status.REPAID, DISBURSED_ON)

    def test_counts_events_of_the_day_asked_for_and_none_after_it(self):
        told = [*ORIGINATION, FIRST_PAYMENT, SECOND_PAYMENT]
        day_before = SECOND_DUE - ONE_DAY
        long_before = date(2000, 1, 1)

        assert fold.fold(TERMS, told, as_of=day_before) == fold.fold(TERMS, told[:-1], as_of=day_before)
        assert fold.fold(TERMS, told, as_of=SECOND_DUE) == fold.fold(TERMS, told)
        assert fold.fold(TERMS, told, as_of=long_before) == replace(fold.empty(TERMS), as_of=long_before)

    def test_reads_a_reversed_repayment_as_though_it_had_never_been(self):
        told = [FIRST_PAYMENT, reversal(FIRST_PAYMENT, on=SECOND_DUE, number=6)]

        assert folded(*told) == folded()
        assert folded(*told, on=FIRST_DUE) == folded(on=FIRST_DUE)

    def test_opens_a_repaid_loan_again_when_a_repayment_is_reversed(self):
        told = [FIRST_PAYMENT, SECOND_PAYMENT, LAST_PAYMENT]

        reached = folded(*told, reversal(FIRST_PAYMENT, on=THIRD_DUE, number=7))

        assert (reached.status, reached.closed_on) == (Status.DISBURSED, None)
        assert reached.outstanding.total == 34002
        assert reached.next_due.number == 3

    def test_places_a_back_dated_repayment_before_later_ones(self):
        reached = folded(SECOND_PAYMENT, FIRST_PAYMENT)

        assert [row.settled_on for row in reached.installments] == [FIRST_DUE, SECOND_DUE, None]

    def test_goes_back_to_an_approved_loan_when_the_disbursement_is_reversed(self):
        reached = folded(reversal(DISBURSEMENT, on=FIRST_DUE, number=4))

        assert reached == fold.fold(TERMS, [APPLICATION, APPROVAL])

    def test_refuses_to_leave_a_repayment_without_the_disbursement_it_follows(self):
        with pytest.raises(TransitionNotAllowed, match="approved: it cannot take a repayment"):
            folded(FIRST_PAYMENT, reversal(DISBURSEMENT, on=SECOND_DUE, number=5))

    def test_refuses_a_repayment_dated_before_the_disbursement(self):
        with pytest.raises(TransitionNotAllowed, match="approved: it cannot take a repayment"):
            folded(repayment(100, on=APPROVED_ON, number=4))

    def test_refuses_a_decision_about_a_loan_that_is_paid_out(self):
        with pytest.raises(TransitionNotAllowed, match="disbursed: it cannot be cancelled"):
            folded(happened(EventKind.CANCELLED, FIRST_DUE, number=4))

    def test_refuses_a_disbursement_dated_before_the_approval(self):
        # In the order of dates the loan is not approved yet.
        with pytest.raises(TransitionNotAllowed, match="pending: it cannot be disbursed"):
            fold.fold(TERMS, [APPLICATION, APPROVAL, replace(DISBURSEMENT, date=APPROVED_ON - ONE_DAY)])

    def test_passes_on_refused_reversals(self):
        with pytest.raises(ReversalRefused):
            folded(reversal(FIRST_PAYMENT, on=SECOND_DUE, number=6))

    @pytest.mark.parametrize("amount", [99999, 100001])
    def test_refuses_to_disburse_another_amount_than_agreed(self, amount):
        with pytest.raises(DisbursementDiffers) as refused:
            fold.fold(TERMS, [APPLICATION, APPROVAL, replace(DISBURSEMENT, amount=amount)])

        assert refused.value.field == "amount"
        assert refused.value.detail == "The loan must be disbursed in full: 1000.00 KES."

    @pytest.mark.parametrize("amount", [0, -100])
    def test_refuses_amounts_of_nothing_or_less(self, amount):
        with pytest.raises(AmountNotPositive) as refused_disbursement:
            fold.fold(TERMS, [APPLICATION, APPROVAL, replace(DISBURSEMENT, amount=amount)])
        with pytest.raises(AmountNotPositive) as refused_repayment:
            folded(repayment(amount, on=FIRST_DUE, number=4))

        assert refused_disbursement.value.field == "amount"
        assert refused_repayment.value.field == "amount"

    @given(loan_lives(), st.data())
    def test_ends_in_the_same_state_whatever_the_order_of_arrival(self, life, data):
        terms, told = life
        arrived = data.draw(st.permutations(told))

        assert fold.fold(terms, arrived) == fold.fold(terms, told)

    @given(loan_lives(events_min=1), st.data())
    def test_restores_the_state_exactly_when_an_event_is_reversed(self, life, data):
        terms, told = life
        reversible = [
            event for event in told[3:] if accepted(terms, [each for each in told if each != event])
        ]
        if not reversible:
            return
        undone = data.draw(st.sampled_from(reversible))
        before = fold.fold(terms, [event for event in told if event != undone], as_of=told[-1].date)
        arrived = data.draw(st.permutations([*told, reversed_by(undone, on=undone.date)]))

        assert fold.fold(terms, arrived, as_of=told[-1].date) == before

    @given(loan_lives())
    def test_keeps_totals_and_rows_in_agreement(self, life):
        terms, told = life

        reached = fold.fold(terms, told)

        for at, _ in enumerate(Component):
            rows = reached.installments
            assert reached.paid[at] == sum(row.paid[at] for row in rows)
            assert reached.outstanding[at] == sum(row.outstanding[at] for row in rows)
            asked_for = sum(row.due[at] for row in rows)
            assert asked_for == (
                reached.paid[at] + reached.waived[at] + reached.written_off[at] + reached.outstanding[at]
            )
        nothing_left = reached.outstanding.total == 0
        assert (reached.status in {Status.REPAID, Status.DEFAULTED}) == nothing_left
        assert reached.received + reached.goodwill == (
            reached.paid.total
            + reached.credit_balance
            + _refunded_credit(told, reached)
            - _charged_back(told, reached)
        )

    @given(loan_lives())
    def test_asks_for_all_principal_disbursed_and_charged_back(self, life):
        terms, told = life

        reached = fold.fold(terms, told)

        back = {event.id for event in told if event.kind is EventKind.CHARGEBACK}
        owed_again = sum(
            part.principal
            for applied in reached.applied
            if applied.event_id in back and applied.amount
            for part in applied.parts
        )
        assert sum(row.due.principal for row in reached.installments) == reached.disbursed + owed_again

    @given(loan_lives())
    def test_keeps_due_dates_apart(self, life):
        terms, told = life

        rows = fold.fold(terms, told).installments

        assert all(earlier.due_date < later.due_date for earlier, later in pairwise(rows))

    @given(loan_lives(), st.integers(-3, 150))
    def test_as_of_a_date_is_the_fold_of_the_events_until_then(self, life, days):
        terms, told = life
        as_of = told[2].date + timedelta(days=days)

        reached = fold.fold(terms, told, as_of=as_of)

        assert reached == fold.fold(terms, [event for event in told if event.date <= as_of], as_of=as_of)


def _charged_back(told, reached):
    """What was taken back of repayments: received no longer, though rows were paid with it."""
    taken = {event.id for event in told if event.kind is EventKind.CHARGEBACK}
    return sum(
        sum(sum(part[1:]) for part in each.parts)
        for each in reached.applied
        if each.event_id in taken and each.amount
    )


def _refunded_credit(told, reached):
    credit = {event.id for event in told if event.kind is EventKind.REFUND and event.of == "overpayment"}
    return sum(each.amount for each in reached.applied if each.event_id in credit)


class TestStep:
    def test_refuses_an_event_the_status_does_not_admit(self):
        with pytest.raises(TransitionNotAllowed):
            fold.step(fold.empty(TERMS), APPROVAL)

    def test_of_each_decision_is_the_fold_so_far(self):
        reached = fold.step(fold.step(fold.empty(TERMS), APPLICATION), APPROVAL)

        assert reached == fold.fold(TERMS, [APPLICATION, APPROVAL])

    def test_refuses_an_event_dated_before_the_step_it_follows(self):
        with pytest.raises(DateTooEarly) as refused:
            fold.step(fold.fold(TERMS, [APPLICATION]), replace(APPROVAL, date=APPLIED_ON - ONE_DAY))

        assert refused.value.field == "date"
        assert refused.value.detail == "2024-01-09 is before 2024-01-10, when the loan became pending."
        assert refused.value.extensions == {"earliest": "2024-01-10"}


class TestCheckDate:
    @pytest.mark.parametrize(
        ("told", "latest"),
        [([APPLICATION], APPLIED_ON), ([APPLICATION, APPROVAL], APPROVED_ON), (ORIGINATION, DISBURSED_ON)],
    )
    def test_admits_the_day_of_the_latest_step_and_none_before(self, told, latest):
        reached = fold.fold(TERMS, told)

        fold.check_date(reached, on=latest)
        with pytest.raises(DateTooEarly):
            fold.check_date(reached, on=latest - ONE_DAY)

    def test_admits_any_day_for_the_first_event(self):
        first = replace(APPLICATION, date=date(1, 1, 1))

        assert fold.fold(TERMS, [first]).applied_on == date(1, 1, 1)


class TestKinds:
    def test_are_all_known_to_the_fold(self):
        elsewhere = {"applied", "approved", "rejected", "cancelled", "recovery", "reversal"}

        assert {*fold._APPLY} == {*EventKind} - elsewhere
