"""Money that has moved stays in the books, whole: no later command makes a refund or chargeback less than it was.

The small loan, recorded day by day: 1,000.00 at 12 % over three equal months from 15 January 2026, 1,020.07 in all.
"""

from datetime import date

import pytest
import sqlalchemy as sa

from loans.core.events import RefundOf, ReversalRefused
from loans.core.settlement import MoreThanThereIs
from loans.services import servicing, settlements, transactions, verification
from loans.services.transactions import ContradictsHistory
from tests.factories import make_context, make_repayment
from tests.services import rows
from tests.services.small_loan import FIRST_DUE, make_running_loan

ON = date(2026, 2, 20)
LATER = date(2026, 2, 25)


def pay(session, loan, amount, *, on=FIRST_DUE, **given):
    return make_repayment(session, loan=loan, amount=amount, context=make_context(on), **given)


def do(act, session, loan, *, today=ON, **given):
    return act(session, loan_id=loan.id, context=make_context(today), **given)


def reverse(session, loan, event_id, *, today=LATER):
    return transactions.reverse(session, loan_id=loan.id, event_id=event_id, context=make_context(today))


@pytest.fixture
def loan(session):
    return make_running_loan(session)


@pytest.fixture
def overpaid(session, loan):
    """The loan repaid with 79.93 more than it cost, and the repayment."""
    return loan, pay(session, loan, "1100.00", overpayment="hold").event


class TestRefund:
    def test_keeps_the_repayment_whose_credit_it_paid_out(self, session, overpaid):
        loan, repayment = overpaid
        paid_out = do(settlements.refund, session, loan, amount="79.93")
        before = rows.journal_sums(session, loan)

        with pytest.raises(ReversalRefused) as refusal:
            reverse(session, loan, repayment.id)

        assert refusal.value.extensions == {"event": str(paid_out.event.id)}
        assert f"The refund of {ON} could not stand" in refusal.value.detail
        assert rows.journal_sums(session, loan) == before

    def test_reversed_first_lets_the_repayment_be_reversed(self, session, overpaid):
        loan, repayment = overpaid
        paid_out = do(settlements.refund, session, loan, amount="79.93")

        reverse(session, loan, paid_out.event.id)
        undone = reverse(session, loan, repayment.id)

        assert (undone.loan.status, undone.loan.credit_balance) == ("disbursed", 0)

    @pytest.mark.parametrize("second", ["50.00", "29.94", "19.94"])
    def test_leaves_a_second_one_of_the_day_only_the_rest(self, session, overpaid, second):
        loan, _ = overpaid
        do(settlements.refund, session, loan, amount="30.00")
        do(settlements.refund, session, loan, amount="30.00")

        with pytest.raises(MoreThanThereIs) as refusal:
            do(settlements.refund, session, loan, amount=second)

        assert refusal.value.extensions == {"available": "19.93", "currency": "KES"}

    def test_takes_that_rest(self, session, overpaid):
        loan, _ = overpaid
        do(settlements.refund, session, loan, amount="30.00")

        rest = do(settlements.refund, session, loan, amount="49.93")

        # 1,100.00 came in after 1,000.00 had gone out; 79.93 went back.
        assert rows.journal_sums(session, rest.loan)["1000"] == 2007

    def test_is_not_paid_out_a_second_time_by_an_earlier_date(self, session, overpaid):
        loan, _ = overpaid
        paid_out = do(settlements.refund, session, loan, amount="79.93")

        with pytest.raises(ContradictsHistory) as refusal:
            do(settlements.refund, session, loan, today=LATER, amount="79.93", on=date(2026, 2, 18))

        assert refusal.value.extensions == {
            "event": str(paid_out.event.id),
            "because": "more_than_there_is",
        }

    def test_of_a_fee_keeps_the_fee(self, session, loan):
        fee = do(servicing.charge_fee, session, loan, today=FIRST_DUE, amount="50.00")
        pay(session, loan, "390.02")
        do(settlements.refund, session, loan, amount="50.00", of=RefundOf.FEE)

        with pytest.raises(ReversalRefused, match="could not stand"):
            reverse(session, loan, fee.event.id)

    def test_of_a_fee_leaves_a_second_one_of_the_day_only_the_rest(self, session, loan):
        do(servicing.charge_fee, session, loan, today=FIRST_DUE, amount="50.00")
        pay(session, loan, "390.02")
        do(settlements.refund, session, loan, amount="20.00", of=RefundOf.FEE)

        with pytest.raises(MoreThanThereIs) as refusal:
            do(settlements.refund, session, loan, amount="50.00", of=RefundOf.FEE)

        assert refusal.value.extensions["available"] == "30.00"


class TestChargeback:
    def test_leaves_a_second_one_of_the_day_only_the_rest(self, session, loan):
        repayment = pay(session, loan, "200.00").event
        do(settlements.charge_back, session, loan, repayment_id=repayment.id, amount="60.00")

        with pytest.raises(MoreThanThereIs) as refusal:
            do(settlements.charge_back, session, loan, repayment_id=repayment.id, amount="200.00")

        assert refusal.value.extensions["available"] == "140.00"

    def test_is_not_made_a_second_time_by_an_earlier_date(self, session, loan):
        repayment = pay(session, loan, "200.00").event
        do(settlements.charge_back, session, loan, repayment_id=repayment.id, amount="200.00")

        with pytest.raises(ContradictsHistory):
            do(
                settlements.charge_back,
                session,
                loan,
                today=LATER,
                repayment_id=repayment.id,
                amount="200.00",
                on=date(2026, 2, 18),
            )


class TestGoodwillCredit:
    def test_leaves_a_second_one_of_the_day_only_the_rest(self, session, loan):
        owed = do(
            settlements.grant_credit, session, loan, today=FIRST_DUE, amount="20.00"
        ).state.outstanding.total

        with pytest.raises(MoreThanThereIs) as refusal:
            do(settlements.grant_credit, session, loan, today=FIRST_DUE, amount="1000.08")

        assert owed == 100007
        assert refusal.value.extensions["available"] == "1000.07"


class TestRecovery:
    def test_keeps_the_write_off_that_it_follows(self, session, loan):
        written_off = do(settlements.write_off, session, loan)
        recovered = do(settlements.recover, session, loan, today=LATER, amount="100.00")

        with pytest.raises(ReversalRefused) as refusal:
            reverse(session, loan, written_off.event.id)

        assert refusal.value.extensions == {"event": str(recovered.event.id)}
        assert f"The recovery of {LATER}" in refusal.value.detail


class TestVerification:
    def test_finds_cash_that_the_books_do_not_hold(self, session, overpaid):
        # 1,100.00 came in after 1,000.00 had gone out, 79.93 went back: 20.07; the event is made to say a cent more.
        loan, repayment = overpaid
        do(settlements.refund, session, loan, amount="79.93")
        session.execute(sa.text("ALTER TABLE loan_events DISABLE TRIGGER USER"))
        session.execute(
            sa.text("UPDATE loan_events SET amount = amount + 1 WHERE id = :id"), {"id": repayment.id}
        )

        faults = {fault.invariant: fault for fault in verification.verify(session, progress=lambda _: None)}

        assert faults["I12"].detail == "its events moved 2008 and account 1000 holds 2007 of it (minor units)"
