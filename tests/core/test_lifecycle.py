import itertools

import pytest

from loans.core import lifecycle
from loans.core.events import EventKind
from loans.core.lifecycle import Status, TransitionNotAllowed

# The lifecycle of the rules (section 11), written out again by hand.
WHILE_DISBURSED = (
    "disbursed rate_change interest_pause reschedule re_age fee late_fee fee_waiver interest_waiver goodwill_credit"
    " repayment payoff chargeback refund charge_off reversal"
)
EXPECTED = {
    (None, "applied"): "pending",
    ("pending", "approved"): "approved",
    ("pending", "rejected"): "rejected",
    ("pending", "cancelled"): "cancelled",
    ("approved", "cancelled"): "cancelled",
    ("approved", "disbursed"): "disbursed",
    **{("disbursed", kind): "disbursed" for kind in WHILE_DISBURSED.split()},
    ("disbursed", "write_off"): "defaulted",
    # What is left to pay decides afterwards whether the loan is disbursed again.
    ("repaid", "chargeback"): "repaid",
    ("repaid", "refund"): "repaid",
    ("repaid", "reversal"): "repaid",
    ("defaulted", "recovery"): "defaulted",
    ("defaulted", "refund"): "defaulted",
    ("defaulted", "reversal"): "defaulted",
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

    def test_has_words_for_every_kind_of_event(self):
        refusals = [lifecycle.refusal(Status.REJECTED, kind).detail for kind in EventKind]

        assert len(set(refusals)) == len(EventKind)


class TestAllowed:
    @pytest.mark.parametrize(
        ("status", "kinds"),
        [
            (None, ("applied",)),
            (Status.PENDING, ("approved", "rejected", "cancelled")),
            (Status.APPROVED, ("cancelled", "disbursed")),
            (Status.REJECTED, ()),
            (Status.CANCELLED, ()),
            (Status.DISBURSED, (*WHILE_DISBURSED.split()[:-1], "write_off", "reversal")),
            (Status.REPAID, ("chargeback", "refund", "reversal")),
            (Status.DEFAULTED, ("recovery", "refund", "reversal")),
        ],
    )
    def test_lists_what_may_happen_next(self, status, kinds):
        assert lifecycle.allowed(status) == kinds
