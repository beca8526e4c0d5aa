"""The steps that show what one event did: bucket by bucket where its money went, or what it made of the plan."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import groupby

from loans.core import money, steps
from loans.core.account import Applied, Part
from loans.core.events import ASKING, Event, EventKind
from loans.core.rows import INDEX
from loans.core.state import Installment, LoanState
from loans.core.steps import Step, Value
from loans.core.terms import Across, Bucket, Component, EarlyPayment, Timing
from loans.core.trace import Trace

RECEIVING = frozenset({EventKind.REPAYMENT, EventKind.PAYOFF, EventKind.GOODWILL_CREDIT})
_COMPONENTS = tuple(Component)
_EARLY = {
    EarlyPayment.NEXT_INSTALLMENTS: "early money pays the next installments",
    EarlyPayment.LAST_INSTALLMENT: "early money pays the last installments first",
    EarlyPayment.SHORTER_TERM: "early money pays accrued interest and then principal, and the term gets shorter",
    EarlyPayment.LOWER_INSTALLMENT: "early money pays accrued interest and then principal, and the installment"
    " gets lower",
}
# What an event did to a row that it did not pay.
_DONE = {
    EventKind.FEE: "charged",
    EventKind.LATE_FEE: "charged",
    EventKind.CHARGEBACK: "owed again",
    EventKind.FEE_WAIVER: "waived",
    EventKind.INTEREST_WAIVER: "waived",
    EventKind.WRITE_OFF: "written off",
}


class EventSteps:
    """Writes the steps of one event from the state after it, the state before it and the trace of the fold."""

    def __init__(self, event: Event, *, before: LoanState, after: LoanState, trace: Trace) -> None:
        self.event = event
        self.before = {row.number: row for row in before.installments}
        self.after = after
        self.terms = after.terms
        self.currency = after.terms.currency
        self.trace = trace
        self.applied = [each for each in after.applied if each.event_id == event.id]
        self.steps: list[Step] = []

    def write(self) -> tuple[Step, ...]:
        """Give all steps: what was charged or set, then where money went, then what is left over."""
        for charge in self.trace.charges:
            if charge.event_id == self.event.id:
                self.add(
                    "fee.charged", charge.formula, charge.rounded, {"base": charge.base}, charge.unrounded
                )
        for each in self.trace.levellings:
            if each.event_id == self.event.id:
                self.steps.append(steps.levelling(each, self.terms))
        for applied in self.applied:
            self._write_applied(applied)
        return tuple(self.steps)

    def amount(self, minor: int) -> str:
        """Write minor units as an amount of the loan's currency."""
        return money.format_amount(minor, self.currency)

    def add(
        self,
        figure: str,
        formula: str,
        rounded: int,
        inputs: Mapping[str, Value],
        unrounded: Fraction | None = None,
        *,
        text: str | None = None,
    ) -> None:
        """Add a step; its sentence is made of figure and formula where nothing better is said."""
        exact = Fraction(rounded) if unrounded is None else unrounded
        self.steps.append(
            Step(
                figure=figure,
                formula=formula,
                inputs=inputs,
                unrounded=exact,
                rounding=None if exact.denominator == 1 else self.terms.rounding,
                rounded=rounded,
                text=text or f"{_spoken(figure)}: {self.amount(rounded)} ({formula}).",
                event_ids=(self.event.id,),
            )
        )

    def _write_applied(self, applied: Applied) -> None:
        """Write what the event took or, for an event that asks for money, what a credit balance paid of it."""
        kind = self.event.kind
        if kind in RECEIVING or (kind in ASKING and not applied.amount):
            self._write_money(applied)
            return
        for part in applied.parts:
            for component, amount in zip(_COMPONENTS, part[1:], strict=True):
                if amount:
                    self.add(
                        component.value,
                        f"{_DONE[kind]}, installment {part.installment}",
                        amount,
                        {"installment": Fraction(part.installment)},
                    )
        self.add("total", "taken in all", applied.amount, {"asked": self.event.amount or 0})

    def _write_money(self, applied: Applied) -> None:
        """Write where money went, bucket by bucket in the order agreed, and why it stopped there."""
        left = applied.credit + sum(sum(part[1:]) for part in applied.parts)
        pieces = [
            (part, component, part[1 + INDEX[component]])
            for part in applied.parts
            for component in _COMPONENTS
            if part[1 + INDEX[component]]
        ]
        unpaid = 0
        for part, component, amount in sorted(pieces, key=lambda piece: self._place(piece[0], piece[1])):
            timing = self._timing(part.installment)
            unpaid = self._asked(part, component)
            of = f"{self.amount(amount)} of {self.amount(unpaid)}"
            if amount > unpaid:
                of = f"{self.amount(amount)}, more than the {self.amount(unpaid)} that it asked for"
            self.add(
                f"{timing}_{component}",
                "the least of what is left of the money and what is unpaid",
                amount,
                {"installment": Fraction(part.installment), "money": left, "unpaid": unpaid},
                text=f"{_spoken(timing)} {component} of installment {part.installment}: {of}, out of"
                f" {self.amount(left)}.",
            )
            left -= amount
            unpaid = max(unpaid - amount, 0)
        self.add(
            "credit_balance", "money - what was paid", applied.credit, {}, text=self._stop(applied, unpaid)
        )

    def _stop(self, applied: Applied, unpaid: int) -> str:
        """Say why money went no further."""
        if applied.credit:
            held = self.amount(applied.credit)
            why = "could be paid yet" if self.after.outstanding.total else "was left to pay"
            return f"Nothing more {why}: {held} is the customer's credit balance."
        if self.after.outstanding.total == 0:
            return "It stopped there: the loan is paid."
        is_early = any(self._timing(part.installment) is Timing.IN_ADVANCE for part in applied.parts)
        rule = f"; {_EARLY[self.terms.early_payment]}" if is_early else ""
        rest = f", with {self.amount(unpaid)} of that still unpaid" if unpaid else ""
        return f"It stopped there: the money was used up{rest}{rule}."

    def _asked(self, part: Part, component: Component) -> int:
        """Give what the row asked for of a component before the event, as far as the row was there."""
        row = self.before.get(part.installment)
        return 0 if row is None else row.outstanding[INDEX[component]]

    def _timing(self, number: int) -> Timing:
        """Tell when a row is due, seen from the day of the event."""
        row = self.before.get(number) or self._row_after(number)
        if row.due_date < self.event.date:
            return Timing.PAST_DUE
        return Timing.DUE if row.due_date == self.event.date else Timing.IN_ADVANCE

    def _row_after(self, number: int) -> Installment:
        return next(row for row in self.after.installments if row.number == number)

    def _place(self, part: Part, component: Component) -> tuple[int, int, int]:
        """Place a payment in the order in which money was spread."""
        timing = self._timing(part.installment)
        bucket: Bucket = (timing, component)
        runs = [list(run) for _, run in groupby(self.terms.allocation, key=lambda each: each[0])]
        run = next(at for at, each in enumerate(runs) if bucket in each)
        at = runs[run].index(bucket)
        number = part.installment
        if timing is Timing.IN_ADVANCE and self.terms.early_payment is EarlyPayment.LAST_INSTALLMENT:
            number = -number
        by_component = self.terms.across is Across.VERTICAL and timing is not Timing.IN_ADVANCE
        return (run, at, number) if by_component else (run, number, at)


def _spoken(figure: str) -> str:
    return figure.replace("_", " ").replace(".", ", ").capitalize()
