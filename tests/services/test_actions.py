"""What can be done with a loan as it stands, and for everything else why not."""

from datetime import date

import pytest

from loans.services import actions, inspection, origination, repayments, servicing, settlements
from tests.factories import (
    make_approved_loan,
    make_context,
    make_pending_loan,
    make_product,
    make_repayment,
)
from tests.services.small_loan import DISBURSED_ON, FIRST_DUE, THIRD_DUE, make_repaid_loan, make_running_loan

FEBRUARY = date(2026, 2, 1)
RUNNING = {
    "repay",
    "pay_off",
    "charge_fee",
    "charge_late_fee",
    "waive_interest",
    "change_rate",
    "pause_interest",
    "reschedule",
    "re_age",
    "grant_credit",
    "charge_off",
    "write_off",
    "reverse",
}


def allowed(session, loan, on=FEBRUARY):
    """Give the names of what can be done, having seen that all else has a reason."""
    _, state = inspection.inspect(session, loan_id=loan.id, as_of=on)
    listed = actions.allowed_actions(state)
    assert [action.name for action in listed] == list(actions.KINDS)
    assert all(action.reason for action in listed if not action.is_allowed)
    return {action.name for action in listed if action.is_allowed}


def reason(session, loan, name, on=FEBRUARY):
    _, state = inspection.inspect(session, loan_id=loan.id, as_of=on)
    return next(action.reason for action in actions.allowed_actions(state) if action.name == name)


class TestAllowedActions:
    def test_on_a_loan_applied_for_are_decisions(self, session):
        assert allowed(session, make_pending_loan(session)) == {"approve", "reject", "cancel"}

    def test_on_an_approved_loan_are_to_pay_it_out_or_not(self, session):
        assert allowed(session, make_approved_loan(session)) == {"disburse", "cancel"}

    def test_on_a_rejected_loan_are_none(self, session):
        loan = make_pending_loan(session)
        origination.reject(session, loan_id=loan.id, context=make_context())

        assert allowed(session, loan, on=date(2026, 6, 15)) == set()

    def test_on_a_running_loan_are_those_that_have_something_to_act_on(self, session):
        loan = make_running_loan(session)

        assert allowed(session, loan) == RUNNING
        assert reason(session, loan, "disburse") == "The loan is disbursed in full already."
        assert reason(session, loan, "waive_fees") == "No fee or penalty is unpaid."
        assert reason(session, loan, "charge_back") == "No repayment is left to be charged back."
        assert reason(session, loan, "refund") == "There is neither a credit balance nor a fee that was paid."
        assert reason(session, loan, "recover") == "The loan is disbursed: it cannot take a recovery."

    def test_grow_with_fees_and_payments(self, session):
        loan = make_running_loan(session)
        context = make_context(FEBRUARY)
        servicing.charge_fee(session, loan_id=loan.id, amount="9.00", context=context)
        make_repayment(session, loan=loan, amount="1.00", context=context)

        assert allowed(session, loan) == RUNNING | {"waive_fees", "charge_back", "refund"}

    def test_on_a_loan_in_parts_include_the_next_part(self, session):
        product = make_product(session, tranches_max=2)
        loan = make_running_loan(session, product=product, first_part="600.00")

        assert "disburse" in allowed(session, loan, on=DISBURSED_ON)

    def test_after_maturity_leave_arrears_to_be_re_aged(self, session):
        loan = make_running_loan(session)

        assert "re_age" in allowed(session, loan, on=THIRD_DUE)
        assert reason(session, loan, "reschedule", on=THIRD_DUE).endswith("re-age the arrears instead.")

    def test_do_not_charge_off_twice(self, session):
        loan = make_running_loan(session)
        settlements.charge_off(session, loan_id=loan.id, context=make_context(FEBRUARY))

        assert reason(session, loan, "charge_off") == "The loan was charged off on 2026-02-01 already."

    def test_do_not_waive_what_is_paid(self, session):
        loan = make_running_loan(session)
        repayments.record(session, loan_id=loan.id, amount="1020.06", context=make_context(FIRST_DUE))

        assert reason(session, loan, "waive_interest", on=FIRST_DUE) == "No interest is unpaid."

    def test_on_a_repaid_loan_are_to_take_something_back(self, session):
        loan, _ = make_repaid_loan(session)

        assert allowed(session, loan, on=THIRD_DUE) >= {"charge_back", "reverse"}
        assert "repay" not in allowed(session, loan, on=THIRD_DUE)

    def test_on_a_loan_written_off_are_to_recover_it(self, session):
        loan = make_running_loan(session)
        settlements.write_off(session, loan_id=loan.id, context=make_context(FEBRUARY))

        assert allowed(session, loan) == {"recover", "reverse"}

    @pytest.mark.parametrize("name", ["repay", "charge_fee", "write_off"])
    def test_say_why_not(self, session, name):
        loan = make_pending_loan(session)

        assert reason(session, loan, name).startswith("The loan is pending: it cannot ")
