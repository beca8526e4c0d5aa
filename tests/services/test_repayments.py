import uuid
from datetime import timedelta

import pytest

from loans.core.changes import AmountNotPositive
from loans.core.fold import DateTooEarly
from loans.core.lifecycle import TransitionNotAllowed
from loans.core.money import InvalidAmount
from loans.services import repayments
from loans.services.loan_events import DateInFuture, LoanNotFound
from loans.services.repayments import Overpayment, RepaymentNotFound
from loans.services.transactions import CurrencyMismatch
from tests.factories import (
    BUSINESS_DATE,
    make_approved_loan,
    make_cash_product,
    make_context,
    make_pending_loan,
    make_product,
    make_repayment,
)
from tests.services import rows
from tests.services.small_loan import (
    DISBURSED_ON,
    FIRST_DUE,
    SECOND_DUE,
    THIRD_DUE,
    allocated,
    make_repaid_loan,
    make_small_loan,
    reverse,
)


class TestRecordRepayment:
    def test_settles_an_installment(self, session):
        loan = make_small_loan(session)

        repayment = make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)

        assert allocated(repayment) == [(1, 33002, 1000)]
        assert rows.schedule(session, loan) == [
            (1, 33002, 1000, 33002, 1000, FIRST_DUE),
            (2, 33332, 670, 0, 0, None),
            (3, 33666, 337, 0, 0, None),
        ]
        assert (repayment.loan.principal_paid, repayment.loan.interest_paid) == (33002, 1000)
        assert (repayment.loan.principal_outstanding, repayment.loan.interest_outstanding) == (66998, 1007)
        assert (repayment.loan.next_due_date, repayment.loan.next_due_amount) == (SECOND_DUE, 34002)
        assert repayment.loan.status == "disbursed"

    def test_settles_interest_before_principal(self, session):
        loan = make_small_loan(session)

        repayment = make_repayment(session, loan=loan, amount="10.01", on=FIRST_DUE)

        assert allocated(repayment) == [(1, 1, 1000)]
        assert repayment.loan.next_due_amount == 33001

    def test_settles_principal_first_where_the_product_says_so(self, session):
        product = make_product(session, allocation={"order": ["penalty", "fee", "principal", "interest"]})
        loan = make_small_loan(session, product=product)

        repayment = make_repayment(session, loan=loan, amount="330.03", on=FIRST_DUE)

        assert allocated(repayment) == [(1, 33002, 1)]

    def test_reaches_into_the_next_installments(self, session):
        loan = make_small_loan(session)

        repayment = make_repayment(session, loan=loan, amount="700.00", on=FIRST_DUE)

        # 700.00 - 340.02 - 340.02 leaves 19.96: interest 3.37 and principal 16.59 of the third.
        assert allocated(repayment) == [(1, 33002, 1000), (2, 33332, 670), (3, 1659, 337)]

    def test_of_one_day_is_spread_as_though_the_largest_had_come_first(self, session):
        loan = make_small_loan(session)
        make_repayment(session, loan=loan, amount="50.00", on=FIRST_DUE)

        repayment = make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)

        # After the 50.00 alone, 40.00 of its principal would have been paid.
        assert allocated(repayment) == [(1, 33002, 1000)]

    def test_accepts_a_single_minor_unit(self, session):
        loan = make_small_loan(session)

        repayment = make_repayment(session, loan=loan, amount="0.01")

        assert allocated(repayment) == [(1, 0, 1)]
        assert repayment.loan.total_outstanding == 102006

    def test_is_possible_on_the_day_of_the_disbursement(self, session):
        loan = make_small_loan(session)

        repayment = make_repayment(session, loan=loan, amount="100.00", on=DISBURSED_ON)

        assert allocated(repayment) == [(1, 9000, 1000)]
        assert repayment.event.sequence == 4

    def test_closes_the_loan_with_the_last_minor_unit(self, session):
        loan = make_small_loan(session)
        nearly = make_repayment(session, loan=loan, amount="1020.06", on=FIRST_DUE)

        last = make_repayment(session, loan=loan, amount="0.01", on=SECOND_DUE)

        assert (nearly.loan.status, nearly.loan.closed_on) == ("disbursed", None)
        assert (last.loan.status, last.loan.closed_on) == ("repaid", SECOND_DUE)
        assert (last.loan.principal_outstanding, last.loan.interest_outstanding) == (0, 0)
        assert (last.loan.next_due_date, last.loan.next_due_amount) == (None, 0)

    def test_closes_the_loan_at_once(self, session):
        loan = make_small_loan(session)

        repayment = make_repayment(session, loan=loan, amount="1020.07", on=DISBURSED_ON)

        assert (repayment.loan.status, repayment.loan.closed_on) == ("repaid", DISBURSED_ON)
        assert [row[5] for row in rows.schedule(session, loan)] == [DISBURSED_ON] * 3

    def test_posts_cash_against_principal_and_income(self, session):
        loan = make_small_loan(session)
        on = FIRST_DUE + timedelta(days=2)

        make_repayment(session, loan=loan, amount="340.02", on=on)

        # All interest has been earned by June and, 120 days past due, is in suspense; what is paid leaves it.
        assert rows.journal(session, loan)[4] == {
            "1000": 34002,
            "1100": -33002,
            "1110": -1000,
            "2110": 1000,
            "4000": -1000,
        }
        assert rows.entry_dates(session, loan)[4] == (on, BUSINESS_DATE)

    def test_leaves_out_accounts_that_do_not_change(self, session):
        loan = make_small_loan(session, product=make_cash_product(session))

        make_repayment(session, loan=loan, amount="5.00", on=FIRST_DUE)

        assert rows.journal(session, loan)[4] == {"1000": 500, "4000": -500}

    def test_announces_itself(self, session):
        loan = make_small_loan(session)

        repayment = make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)

        told, payload = rows.outbox(session, loan)[-1]
        assert told == "loan.repayment_recorded"
        assert payload == {
            "loan_id": str(loan.id),
            "borrower_id": str(loan.borrower_id),
            "event_id": str(repayment.event.id),
            "sequence": 4,
            "date": "2026-02-15",
            "amount": "340.02",
            "status": "disbursed",
            "currency": "KES",
            "disbursed": "1000.00",
            "principal_outstanding": "669.98",
            "interest_outstanding": "10.07",
            "fee_outstanding": "0.00",
            "penalty_outstanding": "0.00",
            "credit_balance": "0.00",
        }

    def test_announces_that_the_loan_is_repaid_once(self, session):
        loan, _ = make_repaid_loan(session)

        told = [told for told, _ in rows.outbox(session, loan)]

        assert told == [
            "loan.applied",
            "loan.approved",
            "loan.disbursed",
            "loan.repayment_recorded",
            "loan.repayment_recorded",
            "loan.repayment_recorded",
            "loan.repaid",
        ]

    def test_audits_before_and_after(self, session):
        loan = make_small_loan(session)

        repayment = make_repayment(session, loan=loan, amount="340.02", on=FIRST_DUE)

        entry = rows.audit(session, loan)[-1]
        assert (entry.action, entry.actor) == ("loan.record_repayment", "api_key:test")
        assert entry.before == {
            "status": "disbursed",
            "currency": "KES",
            "disbursed": "1000.00",
            "principal_outstanding": "1000.00",
            "interest_outstanding": "20.07",
            "fee_outstanding": "0.00",
            "penalty_outstanding": "0.00",
            "credit_balance": "0.00",
        }
        assert entry.after == {
            "event_id": str(repayment.event.id),
            "status": "disbursed",
            "currency": "KES",
            "disbursed": "1000.00",
            "principal_outstanding": "669.98",
            "interest_outstanding": "10.07",
            "fee_outstanding": "0.00",
            "penalty_outstanding": "0.00",
            "credit_balance": "0.00",
        }

    def test_keeps_reference_and_note(self, session):
        loan = make_small_loan(session)

        repayment = make_repayment(session, loan=loan, amount="1.00", reference="MPESA-1", note="At the shop")

        assert (repayment.event.reference, repayment.event.note) == ("MPESA-1", "At the shop")
        assert repayment.event.effective_date == BUSINESS_DATE

    @pytest.mark.parametrize(
        ("currency", "principal", "amount", "after"),
        [
            # 1,200 yen of interest; of 122,408 in all 81,605 remain.
            ("JPY", "120000", "40803", [(1, 39603, 1200)]),
            # 10.000 dinars of interest.
            ("KWD", "1000.000", "10.001", [(1, 1, 10000)]),
        ],
    )
    def test_counts_in_the_currencys_own_minor_units(self, session, currency, principal, amount, after):
        product = make_product(session, currency=currency)
        loan = make_small_loan(session, product=product, amount=principal)

        repayment = make_repayment(session, loan=loan, amount=amount, on=FIRST_DUE)

        assert allocated(repayment) == after

    @pytest.mark.parametrize(
        ("currency", "principal", "payoff"), [("JPY", "120000", "122408"), ("KWD", "1000.000", "1020.067")]
    )
    def test_closes_the_loan_in_any_currency(self, session, currency, principal, payoff):
        product = make_product(session, currency=currency)
        loan = make_small_loan(session, product=product, amount=principal)

        repayment = make_repayment(session, loan=loan, amount=payoff)

        assert repayment.loan.status == "repaid"
        assert rows.journal_sums(session, loan)["1100"] == 0


class TestRecordRepaymentRefuses:
    @pytest.fixture
    def loan(self, session):
        return make_small_loan(session)

    @pytest.mark.parametrize(
        ("given", "refusal"),
        [
            ({"amount": "0.00"}, AmountNotPositive),
            ({"amount": "-5.00"}, InvalidAmount),
            ({"amount": "1.001"}, InvalidAmount),
            ({"amount": "1e2"}, InvalidAmount),
            ({"amount": "1.00", "currency": "USD"}, CurrencyMismatch),
            ({"amount": "1.00", "on": BUSINESS_DATE + timedelta(days=1)}, DateInFuture),
            ({"amount": "1.00", "on": DISBURSED_ON - timedelta(days=1)}, DateTooEarly),
            ({"amount": "1020.08"}, Overpayment),
        ],
    )
    def test_without_writing_anything(self, session, loan, given, refusal):
        stored = rows.trail(session, loan)

        with pytest.raises(refusal):
            make_repayment(session, loan=loan, **given)

        assert rows.trail(session, loan) == stored

    def test_more_than_is_owed_and_says_what_closes_the_loan(self, session, loan):
        make_repayment(session, loan=loan, amount="1000.00", on=FIRST_DUE)

        with pytest.raises(Overpayment) as refusal:
            make_repayment(session, loan=loan, amount="20.08")

        assert refusal.value.extensions == {"payoff_amount": 2007, "currency": "KES"}
        assert refusal.value.field == "amount"

    def test_more_than_is_owed_on_an_earlier_date_too(self, session, loan):
        make_repayment(session, loan=loan, amount="1000.00", on=THIRD_DUE)

        with pytest.raises(Overpayment) as refusal:
            make_repayment(session, loan=loan, amount="20.08", on=FIRST_DUE)

        assert refusal.value.extensions["payoff_amount"] == 2007

    @pytest.mark.parametrize("make_loan", [make_pending_loan, make_approved_loan])
    def test_a_loan_not_paid_out(self, session, make_loan):
        unpaid_loan = make_loan(session)

        with pytest.raises(TransitionNotAllowed):
            make_repayment(session, loan=unpaid_loan, amount="1.00")

    @pytest.mark.parametrize("on", [SECOND_DUE, THIRD_DUE, BUSINESS_DATE])
    def test_a_repaid_loan_on_any_date(self, session, on):
        repaid_loan, _ = make_repaid_loan(session)

        with pytest.raises(TransitionNotAllowed) as refusal:
            make_repayment(session, loan=repaid_loan, amount="0.01", on=on)

        assert refusal.value.extensions == {"loan_status": "repaid"}

    def test_a_loan_that_does_not_exist(self, session):
        with pytest.raises(LoanNotFound):
            repayments.record(
                session, loan_id=uuid.uuid4(), amount="1.00", currency="KES", context=make_context()
            )


class TestGetRepayment:
    def test_tells_how_it_was_spread(self, session):
        loan = make_small_loan(session)
        recorded = make_repayment(session, loan=loan, amount="350.00", on=FIRST_DUE)

        told = repayments.get(
            session, loan_id=loan.id, repayment_id=recorded.event.id, business_date=BUSINESS_DATE
        )

        # 350.00 - 340.02 leaves 9.98: 6.70 of interest and 3.28 of principal.
        assert allocated(told) == [(1, 33002, 1000), (2, 328, 670)]
        assert (told.event, told.reversal, told.loan) == (recorded.event, None, recorded.loan)

    def test_tells_who_reversed_it(self, session):
        loan = make_small_loan(session)
        recorded = make_repayment(session, loan=loan, amount="350.00", on=FIRST_DUE)
        reversal = reverse(session, recorded).reversal

        told = repayments.get(
            session, loan_id=loan.id, repayment_id=recorded.event.id, business_date=BUSINESS_DATE
        )

        assert (told.reversal, told.applied) == (reversal, ())

    def test_refuses_an_unknown_repayment(self, session):
        loan = make_small_loan(session)

        with pytest.raises(RepaymentNotFound):
            repayments.get(session, loan_id=loan.id, repayment_id=uuid.uuid4(), business_date=BUSINESS_DATE)

    def test_refuses_an_unknown_loan(self, session):
        with pytest.raises(LoanNotFound):
            repayments.get(
                session, loan_id=uuid.uuid4(), repayment_id=uuid.uuid4(), business_date=BUSINESS_DATE
            )
