"""Verification: fold every loan from scratch and compare it with what is stored.

Checks I1 (entries balance), I2 (stored state = fold), I3 (balances = journal lines), I4 (principal adds up), I11
(sub-ledger = general ledger) and I12 (the cash of each event is in the books, whole). The verification only reads, in
one repeatable-read snapshot the caller opens.
"""

import dataclasses
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans import ledger
from loans.core import fold
from loans.core.errors import LendingError
from loans.core.events import Event, EventKind
from loans.core.postings import CASH
from loans.core.state import Installment, LoanState
from loans.models.monitoring import VerificationRun
from loans.queries import loans
from loans.queries.loans import EventRecord, LoanRecord
from loans.services import loan_events

BATCH_SIZE = 500
# Whether the money of an event comes in or goes out.
_DIRECTIONS: Mapping[EventKind, int] = MappingProxyType(
    {
        EventKind.DISBURSED: -1,
        EventKind.REPAYMENT: 1,
        EventKind.PAYOFF: 1,
        EventKind.RECOVERY: 1,
        EventKind.REFUND: -1,
        EventKind.CHARGEBACK: -1,
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A difference: the invariant it breaks, where, and what was found."""

    invariant: str
    subject: str
    detail: str


def verify(session: Session, *, progress: Callable[[int], None]) -> Iterator[Fault]:
    """Yield every difference it finds; `progress` hears how many loans each batch held."""
    for loan_id, sequence, currency, total in ledger.unbalanced_entries(session):
        yield Fault(
            invariant="I1",
            subject=f"loan {loan_id}",
            detail=f"journal entry {sequence} is out of balance by {total} {currency} minor units",
        )
    expected: dict[tuple[str, str], int] = defaultdict(int)
    last: uuid.UUID | None = None
    while batch := loans.batch_after(session, loan_id=last, size=BATCH_SIZE):
        last = batch[-1].id
        yield from _verify_batch(session, batch=batch, expected=expected)
        progress(len(batch))
    yield from _verify_totals(session, expected=expected)


def record(
    session: Session, *, started_at: datetime, finished_at: datetime, verified: int, faults: int
) -> None:
    """Note that a run came to its end, for those who watch that there is one every day and that it finds nothing."""
    session.execute(
        sa.insert(VerificationRun.__table__).values(
            started_at=started_at, finished_at=finished_at, loans=verified, faults=faults
        )
    )


def _verify_batch(
    session: Session, *, batch: tuple[LoanRecord, ...], expected: dict[tuple[str, str], int]
) -> Iterator[Fault]:
    ids = [loan.id for loan in batch]
    events = loans.events_of_loans(session, loan_ids=ids)
    schedules = loans.installments_of_loans(session, loan_ids=ids)
    posted = ledger.balances_of_loans(session, loan_ids=ids)
    for loan in batch:
        try:
            history = events.get(loan.id, ())
            told = [loans.event(each, currency=loan.currency) for each in history]
            state = fold.fold(loans.terms(loan), told, as_of=loan.as_of)
        except (LendingError, AssertionError) as error:
            yield Fault(invariant="I2", subject=f"loan {loan.id}", detail=f"its events do not fold: {error}")
            continue
        balances = {(account, loan.currency): amount for account, amount in state.balances}
        for place, amount in balances.items():
            expected[place] += amount
        for invariant, detail in _differences(
            loan,
            state=state,
            history=history,
            schedule=schedules.get(loan.id, ()),
            balances=balances,
            posted=posted.get(loan.id, {}),
        ):
            yield Fault(invariant=invariant, subject=f"loan {loan.id}", detail=detail)
        held, moved = posted.get(loan.id, {}).get((CASH, loan.currency), 0), _cash_moved(state, told)
        if held != moved:
            yield Fault(
                invariant="I12",
                subject=f"loan {loan.id}",
                detail=f"its events moved {moved} and account {CASH} holds {held} of it (minor units)",
            )


def _differences(
    loan: LoanRecord,
    *,
    state: LoanState,
    history: tuple[EventRecord, ...],
    schedule: tuple[Installment, ...],
    balances: dict[tuple[str, str], int],
    posted: dict[tuple[str, str], int],
) -> Iterator[tuple[str, str]]:
    for column, value in _stored(state, history).items():
        if getattr(loan, column) != value:
            yield "I2", f"{column} is stored as {getattr(loan, column)} and folds to {value}"
    if [event.sequence for event in history] != list(range(1, len(history) + 1)):
        yield "I2", f"its events are numbered {[event.sequence for event in history]}, with a gap"
    folded = {row.number: row for row in state.installments}
    kept = {row.number: row for row in schedule}
    for number in sorted(folded.keys() | kept.keys()):
        if folded.get(number) != kept.get(number):
            yield (
                "I2",
                f"installment {number} is stored as {kept.get(number)} and folds to {folded.get(number)}",
            )
    if balances != posted:
        yield (
            "I3",
            f"the journal holds {posted} and the fold implies {balances} (minor units by account and currency)",
        )
    lent, asked = state.disbursed + _charged_back(state, history), sum(row.due.principal for row in schedule)
    if asked != lent:
        yield (
            "I4",
            f"principal of all installments is {asked}, disbursed and charged back was {lent} (minor units)",
        )


def _cash_moved(state: LoanState, told: Sequence[Event]) -> int:
    """Add up what came in and went out by the events that stand, each with its whole amount."""
    gone = {event.reverses for event in told}
    moved = sum(
        _DIRECTIONS[event.kind] * (event.amount or 0)
        for event in told
        if event.kind in _DIRECTIONS and event.id not in gone
    )
    # Fees deducted were never paid out.
    return moved + state.fees_deducted


def _charged_back(state: LoanState, history: tuple[EventRecord, ...]) -> int:
    """Add up the principal that chargebacks have made the borrower owe again."""
    chargebacks = {event.id for event in history if event.kind == EventKind.CHARGEBACK}
    return sum(
        part.principal for each in state.applied if each.event_id in chargebacks for part in each.parts
    )


def _stored(state: LoanState, history: tuple[EventRecord, ...]) -> dict[str, object]:
    """Give the columns of `loans` as they should be stored."""
    return loan_events.snapshot(state) | {
        "applied_on": state.applied_on,
        "event_count": len(history),
        "last_event_on": max((event.effective_date for event in history), default=None),
    }


def _verify_totals(session: Session, *, expected: dict[tuple[str, str], int]) -> Iterator[Fault]:
    """Compare the general ledger with the sum over all loans, by account and currency."""
    actual = {(row.account, row.currency): row.balance for row in ledger.trial_balance(session)}
    for account, currency in sorted(actual.keys() | expected.keys()):
        held, implied = actual.get((account, currency), 0), expected.get((account, currency), 0)
        if held != implied:
            yield Fault(
                invariant="I11",
                subject=f"account {account} {currency}",
                detail=f"the general ledger holds {held} and the loans imply {implied} (minor units)",
            )
