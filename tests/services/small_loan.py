"""A small loan that can be worked by hand, and what is done to it."""

from datetime import date

from loans.services import origination, repayments
from tests.factories import (
    make_borrower,
    make_context,
    make_disbursed_loan,
    make_product,
    make_repayment,
)

DISBURSED_ON = date(2026, 1, 15)
FIRST_DUE = date(2026, 2, 15)
SECOND_DUE = date(2026, 3, 15)
THIRD_DUE = date(2026, 4, 15)


def make_small_loan(session, **given):
    """1,000.00 over three months: 340.02, 340.02, 340.03; interest 10.00 + 6.70 + 3.37; 1,020.07 in all."""
    return make_disbursed_loan(session, **({"amount": "1000.00", "installments": 3} | given))


def make_running_loan(session, *, product=None, amount="1000.00", first_part=None):
    """The small loan recorded day by day: on the day of its disbursement nothing is earned yet."""
    context = make_context(DISBURSED_ON)
    product = product or make_product(session)
    loan = origination.apply(
        session,
        borrower_id=make_borrower(session).id,
        product_id=product.id,
        amount=amount,
        currency=product.currency,
        installments=3,
        context=context,
    )
    origination.approve(session, loan_id=loan.id, context=context)
    return origination.disburse(session, loan_id=loan.id, amount=first_part, context=context).loan


def make_repaid_loan(session):
    """The small loan with each installment paid when due, and those payments."""
    loan = make_small_loan(session)
    paid = [
        make_repayment(session, loan=loan, amount=amount, on=on)
        for amount, on in (("340.02", FIRST_DUE), ("340.02", SECOND_DUE), ("340.03", THIRD_DUE))
    ]
    return loan, paid


def reverse(session, repayment, **given):
    return repayments.reverse(
        session,
        loan_id=repayment.loan.id,
        repayment_id=repayment.event.id,
        context=make_context(),
        **given,
    )


def allocated(repayment):
    """Give each part of a repayment as (installment, principal, interest)."""
    return [
        (part.installment, part.principal, part.interest)
        for applied in repayment.applied
        for part in applied.parts
    ]
