import itertools

import pytest

from loans.core import lifecycle
from loans.core.events import EventKind
from loans.core.lifecycle import Status, TransitionNotAllowed

# The lifecycle of the glossary, written out again by hand.
EXPECTED = {
    (None, "applied"): "pending",
    ("pending", "approved"): "approved",
    ("pending", "rejected"): "rejected",
    ("pending", "cancelled"): "cancelled",
    ("approved", "cancelled"): "cancelled",
    ("approved", "disbursed"): "disbursed",
    ("disbursed", "repayment"): "disbursed",
    ("disbursed", "reversal"): "disbursed",
    ("repaid", "reversal"): "disbursed",
}
EVERY_PAIR = list(itertools.product([None, *Status], EventKind))


class TestNextStatus:
    @pytest.mark.parametrize(("status", "kind"), [pair for pair in EVERY_PAIR if pair in EXPECTED])
    def test_follows_the_table(self, status, kind):
        assert lifecycle.next_status(status, kind) == EXPECTED[status, kind]

    @pytest.mark.parametrize(("status", "kind"), [pair for pair in EVERY_PAIR if pair not in EXPECTED])
    def test_refuses_everything_else(self, status, kind):
        with pytest.raises(TransitionNotAllowed) as refused:
            lifecycle.next_status(status, kind)

        assert refused.value.code == "transition_not_allowed"

    def test_says_what_the_loan_is_and_what_it_could_do(self):
        with pytest.raises(TransitionNotAllowed) as refused:
            lifecycle.next_status(Status.PENDING, EventKind.DISBURSED)

        assert refused.value.detail == (
            "The loan is pending, so it cannot be disbursed. It can be approved or be rejected or be cancelled."
        )
        assert refused.value.extensions == {
            "loan_status": "pending",
            "allowed": ["approved", "rejected", "cancelled"],
        }

    def test_says_when_nothing_more_can_happen(self):
        with pytest.raises(TransitionNotAllowed) as refused:
            lifecycle.next_status(Status.REJECTED, EventKind.REPAYMENT)

        assert refused.value.detail == (
            "The loan is rejected, so it cannot take a repayment. Nothing more can happen to it."
        )
        assert refused.value.extensions == {"loan_status": "rejected", "allowed": []}

    def test_says_when_there_is_no_application(self):
        with pytest.raises(TransitionNotAllowed) as refused:
            lifecycle.next_status(None, EventKind.APPROVED)

        assert refused.value.detail == (
            "The loan is not applied for, so it cannot be approved. It can be applied for."
        )
        assert refused.value.extensions == {"loan_status": None, "allowed": ["applied"]}


class TestAllowed:
    @pytest.mark.parametrize(
        ("status", "kinds"),
        [
            (None, ("applied",)),
            (Status.PENDING, ("approved", "rejected", "cancelled")),
            (Status.APPROVED, ("cancelled", "disbursed")),
            (Status.REJECTED, ()),
            (Status.CANCELLED, ()),
            (Status.DISBURSED, ("repayment", "reversal")),
            (Status.REPAID, ("reversal",)),
            (Status.DEFAULTED, ()),
        ],
    )
    def test_lists_what_may_happen_next(self, status, kinds):
        assert lifecycle.allowed(status) == kinds


class TestTransitions:
    def test_lead_nowhere_into_default_yet(self):
        assert Status.DEFAULTED not in lifecycle.TRANSITIONS.values()
