"""Money given, taken back, paid out, given up and recovered, on the small loan recorded day by day.

1,000.00 at 12 % over three equal months from 15 January 2026: 330.02 + 10.00, 333.32 + 6.70 and 336.66 + 3.37.
"""

import uuid
from datetime import date, timedelta

import pytest

from loans.core.changes import AmountNotPositive
from loans.core.events import RefundOf
from loans.core.lifecycle import TransitionNotAllowed
from loans.core.settlement import MoreThanThereIs, UnknownRepayment
from loans.services import repayments, servicing, settlements
from loans.services.repayments import Overpayment, PayoffDiffers
from loans.services.transactions import CurrencyMismatch
from tests.factories import make_context, make_pending_loan, make_product, make_repayment
from tests.services import rows
from tests.services.small_loan import FIRST_DUE, SECOND_DUE, make_running_loan

FEBRUARY = date(2026, 2, 1)
LATE_FEBRUARY = date(2026, 2, 20)
# 15 days into the first period of 31: 1,000.00 and 10.00 x 15 / 31 = 4.84.
MID_PERIOD = date(2026, 1, 30)
LATE = date(2026, 3, 20)


def posted(transaction):
    return {line.account: line.amount for line in transaction.lines}


def pay(session, loan, amount, today, **given):
    return make_repayment(session, loan=loan, amount=amount, context=make_context(today), **given)


@pytest.fixture
def loan(session):
    return make_running_loan(session)


class TestHoldOverpayment:
    def test_keeps_what_is_more_than_is_owed(self, session, loan):
        held = pay(session, loan, "1100.00", FIRST_DUE, overpayment="hold")

        # 1,100.00 - 1,020.07.
        assert (held.loan.status, held.loan.credit_balance) == ("repaid", 7993)
        assert held.applied[0].credit == 7993
        # Of the 20.07 of interest 10.00 are earned by 15 February; the rest was paid before it was.
        assert posted(held) == {
            "1000": 110000,
            "1100": -100000,
            "2000": -7993,
            "4000": -2007,
        }

    def test_is_refused_by_default(self, session, loan):
        with pytest.raises(Overpayment) as refusal:
            pay(session, loan, "1100.00", FIRST_DUE)

        assert refusal.value.extensions == {"payoff_amount": 102007, "currency": "KES"}


class TestPayoff:
    def test_ends_the_loan_with_the_interest_of_the_days_that_passed(self, session, loan):
        paid_off = repayments.payoff(session, loan_id=loan.id, context=make_context(MID_PERIOD))

        assert (paid_off.event.kind, paid_off.event.amount) == ("payoff", 100484)
        assert (paid_off.loan.status, paid_off.loan.closed_on) == ("repaid", MID_PERIOD)
        assert posted(paid_off) == {"1000": 100484, "1100": -100000, "4000": -484}
        assert [told for told, _ in rows.outbox(session, loan)][-2:] == ["loan.paid_off", "loan.repaid"]

    def test_takes_the_amount_that_the_payer_was_quoted(self, session, loan):
        paid_off = repayments.payoff(
            session, loan_id=loan.id, amount="1004.84", currency="KES", context=make_context(MID_PERIOD)
        )

        assert paid_off.loan.status == "repaid"

    def test_refuses_any_other_and_says_which(self, session, loan):
        stored = rows.trail(session, loan)

        with pytest.raises(PayoffDiffers) as refusal:
            repayments.payoff(session, loan_id=loan.id, amount="1004.83", context=make_context(MID_PERIOD))

        assert refusal.value.extensions == {"payoff_amount": 100484, "currency": "KES"}
        assert rows.trail(session, loan) == stored

    def test_is_refused_the_second_time(self, session, loan):
        repayments.payoff(session, loan_id=loan.id, context=make_context(MID_PERIOD))

        with pytest.raises(TransitionNotAllowed):
            repayments.payoff(session, loan_id=loan.id, context=make_context(MID_PERIOD))

    def test_of_a_day_before_other_money_came_is_refused(self, session, loan):
        pay(session, loan, "340.02", FIRST_DUE)
        stored = rows.trail(session, loan)

        with pytest.raises(Overpayment):
            repayments.payoff(session, loan_id=loan.id, on=MID_PERIOD, context=make_context(FIRST_DUE))

        assert rows.trail(session, loan) == stored

    def test_can_be_told_and_reversed_like_a_repayment(self, session, loan):
        paid_off = repayments.payoff(session, loan_id=loan.id, context=make_context(MID_PERIOD))
        context = make_context(MID_PERIOD)

        told = repayments.get(
            session, loan_id=loan.id, repayment_id=paid_off.event.id, business_date=MID_PERIOD
        )
        undone = repayments.reverse(session, loan_id=loan.id, repayment_id=paid_off.event.id, context=context)

        assert told.applied == paid_off.applied
        assert (undone.loan.status, undone.loan.total_outstanding) == ("disbursed", 102007)


class TestGrantCredit:
    def test_pays_like_a_repayment_at_the_lenders_cost(self, session, loan):
        granted = settlements.grant_credit(
            session, loan_id=loan.id, amount="100.00", context=make_context(FIRST_DUE)
        )

        assert (granted.loan.interest_paid, granted.loan.principal_paid) == (1000, 9000)
        assert posted(granted) == {"1100": -9000, "4000": -1000, "5200": 10000}

    def test_of_more_than_is_owed_is_refused(self, session, loan):
        with pytest.raises(MoreThanThereIs) as refusal:
            settlements.grant_credit(
                session, loan_id=loan.id, amount="1020.08", context=make_context(FIRST_DUE)
            )

        assert refusal.value.extensions["available"] == "1020.07"

    def test_of_nothing_is_refused(self, session, loan):
        with pytest.raises(AmountNotPositive):
            settlements.grant_credit(session, loan_id=loan.id, amount="0.00", context=make_context(FIRST_DUE))


class TestChargeBack:
    @pytest.fixture
    def repayment(self, session, loan):
        return pay(session, loan, "340.02", FIRST_DUE)

    def charge_back(self, session, repayment, today=LATE_FEBRUARY, **given):
        return settlements.charge_back(
            session,
            loan_id=repayment.loan.id,
            repayment_id=repayment.event.id,
            context=make_context(today),
            **given,
        )

    def test_lets_the_borrower_owe_it_again_with_the_next_installment(self, session, loan, repayment):
        taken_back = self.charge_back(session, repayment)

        assert taken_back.event.amount == 34002
        assert rows.components(session, loan)[:2] == [(1, 0, 0, 1000, 33002), (2, 0, 0, 1670, 66334)]
        assert taken_back.event.details == {"repayment": str(repayment.event.id)}
        # 5 of 28 days of 6.6998 have been earned since the payment.
        assert posted(taken_back) == {"1000": -34002, "1100": 33002, "1110": 1120, "4000": -120}

    def test_takes_principal_back_first(self, session, loan, repayment):
        self.charge_back(session, repayment, amount="100.00")

        assert rows.components(session, loan)[1] == (2, 0, 0, 670, 43332)

    def test_takes_the_rest_back_later(self, session, repayment):
        self.charge_back(session, repayment, amount="100.00")

        rest = self.charge_back(session, repayment)

        assert rest.event.amount == 24002

    def test_is_refused_once_all_is_taken_back(self, session, loan, repayment):
        self.charge_back(session, repayment)
        stored = rows.trail(session, loan)

        with pytest.raises(MoreThanThereIs) as refusal:
            self.charge_back(session, repayment)

        assert refusal.value.detail == "Nothing is left of it."
        assert refusal.value.extensions["available"] == "0.00"
        assert rows.trail(session, loan) == stored

    def test_of_more_than_was_paid_is_refused(self, session, repayment):
        with pytest.raises(MoreThanThereIs) as refusal:
            self.charge_back(session, repayment, amount="340.03")

        assert refusal.value.extensions["available"] == "340.02"

    def test_reopens_a_repaid_loan(self, session, loan):
        whole = pay(session, loan, "1020.07", FIRST_DUE)

        taken_back = self.charge_back(session, whole)

        assert (taken_back.loan.status, taken_back.loan.closed_on) == ("disbursed", None)

    def test_of_what_is_no_repayment_is_refused(self, session, loan):
        fee = servicing.charge_fee(session, loan_id=loan.id, amount="5.00", context=make_context(FEBRUARY))

        for event_id in (fee.event.id, uuid.uuid4()):
            with pytest.raises(UnknownRepayment):
                settlements.charge_back(
                    session, loan_id=loan.id, repayment_id=event_id, context=make_context(FEBRUARY)
                )

    def test_of_a_day_before_the_repayment_is_refused(self, session, repayment):
        with pytest.raises(UnknownRepayment):
            self.charge_back(session, repayment, on=FIRST_DUE - timedelta(days=1))

    def test_of_a_reversed_repayment_is_refused(self, session, repayment):
        repayments.reverse(
            session,
            loan_id=repayment.loan.id,
            repayment_id=repayment.event.id,
            context=make_context(FIRST_DUE),
        )

        with pytest.raises(UnknownRepayment):
            self.charge_back(session, repayment)


class TestRefund:
    def test_pays_the_credit_balance_out(self, session, loan):
        pay(session, loan, "1100.00", FIRST_DUE, overpayment="hold")

        refunded = settlements.refund(
            session, loan_id=loan.id, amount="79.93", context=make_context(FIRST_DUE)
        )

        assert (refunded.loan.status, refunded.loan.credit_balance) == ("repaid", 0)
        assert posted(refunded) == {"1000": -7993, "2000": 7993}

    def test_of_more_than_that_is_refused(self, session, loan):
        pay(session, loan, "1100.00", FIRST_DUE, overpayment="hold")
        stored = rows.trail(session, loan)

        with pytest.raises(MoreThanThereIs) as refusal:
            settlements.refund(session, loan_id=loan.id, amount="79.94", context=make_context(FIRST_DUE))

        assert refusal.value.extensions == {"available": "79.93", "currency": "KES"}
        assert rows.trail(session, loan) == stored

    def test_gives_a_fee_back(self, session, loan):
        servicing.charge_fee(session, loan_id=loan.id, amount="50.00", context=make_context(FEBRUARY))
        pay(session, loan, "390.02", FIRST_DUE)

        refunded = settlements.refund(
            session, loan_id=loan.id, amount="50.00", of=RefundOf.FEE, context=make_context(FIRST_DUE)
        )

        assert posted(refunded) == {"1000": -5000, "5110": 5000}
        assert refunded.event.details == {"of": "fee"}

    @pytest.mark.parametrize("of", list(RefundOf))
    def test_of_what_is_not_there_is_refused(self, session, loan, of):
        with pytest.raises(MoreThanThereIs):
            settlements.refund(
                session, loan_id=loan.id, amount="0.01", of=of, context=make_context(FIRST_DUE)
            )


class TestChargeOff:
    def test_takes_the_loss_and_lets_the_borrower_owe_what_he_owed(self, session, loan):
        charged_off = settlements.charge_off(session, loan_id=loan.id, context=make_context(LATE))

        assert (charged_off.loan.status, charged_off.loan.charged_off_on) == ("disbursed", LATE)
        assert charged_off.loan.total_outstanding == 102007
        # Earned by 20 March: 10.00 + 6.70 and 5 of 31 days of 3.3666, 0.54.
        assert posted(charged_off) == {"1100": -100000, "4000": -1724, "5000": 101724}

    def test_makes_money_that_comes_later_a_recovery(self, session, loan):
        settlements.charge_off(session, loan_id=loan.id, context=make_context(LATE))

        repayment = pay(session, loan, "340.02", LATE + timedelta(days=1))

        assert posted(repayment) == {"1000": 34002, "4300": -34002}
        assert repayment.loan.principal_paid == 33002

    def test_is_refused_the_second_time(self, session, loan):
        settlements.charge_off(session, loan_id=loan.id, context=make_context(LATE))
        stored = rows.trail(session, loan)

        with pytest.raises(TransitionNotAllowed) as refusal:
            settlements.charge_off(session, loan_id=loan.id, context=make_context(LATE))

        assert refusal.value.detail == "The loan was charged off on 2026-03-20 already."
        assert refusal.value.extensions == {"loan_status": "disbursed"}
        assert rows.trail(session, loan) == stored


class TestWriteOff:
    def test_gives_up_all_that_is_unpaid(self, session, loan):
        written_off = settlements.write_off(session, loan_id=loan.id, context=make_context(LATE))

        assert (written_off.loan.status, written_off.loan.closed_on) == ("defaulted", LATE)
        assert (written_off.loan.principal_written_off, written_off.loan.interest_written_off) == (
            100000,
            1724,
        )
        assert written_off.loan.total_outstanding == 0
        assert posted(written_off) == {"1100": -100000, "4000": -1724, "5000": 101724}
        assert rows.components(session, loan, "_written_off") == [
            (1, 0, 0, 1000, 33002),
            (2, 0, 0, 670, 33332),
            (3, 0, 0, 54, 33666),
        ]

    def test_tells_others_what_it_took_and_stores_no_amount(self, session, loan):
        written_off = settlements.write_off(session, loan_id=loan.id, context=make_context(LATE))

        told, payload = rows.outbox(session, loan)[-1]
        assert (told, payload["amount"]) == ("loan.written_off", "1017.24")
        assert written_off.event.amount == 101724
        # What it takes changes with events that are recorded later.
        assert rows.events(session, loan)[-1] == (4, "write_off", LATE, 0)

    @pytest.mark.parametrize("act", [settlements.write_off, settlements.charge_off, repayments.payoff])
    def test_is_the_end(self, session, loan, act):
        settlements.write_off(session, loan_id=loan.id, context=make_context(LATE))

        with pytest.raises(TransitionNotAllowed):
            act(session, loan_id=loan.id, context=make_context(LATE))

    def test_of_a_loan_not_paid_out_is_refused(self, session):
        pending_loan = make_pending_loan(session)

        with pytest.raises(TransitionNotAllowed):
            settlements.write_off(session, loan_id=pending_loan.id, context=make_context())


class TestRecover:
    def test_is_income_after_a_write_off(self, session, loan):
        settlements.write_off(session, loan_id=loan.id, context=make_context(LATE))

        recovered = settlements.recover(session, loan_id=loan.id, amount="50.00", context=make_context(LATE))

        assert posted(recovered) == {"1000": 5000, "4300": -5000}
        assert (recovered.loan.status, recovered.state.recovered) == ("defaulted", 5000)

    def test_is_refused_before_one(self, session, loan):
        with pytest.raises(TransitionNotAllowed):
            settlements.recover(session, loan_id=loan.id, amount="50.00", context=make_context(LATE))

    def test_of_a_day_before_the_write_off_is_refused(self, session, loan):
        settlements.write_off(session, loan_id=loan.id, context=make_context(LATE))
        stored = rows.trail(session, loan)

        with pytest.raises(TransitionNotAllowed):
            settlements.recover(
                session, loan_id=loan.id, amount="50.00", on=SECOND_DUE, context=make_context(LATE)
            )

        assert rows.trail(session, loan) == stored

    def test_in_another_currency_is_refused(self, session, loan):
        settlements.write_off(session, loan_id=loan.id, context=make_context(LATE))

        with pytest.raises(CurrencyMismatch):
            settlements.recover(
                session, loan_id=loan.id, amount="50.00", currency="USD", context=make_context(LATE)
            )


class TestRules:
    def test_late_fees_and_penalty_interest_come_with_the_day_of_the_next_event(self, session):
        product = make_product(
            session, late_fee={"percent": "5", "grace_days": 3}, penalty_rate="36.50", day_count="ACT/365F"
        )
        late_loan = make_running_loan(session, product=product)

        paid = pay(session, late_loan, "1.00", LATE_FEBRUARY)

        # 31 days of 1,000.00 at 12 % are 10.19, the level installment is 339.93. Late since the 15th: 5 % of
        # it, 16.9965, on the 19th, and 0.1 % a day of 329.74 for 5 days, 1.6487.
        first = paid.state.installments[0]
        assert (first.due.interest, first.due.principal, first.due.penalty) == (1019, 32974, 1865)
        assert paid.applied[0].parts[0].penalty == 100
