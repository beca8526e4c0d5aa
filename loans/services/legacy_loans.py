"""Loan requests of the first API: record one, give one, fill in the five that its installations began with.

They are requests and no more: nothing is scheduled, posted or paid on them (ADR 29).
"""

import dataclasses
import uuid
from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans import clock, db, metrics
from loans.core.errors import LendingError
from loans.queries import legacy_loans
from loans.queries.legacy_loans import REQUESTS, LegacyLoanRecord
from loans.services import audit, outbox
from loans.services.context import Context

PENDING = "pending"


class LegacyLoanNotFound(LendingError):
    """There is no loan request of the first API with the identifier in the path or in `before`."""

    code = "legacy_loan_not_found"
    title = "Loan request not found"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LegacyRequest:
    """What is asked for, within the limits of the first API."""

    borrower_id: str
    amount: Decimal
    currency: str
    term_months: int | None = None
    interest_rate_apr: Decimal | None = None


def record(session: Session, *, request: LegacyRequest, context: Context) -> LegacyLoanRecord:
    """Record a request; it is pending, and stays so."""
    found = _record(request, loan_id=clock.uuid7(), status=PENDING, context=context)
    _write(session, found, action="legacy_loan.create", context=context)
    db.after_commit(session, metrics.legacy_loans_created.inc)
    return found


def get(session: Session, *, loan_id: uuid.UUID) -> LegacyLoanRecord:
    """Give a request.

    :raises LegacyLoanNotFound: if there is none.
    """
    found = legacy_loans.find(session, loan_id=loan_id)
    if found is None:
        raise LegacyLoanNotFound(f"there is no loan request {loan_id}")
    return found


def seed(session: Session, *, number: int, context: Context) -> bool:
    """Add one of SEEDS if it is missing, and tell whether it was."""
    status, request = SEEDS[number - 1]
    loan_id = uuid.UUID(int=number)
    if legacy_loans.find(session, loan_id=loan_id) is not None:
        return False
    found = _record(request, loan_id=loan_id, status=status, context=context)
    _write(session, found, action="legacy_loan.seed", context=context)
    return True


def _record(request: LegacyRequest, *, loan_id: uuid.UUID, status: str, context: Context) -> LegacyLoanRecord:
    return LegacyLoanRecord(
        id=loan_id,
        status=status,
        created_at=context.now,
        updated_at=context.now,
        **dataclasses.asdict(request),
    )


def _write(session: Session, found: LegacyLoanRecord, *, action: str, context: Context) -> None:
    """Write the row, the public event and the audit record, in one round trip."""
    facts = {
        "loan_id": str(found.id),
        "borrower_id": found.borrower_id,
        "amount": str(found.amount),
        "currency": found.currency,
        "status": found.status,
        "term_months": found.term_months,
        "interest_rate_apr": None if found.interest_rate_apr is None else str(found.interest_rate_apr),
    }
    db.execute_together(
        session,
        sa.insert(REQUESTS).values(dataclasses.asdict(found)),
        outbox.announce(("legacy_loan.created",), subject_id=found.id, payload=facts, context=context),
        audit.record(
            action,
            subject_type="legacy_loan",
            subject_id=found.id,
            before=None,
            after=facts,
            context=context,
        ),
    )


def _seed(borrower_id: str, amount: str, currency: str, *, term_months: int, apr: str) -> LegacyRequest:
    return LegacyRequest(
        borrower_id=borrower_id,
        amount=Decimal(amount),
        currency=currency,
        term_months=term_months,
        interest_rate_apr=Decimal(apr),
    )


# The rows that scripts/seed.py of the earlier service gave every installation; the first has the UUID ...0001.
SEEDS: Sequence[tuple[str, LegacyRequest]] = (
    (PENDING, _seed("usr_kenya_001", "12500.00", "KES", term_months=6, apr="28.00")),
    ("approved", _seed("usr_india_002", "50000.00", "INR", term_months=12, apr="24.00")),
    ("rejected", _seed("usr_nigeria_003", "32000.00", "NGN", term_months=9, apr="30.00")),
    ("disbursed", _seed("usr_vietnam_004", "8400.00", "VND", term_months=4, apr="26.00")),
    ("repaid", _seed("usr_philippines_005", "21000.00", "PHP", term_months=6, apr="22.00")),
)
