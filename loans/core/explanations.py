"""Why a figure is what it is: installments, events and payoffs, step by step, from the fold that computed them.

Nothing is computed a second time in another way: the loan is folded with a `trace.Trace`, and its notes are put into
words. The last step of each figure is the figure of the state.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

from loans.core import daycount, event_words, events, fold, money, steps
from loans.core.daycount import DayCount
from loans.core.errors import LendingError
from loans.core.event_steps import EventSteps
from loans.core.event_words import EventWords
from loans.core.events import DECISIONS, Event, EventKind
from loans.core.row_steps import RowSteps
from loans.core.rows import FEE, RowKind
from loans.core.state import Installment, LoanState
from loans.core.steps import Explanation, Step, in_words
from loans.core.terms import Terms
from loans.core.trace import Accrual, Trace

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class NothingToExplain(LendingError):
    """The loan has no such installment, event or payoff on the date."""

    code: ClassVar[str] = "nothing_to_explain"
    title: ClassVar[str] = "Nothing to explain"


def explain_installment(terms: Terms, told: Sequence[Event], *, number: int, as_of: dt.date) -> Explanation:
    """Explain what an installment asks for as of a date, and what has been paid of it.

    :raises NothingToExplain: if the loan has no such installment on that date.
    :raises LendingError: if the events contradict the rules.
    """
    trace = Trace()
    state = fold.fold(terms, told, as_of=as_of, trace=trace)
    row = next((each for each in state.installments if each.number == number), None)
    if row is None:
        raise NothingToExplain(f"The loan has no installment {number} on {as_of}.", field="installment")
    known = {event.id: event for event in told}
    asked, left = (money.format_amount(each.total, terms.currency) for each in (row.due, row.outstanding))
    return Explanation(
        subject=f"installment {number}",
        currency=terms.currency,
        as_of=as_of,
        summary=f"Installment {number}, due on {row.due_date}{_moved(terms, row, trace)}, asks for {asked}"
        f" {terms.currency}; {left} of it is unpaid on {as_of}.",
        steps=RowSteps(state, known, trace, number).write(),
    )


def _moved(terms: Terms, row: Installment, trace: Trace) -> str:
    """Say from which day the due date of a row was moved, if it was, and why."""
    day = trace.ends.get(row.number, row.due_date)
    if row.kind is not RowKind.INSTALLMENT or day == row.due_date:
        return ""
    calendar = "" if terms.holidays is None or terms.holidays.code is None else f" in {terms.holidays.code}"
    return f" (not on {_WEEKDAYS[day.weekday()]} {day}, no business day{calendar}: {terms.convention})"


def explain_event(terms: Terms, told: Sequence[Event], *, event_id: uuid.UUID, as_of: dt.date) -> Explanation:
    """Explain what an event did on its date: bucket by bucket where its money went, or what it made of the plan.

    :raises NothingToExplain: if the loan has no such event by that date.
    :raises LendingError: if the events contradict the rules.
    """
    event = next((each for each in told if each.id == event_id and each.date <= as_of), None)
    if event is None:
        raise NothingToExplain(f"The loan has no event {event_id} by {as_of}.", field="event")
    history = events.in_order(told)
    name = event.kind.replace("_", " ")
    summary = f"This {name} on {event.date}"
    found: tuple[Step, ...] = ()
    if event.kind is EventKind.REVERSAL:
        summary += f" takes event {event.reverses} out of the history, on every date."
    elif event not in history:
        summary += " has been reversed: it counts on no date."
    elif event.kind in DECISIONS:
        principal = f"{money.format_amount(terms.principal, terms.currency)} {terms.currency}"
        summary = event_words.of_decision(event, principal=principal)
    else:
        trace = Trace()
        earlier = history[: history.index(event)]
        after = fold.fold(terms, [*earlier, event], as_of=event.date, trace=trace)
        before = fold.fold(terms, earlier, as_of=event.date)
        found = EventSteps(event, before=before, after=after, trace=trace).write()
        if any(each.event_id == event_id for each in after.applied):
            summary = EventWords(event, earlier=earlier, before=before, after=after, trace=trace).write()
        else:
            summary += " counts for nothing after the write-off."
    return Explanation(
        subject=f"{name} {event_id}", currency=terms.currency, as_of=as_of, summary=summary, steps=found
    )


def explain_payoff(terms: Terms, told: Sequence[Event], *, on: dt.date) -> Explanation:
    """Explain what ends the loan on a date: each component, and what another day adds.

    :raises DateTooEarly: if the loan had not been applied for by then.
    :raises NothingToExplain: if the loan is not disbursed by that date.
    :raises LendingError: if the events contradict the rules.
    """
    trace = Trace()
    state = fold.fold(terms, told, as_of=on, trace=trace)
    if state.status is None:
        applied_on = min(event.date for event in told if event.kind is EventKind.APPLIED)
        raise fold.DateTooEarly(
            f"On {on}, the loan had not been applied for.", field="on", earliest=applied_on.isoformat()
        )
    if state.disbursed_on is None:
        raise NothingToExplain(f"The loan is not disbursed on {on}.", field="on")
    total = money.format_amount(state.payoff.total, terms.currency)
    return Explanation(
        subject="payoff",
        currency=terms.currency,
        as_of=on,
        summary=f"{total} {terms.currency} ends the loan on {on}.",
        steps=_PayoffSteps(state, trace, on).write(),
    )


class _PayoffSteps:
    """Writes the steps of the payoff amount of a day."""

    def __init__(self, state: LoanState, trace: Trace, on: dt.date) -> None:
        self.state = state
        self.terms = state.terms
        self.trace = trace
        self.on = on
        self.steps: list[Step] = []

    def write(self) -> tuple[Step, ...]:
        """Give all steps: principal, interest, fees, penalties, their sum, and the cost of another day."""
        payoff = self.state.payoff
        self._sum("principal", payoff.principal, self._unpaid("principal", self.state.installments))
        self._interest()
        fees = self._unpaid("fee", [row for row in self.state.installments if row.due_date <= self.on])
        for row in self.trace.rows:
            charged = row.fixed_fee - row.paid[FEE] - row.waived[FEE] - row.lost[FEE]
            if row.due_date > self.on and charged > 0:
                fees[f"charged to installment {row.number}"] = charged
        self._sum("fee", payoff.fee, fees)
        self._sum("penalty", payoff.penalty, self._unpaid("penalty", self.state.installments))
        parts = {"principal": payoff.principal, "interest": payoff.interest}
        self._sum("payoff", payoff.total, parts | {"fee": payoff.fee, "penalty": payoff.penalty})
        self._per_diem()
        return tuple(self.steps)

    def _is_fixed(self, row: Installment) -> bool:
        """Tell whether all that a row asks for is asked now: it is due, or planned no more."""
        return row.due_date <= self.on or row.number not in self.trace.open_numbers

    def _unpaid(self, component: str, rows: Sequence[Installment]) -> dict[str, int]:
        """List what rows still ask for of a component."""
        unpaid = {f"installment {row.number}": int(getattr(row.outstanding, component)) for row in rows}
        return {name: amount for name, amount in unpaid.items() if amount}

    def _sum(self, figure: str, total: int, parts: dict[str, int]) -> None:
        amounts = {name: money.format_amount(each, self.terms.currency) for name, each in parts.items()}
        said = " + ".join(f"{amount} ({name})" for name, amount in amounts.items()) or "nothing"
        self.steps.append(
            Step(
                figure=figure,
                formula="sum",
                inputs=dict(parts),
                unrounded=Fraction(total),
                rounded=total,
                text=f"{figure.capitalize()}: {said} = {money.format_amount(total, self.terms.currency)}.",
            )
        )

    def _interest(self) -> None:
        """Write the interest of rows due, and of later ones what has accrued less what was received of it."""
        parts = self._unpaid("interest", [row for row in self.state.installments if self._is_fixed(row)])
        put_off = self.trace.put_off
        for number in self.trace.open_numbers:
            row = self.trace.rows[number - 1]
            if row.due_date <= self.on:
                put_off = put_off + row.own if row.deferred else 0
                continue
            if number == self.trace.open_numbers.start:
                put_off += self._accrued(number, most=row.own)
            if row.deferred and number < self.trace.open_numbers.stop - 1:
                continue
            asked = row.interest_owed(put_off)
            put_off = 0
            if asked > 0:
                parts[f"accrued for installment {number}, less what was received"] = asked
        self._sum("interest", self.state.payoff.interest, parts)

    def _accrued(self, number: int, *, most: int) -> int:
        """Write what has accrued in the current period; scheduled interest is never more than was planned."""
        noted: list[Accrual] = [each for each in self.trace.accruals if each.installment == number]
        noted += self.trace.accruing
        exact = sum((each.interest for each in noted), Fraction(0))
        self.steps.extend(steps.stretch(each, self.terms) for each in noted)
        accrued = steps.rounded(exact, self.terms)
        is_limited = self.terms.interest_mode == "scheduled" and accrued > most
        accrued = most if is_limited else accrued
        limit = ", at most what was planned" if is_limited else ""
        self.steps.append(
            Step(
                figure="interest.accrued_to_date",
                formula=f"sum of the stretches, rounded once{limit}",
                inputs={"stretches": Fraction(len(noted))},
                unrounded=exact,
                rounding=self.terms.rounding,
                rounded=accrued,
                text=f"Accrued up to {self.on}: {in_words(exact, self.terms.currency)}, rounded"
                f" {self.terms.rounding}{limit} {money.format_amount(accrued, self.terms.currency)}.",
            )
        )
        return accrued

    def _per_diem(self) -> None:
        """Write what another day adds: interest, and penalty interest on overdue principal."""
        penalty = sum((self._penalty_of_day(row) for row in self.state.installments), Fraction(0))
        exact = Fraction(0) if self.state.status == "defaulted" else self.trace.next_day + penalty
        words = [in_words(each, self.terms.currency) for each in (self.trace.next_day, penalty)]
        rounded = steps.rounded(exact, self.terms)
        self.steps.append(
            Step(
                figure="per_diem",
                formula="interest of the next day + penalty interest of the next day",
                inputs={
                    "interest": steps.major(self.trace.next_day, self.terms.currency),
                    "penalty interest": steps.major(penalty, self.terms.currency),
                },
                days=1,
                unrounded=exact,
                rounding=self.terms.rounding,
                rounded=rounded,
                text=f"Another day adds {words[0]} + {words[1]}, rounded"
                f" {money.format_amount(rounded, self.terms.currency)}.",
            )
        )

    def _penalty_of_day(self, row: Installment) -> Fraction:
        """Compute the penalty interest that the next day adds to a row."""
        if row.due_date > self.on or self.on == dt.date.max or not self.terms.penalty_rate:
            return Fraction(0)
        counted = self.terms.day_count
        if counted is DayCount.EQUAL_PERIODS:
            counted = DayCount.ACT_365F
        today, tomorrow = (
            Fraction(*daycount.year_fraction(counted, from_date=row.due_date, to_date=day))
            for day in (self.on, self.on + dt.timedelta(days=1))
        )
        return row.outstanding.principal * self.terms.penalty_rate / 100 * (tomorrow - today)
