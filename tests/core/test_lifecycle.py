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

    def test_says_in_a_short_sentence_what_the_loan_is_and_cannot_do(self):
        with pytest.raises(TransitionNotAllowed) as refused:
            lifecycle.next_status(Status.REPAID, EventKind.FEE)

        assert refused.value.detail == "The loan is repaid: it cannot be charged a fee."
        assert refused.value.extensions == {"loan_status": "repaid"}

    def test_says_when_there_is_no_application(self):
        with pytest.raises(TransitionNotAllowed) as refused:
            lifecycle.next_status(None, EventKind.APPROVED)

        assert refused.value.detail == "The loan is not applied for: it cannot be approved."
        assert refused.value.extensions == {"loan_status": None}

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
