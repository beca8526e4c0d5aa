"""Origination: from an application to the money paid out."""

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Required, TypedDict, Unpack

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
from loans.services.loan_events import Change, Given, Recorded
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


class Application(TypedDict, total=False):
    """What an application brings; `amount` is a decimal string."""

    borrower_id: Required[uuid.UUID]
    product_id: Required[uuid.UUID]
    amount: Required[str]
    currency: Required[str]
    installments: Required[int]
    on: date | None
    external_id: str | None
    note: str | None
    start_date: date | None
    first_due_date: date | None
    due_day: int | None


def apply(session: Session, *, context: Context, **given: Unpack[Application]) -> LoanRecord:
    """Apply for a loan on the newest terms of a product.

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
    external_id = given.get("external_id")
    first = draft(
        given,
        has_borrower=borrowers.find(session, borrower_id=given["borrower_id"]) is not None,
        product=products.find(session, product_id=given["product_id"]),
        is_taken=external_id is not None and loans.exists(session, external_id=external_id),
        context=context,
    )
    loan_events.write_first(session, first=[first], context=context)
    db.after_commit(session, metrics.loans_applied.labels(currency=first.loan.currency).inc)
    return first.loan


def draft(
    given: Application,
    *,
    has_borrower: bool,
    product: ProductRecord | None,
    is_taken: bool,
    context: Context,
) -> Recorded:
    """Give what is to be written of an application, or refuse it as `apply` says; nothing is written yet."""
    product = _checked(product, given, has_borrower=has_borrower)
    principal = money.parse_amount(given["amount"], given["currency"], field="principal")
    _check_limits(product, principal=principal, installments=given["installments"])
    external_id = given.get("external_id")
    if is_taken:
        raise DuplicateLoan(f"a loan with external_id {external_id!r} exists", field="external_id")
    applied_on = loan_events.effective_date(None, on=given.get("on"), context=context)
    terms = _terms(product, given, on=applied_on)
    event = Event(id=clock.uuid7(), kind=EventKind.APPLIED, date=applied_on)
    after = fold.fold(terms, [event], as_of=context.business_date)
    change = Change(event=event, before=fold.empty(terms), after=after, note=given.get("note"))
    own = {"borrower_id": given["borrower_id"], "external_id": external_id, "owner_id": context.owner_id}
    loan = _new_loan(product, own=own, state=after, context=context)
    return loan_events.work_out_first(loan, change=change, context=context)


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


def _checked(product: ProductRecord | None, given: Application, *, has_borrower: bool) -> ProductRecord:
    """Give the product an application names, if its borrower exists and its currency is the one given."""
    if not has_borrower:
        raise UnknownBorrower(f"there is no borrower {given['borrower_id']}", field="borrower_id")
    if product is None:
        raise UnknownProduct(f"there is no product {given['product_id']}", field="product_id")
    if given["currency"] != product.currency:
        raise CurrencyMismatch(
            f"the product lends in {product.currency}, not in {given['currency']}", field="currency"
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


def _terms(product: ProductRecord, given: Application, *, on: date) -> Terms:
    """Complete the terms of a product with what an application brings; holidays are looked up from its day on."""
    document: dict[str, object] = {
        **product.terms,
        "principal": given["amount"],
        "installments": given["installments"],
    }
    for name in ("start_date", "first_due_date", "due_day"):
        value = given.get(name)
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
