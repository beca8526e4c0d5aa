"""Origination: from an application to the money paid out."""

import uuid
from datetime import date
from fractions import Fraction

from sqlalchemy.orm import Session

from loans import clock, db, metrics
from loans.core import fold, lifecycle, money
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.errors import LendingError
from loans.core.events import Event, EventKind
from loans.core.lifecycle import Status
from loans.core.money import Rounding
from loans.core.terms import Component, Method, Terms
from loans.queries import borrowers, loans, products
from loans.queries.loans import LoanRecord
from loans.queries.products import ProductRecord
from loans.services import loan_events
from loans.services.context import Context
from loans.services.loan_events import Change


class UnknownBorrower(LendingError):
    """The borrower named in an application does not exist."""

    code = "unknown_borrower"
    title = "Unknown borrower"


class UnknownProduct(LendingError):
    """The product named in an application does not exist."""

    code = "unknown_product"
    title = "Unknown product"


class OutsideProductLimits(LendingError):
    """The principal or the number of installments lies outside the product's limits."""

    code = "outside_product_limits"
    title = "Outside the product's limits"


class CurrencyMismatch(LendingError):
    """The currency given is not the one of the product or loan."""

    code = "currency_mismatch"
    title = "Currency mismatch"


class DuplicateLoan(LendingError):
    """Another loan has the same external_id."""

    code = "duplicate_loan"
    title = "Duplicate loan"


def apply(  # noqa: PLR0913 - what an application consists of
    session: Session,
    *,
    borrower_id: uuid.UUID,
    product_id: uuid.UUID,
    amount: str,
    currency: str,
    installments: int,
    context: Context,
    on: date | None = None,
    external_id: str | None = None,
    note: str | None = None,
) -> LoanRecord:
    """Apply for a loan on the newest terms of a product; `amount` is a decimal string.

    :raises UnknownBorrower: if the borrower does not exist.
    :raises UnknownProduct: if the product does not exist.
    :raises CurrencyMismatch: if the product is in another currency.
    :raises InvalidAmount: if the amount is not one in that currency.
    :raises OutsideProductLimits: if the product does not lend so much, so little, so long or so shortly.
    :raises DateInFuture: if `on` lies after the business date.
    :raises DuplicateLoan: if another loan has the same external_id.
    """
    product = _product(session, product_id=product_id, borrower_id=borrower_id, currency=currency)
    principal = money.parse_amount(amount, currency, field="principal")
    _check_limits(product, principal=principal, installments=installments)
    if external_id is not None and loans.exists(session, external_id=external_id):
        raise DuplicateLoan(f"a loan with external_id {external_id!r} exists", field="external_id")
    terms = _terms(product, principal=principal, installments=installments)
    before = fold.empty(terms)
    applied_on = loan_events.effective_date(None, on=on, context=context)
    event = Event(id=clock.uuid7(), kind=EventKind.APPLIED, date=applied_on)
    change = Change(event=event, before=before, after=fold.step(before, event), note=note)
    loan, _ = loan_events.record_first(
        session,
        loan=_new_loan(
            product,
            terms=terms,
            borrower_id=borrower_id,
            external_id=external_id,
            on=event.date,
            context=context,
        ),
        change=change,
        context=context,
    )
    db.after_commit(session, metrics.loans_applied.labels(currency=currency).inc)
    return loan


def approve(
    session: Session, *, loan_id: uuid.UUID, context: Context, on: date | None = None, note: str | None = None
) -> LoanRecord:
    """Approve a pending loan.

    :raises LoanNotFound: if there is no such loan.
    :raises TransitionNotAllowed: if it is not pending.
    :raises DateInFuture: if `on` lies after the business date.
    :raises DateTooEarly: if `on` lies before the application.
    """
    return _decide(session, kind=EventKind.APPROVED, loan_id=loan_id, on=on, note=note, context=context)


def reject(
    session: Session, *, loan_id: uuid.UUID, context: Context, on: date | None = None, note: str | None = None
) -> LoanRecord:
    """Reject a pending loan.

    :raises LoanNotFound: if there is no such loan.
    :raises TransitionNotAllowed: if it is not pending.
    :raises DateInFuture: if `on` lies after the business date.
    :raises DateTooEarly: if `on` lies before the application.
    """
    return _decide(session, kind=EventKind.REJECTED, loan_id=loan_id, on=on, note=note, context=context)


def cancel(
    session: Session, *, loan_id: uuid.UUID, context: Context, on: date | None = None, note: str | None = None
) -> LoanRecord:
    """Cancel a loan that is pending or approved, at the borrower's wish.

    :raises LoanNotFound: if there is no such loan.
    :raises TransitionNotAllowed: if it is neither.
    :raises DateInFuture: if `on` lies after the business date.
    :raises DateTooEarly: if `on` lies before the loan's last step.
    """
    return _decide(session, kind=EventKind.CANCELLED, loan_id=loan_id, on=on, note=note, context=context)


def disburse(
    session: Session,
    *,
    loan_id: uuid.UUID,
    context: Context,
    on: date | None = None,
    note: str | None = None,
    reference: str | None = None,
) -> LoanRecord:
    """Pay an approved loan out in full and lay out its schedule from that date.

    :raises LoanNotFound: if there is no such loan.
    :raises TransitionNotAllowed: if it is not approved.
    :raises DateInFuture: if `on` lies after the business date.
    :raises DateTooEarly: if `on` lies before the approval.
    """
    loan = _decide(
        session,
        kind=EventKind.DISBURSED,
        loan_id=loan_id,
        on=on,
        note=note,
        reference=reference,
        context=context,
    )
    db.after_commit(session, metrics.loans_disbursed.labels(currency=loan.currency).inc)
    return loan


def _decide(  # noqa: PLR0913 - what every step before repayment has in common
    session: Session,
    *,
    kind: EventKind,
    loan_id: uuid.UUID,
    on: date | None,
    note: str | None,
    context: Context,
    reference: str | None = None,
) -> LoanRecord:
    loan = loan_events.lock(session, loan_id=loan_id)
    before = loans.state(loan, installments=())
    lifecycle.next_status(before.status, kind)
    event = Event(
        id=clock.uuid7(),
        kind=kind,
        date=loan_events.effective_date(before, on=on, context=context),
        amount=loan.principal if kind is EventKind.DISBURSED else 0,
    )
    change = Change(
        event=event, before=before, after=fold.step(before, event), note=note, reference=reference
    )
    changed, _ = loan_events.record(session, loan=loan, change=change, context=context)
    return changed


def _product(
    session: Session, *, product_id: uuid.UUID, borrower_id: uuid.UUID, currency: str
) -> ProductRecord:
    """Give the product an application names, if its borrower exists and its currency is the one given."""
    if borrowers.find(session, borrower_id=borrower_id) is None:
        raise UnknownBorrower(f"there is no borrower {borrower_id}", field="borrower_id")
    product = products.find(session, product_id=product_id)
    if product is None:
        raise UnknownProduct(f"there is no product {product_id}", field="product_id")
    if currency != product.currency:
        raise CurrencyMismatch(
            f"the product lends in {product.currency}, not in {currency}", field="currency"
        )
    return product


def _check_limits(product: ProductRecord, *, principal: int, installments: int) -> None:
    if not product.principal_min <= principal <= product.principal_max:
        lower, upper = (
            money.format_amount(limit, product.currency)
            for limit in (product.principal_min, product.principal_max)
        )
        raise OutsideProductLimits(
            f"the product lends from {lower} to {upper} {product.currency}", field="principal"
        )
    if not product.installments_min <= installments <= product.installments_max:
        raise OutsideProductLimits(
            f"the product is repaid in {product.installments_min} to {product.installments_max} installments",
            field="installments",
        )


def _terms(product: ProductRecord, *, principal: int, installments: int) -> Terms:
    return Terms(
        principal=principal,
        currency=product.currency,
        annual_rate=Fraction(product.annual_rate),
        method=Method(product.method),
        installments=installments,
        frequency=Frequency(product.frequency_every, PeriodUnit(product.frequency_unit)),
        day_count=DayCount(product.day_count),
        rounding=Rounding(product.rounding),
        allocation=tuple(Component(name) for name in product.allocation),
    )


def _new_loan(
    product: ProductRecord,
    *,
    terms: Terms,
    borrower_id: uuid.UUID,
    external_id: str | None,
    on: date,
    context: Context,
) -> LoanRecord:
    return LoanRecord(
        id=clock.uuid7(),
        external_id=external_id,
        borrower_id=borrower_id,
        product_id=product.id,
        product_version=product.version,
        principal=terms.principal,
        currency=terms.currency,
        annual_rate=product.annual_rate,
        method=product.method,
        installments=terms.installments,
        frequency_every=product.frequency_every,
        frequency_unit=product.frequency_unit,
        day_count=product.day_count,
        rounding=product.rounding,
        allocation=product.allocation,
        status=Status.PENDING.value,
        applied_on=on,
        approved_on=None,
        disbursed_on=None,
        closed_on=None,
        maturity_date=None,
        disbursed=0,
        principal_paid=0,
        interest_paid=0,
        principal_outstanding=0,
        interest_outstanding=0,
        next_due_date=None,
        next_due_amount=0,
        event_count=1,
        last_event_on=on,
        created_at=context.now,
        updated_at=context.now,
    )
