import uuid
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import events
from loans.core.events import Event, EventKind, ReversalRefused
from tests.core.samples import (
    APPLICATION,
    APPROVAL,
    DISBURSED_ON,
    DISBURSEMENT,
    FIRST_DUE,
    ORIGINATION,
    SECOND_DUE,
    happened,
    repayment,
    reversal,
)
from tests.core.strategies import loan_lives

FIRST_PAYMENT = repayment(34002, on=FIRST_DUE, number=4)
SECOND_PAYMENT = repayment(34002, on=SECOND_DUE, number=5)
HISTORY = (*ORIGINATION, FIRST_PAYMENT, SECOND_PAYMENT)


class TestEvent:
    def test_refuses_a_float(self):
        with pytest.raises(TypeError, match="float"):
            happened(EventKind.REPAYMENT, FIRST_DUE, 340.02)

    def test_names_what_it_reverses_exactly_when_it_is_a_reversal(self):
        with pytest.raises(AssertionError):
            happened(EventKind.REVERSAL, FIRST_DUE)
        with pytest.raises(AssertionError):
            happened(EventKind.REPAYMENT, FIRST_DUE, 100, reverses=FIRST_PAYMENT.id)


class TestKey:
    def test_puts_dates_first(self):
        later_small_id = repayment(1, on=SECOND_DUE, number=1)

        assert FIRST_PAYMENT.key < later_small_id.key

    def test_follows_the_lifecycle_within_a_day(self):
        lifecycle = [
            EventKind.APPLIED,
            EventKind.APPROVED,
            EventKind.REJECTED,
            EventKind.CANCELLED,
            EventKind.DISBURSED,
            EventKind.RATE_CHANGE,
            EventKind.INTEREST_PAUSE,
            EventKind.RESCHEDULE,
            EventKind.RE_AGE,
            EventKind.FEE,
            EventKind.LATE_FEE,
            EventKind.FEE_WAIVER,
            EventKind.INTEREST_WAIVER,
            EventKind.GOODWILL_CREDIT,
            EventKind.REPAYMENT,
            EventKind.PAYOFF,
            EventKind.CHARGEBACK,
            EventKind.REFUND,
            EventKind.CHARGE_OFF,
            EventKind.WRITE_OFF,
            EventKind.RECOVERY,
        ]
        told = [happened(kind, DISBURSED_ON, number=-rank % 40) for rank, kind in enumerate(lifecycle)]

        told_in_order = sorted(told, key=lambda event: event.key)

        assert [event.kind for event in told_in_order] == lifecycle

    def test_puts_the_larger_payment_first_within_a_day(self):
        small = repayment(100, on=FIRST_DUE, number=1)
        large = repayment(200, on=FIRST_DUE, number=2)

        assert large.key < small.key

    def test_puts_an_event_of_all_there_is_after_those_of_an_amount(self):
        whole = happened(EventKind.FEE_WAIVER, FIRST_DUE, None, number=1)
        part = happened(EventKind.FEE_WAIVER, FIRST_DUE, 5, number=2)

        assert part.key < whole.key

    def test_breaks_exact_ties_by_id(self):
        earlier = repayment(100, on=FIRST_DUE, number=1)
        later = repayment(100, on=FIRST_DUE, number=2)

        assert earlier.key < later.key


class TestInOrder:
    def test_sorts_events_told_backwards(self):
        assert events.in_order(reversed(HISTORY)) == HISTORY

    def test_of_nothing_is_nothing(self):
        assert events.in_order([]) == ()

    def test_drops_a_reversal_and_what_it_reverses(self):
        undone = reversal(FIRST_PAYMENT, on=SECOND_DUE, number=6)

        assert events.in_order([undone, *HISTORY]) == (*ORIGINATION, SECOND_PAYMENT)

    def test_takes_events_from_any_iterable_once(self):
        assert events.in_order(event for event in HISTORY) == HISTORY

    @given(loan_lives(), st.data())
    def test_does_not_depend_on_the_order_of_arrival(self, history, data):
        _, told = history
        arrived = data.draw(st.permutations(told))

        assert events.in_order(arrived) == events.in_order(told)

    def test_refuses_to_reverse_an_unknown_event(self):
        stranger = repayment(1, on=FIRST_DUE, number=99)

        with pytest.raises(ReversalRefused, match="is not an event of this loan"):
            events.in_order([*HISTORY, reversal(stranger, on=SECOND_DUE, number=6)])

    def test_refuses_to_reverse_twice(self):
        undone = reversal(FIRST_PAYMENT, on=SECOND_DUE, number=6)
        again = reversal(FIRST_PAYMENT, on=SECOND_DUE, number=7)

        with pytest.raises(ReversalRefused, match="has already been reversed"):
            events.in_order([*HISTORY, undone, again])

    def test_refuses_to_reverse_a_reversal(self):
        undone = reversal(FIRST_PAYMENT, on=SECOND_DUE, number=6)

        with pytest.raises(ReversalRefused, match="is of kind reversal, which cannot be reversed"):
            events.in_order([*HISTORY, undone, reversal(undone, on=SECOND_DUE, number=7)])

    @pytest.mark.parametrize("step", [APPLICATION, APPROVAL])
    def test_refuses_to_reverse_a_step_before_the_disbursement(self, step):
        with pytest.raises(ReversalRefused, match=f"is of kind {step.kind}"):
            events.in_order([*HISTORY, reversal(step, on=SECOND_DUE, number=6)])

    def test_drops_a_disbursement_that_is_reversed(self):
        undone = reversal(DISBURSEMENT, on=SECOND_DUE, number=6)

        assert events.in_order([*ORIGINATION, undone]) == (APPLICATION, APPROVAL)

    def test_stops_when_two_events_share_an_id(self):
        twin = Event(id=uuid.UUID(int=4), kind=EventKind.REPAYMENT, date=date(2024, 3, 1), amount=5)

        with pytest.raises(AssertionError, match="6 events share 5 ids"):
            events.in_order([*HISTORY, twin])
