from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import fold, postings
from loans.core.charges import Collection, Fee, FeeTime
from loans.core.events import EventKind, RefundOf
from loans.core.postings import Account, AccountKind, Line
from loans.core.terms import Accounting
from tests.core.samples import (
    APPLICATION,
    APPROVAL,
    DISBURSED_ON,
    FIRST_DUE,
    SECOND_DUE,
    THIRD_DUE,
    folded,
    happened,
    repayment,
    sample_terms,
)
from tests.core.strategies import loan_lives

FIRST_PAYMENT = repayment(34002, on=FIRST_DUE, number=4)
NINETY_DAYS_LATE = FIRST_DUE + timedelta(days=90)


def on_books(state):
    return dict(state.balances)


def posted(before, after):
    """The lines that take the books from one state to another."""
    return {line.account: line.amount for line in postings.difference(on_books(before), on_books(after))}


def posted_by(event, *earlier, **changes):
    """The lines of an event alone: the difference between the two states of its day."""
    return posted(
        folded(*earlier, on=event.date, **changes), folded(*earlier, event, on=event.date, **changes)
    )


class TestAccounts:
    def test_are_the_chart_of_accounts(self):
        assert [(account.code, account.name, account.kind) for account in postings.ACCOUNTS] == [
            ("1000", "Cash and bank", AccountKind.ASSET),
            ("1100", "Loan principal receivable", AccountKind.ASSET),
            ("1110", "Interest receivable", AccountKind.ASSET),
            ("1120", "Fee receivable", AccountKind.ASSET),
            ("1130", "Penalty receivable", AccountKind.ASSET),
            ("2000", "Customer credit balances", AccountKind.LIABILITY),
            ("2100", "Unearned interest", AccountKind.LIABILITY),
            ("2110", "Interest in suspense", AccountKind.LIABILITY),
            ("4000", "Interest income", AccountKind.INCOME),
            ("4100", "Fee income", AccountKind.INCOME),
            ("4200", "Penalty income", AccountKind.INCOME),
            ("4300", "Recoveries", AccountKind.INCOME),
            ("5000", "Credit losses", AccountKind.EXPENSE),
            ("5100", "Waivers", AccountKind.EXPENSE),
            ("5110", "Fees refunded", AccountKind.EXPENSE),
            ("5200", "Goodwill credits", AccountKind.EXPENSE),
        ]

    def test_are_told_apart_by_code(self):
        codes = [account.code for account in postings.ACCOUNTS]

        assert len(set(codes)) == len(codes)
        assert Account("1000", "Cash and bank", AccountKind.ASSET) in postings.ACCOUNTS


class TestBalances:
    def test_are_nothing_before_money_moves(self):
        assert fold.fold(sample_terms(), [APPLICATION, APPROVAL]).balances == ()

    def test_owe_the_principal_against_cash_once_disbursed(self):
        assert on_books(folded()) == {"1000": -100000, "1100": 100000}

    def test_earn_interest_day_by_day(self):
        # 10.00 x 15/31 = 4.8387 by 30 January.
        assert on_books(folded(on=date(2024, 1, 30))) == {
            "1000": -100000,
            "1100": 100000,
            "1110": 484,
            "4000": -484,
        }

    def test_have_earned_the_interest_that_is_paid_when_due(self):
        assert on_books(folded(FIRST_PAYMENT)) == {"1000": -65998, "1100": 66998, "4000": -1000}

    def test_earn_interest_when_it_is_paid_on_cash_basis(self):
        cash = {"accounting": Accounting.CASH}

        assert on_books(folded(on=FIRST_DUE, **cash)) == {"1000": -100000, "1100": 100000}
        assert on_books(folded(FIRST_PAYMENT, **cash)) == {"1000": -65998, "1100": 66998, "4000": -1000}

    @given(loan_lives())
    def test_always_sum_to_zero(self, life):
        terms, told = life

        state = fold.fold(terms, told)

        assert sum(amount for _, amount in state.balances) == 0

    @given(loan_lives())
    def test_name_only_accounts_of_the_chart(self, life):
        terms, told = life

        state = fold.fold(terms, told)

        assert set(on_books(state)) <= {account.code for account in postings.ACCOUNTS}
        assert all(on_books(state).values())


class TestSuspense:
    def test_holds_back_unpaid_interest_from_ninety_days_past_due(self):
        before = folded(on=NINETY_DAYS_LATE - timedelta(days=1))
        after = folded(on=NINETY_DAYS_LATE)

        # By then all three rows have ended: 20.07.
        assert on_books(before) == {"1000": -100000, "1100": 100000, "1110": 2007, "4000": -2007}
        assert on_books(after) == {"1000": -100000, "1100": 100000, "1110": 2007, "2110": -2007}

    def test_lets_go_of_it_when_the_arrears_are_paid(self):
        paid = repayment(102007, on=NINETY_DAYS_LATE, number=4)

        assert posted_by(paid) == {
            "1000": 102007,
            "1100": -100000,
            "1110": -2007,
            "2110": 2007,
            "4000": -2007,
        }

    def test_begins_when_the_product_says(self):
        state = folded(on=FIRST_DUE + timedelta(days=5), suspend_after_days=5)

        assert on_books(state)["2110"] == -on_books(state)["1110"] == -1000 - 116


class TestEntries:
    """One for each line of the posting table of the rules, section 12."""

    def test_of_a_disbursement_debits_principal_and_credits_cash(self):
        before = fold.fold(sample_terms(), [APPLICATION, APPROVAL])

        assert posted(before, folded()) == {"1000": -100000, "1100": 100000}

    def test_of_a_disbursement_credit_a_deducted_fee_as_income(self):
        fee = Fee(charged=FeeTime.UPFRONT, amount=2500)

        assert on_books(folded(fees=(fee,))) == {"1000": -97500, "1100": 100000, "4100": -2500}

    def test_of_a_disbursement_lend_an_added_fee(self):
        fee = Fee(charged=FeeTime.UPFRONT, percent=Fraction(5), collection=Collection.ADDED)

        assert on_books(folded(fees=(fee,))) == {"1000": -100000, "1100": 105000, "4100": -5000}

    def test_of_a_repayment_debits_cash_and_credits_principal_and_interest(self):
        assert posted_by(FIRST_PAYMENT) == {"1000": 34002, "1100": -33002, "1110": -1000}

    def test_of_interest_alone_leave_principal_out(self):
        assert posted_by(repayment(1000, on=FIRST_DUE, number=4)) == {"1000": 1000, "1110": -1000}

    def test_of_interest_paid_before_it_is_earned_owe_it(self):
        # 10.00 of the first row and 6.70 of the second, of which nothing is earned yet on 15 February.
        assert posted_by(repayment(34002 + 670, on=FIRST_DUE, number=4)) == {
            "1000": 34672,
            "1100": -33002,
            "1110": -1000,
            "2100": -670,
        }

    def test_of_too_much_owe_the_rest_to_the_customer(self):
        assert posted_by(repayment(102507, on=THIRD_DUE, number=4)) == {
            "1000": 102507,
            "1100": -100000,
            "1110": -2007,
            "2000": -500,
        }

    @pytest.mark.parametrize(
        ("kind", "entry"),
        [
            (EventKind.FEE, {"1120": 700, "4100": -700}),
            (EventKind.LATE_FEE, {"1130": 700, "4200": -700}),
        ],
    )
    def test_of_a_fee_debit_what_is_owed_and_credit_income(self, kind, entry):
        assert posted_by(happened(kind, SECOND_DUE, 700, number=4)) == entry

    def test_of_a_goodwill_credit_debit_the_expense_and_credit_like_a_repayment(self):
        goodwill = happened(EventKind.GOODWILL_CREDIT, FIRST_DUE, 34002, number=4)

        assert posted_by(goodwill) == {"5200": 34002, "1100": -33002, "1110": -1000}

    def test_of_a_waiver_debit_the_expense_and_credit_what_was_owed(self):
        fee = happened(EventKind.FEE, FIRST_DUE, 700, number=4)

        assert posted_by(happened(EventKind.FEE_WAIVER, FIRST_DUE, 300, number=5), fee) == {
            "5100": 300,
            "1120": -300,
        }
        assert posted_by(happened(EventKind.INTEREST_WAIVER, FIRST_DUE, 400, number=5)) == {
            "5100": 400,
            "1110": -400,
        }

    def test_of_a_chargeback_owe_again_and_credit_cash(self):
        back = happened(EventKind.CHARGEBACK, SECOND_DUE, 33502, number=5, repayment=FIRST_PAYMENT.id)

        assert posted_by(back, FIRST_PAYMENT) == {"1000": -33502, "1100": 33002, "1110": 500}

    def test_of_a_refund_give_back_the_credit_balance(self):
        paid = repayment(102507, on=THIRD_DUE, number=4)
        refund = happened(EventKind.REFUND, THIRD_DUE, 500, number=5)

        assert posted_by(refund, paid) == {"1000": -500, "2000": 500}

    def test_of_a_refund_of_a_fee_debit_the_expense(self):
        fee = happened(EventKind.FEE, FIRST_DUE, 700, number=4)
        paid = repayment(34702, on=FIRST_DUE, number=5)
        refund = happened(EventKind.REFUND, FIRST_DUE, 700, number=6, of=RefundOf.FEE)

        assert posted_by(refund, fee, paid) == {"1000": -700, "5110": 700}

    @pytest.mark.parametrize("kind", [EventKind.CHARGE_OFF, EventKind.WRITE_OFF])
    def test_of_a_loss_take_the_receivables_off_the_books(self, kind):
        fee = happened(EventKind.FEE, FIRST_DUE, 700, number=4)
        late_fee = happened(EventKind.LATE_FEE, FIRST_DUE, 300, number=5)

        # 1000.00 and 10.00 earned, 7.00 and 3.00.
        assert posted_by(happened(kind, FIRST_DUE, number=6), fee, late_fee) == {
            "1100": -100000,
            "1110": -1000,
            "1120": -700,
            "1130": -300,
            "5000": 102000,
        }

    def test_of_a_loss_take_interest_in_suspense_off_without_a_loss(self):
        assert posted_by(happened(EventKind.CHARGE_OFF, NINETY_DAYS_LATE, number=4)) == {
            "1100": -100000,
            "1110": -2007,
            "2110": 2007,
            "5000": 100000,
        }

    def test_of_money_after_a_loss_credit_recoveries(self):
        charge_off = happened(EventKind.CHARGE_OFF, FIRST_DUE, number=4)
        write_off = happened(EventKind.WRITE_OFF, FIRST_DUE, number=4)

        assert posted_by(repayment(500, on=SECOND_DUE, number=5), charge_off) == {"1000": 500, "4300": -500}
        assert posted_by(happened(EventKind.RECOVERY, SECOND_DUE, 500, number=5), write_off) == {
            "1000": 500,
            "4300": -500,
        }

    def test_stay_closed_once_the_loss_is_taken(self):
        charge_off = happened(EventKind.CHARGE_OFF, FIRST_DUE, number=4)
        write_off = happened(EventKind.WRITE_OFF, SECOND_DUE, number=5)

        assert posted_by(write_off, charge_off) == {}
        assert posted(folded(charge_off), folded(charge_off, on=THIRD_DUE)) == {}

    def test_of_fees_and_penalties_on_cash_basis_are_income_when_paid(self):
        cash = {"accounting": Accounting.CASH}
        fee = happened(EventKind.FEE, FIRST_DUE, 700, number=4)
        late_fee = happened(EventKind.LATE_FEE, FIRST_DUE, 300, number=5)
        paid = repayment(1100, on=FIRST_DUE, number=6)

        assert posted_by(late_fee, fee, **cash) == {}
        assert posted_by(paid, fee, late_fee, **cash) == {
            "1000": 1100,
            "4000": -100,
            "4100": -700,
            "4200": -300,
        }

    def test_of_an_installments_fee_are_income_when_due_or_paid(self):
        fees = (Fee(charged=FeeTime.PER_INSTALLMENT, amount=200),)
        day_before = FIRST_DUE - timedelta(days=1)

        assert "4100" not in on_books(folded(on=day_before, fees=fees))
        assert on_books(folded(on=FIRST_DUE, fees=fees))["4100"] == -200
        # In advance money pays penalties and fees before interest.
        assert posted_by(repayment(150, on=DISBURSED_ON, number=4), fees=fees) == {"1000": 150, "4100": -150}


class TestDifference:
    def test_of_a_reversal_is_the_mirror_image(self):
        before, after = folded(on=FIRST_DUE), folded(FIRST_PAYMENT)

        assert postings.difference(on_books(after), on_books(before)) == (
            Line("1000", -34002),
            Line("1100", 33002),
            Line("1110", 1000),
        )

    def test_of_the_same_state_is_nothing(self):
        state = folded(FIRST_PAYMENT)

        assert postings.difference(on_books(state), on_books(state)) == ()

    @given(loan_lives(), st.integers(0, 40))
    def test_of_each_step_balances_and_adds_up_to_the_whole(self, life, days):
        terms, told = life
        totals = {}

        before = {}
        for count in range(1, len(told) + 1):
            known = told[:count]
            last = max(event.date for event in known) + timedelta(days=days)
            after = on_books(fold.fold(terms, known, as_of=last))
            lines = postings.difference(before, after)
            assert sum(line.amount for line in lines) == 0
            for line in lines:
                totals[line.account] = totals.get(line.account, 0) + line.amount
            before = after

        assert {code: amount for code, amount in totals.items() if amount} == before

    def test_stops_when_totals_do_not_agree(self):
        before, after = on_books(folded()), on_books(folded(FIRST_PAYMENT))
        tampered = after | {"1100": after["1100"] - 1}

        with pytest.raises(AssertionError, match="they sum to -1"):
            postings.difference(before, tampered)
