"""Servicing: what is charged, waived and agreed anew while a loan runs.

Every command is refused, beside what its docstring says, with

- LoanNotFound: if there is no such loan;
- CurrencyMismatch, InvalidAmount, AmountNotPositive: if an amount is in another currency, is not one in it, or is zero;
- TransitionNotAllowed: if the loan is not disbursed, where nothing else is said;
- DateInFuture, DateTooEarly: if `on` lies after the business date or before the disbursement;
- LendingError: if the event contradicts the rest of the loan's history.
"""

import dataclasses
import uuid
from datetime import date
from typing import Unpack

from sqlalchemy.orm import Session

from loans.core import money, rates
from loans.core.changes import AmountNotPositive
from loans.core.errors import LendingError
from loans.core.events import Event, EventKind
from loans.core.settlement import MoreThanThereIs
from loans.core.terms import Component, Grace
from loans.services import transactions
from loans.services.loan_events import Given
from loans.services.transactions import OpenLoan, Transaction


class NothingToWaive(LendingError):
    """Nothing that the waiver names is unpaid."""

    code = "nothing_to_waive"
    title = "Nothing to waive"


def charge_fee(
    session: Session,
    *,
    loan_id: uuid.UUID,
    amount: str,
    currency: str | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Charge a fee, due with the first installment due on or after its date; `amount` is a decimal string."""
    loan = transactions.open_loan(session, loan_id=loan_id)
    return _charge(session, loan, EventKind.FEE, amount=loan.amount(amount, currency=currency), given=given)


def charge_late_fee(
    session: Session,
    *,
    loan_id: uuid.UUID,
    amount: str,
    currency: str | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Charge a late fee by hand: a penalty of the oldest overdue installment, or of the next one due."""
    loan = transactions.open_loan(session, loan_id=loan_id)
    minor = loan.amount(amount, currency=currency)
    return _charge(session, loan, EventKind.LATE_FEE, amount=minor, given=given)


def waive_fees(
    session: Session,
    *,
    loan_id: uuid.UUID,
    amount: str | None = None,
    currency: str | None = None,
    installment: int | None = None,
    component: Component | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Waive unpaid fees and penalties: an amount of them or all, of one installment or all, of one component or both.

    :raises NothingToWaive: if none is unpaid.
    :raises MoreThanThereIs: if less is unpaid.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    minor = None if amount is None else loan.amount(amount, currency=currency)
    event = loan.event(EventKind.FEE_WAIVER, given, amount=minor)
    event = dataclasses.replace(event, installment=installment, component=component)
    return _waive(session, loan, event, given=given)


def waive_interest(
    session: Session,
    *,
    loan_id: uuid.UUID,
    amount: str | None = None,
    currency: str | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Waive unpaid interest: an amount of it, or all that is due or has accrued.

    :raises NothingToWaive: if none is unpaid.
    :raises MoreThanThereIs: if less is unpaid.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    minor = None if amount is None else loan.amount(amount, currency=currency)
    return _waive(session, loan, loan.event(EventKind.INTEREST_WAIVER, given, amount=minor), given=given)


def change_rate(
    session: Session, *, loan_id: uuid.UUID, annual_rate: str, **given: Unpack[Given]
) -> Transaction:
    """Let another rate hold from a date on; `annual_rate` is percent a year as a decimal string.

    :raises InvalidRate: if the text is not a rate.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    event = loan.event(EventKind.RATE_CHANGE, given)
    event = dataclasses.replace(event, annual_rate=rates.parse_rate(annual_rate))
    return transactions.record(session, loan=loan, event=event, given=given)


def pause_interest(
    session: Session, *, loan_id: uuid.UUID, until: date, **given: Unpack[Given]
) -> Transaction:
    """Let no interest accrue from a date up to, not including, another.

    :raises InvalidChange: if the pause ends before it begins.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    event = dataclasses.replace(loan.event(EventKind.INTEREST_PAUSE, given), until=until)
    return transactions.record(session, loan=loan, event=event, given=given)


def reschedule(
    session: Session,
    *,
    loan_id: uuid.UUID,
    first_due_date: date | None = None,
    installments: int | None = None,
    installment_amount: str | None = None,
    grace: Grace | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Replace the installments that are not due yet; what is left out stays as it is.

    :raises InvalidAmount: if the installment's amount is not one in the loan's currency.
    :raises InvalidChange: if nothing is to change, or the new schedule contradicts itself or never ends.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    event = _new_schedule(
        loan.event(EventKind.RESCHEDULE, given),
        loan,
        first_due_date=first_due_date,
        installments=installments,
        installment_amount=installment_amount,
        grace=grace,
    )
    return transactions.record(session, loan=loan, event=event, given=given)


def re_age(
    session: Session,
    *,
    loan_id: uuid.UUID,
    first_due_date: date | None = None,
    installments: int | None = None,
    installment_amount: str | None = None,
    grace: Grace | None = None,
    **given: Unpack[Given],
) -> Transaction:
    """Replace the installments that are not due yet and take the overdue ones with them.

    :raises InvalidAmount: if the installment's amount is not one in the loan's currency.
    :raises InvalidChange: if the new schedule contradicts itself or never ends.
    """
    loan = transactions.open_loan(session, loan_id=loan_id)
    event = _new_schedule(
        loan.event(EventKind.RE_AGE, given),
        loan,
        first_due_date=first_due_date,
        installments=installments,
        installment_amount=installment_amount,
        grace=grace,
    )
    return transactions.record(session, loan=loan, event=event, given=given)


def _charge(session: Session, loan: OpenLoan, kind: EventKind, *, amount: int, given: Given) -> Transaction:
    return transactions.record(session, loan=loan, event=loan.event(kind, given, amount=amount), given=given)


def _waive(session: Session, loan: OpenLoan, event: Event, *, given: Given) -> Transaction:
    try:
        return transactions.record_whole(session, loan=loan, event=event, given=given)
    except MoreThanThereIs as error:
        if error.extensions["available"] != money.format_amount(0, loan.record.currency):
            raise
        raise NothingToWaive(f"Nothing that could be waived was unpaid on {event.date}.") from error


def _new_schedule(
    event: Event,
    loan: OpenLoan,
    *,
    first_due_date: date | None,
    installments: int | None,
    installment_amount: str | None,
    grace: Grace | None,
) -> Event:
    """Complete a reschedule or re-age with what it changes."""
    level = None if installment_amount is None else loan.amount(installment_amount, currency=None)
    if level == 0:
        raise AmountNotPositive("installment_amount must be more than zero.", field="installment_amount")
    return dataclasses.replace(
        event,
        first_due_date=first_due_date,
        installments=installments,
        installment_amount=level,
        grace=grace,
    )
