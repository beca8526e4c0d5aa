"""Bulk repayments: money received for many loans, each row as `repayments.record` would take it."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from loans import db, metrics
from loans.core import money
from loans.queries import loans
from loans.queries.loans import EventRecord, LoanRecord
from loans.services import loan_events, repayments, transactions
from loans.services.bulk import Receipt
from loans.services.context import Context
from loans.services.loan_events import Given, LoanNotFound, Recorded
from loans.services.transactions import OpenLoan


class RepaymentDesk:
    """Decides the repayments of one batch; several of one loan in the order of their rows."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._locked: dict[uuid.UUID, LoanRecord] = {}
        self._histories: dict[uuid.UUID, tuple[EventRecord, ...]] = {}
        self._open: dict[uuid.UUID, OpenLoan] = {}
        self._recorded: list[Recorded] = []

    def lock(self, session: Session, *, given: Sequence[Mapping[str, Any]]) -> None:
        """Lock the loans of all rows, in one order."""
        self._locked = loans.lock_all(session, loan_ids={each["loan_id"] for each in given})

    def load(self, session: Session, *, given: Sequence[Mapping[str, Any]]) -> None:
        """Read the events of the loans of those rows that are new."""
        wanted = {each["loan_id"] for each in given} & self._locked.keys()
        self._histories = loans.events_of_loans(session, loan_ids=sorted(wanted)) if wanted else {}

    def decide(self, given: Mapping[str, Any]) -> Receipt:
        """Decide one repayment.

        :raises LendingError: if it is refused.
        """
        asked = dict(given)
        loan_id = asked.pop("loan_id")
        loan = self._loan(loan_id)
        circumstances: Given = {
            "context": self._context,
            "on": asked.pop("date"),
            "note": asked.pop("note"),
            "reference": asked.pop("reference"),
        }
        event, after = repayments.decide(loan, **asked, **circumstances)
        recorded = transactions.work_out(loan, event=event, after=after, given=circumstances)
        self._open[loan_id] = loan.with_event(recorded)
        self._recorded.append(recorded)
        return _receipt(recorded)

    def write(self, session: Session) -> None:
        """Write all repayments that were decided."""
        loan_events.write(session, further=self._recorded, context=self._context)
        for each in self._recorded:
            db.after_commit(session, metrics.repayments.labels(currency=each.loan.currency).inc)

    def _loan(self, loan_id: uuid.UUID) -> OpenLoan:
        if loan_id not in self._open:
            if loan_id not in self._locked:
                raise LoanNotFound(f"there is no loan {loan_id}", field="loan_id")
            self._open[loan_id] = transactions.opened(
                self._locked[loan_id], history=self._histories.get(loan_id, ())
            )
        return self._open[loan_id]


def _receipt(recorded: Recorded) -> Receipt:
    loan, event = recorded.loan, recorded.told
    return Receipt(
        location=f"/api/v1/loans/{loan.id}/repayments/{event.id}",
        told={
            "id": str(event.id),
            "loan_id": str(loan.id),
            "sequence": event.sequence,
            "date": event.effective_date.isoformat(),
            "amount": money.format_amount(event.amount, loan.currency),
            "currency": loan.currency,
            "loan_status": loan.status,
            "total_outstanding": money.format_amount(loan.total_outstanding, loan.currency),
            "credit_balance": money.format_amount(loan.credit_balance, loan.currency),
        },
    )
