"""Bulk loans: many applications, each row as `origination.apply` would take it."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from loans import db, metrics
from loans.core import money
from loans.queries import borrowers, loans, products
from loans.queries.products import ProductRecord
from loans.services import loan_events, origination
from loans.services.bulk import Receipt
from loans.services.context import Context
from loans.services.loan_events import Recorded
from loans.services.origination import Application


class ApplicationDesk:
    """Decides the applications of one batch; a new loan has nothing to lock."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._borrowers: set[uuid.UUID] = set()
        self._products: dict[uuid.UUID, ProductRecord] = {}
        self._taken: set[str] = set()
        self._recorded: list[Recorded] = []

    def lock(self, session: Session, *, given: Sequence[Mapping[str, Any]]) -> None:
        """Lock nothing: of two batches that make the same, the keys and external_ids let one wait for the other.

        Which external_ids are taken is read here, before the keys: what a twin has stored meanwhile is found by its key
        then, as a replay, and is no duplicate.
        """
        external = {each["external_id"] for each in given if each["external_id"] is not None}
        self._taken = set(loans.external_ids(session, among=external)) if external else set()

    def load(self, session: Session, *, given: Sequence[Mapping[str, Any]]) -> None:
        """Read the borrowers and products that the rows name."""
        if not given:
            return
        named = {each["borrower_id"] for each in given}
        self._borrowers = set(borrowers.find_many(session, borrower_ids=named))
        self._products = products.find_many(session, product_ids={each["product_id"] for each in given})

    def decide(self, given: Mapping[str, Any]) -> Receipt:
        """Decide one application.

        :raises LendingError: if it is refused.
        """
        asked = dict(given)
        application: Application = {"amount": asked.pop("principal"), "on": asked.pop("date"), **asked}  # type: ignore[typeddict-item] # the fields of its schema
        external_id = application.get("external_id")
        recorded = origination.draft(
            application,
            has_borrower=application["borrower_id"] in self._borrowers,
            product=self._products.get(application["product_id"]),
            is_taken=external_id in self._taken,
            context=self._context,
        )
        if external_id is not None:
            self._taken.add(external_id)
        self._recorded.append(recorded)
        return _receipt(recorded)

    def write(self, session: Session) -> None:
        """Write all loans that were decided."""
        loan_events.write_first(session, first=self._recorded, context=self._context)
        for each in self._recorded:
            db.after_commit(session, metrics.loans_applied.labels(currency=each.loan.currency).inc)


def _receipt(recorded: Recorded) -> Receipt:
    loan = recorded.loan
    return Receipt(
        location=f"/api/v1/loans/{loan.id}",
        told={
            "id": str(loan.id),
            "external_id": loan.external_id,
            "status": loan.status,
            "principal": money.format_amount(loan.principal, loan.currency),
            "currency": loan.currency,
            "applied_on": loan.applied_on.isoformat(),
        },
    )
