"""Origination: from an application to the money paid out."""

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Unpack

from sqlalchemy.orm import Session

from loans import calendars, clock, db, metrics
from loans.core import fold, lifecycle, money, rates, term_documents
from loans.core.errors import LendingError
from loans.core.events import Event, EventKind
from loans.core.lifecycle import Status
from loans.core.state import LoanState
from loans.core.terms import Terms
from loans.queries import borrowers, loans, products
from loans.queries.loans import LoanRecord
from loans.queries.products import ProductRecord
from loans.services import loan_events, transactions
from loans.services.context import Context
from loans.services.loan_events import Change, Given
from loans.services.transactions import CurrencyMismatch, Transaction


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
    start_date: date | None = None,
    first_due_date: date | None = None,
    due_day: int | None = None,
) -> LoanRecord:
    """Apply for a loan on the newest terms of a product; `amount` is a decimal string.

    The loan's terms are pinned now, and with them the holidays of its calendar.

    :raises UnknownBorrower: if the borrower does not exist.
    :raises UnknownProduct: if the product does not exist.
    :raises CurrencyMismatch: if the product is in another currency.
    :raises InvalidAmount: if the amount is not one in that currency.
    :raises OutsideProductLimits: if the product does not lend so much, so little, so long or so shortly.
    :raises InvalidDocument: if the dates contradict the product's terms or one another; it names every fault.
    :raises DateInFuture: if `on` lies after the business date.
    :raises DuplicateLoan: if another loan has the same external_id.
    """
    product = _product(session, product_id=product_id, borrower_id=borrower_id, currency=currency)
    principal = money.parse_amount(amount, currency, field="principal")
    _check_limits(product, principal=principal, installments=installments)
    if external_id is not None and loans.exists(session, external_id=external_id):
        raise DuplicateLoan(f"a loan with external_id {external_id!r} exists", field="external_id")
    applied_on = loan_events.effective_date(None, on=on, context=context)
    brought = {"start_date": start_date, "first_due_date": first_due_date, "due_day": due_day}
    terms = _terms(product, amount=amount, installments=installments, brought=brought, on=applied_on)
    event = Event(id=clock.uuid7(), kind=EventKind.APPLIED, date=applied_on)
    after = fold.fold(terms, [event], as_of=context.business_date)
    change = Change(event=event, before=fold.empty(terms), after=after, note=note)
    own = {"borrower_id": borrower_id, "external_id": external_id, "owner_id": context.owner_id}
    loan = _new_loan(product, own=own, state=after, context=context)
    loan_events.record_first(session, loan=loan, change=change, context=context)
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
    amount: str | None = None,
    currency: str | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Pay an approved loan out and lay out its schedule, or pay out a further part; by default all that is left.

    :raises LoanNotFound: if there is no such loan.
    :raises CurrencyMismatch: if the loan is in another currency.
    :raises InvalidAmount: if the amount is not one in that currency.
    :raises AmountNotPositive: if the amount is zero.
    :raises DisbursementDiffers: if it is not the principal, or for a loan in parts more than is left of it.
    :raises TransitionNotAllowed: if the loan is not approved, or paid out in full.
    :raises DateInFuture: if `on` lies after the business date.
    :raises DateTooEarly: if `on` lies before the approval.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    left = loan.terms.principal - loan.before.paid_out
    minor = left if amount is None else loan.amount(amount, currency=currency)
    if loan.before.status is Status.DISBURSED and not left:
        raise transactions.not_allowed(loan.before, detail="The loan is disbursed in full already.")
    event = loan.event(EventKind.DISBURSED, given, amount=minor)
    recorded = transactions.record(session, loan=loan, event=event, given=given)
    if loan.before.disbursed_on is None:
        db.after_commit(session, metrics.loans_disbursed.labels(currency=loan.record.currency).inc)
    return recorded


def _decide(
    session: Session,
    *,
    kind: EventKind,
    loan_id: uuid.UUID,
    on: date | None,
    note: str | None,
    context: Context,
) -> LoanRecord:
    """Take a loan that is not disbursed one step further: what is stored of it says all there is to know."""
    loan = loan_events.lock(session, loan_id=loan_id)
    before = LoanState(
        terms=loans.terms(loan),
        status=Status(loan.status),
        as_of=loan.as_of,
        applied_on=loan.applied_on,
        approved_on=loan.approved_on,
        disbursed_on=loan.disbursed_on,
    )
    lifecycle.next_status(before.status, kind)
    event = Event(
        id=clock.uuid7(),
        kind=kind,
        date=loan_events.effective_date(before, on=on, context=context),
    )
    after = dataclasses.replace(fold.step(before, event), as_of=max(loan.as_of, context.business_date))
    change = Change(event=event, before=before, after=after, note=note)
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


def _terms(
    product: ProductRecord, *, amount: str, installments: int, brought: Mapping[str, object], on: date
) -> Terms:
    """Complete the terms of a product with what an application brings; holidays are looked up from its day on."""
    document: dict[str, object] = {**product.terms, "principal": amount, "installments": installments}
    for name, value in brought.items():
        if value is not None:
            document[name] = value.isoformat() if isinstance(value, date) else value
    return term_documents.read(document, resolve_calendar=calendars.resolve, starts=on)


def _new_loan(
    product: ProductRecord, *, own: Mapping[str, object], state: LoanState, context: Context
) -> LoanRecord:
    """Give the row of a loan that has been applied for; `own` is what neither product nor terms say."""
    make: Callable[..., LoanRecord] = LoanRecord
    terms = state.terms
    return make(
        id=clock.uuid7(),
        product_id=product.id,
        product_version=product.version,
        principal=terms.principal,
        currency=terms.currency,
        annual_rate=Decimal(rates.format_rate(terms.annual_rate)),
        method=terms.method.value,
        installments=terms.installments,
        terms=term_documents.write(terms, holiday_calendar=product.terms.get("holiday_calendar")),
        applied_on=state.applied_on,
        event_count=1,
        last_event_on=state.applied_on,
        created_at=context.now,
        updated_at=context.now,
        **own,
        **loan_events.snapshot(state),
    )
