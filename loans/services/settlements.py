"""Settlements: money that is given, taken back, paid out, given up or recovered, repayments apart.

Every command is refused, beside what its docstring says, with

- LoanNotFound: if there is no such loan;
- CurrencyMismatch, InvalidAmount, AmountNotPositive: if an amount is in another currency, is not one in it, or is zero;
- TransitionNotAllowed: if the loan is not disbursed, where nothing else is said;
- DateInFuture, DateTooEarly: if `on` lies after the business date or before the disbursement;
- LendingError: if the event contradicts the rest of the loan's history.
"""

import dataclasses
import uuid
from typing import Unpack

from sqlalchemy.orm import Session

from loans.core.events import RECEIPTS, EventKind, RefundOf
from loans.core.settlement import UnknownRepayment
from loans.services import transactions
from loans.services.loan_events import Given
from loans.services.transactions import Transaction


def grant_credit(
    session: Session,
    *,
    loan_id: uuid.UUID,
    amount: str,
    currency: str | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Credit a loan out of goodwill: allocated like a repayment, paid for by the lender.

    :raises TransitionNotAllowed: if the loan is not disbursed, or repaid already.
    :raises MoreThanThereIs: if it is more than is owed.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    minor = loan.amount(amount, currency=currency)
    event = loan.event(EventKind.GOODWILL_CREDIT, given, amount=minor)
    return transactions.record_whole(session, loan=loan, event=event, given=given)


def charge_back(
    session: Session,
    *,
    loan_id: uuid.UUID,
    repayment_id: uuid.UUID,
    amount: str | None = None,
    currency: str | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Take a repayment back on a date, or an amount of it: what it had paid is owed again from then on.

    :raises UnknownRepayment: if it is not a repayment of this loan that counted by then.
    :raises MoreThanThereIs: if less of it is left, or nothing.
    :raises TransitionNotAllowed: if the loan is neither disbursed nor repaid.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    minor = None if amount is None else loan.amount(amount, currency=currency)
    event = loan.event(EventKind.CHARGEBACK, given, amount=minor)
    event = dataclasses.replace(event, repayment=repayment_id)
    if not any(each.id == repayment_id and each.kind in RECEIPTS for each in loan.events):
        raise UnknownRepayment(f"Event {repayment_id} is not a repayment of this loan.", field="repayment")
    return transactions.record_whole(session, loan=loan, event=event, given=given)


def refund(
    session: Session,
    *,
    loan_id: uuid.UUID,
    amount: str,
    of: RefundOf = RefundOf.OVERPAYMENT,
    currency: str | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Pay out of the customer's credit balance, or give back fees and penalties that were paid.

    :raises MoreThanThereIs: if less is there.
    :raises TransitionNotAllowed: if the loan was never disbursed.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    event = loan.event(EventKind.REFUND, given, amount=loan.amount(amount, currency=currency))
    event = dataclasses.replace(event, of=of)
    return transactions.record_whole(session, loan=loan, event=event, given=given)


def charge_off(session: Session, *, loan_id: uuid.UUID, **given: Unpack[Given]) -> Transaction:
    """Take the loss in the books; the borrower owes what he owed.

    :raises TransitionNotAllowed: if the loan is not disbursed, or charged off already.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    event = loan.event(EventKind.CHARGE_OFF, given)
    charged_off_on = loan.before.charged_off_on
    if charged_off_on is not None:
        raise transactions.not_allowed(
            loan.before,
            detail=f"The loan was charged off on {charged_off_on} already.",
        )
    return transactions.record(session, loan=loan, event=event, given=given)


def write_off(session: Session, *, loan_id: uuid.UUID, **given: Unpack[Given]) -> Transaction:
    """Give up all that is unpaid; the loan is defaulted."""
    loan = transactions.open_loan(session, loan_id=loan_id)
    event = loan.event(EventKind.WRITE_OFF, given)
    return transactions.record(session, loan=loan, event=event, given=given)


def recover(
    session: Session,
    *,
    loan_id: uuid.UUID,
    amount: str,
    currency: str | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Record money received after a write-off.

    :raises TransitionNotAllowed: if the loan was not written off by then.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    event = loan.event(EventKind.RECOVERY, given, amount=loan.amount(amount, currency=currency))
    return transactions.record(session, loan=loan, event=event, given=given)
