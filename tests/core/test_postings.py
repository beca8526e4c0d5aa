from dataclasses import replace

import pytest
from hypothesis import given

from loans.core import events, fold, postings
from loans.core.postings import Account, AccountKind, Line
from tests.core.samples import APPLICATION, APPROVAL, FIRST_DUE, ORIGINATION, repayment, sample_terms
from tests.core.strategies import histories

TERMS = sample_terms()
APPROVED = fold.fold(TERMS, [APPLICATION, APPROVAL])
DISBURSED = fold.fold(TERMS, ORIGINATION)
PART_PAID = fold.fold(TERMS, [*ORIGINATION, repayment(34002, on=FIRST_DUE, number=4)])


class TestAccounts:
    def test_are_the_chart_of_accounts(self):
        assert (
            Account("1000", "Cash and bank", AccountKind.ASSET),
            Account("1100", "Loan principal receivable", AccountKind.ASSET),
            Account("4000", "Interest income", AccountKind.INCOME),
        ) == postings.ACCOUNTS


class TestBalances:
    def test_are_nothing_before_money_moves(self):
        assert postings.balances(APPROVED) == {"1000": 0, "1100": 0, "4000": 0}

    def test_owe_the_principal_against_cash_once_disbursed(self):
        assert postings.balances(DISBURSED) == {"1000": -100000, "1100": 100000, "4000": 0}

    def test_earn_interest_when_it_is_paid(self):
        assert postings.balances(PART_PAID) == {"1000": -65998, "1100": 66998, "4000": -1000}

    @given(histories())
    def test_always_sum_to_zero(self, history):
        terms, told = history

        state = fold.fold(terms, told)

        assert sum(postings.balances(state).values()) == 0

    def test_name_only_accounts_of_the_chart(self):
        assert set(postings.balances(DISBURSED)) == {account.code for account in postings.ACCOUNTS}


class TestDifference:
    def test_of_a_disbursement_debits_principal_and_credits_cash(self):
        assert postings.difference(APPROVED, DISBURSED) == (Line("1000", -100000), Line("1100", 100000))

    def test_of_a_repayment_debits_cash_and_credits_principal_and_interest(self):
        assert postings.difference(DISBURSED, PART_PAID) == (
            Line("1000", 34002),
            Line("1100", -33002),
            Line("4000", -1000),
        )

    def test_of_interest_alone_leaves_principal_out(self):
        interest_paid = fold.fold(TERMS, [*ORIGINATION, repayment(1000, on=FIRST_DUE, number=4)])

        assert postings.difference(DISBURSED, interest_paid) == (Line("1000", 1000), Line("4000", -1000))

    def test_of_a_reversal_is_the_mirror_image(self):
        assert postings.difference(PART_PAID, DISBURSED) == (
            Line("1000", -34002),
            Line("1100", 33002),
            Line("4000", 1000),
        )

    def test_of_the_same_state_is_nothing(self):
        assert postings.difference(PART_PAID, PART_PAID) == ()

    @given(histories())
    def test_of_each_step_balances_and_adds_up_to_the_whole(self, history):
        terms, told = history
        totals = dict.fromkeys(("1000", "1100", "4000"), 0)

        state = fold.empty(terms)
        for event in events.in_order(told):
            before, state = state, fold.step(state, event)
            lines = postings.difference(before, state)
            assert sum(line.amount for line in lines) == 0
            for line in lines:
                totals[line.account] += line.amount

        assert totals == postings.balances(state)

    def test_stops_when_totals_do_not_agree(self):
        tampered = replace(PART_PAID, principal_outstanding=PART_PAID.principal_outstanding - 1)

        with pytest.raises(AssertionError, match="they sum to -1"):
            postings.difference(DISBURSED, tampered)
