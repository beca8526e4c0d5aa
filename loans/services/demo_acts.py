"""What can happen to a loan of the demo portfolio, told in days since it began."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from loans.core import money
from loans.queries import loans as stored_loans
from loans.services import repayments, servicing, settlements, transactions
from loans.services.context import Context
from loans.services.transactions import Transaction


@dataclass(slots=True, kw_only=True)
class Telling:
    """A loan's story while it is told: the loan, the day it began on, and its transactions so far."""

    loan_id: uuid.UUID
    external_id: str
    currency: str
    started: date
    context: Context
    told: list[Transaction] = field(default_factory=list)


Act = Callable[[Session, Telling], None]


def pays(number: int) -> Act:
    """Pay an installment on its due date, or today if that has not come."""

    def act(session: Session, telling: Telling) -> None:
        row = stored_loans.installments(session, loan_id=telling.loan_id)[number - 1]
        transaction = repayments.record(
            session,
            loan_id=telling.loan_id,
            amount=money.format_amount(row.outstanding.total, telling.currency),
            on=min(row.due_date, telling.context.business_date),
            reference=f"{telling.external_id}-{number}",
            context=telling.context,
        )
        telling.told.append(transaction)

    return act


def after(days: int, *, does: Callable[..., Any], **arguments: object) -> Act:
    """Call a command for a day so many days after the loan began."""

    def act(session: Session, telling: Telling) -> None:
        on = telling.started + timedelta(days=days)
        done = does(session, loan_id=telling.loan_id, on=on, context=telling.context, **arguments)
        telling.told.append(done)

    return act


def pauses(days: int, *, length: int) -> Act:
    """Pause the interest so many days after the loan began, for so many days."""

    def act(session: Session, telling: Telling) -> None:
        on = telling.started + timedelta(days=days)
        until = on + timedelta(days=length)
        servicing.pause_interest(
            session, loan_id=telling.loan_id, on=on, until=until, context=telling.context
        )

    return act


def charges_back(days: int) -> Act:
    """Charge the transaction told last back, so many days after the loan began."""

    def act(session: Session, telling: Telling) -> None:
        settlements.charge_back(
            session,
            loan_id=telling.loan_id,
            repayment_id=telling.told[-1].event.id,
            on=telling.started + timedelta(days=days),
            note="Disputed by the payer's bank",
            context=telling.context,
        )

    return act


def reverses() -> Act:
    """Reverse the transaction told last."""

    def act(session: Session, telling: Telling) -> None:
        transactions.reverse(
            session,
            loan_id=telling.loan_id,
            event_id=telling.told[-1].event.id,
            note="Recorded in error",
            context=telling.context,
        )

    return act
