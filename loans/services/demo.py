"""The demo portfolio: three borrowers, seven products, a loan for every status, method and event, five old requests.

Each step adds one thing if it is missing, found by its external_id or code, and tells whether it did.
"""

import functools
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from sqlalchemy.orm import Session

from loans.queries import borrowers as stored_borrowers
from loans.queries import loans as stored_loans
from loans.queries import products as stored_products
from loans.services import borrowers, legacy_loans, origination, products
from loans.services.context import Context
from loans.services.demo_acts import Telling
from loans.services.demo_loans import BORROWERS, LOANS, PRODUCTS, DemoLoan, DemoProduct

Step = Callable[[Session], bool]


def steps(context: Context) -> Sequence[Step]:
    """Give the steps that build the portfolio; each may run again and then adds nothing."""
    return (
        *(_borrower_step(row, context) for row in BORROWERS),
        *(_product_step(row, context) for row in PRODUCTS),
        *(_loan_step(row, context) for row in LOANS),
        *legacy_steps(context),
    )


def legacy_steps(context: Context) -> Sequence[Step]:
    """Give the steps that add the five loan requests with which installations of the first API began."""
    return tuple(
        functools.partial(legacy_loans.seed, number=number, context=context)
        for number in range(1, len(legacy_loans.SEEDS) + 1)
    )


def _borrower_step(row: tuple[str, str, str, str, date], context: Context) -> Step:
    external_id, first_name, last_name, email, born = row

    def step(session: Session) -> bool:
        if stored_borrowers.page(session, cursor=None, limit=1, external_id=external_id).items:
            return False
        borrowers.register(
            session,
            external_id=external_id,
            first_name=first_name,
            last_name=last_name,
            email=email,
            date_of_birth=born,
            context=context,
        )
        return True

    return step


def _product_step(row: DemoProduct, context: Context) -> Step:
    def step(session: Session) -> bool:
        if stored_products.page(session, cursor=None, limit=1, code=row.code).items:
            return False
        products.publish(
            session,
            code=row.code,
            name=row.name,
            currency=row.currency,
            limits=row.limits,
            terms=row.terms,
            context=context,
        )
        return True

    return step


def _loan_step(row: DemoLoan, context: Context) -> Step:
    def step(session: Session) -> bool:
        if stored_loans.exists(session, external_id=row.external_id):
            return False
        borrower = stored_borrowers.page(session, cursor=None, limit=1, external_id=row.borrower).items[0]
        product = stored_products.page(session, cursor=None, limit=1, code=row.product).items[0]
        started = context.business_date - timedelta(days=row.days_ago)
        loan = origination.apply(
            session,
            borrower_id=borrower.id,
            product_id=product.id,
            amount=row.principal,
            currency=product.currency,
            installments=row.installments,
            on=started,
            external_id=row.external_id,
            context=context,
        )
        telling = Telling(
            loan_id=loan.id,
            external_id=row.external_id,
            currency=product.currency,
            started=started,
            context=context,
        )
        _decide(session, row, telling)
        for act in row.story:
            act(session, telling)
        return True

    return step


def _decide(session: Session, row: DemoLoan, telling: Telling) -> None:
    """Take the loan through its decisions, as far as it goes."""
    loan_id, on, context = telling.loan_id, telling.started, telling.context
    match row.ends_as:
        case "rejected":
            origination.reject(
                session, loan_id=loan_id, on=on, note="Too much for the income", context=context
            )
        case "cancelled":
            origination.cancel(session, loan_id=loan_id, on=on, context=context)
        case "approved" | "disbursed":
            origination.approve(session, loan_id=loan_id, on=on, context=context)
    if row.ends_as == "disbursed":
        origination.disburse(session, loan_id=loan_id, amount=row.first_part, on=on, context=context)
