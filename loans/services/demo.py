"""The demo portfolio: three borrowers, two products, a loan in every status, with real schedules and payments.

Each step adds one thing if it is missing, found by its external_id or code, and tells whether it did.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from sqlalchemy.orm import Session

from loans.core import money
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.money import Rounding
from loans.core.terms import Component, Method
from loans.queries import borrowers as stored_borrowers
from loans.queries import loans as stored_loans
from loans.queries import products as stored_products
from loans.services import borrowers, origination, products, repayments
from loans.services.context import Context
from loans.services.products import ProductTerms

Step = Callable[[Session], bool]

BORROWERS = (
    ("demo-alice", "Alice", "Wanjiru", "alice@example.com", date(1988, 4, 12)),
    ("demo-bob", "Bob", "Otieno", "bob@example.com", date(1979, 11, 3)),
    ("demo-charlie", "Charlie", "Kimani", "charlie@example.com", date(1995, 7, 29)),
)

PRODUCTS = (
    (
        "demo-salary-advance",
        "Salary advance",
        "KES",
        ProductTerms(
            principal_min=100_000,
            principal_max=50_000_000,
            installments_min=1,
            installments_max=24,
            annual_rate=Fraction(24),
            method=Method.EQUAL_INSTALLMENTS,
            frequency=Frequency(1, PeriodUnit.MONTH),
            day_count=DayCount.EQUAL_PERIODS,
            rounding=Rounding.HALF_EVEN,
            allocation=(Component.INTEREST, Component.PRINCIPAL),
        ),
    ),
    (
        "demo-shop-stock",
        "Shop stock loan",
        "USD",
        ProductTerms(
            principal_min=10_000,
            principal_max=2_000_000,
            installments_min=4,
            installments_max=52,
            annual_rate=Fraction("18.5"),
            method=Method.EQUAL_PRINCIPAL,
            frequency=Frequency(2, PeriodUnit.WEEK),
            day_count=DayCount.ACT_365F,
            rounding=Rounding.HALF_EVEN,
            allocation=(Component.INTEREST, Component.PRINCIPAL),
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLoan:
    """A loan of the portfolio: how far it goes and what is paid, installments counted from 1."""

    external_id: str
    borrower: str
    product: str
    principal: str
    currency: str
    installments: int
    days_ago: int
    ends_as: str
    pays: tuple[int, ...] = ()
    reverses_last: bool = False


LOANS = (
    DemoLoan(
        external_id="demo-pending",
        borrower="demo-alice",
        product="demo-salary-advance",
        principal="12500.00",
        currency="KES",
        installments=6,
        days_ago=2,
        ends_as="pending",
    ),
    DemoLoan(
        external_id="demo-approved",
        borrower="demo-bob",
        product="demo-shop-stock",
        principal="3000.00",
        currency="USD",
        installments=12,
        days_ago=3,
        ends_as="approved",
    ),
    DemoLoan(
        external_id="demo-rejected",
        borrower="demo-charlie",
        product="demo-salary-advance",
        principal="400000.00",
        currency="KES",
        installments=24,
        days_ago=20,
        ends_as="rejected",
    ),
    DemoLoan(
        external_id="demo-cancelled",
        borrower="demo-charlie",
        product="demo-shop-stock",
        principal="500.00",
        currency="USD",
        installments=8,
        days_ago=15,
        ends_as="cancelled",
    ),
    DemoLoan(
        external_id="demo-current",
        borrower="demo-alice",
        product="demo-salary-advance",
        principal="100000.00",
        currency="KES",
        installments=12,
        days_ago=100,
        ends_as="disbursed",
        pays=(1, 2, 3),
    ),
    DemoLoan(
        external_id="demo-overdue",
        borrower="demo-bob",
        product="demo-shop-stock",
        principal="2400.00",
        currency="USD",
        installments=12,
        days_ago=90,
        ends_as="disbursed",
        pays=(1, 2, 3),
        reverses_last=True,
    ),
    DemoLoan(
        external_id="demo-repaid",
        borrower="demo-charlie",
        product="demo-shop-stock",
        principal="800.00",
        currency="USD",
        installments=4,
        days_ago=120,
        ends_as="repaid",
        pays=(1, 2, 3, 4),
    ),
)


def steps(context: Context) -> Sequence[Step]:
    """Give the steps that build the portfolio; each may run again and then adds nothing."""
    return (
        *(_borrower_step(row, context) for row in BORROWERS),
        *(_product_step(row, context) for row in PRODUCTS),
        *(_loan_step(row, context) for row in LOANS),
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


def _product_step(row: tuple[str, str, str, ProductTerms], context: Context) -> Step:
    code, name, currency, terms = row

    def step(session: Session) -> bool:
        if stored_products.page(session, cursor=None, limit=1, code=code).items:
            return False
        products.publish(session, code=code, name=name, currency=currency, terms=terms, context=context)
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
            currency=row.currency,
            installments=row.installments,
            on=started,
            external_id=row.external_id,
            context=context,
        )
        if row.ends_as == "rejected":
            origination.reject(
                session, loan_id=loan.id, on=started, note="Too much for the income", context=context
            )
        elif row.ends_as == "cancelled":
            origination.cancel(session, loan_id=loan.id, on=started, context=context)
        elif row.ends_as != "pending":
            origination.approve(session, loan_id=loan.id, on=started, context=context)
        if row.ends_as in {"disbursed", "repaid"}:
            origination.disburse(session, loan_id=loan.id, on=started, context=context)
            _pay(session, row, loan_id=loan.id, context=context)
        return True

    return step


def _pay(session: Session, row: DemoLoan, *, loan_id: uuid.UUID, context: Context) -> None:
    """Pay the installments named on their due dates, as far as those have come, and reverse the last."""
    schedule = stored_loans.installments(session, loan_id=loan_id)
    paid = [
        repayments.record(
            session,
            loan_id=loan_id,
            amount=money.format_amount(installment.amount, row.currency),
            currency=row.currency,
            on=min(installment.due_date, context.business_date),
            reference=f"{row.external_id}-{installment.number}",
            context=context,
        )
        for installment in schedule
        if installment.number in row.pays
    ]
    if row.reverses_last:
        repayments.reverse(
            session, loan_id=loan_id, repayment_id=paid[-1].event.id, note="Payment bounced", context=context
        )
