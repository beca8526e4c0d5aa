"""A loan is a fold: its state is its terms and its events, and nothing else."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

from loans.core import (
    allocation,
    changes,
    events,
    lifecycle,
    notes,
    passing,
    planning,
    postings,
    settlement,
    state,
    work,
)
from loans.core.account import Account
from loans.core.errors import LendingError
from loans.core.events import ASKING, DECISIONS, Event, EventKind
from loans.core.lifecycle import Status
from loans.core.postings import Line
from loans.core.state import Amounts, LoanState
from loans.core.terms import Terms
from loans.core.trace import Trace
from loans.core.work import Work


class DateTooEarly(LendingError):
    """The event is dated before the step of the loan's life that it follows."""

    code: ClassVar[str] = "date_too_early"
    title: ClassVar[str] = "Date too early"


@dataclass(frozen=True, slots=True)
class Entry:
    """What an event, or the time before one (`event` is None), did to the accounts, and what they came to."""

    date: dt.date
    event: Event | None
    lines: tuple[Line, ...]
    balances: tuple[tuple[str, int], ...]


def empty(terms: Terms) -> LoanState:
    """Make the state of a loan to which nothing has happened."""
    return LoanState(terms=terms, status=None)


def fold(
    terms: Terms,
    told: Iterable[Event],
    *,
    as_of: dt.date | None = None,
    trace: Trace | None = None,
    journal: list[Entry] | None = None,
    effort: Work | None = None,
) -> LoanState:
    """Compute a loan's state from its terms and events, told in any order, up to and including `as_of`.

    Without `as_of` the state is that of the last event's day. `trace` takes notes for explanations, `journal` an
    entry for what each event, and the time before it, did to the accounts. `effort` counts the work and may limit it.

    :raises HistoryTooLong: if the effort is limited, and it takes more.
    :raises LendingError: if the events contradict the rules: see `events.in_order` and the modules that apply them.
    """
    history = [event for event in events.in_order(told) if as_of is None or event.date <= as_of]
    reached = empty(terms)
    at = 0
    while at < len(history) and history[at].kind in DECISIONS:
        with _blamed(history[at]):
            reached = step(reached, history[at])
        at += 1
    if at == len(history):
        return replace(reached, as_of=as_of or (history[-1].date if history else None))
    account = Account(terms, trace=trace, work=effort)
    for event in history[at:]:
        if journal is not None and account.disbursed_on is not None:
            passing.pass_to(account, event.date)
            _note(journal, account, event.date, None)
        if trace is not None:
            trace.event_id = event.id
        with _blamed(event):
            if account.disbursed_on is None:
                _check_first(reached, event)
            _apply(account, event)
        if journal is not None:
            _note(journal, account, event.date, event)
    on = as_of or history[-1].date
    passing.pass_to(account, on)
    if journal is not None:
        _note(journal, account, on, None)
    return _state(account, reached, on)


@contextlib.contextmanager
def _blamed(event: Event) -> Iterator[None]:
    """Say of a refusal which event was refused."""
    try:
        yield
    except LendingError as error:
        error.event_id = event.id
        raise


def _note(journal: list[Entry], account: Account, on: dt.date, event: Event | None) -> None:
    """Write down what the accounts have moved since the last entry."""
    account.work.add(len(account.rows) // work.ROWS_SUMMED)
    before = dict(journal[-1].balances) if journal else {}
    after = _balances(account, on)
    lines = postings.difference(before, after)
    if lines:
        journal.append(Entry(on, event, lines, tuple(after.items())))


def step(reached: LoanState, event: Event) -> LoanState:
    """Take a loan that is not disbursed one step further: applied, approved, rejected or cancelled.

    :raises TransitionNotAllowed: if the loan's status does not admit the event.
    :raises DateTooEarly: if the event is dated before the step that it follows.
    """
    status = lifecycle.next_status(reached.status, event.kind)
    check_date(reached, on=event.date)
    changed = replace(reached, status=status, as_of=event.date)
    match event.kind:
        case EventKind.APPLIED:
            return replace(changed, applied_on=event.date)
        case EventKind.APPROVED:
            return replace(changed, approved_on=event.date)
        case _:
            return replace(changed, closed_on=event.date)


def check_date(reached: LoanState, *, on: dt.date) -> None:
    """Refuse a date before the latest step of the loan's life: application, approval or disbursement.

    :raises DateTooEarly: if the date is before that step.
    """
    steps = [
        day for day in (reached.applied_on, reached.approved_on, reached.disbursed_on) if day is not None
    ]
    earliest = max(steps, default=on)
    if on < earliest:
        raise DateTooEarly(
            f"{on} is before {earliest}, when the loan became {reached.status}.",
            field="date",
            earliest=earliest.isoformat(),
        )


def _check_first(reached: LoanState, event: Event) -> None:
    """Refuse anything but a disbursement of an approved loan to come first."""
    lifecycle.next_status(reached.status, event.kind)
    check_date(reached, on=event.date)


def _apply(account: Account, event: Event) -> None:
    """Let time pass up to the event and apply it."""
    if event.kind in DECISIONS:
        raise lifecycle.refusal(_status(account), event.kind)
    account.work.add(work.of_event(event, rows=len(account.rows)))
    if account.written_off_on is not None and event.kind is not EventKind.REFUND:
        # Told after the write-off: whatever money comes now is a recovery, and nothing else counts.
        if event.kind in {EventKind.RECOVERY, EventKind.REPAYMENT, EventKind.PAYOFF}:
            settlement.recover(account, event)
        return
    if event.kind is _RECOVERY:
        raise lifecycle.refusal(_status(account), event.kind)
    if account.disbursed_on is not None:
        passing.pass_to(account, event.date)
        if account.is_daily:
            # Before what interest accrues on changes.
            account.accrue(event.date)
    if event.kind in _CLOSING and account.books_closed is None:
        account.books_closed = postings.close_books(_balances(account, event.date))
    _APPLY[event.kind](account, event)
    if account.credit and event.kind in ASKING:
        settlement.use_credit(account, event)
    _see_whether_settled(account, event.date)


def _see_whether_settled(account: Account, on: dt.date) -> None:
    """Note the day on which nothing is left to pay, and stop planning then."""
    if not account.is_settled:
        account.closed_on = None
        return
    if account.current < account.plan_end:
        allocation.end_plan(account, on=on)
    account.closed_on = account.closed_on or on


# Looked up once, since every event asks.
_RECOVERY = EventKind.RECOVERY
_CLOSING = frozenset({EventKind.CHARGE_OFF, EventKind.WRITE_OFF})
# A reversal has no place here: what it reverses is left out of the history.
_APPLY: Mapping[EventKind, Callable[[Account, Event], None]] = MappingProxyType(
    {
        EventKind.DISBURSED: changes.disburse,
        EventKind.RATE_CHANGE: changes.change_rate,
        EventKind.INTEREST_PAUSE: changes.pause,
        EventKind.RESCHEDULE: changes.reschedule,
        EventKind.RE_AGE: changes.reschedule,
        EventKind.FEE: changes.charge_fee,
        EventKind.LATE_FEE: changes.charge_late_fee,
        EventKind.FEE_WAIVER: settlement.waive_fees,
        EventKind.INTEREST_WAIVER: settlement.waive_interest,
        EventKind.GOODWILL_CREDIT: settlement.receive,
        EventKind.REPAYMENT: settlement.receive,
        EventKind.PAYOFF: settlement.receive,
        EventKind.CHARGEBACK: settlement.charge_back,
        EventKind.REFUND: settlement.refund,
        EventKind.CHARGE_OFF: settlement.charge_off,
        EventKind.WRITE_OFF: settlement.write_off,
    }
)


def _status(account: Account) -> Status:
    """Tell the status of a disbursed loan."""
    if account.written_off_on is not None:
        return Status.DEFAULTED
    return Status.REPAID if account.is_settled else Status.DISBURSED


def _balances(account: Account, on: dt.date) -> dict[str, int]:
    """Compute what the loan has put on each account as of a day."""
    rows = account.rows
    late = account.asking(on)
    return postings.balances(
        account,
        days_past_due=max((on - late[0].due_date).days, 0) if late else 0,
        paid=state.summed([row.paid for row in rows]),
        waived=state.summed([row.waived for row in rows]),
        earned=postings.earned(account, on),
    )


def _state(account: Account, reached: LoanState, on: dt.date) -> LoanState:
    """Freeze an account as of a day up to which time has passed."""
    if not account.is_planned:
        planning.project(account)
    if account.trace is not None:
        notes.finish(account, account.trace, on=on)
    rows = account.rows
    due, paid = state.summed([row.due for row in rows]), state.summed([row.paid for row in rows])
    waived, lost = state.summed([row.waived for row in rows]), state.summed([row.lost for row in rows])
    earned = postings.earned(account, on)
    payoff = allocation.amount_to_settle(account, on)
    return replace(
        reached,
        status=_status(account),
        as_of=on,
        installments=state.installments_of(rows),
        applied=tuple(account.applied),
        disbursed_on=account.disbursed_on,
        closed_on=account.written_off_on or account.closed_on,
        charged_off_on=account.charged_off_on,
        disbursed=account.disbursed,
        paid_out=account.paid_out,
        fees_deducted=account.fees_deducted,
        fees_refundable=settlement.refundable_fees(account),
        received=account.received,
        goodwill=account.goodwill,
        refunded=account.refunded + account.fees_refunded,
        recovered=account.recovered,
        credit_balance=account.credit,
        paid=paid,
        waived=waived,
        written_off=lost,
        outstanding=Amounts(
            *(
                a - b - c - d
                for a, b, c, d in zip(
                    _values(due), _values(paid), _values(waived), _values(lost), strict=True
                )
            )
        ),
        payoff=Amounts(*payoff),
        per_diem=passing.per_diem(account, on),
        interest_accrued=earned.interest,
        balances=tuple(sorted(_balances(account, on).items())),
        work=account.work.done,
    )


def _values(amounts: Amounts) -> tuple[int, int, int, int]:
    return amounts.penalty, amounts.fee, amounts.interest, amounts.principal
