import uuid

import pytest

from loans.core.events import ReversalRefused
from loans.services import repayments
from loans.services.loan_events import LoanNotFound
from loans.services.repayments import RepaymentNotFound
from tests.factories import BUSINESS_DATE, make_context, make_repayment
from tests.services import rows
from tests.services.small_loan import (
    FIRST_DUE,
    SECOND_DUE,
    THIRD_DUE,
    allocated,
    make_repaid_loan,
    make_small_loan,
    reverse,
)


class TestOrderOfArrival:
    """I6: the same payments leave the same loan, in whatever order they are recorded."""

    PAYMENTS = (("150.00", FIRST_DUE), ("400.00", SECOND_DUE), ("19.96", THIRD_DUE))

    @pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    def test_does_not_matter(self, session, order):
        punctual_loan, backdated_loan = make_small_loan(session), make_small_loan(session)
        for amount, on in self.PAYMENTS:
            make_repayment(session, loan=punctual_loan, amount=amount, on=on)

        for place in order:
            amount, on = self.PAYMENTS[place]
            make_repayment(session, loan=backdated_loan, amount=amount, on=on)

        assert rows.standing(session, backdated_loan) == rows.standing(session, punctual_loan)

    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    def test_does_not_matter_on_one_day(self, session, order):
        amounts = ("5.00", "340.02", "200.00")
        loan = make_small_loan(session)

        for place in order:
            make_repayment(session, loan=loan, amount=amounts[place], on=FIRST_DUE)

        # 545.02 in all: 340.02 settles the first, 205.00 pays 6.70 of interest and 198.30 of the second.
        assert rows.schedule(session, loan) == [
            (1, 33002, 1000, 33002, 1000, FIRST_DUE),
            (2, 33332, 670, 19830, 670, None),
            (3, 33666, 337, 0, 0, None),
        ]
        # The 3.37 of the third have been earned, too, and are in suspense: the second is 92 days past due.
        assert rows.journal_sums(session, loan) == {
            "1000": -45498,
            "1100": 47168,
            "1110": 337,
            "2110": -337,
            "4000": -1670,
        }

    def test_settles_on_the_date_the_money_came_and_not_when_it_was_recorded(self, session):
        loan = make_small_loan(session)
        make_repayment(session, loan=loan, amount="340.02", on=THIRD_DUE)

        make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)

        assert [row[5] for row in rows.schedule(session, loan)] == [FIRST_DUE, THIRD_DUE, None]

    def test_shows_in_how_a_payment_was_spread(self, session):
        loan = make_small_loan(session)
        late = make_repayment(session, loan=loan, amount="340.02", on=THIRD_DUE)

        make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)

        told = repayments.get(
            session, loan_id=loan.id, repayment_id=late.event.id, business_date=BUSINESS_DATE
        )
        assert allocated(late) == [(1, 33002, 1000)]
        assert allocated(told) == [(2, 33332, 670)]

    def test_posts_only_the_difference_of_a_backdated_payment(self, session):
        loan = make_small_loan(session)
        make_repayment(session, loan=loan, amount="340.02", on=THIRD_DUE)

        make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)

        # With the second installment settled, too, the loan is 61 days past due and no longer 92: the 10.07 that were
        # in suspense are income, and 6.70 of them are paid.
        assert rows.journal(session, loan)[5] == {
            "1000": 34002,
            "1100": -33332,
            "1110": -670,
            "2110": 1007,
            "4000": -1007,
        }

    def test_closes_the_loan_on_the_day_of_its_latest_payment(self, session):
        loan = make_small_loan(session)
        make_repayment(session, loan=loan, amount="1000.00", on=THIRD_DUE)

        closing = make_repayment(session, loan=loan, amount="20.07", on=FIRST_DUE)

        assert (closing.loan.status, closing.loan.closed_on) == ("repaid", THIRD_DUE)


class TestReverseRepayment:
    """I8: a reversal restores what was stored before the payment came in."""

    @pytest.mark.parametrize("amount", ["0.01", "340.02", "700.00", "1020.07"])
    def test_restores_the_rows_exactly(self, session, amount):
        loan = make_small_loan(session)
        stood = rows.standing(session, loan)
        repayment = make_repayment(session, loan=loan, amount=amount, on=FIRST_DUE)

        reverse(session, repayment)

        restored = rows.standing(session, loan)
        assert (restored.snapshot, restored.schedule) == (stood.snapshot, stood.schedule)
        assert nonzero(restored.journal_sums) == stood.journal_sums

    def test_leaves_the_other_payments(self, session):
        loan, other_loan = make_small_loan(session), make_small_loan(session)
        bounced = make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)
        make_repayment(session, loan=loan, amount="340.02", on=SECOND_DUE)
        make_repayment(session, loan=other_loan, amount="340.02", on=SECOND_DUE)

        reverse(session, bounced)

        assert rows.standing(session, loan) == rows.standing(session, other_loan)

    def test_reopens_a_repaid_loan(self, session):
        loan, (*_, last) = make_repaid_loan(session)

        reversed_ = reverse(session, last)

        assert (reversed_.loan.status, reversed_.loan.closed_on) == ("disbursed", None)
        assert (reversed_.loan.next_due_date, reversed_.loan.next_due_amount) == (THIRD_DUE, 34003)
        assert rows.schedule(session, loan)[2] == (3, 33666, 337, 0, 0, None)

    def test_lets_a_reopened_loan_be_repaid_again(self, session):
        loan, (first, *_) = make_repaid_loan(session)
        reverse(session, first)

        again = make_repayment(session, loan=loan, amount="340.02")

        assert (again.loan.status, again.loan.closed_on) == ("repaid", BUSINESS_DATE)
        assert rows.outbox(session, loan)[-1][0] == "loan.repaid"

    def test_posts_the_entry_backwards(self, session):
        loan = make_small_loan(session)
        repayment = make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)

        reverse(session, repayment)

        posted = rows.journal(session, loan)
        assert posted[5] == {"1000": -34002, "1100": 33002, "1110": 1000, "2110": -1000, "4000": 1000}
        assert posted[5] == {account: -amount for account, amount in posted[4].items()}
        assert rows.entry_dates(session, loan)[5] == (BUSINESS_DATE, BUSINESS_DATE)

    def test_keeps_both_events(self, session):
        loan = make_small_loan(session)
        repayment = make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)

        reversed_ = reverse(session, repayment, note="Bounced")

        assert rows.events(session, loan)[3:] == [
            (4, "repayment", FIRST_DUE, 34002),
            (5, "reversal", BUSINESS_DATE, 0),
        ]
        assert reversed_.event == repayment.event
        assert (reversed_.reversal.reverses, reversed_.reversal.note) == (repayment.event.id, "Bounced")
        assert reversed_.applied == ()

    def test_is_announced_and_audited(self, session):
        loan, (*_, last) = make_repaid_loan(session)

        reverse(session, last)

        told, payload = rows.outbox(session, loan)[-1]
        assert (told, payload["status"], payload["amount"]) == (
            "loan.repayment_reversed",
            "disbursed",
            "0.00",
        )
        entry = rows.audit(session, loan)[-1]
        assert entry.action == "loan.reverse_repayment"
        assert (entry.before["status"], entry.before["principal_outstanding"]) == ("repaid", "0.00")
        assert (entry.after["status"], entry.after["principal_outstanding"]) == ("disbursed", "336.66")

    def test_of_the_larger_of_two_on_one_day_leaves_the_smaller(self, session):
        loan = make_small_loan(session)
        make_repayment(session, loan=loan, amount="15.00", on=FIRST_DUE)
        larger = make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)

        reverse(session, larger)

        assert rows.schedule(session, loan)[0] == (1, 33002, 1000, 500, 1000, None)

    def test_is_refused_the_second_time(self, session):
        loan = make_small_loan(session)
        repayment = make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)
        reverse(session, repayment)
        stored = rows.trail(session, loan)

        with pytest.raises(ReversalRefused):
            reverse(session, repayment)

        assert rows.trail(session, loan) == stored

    def test_is_refused_for_what_is_not_a_repayment(self, session):
        loan = make_small_loan(session)
        repayment = make_repayment(session, loan=loan, amount="1.00")
        reversal = reverse(session, repayment).reversal

        with pytest.raises(RepaymentNotFound):
            repayments.reverse(session, loan_id=loan.id, repayment_id=reversal.id, context=make_context())

    def test_is_refused_for_another_loans_repayment(self, session):
        loan, other_loan = make_small_loan(session), make_small_loan(session)
        repayment = make_repayment(session, loan=other_loan, amount="1.00")

        with pytest.raises(RepaymentNotFound):
            repayments.reverse(
                session, loan_id=loan.id, repayment_id=repayment.event.id, context=make_context()
            )

    def test_is_refused_for_a_loan_that_does_not_exist(self, session):
        with pytest.raises(LoanNotFound):
            repayments.reverse(
                session, loan_id=uuid.uuid4(), repayment_id=uuid.uuid4(), context=make_context()
            )


def nonzero(sums):
    return {account: amount for account, amount in sums.items() if amount}
