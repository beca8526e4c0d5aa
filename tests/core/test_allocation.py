import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import allocation, schedule
from loans.core.allocation import Allocation, Overpayment
from loans.core.terms import Component
from tests.core.samples import DISBURSED_ON, FIRST_DUE, SECOND_DUE, sample_terms
from tests.core.strategies import terms_agreed

PAYMENT = uuid.UUID(int=4)
INTEREST_FIRST = (Component.INTEREST, Component.PRINCIPAL)
PRINCIPAL_FIRST = (Component.PRINCIPAL, Component.INTEREST)
# 330.02 + 10.00, 333.32 + 6.70, 336.66 + 3.37
ROWS = schedule.build(sample_terms(), start_date=DISBURSED_ON)


def allocate(amount, installments=ROWS, *, order=INTEREST_FIRST, on=FIRST_DUE):
    return allocation.allocate(amount, installments, order=order, event_id=PAYMENT, on=on, currency="KES")


class TestAllocate:
    def test_settles_interest_before_principal(self):
        rows, allocations = allocate(1500)

        assert allocations == (Allocation(PAYMENT, 1, principal=500, interest=1000),)
        assert rows == (replace(ROWS[0], principal_paid=500, interest_paid=1000), *ROWS[1:])

    def test_settles_principal_first_when_so_agreed(self):
        _, allocations = allocate(33502, order=PRINCIPAL_FIRST)

        assert allocations == (Allocation(PAYMENT, 1, principal=33002, interest=500),)

    def test_settles_the_oldest_installment_before_the_next(self):
        rows, allocations = allocate(34002 + 670)

        assert allocations == (
            Allocation(PAYMENT, 1, principal=33002, interest=1000),
            Allocation(PAYMENT, 2, principal=0, interest=670),
        )
        assert [each.outstanding for each in rows] == [0, 33332, 34003]

    def test_dates_an_installment_when_it_is_settled(self):
        rows, _ = allocate(34002 + 1)

        assert [each.settled_on for each in rows] == [FIRST_DUE, None, None]

    def test_goes_on_where_the_last_repayment_stopped(self):
        rows_before, _ = allocate(34002 + 1)

        rows, allocations = allocate(34001, rows_before, on=SECOND_DUE)

        assert allocations == (Allocation(PAYMENT, 2, principal=33332, interest=669),)
        assert [each.settled_on for each in rows] == [FIRST_DUE, SECOND_DUE, None]

    def test_takes_a_single_cent(self):
        _, allocations = allocate(1)

        assert allocations == (Allocation(PAYMENT, 1, principal=0, interest=1),)

    def test_settles_the_whole_loan_to_the_cent(self):
        rows, _ = allocate(102007)

        assert all(each.is_settled and each.settled_on == FIRST_DUE for each in rows)

    def test_passes_over_installments_of_nothing(self):
        rows_of_a_cent = schedule.build(sample_terms(principal=1), start_date=DISBURSED_ON)

        rows, allocations = allocate(1, rows_of_a_cent)

        assert allocations == (Allocation(PAYMENT, 3, principal=1, interest=0),)
        assert [each.settled_on for each in rows] == [None, None, FIRST_DUE]

    def test_refuses_a_cent_too_much_and_says_what_closes_the_loan(self):
        with pytest.raises(Overpayment) as refused:
            allocate(102008)

        assert refused.value.code == "overpayment"
        assert refused.value.field == "amount"
        assert refused.value.extensions == {"payoff_amount": 102007, "currency": "KES"}
        assert refused.value.detail == "1020.08 KES is more than is owed; 1020.07 KES closes the loan."

    def test_counts_only_what_is_left_in_the_payoff_amount(self):
        rows_before, _ = allocate(100000)

        with pytest.raises(Overpayment) as refused:
            allocate(50000, rows_before)

        assert refused.value.extensions["payoff_amount"] == 2007

    @pytest.mark.parametrize("amount", [0, -1])
    def test_is_never_asked_to_spread_nothing(self, amount):
        with pytest.raises(AssertionError, match=str(amount)):
            allocate(amount)

    @given(terms=terms_agreed(installments=st.integers(1, 12)), data=st.data())
    def test_spreads_every_minor_unit_once(self, terms, data):
        rows_before = schedule.build(terms, start_date=DISBURSED_ON)
        owed = sum(each.outstanding for each in rows_before)
        amount = data.draw(st.integers(1, owed))

        rows, allocations = allocate(amount, rows_before, order=terms.allocation)

        assert sum(each.principal + each.interest for each in allocations) == amount
        assert sum(each.paid for each in rows) == amount
        assert all(each.principal_outstanding >= 0 and each.interest_outstanding >= 0 for each in rows)
        assert all(each.principal + each.interest > 0 for each in allocations)

    @given(terms=terms_agreed(installments=st.integers(1, 12)), excess=st.integers(1, 10**15))
    def test_refuses_any_excess(self, terms, excess):
        rows = schedule.build(terms, start_date=DISBURSED_ON)
        owed = sum(each.outstanding for each in rows)

        with pytest.raises(Overpayment) as refused:
            allocate(owed + excess, rows)

        assert refused.value.extensions["payoff_amount"] == owed
