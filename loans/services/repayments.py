"""Repayments: record one, pay a loan off, reverse either."""

import dataclasses
import uuid
from datetime import date
from typing import Literal, Unpack

from sqlalchemy.orm import Session

from loans import db, metrics
from loans.core import money
from loans.core.changes import AmountNotPositive
from loans.core.errors import LendingError
from loans.core.events import RECEIPTS, Event, EventKind
from loans.core.state import LoanState
from loans.services import transactions
from loans.services.context import Context
from loans.services.loan_events import Given
from loans.services.transactions import OpenLoan, Transaction, TransactionNotFound


class RepaymentNotFound(LendingError):
    """The loan has no repayment with the identifier in the path."""

    code = "repayment_not_found"
    title = "Repayment not found"


class Overpayment(LendingError):
    """The money is more than is owed."""

    code = "overpayment"
    title = "More than is owed"


class PayoffDiffers(LendingError):
    """The amount given is not what pays the loan off on that date."""

    code = "payoff_differs"
    title = "Payoff differs"


def record(
    session: Session,
    *,
    loan_id: uuid.UUID,
    amount: str,
    currency: str | None = None,
    overpayment: Literal["refuse", "hold"] = "refuse",
    **given: Unpack[Given],
) -> Transaction:
    """Record money received against a loan; `amount` is a decimal string.

    What is more than is owed is refused, or held as the customer's credit balance.

    :raises LoanNotFound: if there is no such loan.
    :raises CurrencyMismatch: if the loan is in another currency.
    :raises InvalidAmount: if the amount is not one in that currency.
    :raises TransitionNotAllowed: if the loan is not disbursed, or repaid already.
    :raises DateInFuture: if `on` lies after the business date.
    :raises DateTooEarly: if `on` lies before the disbursement.
    :raises AmountNotPositive: if the amount is zero.
    :raises Overpayment: if it is more than is owed and not to be held; its payoff_amount closes the loan.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    event, after = decide(loan, amount=amount, currency=currency, overpayment=overpayment, **given)
    transaction = transactions.write(session, loan=loan, event=event, after=after, given=given)
    db.after_commit(session, metrics.repayments.labels(currency=loan.record.currency).inc)
    return transaction


def decide(
    loan: OpenLoan,
    *,
    amount: str,
    currency: str | None = None,
    overpayment: Literal["refuse", "hold"] = "refuse",
    **given: Unpack[Given],
) -> tuple[Event, LoanState]:
    """Give the event of money received and the state that it leads to, or refuse it as `record` says."""
    minor = loan.amount(amount, currency=currency)
    event = loan.event(EventKind.REPAYMENT, given, amount=minor)
    after = loan.after(event, context=given["context"])
    if overpayment == "refuse":
        refuse_credit(loan, amount=minor, credit=after.credit_balance)
    return event, after


def payoff(
    session: Session,
    *,
    loan_id: uuid.UUID,
    amount: str | None = None,
    currency: str | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Record the money that ends a loan on a date, by docs/lending-rules.md, section 9.

    :raises LoanNotFound: if there is no such loan.
    :raises CurrencyMismatch: if the loan is in another currency.
    :raises InvalidAmount: if the amount is not one in that currency.
    :raises TransitionNotAllowed: if the loan is not disbursed, or repaid already.
    :raises DateInFuture: if `on` lies after the business date.
    :raises DateTooEarly: if `on` lies before the disbursement.
    :raises PayoffDiffers: if an amount is given that is not the one; its payoff_amount is.
    :raises AmountNotPositive: if nothing was owed on that date.
    :raises Overpayment: if it would leave later money without anything to pay.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    event = loan.event(EventKind.PAYOFF, given, amount=None)
    owed = transactions.taken(loan.after(event, context=given["context"]), event=event)
    if amount is not None and loan.amount(amount, currency=currency) != owed:
        raise PayoffDiffers(
            f"{money.format_amount(owed, loan.record.currency)} {loan.record.currency} pays the loan off.",
            field="amount",
            payoff_amount=owed,
            currency=loan.record.currency,
        )
    if not owed:
        raise AmountNotPositive(f"Nothing was owed on {event.date}.", field="date")
    # The amount is stored, so that an event recorded later does not change what was received.
    event = dataclasses.replace(event, amount=owed)
    after = loan.after(event, context=given["context"])
    refuse_credit(loan, amount=owed, credit=after.credit_balance)
    transaction = transactions.write(session, loan=loan, event=event, after=after, given=given)
    db.after_commit(session, metrics.repayments.labels(currency=loan.record.currency).inc)
    return transaction


def reverse(
    session: Session,
    *,
    loan_id: uuid.UUID,
    repayment_id: uuid.UUID,
    context: Context,
    note: str | None = None,
) -> Transaction:
    """Undo a repayment: the loan stands as though it had never come in.

    :raises LoanNotFound: if there is no such loan.
    :raises RepaymentNotFound: if the loan has no such repayment.
    :raises ReversalRefused: if it has been reversed already, or charged back.
    """
    try:
        return transactions.reverse(
            session, loan_id=loan_id, event_id=repayment_id, context=context, note=note, kinds=RECEIPTS
        )
    except TransactionNotFound as error:
        raise RepaymentNotFound(f"loan {loan_id} has no repayment {repayment_id}") from error


def get(session: Session, *, loan_id: uuid.UUID, repayment_id: uuid.UUID, business_date: date) -> Transaction:
    """Give a repayment, spread as the loan's history stands now, and the loan as of today.

    :raises LoanNotFound: if there is no such loan.
    :raises RepaymentNotFound: if the loan has no such repayment.
    """
    try:
        return transactions.get(
            session, loan_id=loan_id, event_id=repayment_id, business_date=business_date, kinds=RECEIPTS
        )
    except TransactionNotFound as error:
        raise RepaymentNotFound(f"loan {loan_id} has no repayment {repayment_id}") from error


def refuse_credit(loan: OpenLoan, *, amount: int, credit: int) -> None:
    """Refuse money that adds to the customer's credit balance; `credit` is what that would become.

    :raises Overpayment: if it does; its payoff_amount closes the loan.
    """
    left = credit - loan.before.credit_balance
    if left <= 0:
        return
    owed, currency = max(amount - left, 0), loan.record.currency
    raise Overpayment(
        f"{money.format_amount(amount, currency)} {currency} is more than is owed:"
        f" {money.format_amount(owed, currency)} {currency} closes the loan.",
        field="amount",
        payoff_amount=owed,
        currency=currency,
    )
