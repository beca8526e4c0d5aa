"""Builders of things to test with, through the real services; every argument has a sensible default."""

import uuid
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy.orm import Session

from loans.queries.borrowers import BorrowerRecord
from loans.queries.loans import LoanRecord
from loans.queries.products import ProductRecord
from loans.services import borrowers, origination, products, repayments
from loans.services.context import Context
from loans.services.products import Limits
from loans.services.transactions import Transaction

BUSINESS_DATE = date(2026, 6, 15)


def make_context(on: date = BUSINESS_DATE, **given: Any) -> Context:
    """The circumstances of a command on a business date."""
    defaults = {
        "actor": "api_key:test",
        "request_id": "test-request",
        "now": datetime(on.year, on.month, on.day, 12, tzinfo=UTC),
        "business_date": on,
    }
    return Context(**(defaults | given))


def make_borrower(session: Session, **given: Any) -> BorrowerRecord:
    """A borrower."""
    defaults = {"first_name": "Amina", "last_name": "Odhiambo", "context": make_context()}
    return borrowers.register(session, **(defaults | given))


def make_limits(**given: int) -> Limits:
    """The limits of a product: 1,000.00 to 100,000.00, 1 to 60 installments."""
    defaults = {
        "principal_min": 100_000,
        "principal_max": 10_000_000,
        "installments_min": 1,
        "installments_max": 60,
    }
    return Limits(**(defaults | given))


def make_terms(**given: object) -> dict[str, object]:
    """The terms of a product as on the wire: monthly equal installments at 12 % a year, and the defaults."""
    return {"annual_rate": "12.00"} | given


def make_product(
    session: Session, *, currency: str = "KES", limits: Limits | None = None, **terms: object
) -> ProductRecord:
    """A product with a code of its own."""
    return products.publish(
        session,
        code=f"product-{uuid.uuid4().hex[:12]}",
        name="Test product",
        currency=currency,
        limits=limits or make_limits(),
        terms=make_terms(**terms),
        context=make_context(),
    )


def make_cash_product(session: Session, **given: Any) -> ProductRecord:
    """A product on a cash basis: nothing but money that moves moves the accounts of its loans."""
    return make_product(session, accounting="cash", **given)


def make_pending_loan(session: Session, *, product: ProductRecord | None = None, **given: Any) -> LoanRecord:
    """A loan applied for: 1,200.00 over 12 months at 12 %, on 15 January 2026."""
    product = product or make_product(session)
    defaults = {
        "borrower_id": given["borrower_id"] if "borrower_id" in given else make_borrower(session).id,
        "product_id": product.id,
        "amount": "1200.00",
        "currency": product.currency,
        "installments": 12,
        "on": date(2026, 1, 15),
        "context": make_context(),
    }
    return origination.apply(session, **(defaults | given))


def make_approved_loan(session: Session, **given: Any) -> LoanRecord:
    """A loan approved on the day of its application."""
    loan = make_pending_loan(session, **given)
    return origination.approve(session, loan_id=loan.id, on=loan.applied_on, context=make_context())


def make_disbursed_loan(session: Session, **given: Any) -> LoanRecord:
    """A loan paid out on the day of its application: twelve installments of 106.62 from 15 February 2026.

    At 12 % a year on equal monthly periods 1,200.00 costs 106.62 a month (1200 x 0.01 / (1 - 1.01^-12) = 106.6185).
    """
    loan = make_approved_loan(session, **given)
    paid_out = origination.disburse(session, loan_id=loan.id, on=loan.applied_on, context=make_context())
    return paid_out.loan


def make_repayment(session: Session, *, loan: LoanRecord, amount: str, **given: Any) -> Transaction:
    """Money received on the business date."""
    defaults = {"loan_id": loan.id, "currency": loan.currency, "context": make_context()}
    return repayments.record(session, amount=amount, **(defaults | given))
