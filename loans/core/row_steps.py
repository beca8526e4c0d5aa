"""The steps that lead to what one row of a schedule asks for. Rules: docs/lending-rules.md, sections 4 to 6.

For each component the steps end in one whose `rounded` is what the row asks for.
"""

import uuid
from collections.abc import Mapping, Sequence
from fractions import Fraction

from loans.core import attributions, money
from loans.core.events import Event, EventKind
from loans.core.rows import FEE, INTEREST, PENALTY, PRINCIPAL, Row, RowKind
from loans.core.state import LoanState
from loans.core.steps import (
    Step,
    Value,
    in_words,
    levelling,
    major,
    percent,
    rounded,
    stretch,
    why_free,
    written,
)
from loans.core.terms import Method, Terms
from loans.core.trace import Accrual, Charge, Sharing, Trace

_NAMES = ("penalty", "fee", "interest", "principal")


class RowSteps:
    """Writes the steps of one row from a trace and the state of the same fold."""

    def __init__(
        self, state: LoanState, events: Mapping[uuid.UUID, Event], trace: Trace, number: int
    ) -> None:
        self.terms: Terms = state.terms
        self.currency = state.terms.currency
        self.trace = trace
        self.number = number
        self.row: Row = trace.rows[number - 1]
        self.events = events
        self.parts = attributions.by_row(state, self.events, trace=trace)[number]
        self.taken = [each for each in trace.taken if each.installment == number]
        self.steps: list[Step] = []

    def write(self) -> tuple[Step, ...]:
        """Give all steps: interest, principal, fees, penalties, then what was paid and given up."""
        self._interest()
        self._principal()
        self._fees()
        self._penalties()
        self._settled()
        return tuple(self.steps)

    def amount(self, minor: int) -> str:
        """Write minor units as an amount of the loan's currency."""
        return money.format_amount(minor, self.currency)

    def _said(self, inputs: Mapping[str, Value]) -> str:
        """Name amounts in a sentence."""
        amounts = [(name, value) for name, value in inputs.items() if isinstance(value, int)]
        return ", ".join(f"{name} {self.amount(amount)}" for name, amount in amounts)

    def add(  # noqa: PLR0913 - what a step consists of
        self,
        figure: str,
        formula: str,
        rounded: int,
        text: str,
        *,
        inputs: dict[str, Value],
        unrounded: Fraction | None = None,
        event_ids: Sequence[uuid.UUID] = (),
    ) -> None:
        """Add a step; one with a value before rounding says how that was rounded."""
        rounding = None
        if unrounded is not None and unrounded.denominator != 1:
            rounding = self.terms.rounding
        self.steps.append(
            Step(
                figure=figure,
                formula=formula,
                inputs=inputs,
                unrounded=Fraction(rounded) if unrounded is None else unrounded,
                rounding=rounding,
                rounded=rounded,
                text=text,
                event_ids=tuple(event_ids),
            )
        )

    def _interest(self) -> None:
        """Say what the row earns in its period, and what else of interest is due with it."""
        ended = self.trace.ended.get(self.number)
        shared = [each for each in self.trace.sharings if each.first <= self.number < each.first + each.count]
        if self.row.kind is not RowKind.INSTALLMENT:
            earned = 0
        elif shared and ended is None:
            earned = self._shared_interest(shared[-1])
        else:
            noted = [each for each in self.trace.accruals if each.installment == self.number]
            earned = self._accrued_interest([*noted, *self.trace.planned.get(self.number, ())])
        if self.row.own != earned:
            at_least = "not less than what was received of it before"
            why = "at most what was planned" if self.row.own < earned else at_least
            self.add(
                "interest.earned",
                why,
                self.row.own,
                f"The row's own interest is {self.amount(self.row.own)}: {why}.",
                inputs={"accrued": earned},
            )
        self._due_interest()

    def _accrued_interest(self, accruals: Sequence[Accrual]) -> int:
        """Write each stretch of days and their sum, rounded once."""
        self.steps.extend(stretch(each, self.terms) for each in accruals)
        exact = sum((each.interest for each in accruals), Fraction(0))
        earned = rounded(exact, self.terms)
        self.add(
            "interest.earned",
            "sum of the stretches, rounded once",
            earned,
            f"Interest of {self.row.from_date} to {self.row.to_date}: {in_words(exact, self.currency)},"
            f" rounded {self.terms.rounding} {self.amount(earned)}.",
            inputs={"stretches": Fraction(len(accruals))},
            unrounded=exact,
        )
        return earned

    def _shared_interest(self, shared: Sharing) -> int:
        """Write the equal share of a flat or bullet loan's interest; the last row takes what rounding left."""
        self.steps.append(
            Step(
                figure="interest.of_all_rows",
                formula="principal x sum of f + c",
                inputs={
                    "principal": shared.principal,
                    "sum of f": shared.factor,
                    "c": major(shared.accrued, self.currency),
                },
                unrounded=shared.unrounded * shared.count,
                rounding=self.terms.rounding,
                rounded=shared.whole,
                days=(shared.to_date - shared.from_date).days,
                year_fraction=shared.years,
                text=f"Interest of all rows from {shared.from_date} to {shared.to_date}:"
                f" {self.amount(shared.principal)} x {written(shared.factor)}"
                f" + {in_words(shared.accrued, self.currency)} = {self.amount(shared.whole)}"
                f"{''.join(f', {why_free(each)}' for each in shared.pauses)}.",
            )
        )
        share, before = rounded(shared.unrounded, self.terms), 0
        for _ in range(self.number - shared.first):
            before += min(share, shared.whole - before)
        is_last = self.number == shared.first + shared.count - 1
        earned = shared.whole - before if is_last else min(share, shared.whole - before)
        formula = "what rounding left" if is_last else "an equal share, at most what is left"
        how = f"{self.amount(shared.whole)} - {self.amount(before)}"
        if not is_last:
            exact = [
                in_words(each, self.currency) for each in (shared.unrounded * shared.count, shared.unrounded)
            ]
            how = f"{exact[0]} / {shared.count} = {exact[1]}, rounded {self.terms.rounding}"
        self.add(
            "interest.earned",
            formula,
            earned,
            f"Of that {self.amount(earned)} falls on this row: {formula} ({how}).",
            inputs={"interest": shared.whole, "rows": Fraction(shared.count), "rows before": before},
            unrounded=None if is_last or earned != share else shared.unrounded,
        )
        return earned

    def _due_interest(self) -> None:
        """Write what of interest is due with the row when that is not only its own."""
        row = self.row
        own = 0 if row.deferred else row.own
        moved = self._brought(INTEREST)
        gone = sum(each.amounts[INTEREST] for each in self.taken)
        inputs: dict[str, Value] = {"earned": row.own}
        if row.deferred:
            inputs["put off by grace"] = row.own
        if row.gathered:
            inputs["put off before"] = row.gathered
        if moved:
            inputs["brought by events"] = sum(amount for _, amount in moved)
        if gone:
            inputs["taken along by a re-age"] = gone
        due = own + row.gathered + sum(amount for _, amount in moved) - gone
        said = self._said(inputs)
        self.add(
            "interest",
            "earned - put off + put off before + brought - taken along",
            due,
            f"Interest due on {row.due_date}: {self.amount(due)} ({said}).",
            inputs=inputs,
            event_ids=[*(event_id for event_id, _ in moved), *(each.event_id for each in self.taken if gone)],
        )

    def _principal(self) -> None:
        """Say what principal the plan asks for here, and what was added or taken since."""
        row = self.row
        if row.kind is RowKind.DOWN_PAYMENT:
            self._down_payment()
        elif row.kind is RowKind.INSTALLMENT:
            self._planned_principal()
        brought = self._brought(PRINCIPAL)
        gone = sum(each.amounts[PRINCIPAL] for each in self.taken)
        added = sum(amount for _, amount in brought)
        due = row.planned + added - gone
        self.add(
            "principal",
            "planned + charged back - taken along",
            due,
            f"Principal due on {row.due_date}: {self.amount(due)}.",
            inputs={"planned": row.planned, "charged back": added, "taken along by a re-age": gone},
            event_ids=[
                *(event_id for event_id, _ in brought),
                *(each.event_id for each in self.taken if gone),
            ],
        )

    def _down_payment(self) -> None:
        down, base = self.terms.down_payment, self._first_disbursement()
        exact = Fraction(down.amount) if down.amount else base * down.percent / 100
        self.add(
            "principal.planned",
            "amount agreed" if down.amount else "disbursed x percent / 100",
            self.row.planned,
            f"The down payment is {self.amount(self.row.planned)}.",
            inputs={"disbursed": base, "percent": down.percent},
            unrounded=exact,
        )

    def _first_disbursement(self) -> int:
        paid_out = [event for event in self.events.values() if event.kind is EventKind.DISBURSED]
        return min(paid_out, key=lambda event: event.key).amount or 0

    def _planned_principal(self) -> None:
        """Write the level installment or share, if there is one, and the principal it leaves for the row."""
        row = self.row
        found = next((each for each in reversed(self.trace.levellings) if each.first <= self.number), None)
        inputs: dict[str, Value] = {"planned": row.planned}
        is_leveled = self.terms.method is Method.EQUAL_INSTALLMENTS
        formula = "all that is left, without the balloon before the last row"
        if row.no_principal:
            formula = "none: principal grace, but for what was paid into it"
        elif self.number in self.trace.ended:
            formula = "what was planned when the loan ended"
        elif found is None and row.planned == row.ahead:
            formula = "none before the last row, but for what was paid into it"
        elif found is not None:
            self.steps.append(levelling(found, self.terms))
            interest = row.own - row.own_cleared if is_leveled else 0
            early = row.ahead - row.credited
            if row.planned == row.ahead + max(found.rounded - interest - early, 0):
                formula = "installment - interest + paid before it was set" if is_leveled else "share"
                formula += ", at least what was paid into it"
                inputs = {
                    "installment" if is_leveled else "share": found.rounded,
                    "interest": row.own if is_leveled else 0,
                    "paid before it was set": row.credited + (row.own_cleared if is_leveled else 0),
                    "paid into it": row.ahead,
                }
        said = self._said(inputs)
        self.add(
            "principal.planned",
            formula,
            row.planned,
            f"Principal planned: {self.amount(row.planned)} ({formula}: {said}).",
            inputs=inputs,
        )

    def _fees(self) -> None:
        """Say which fees are due with the row."""
        planned = self.trace.planned_fees.get(self.number, ())
        total = self._charges(FEE, planned)
        moved = self._brought(FEE)
        gone = sum(each.amounts[FEE] for each in self.taken)
        asked = self.row.due[FEE]
        received = asked + gone - total - sum(amount for _, amount in moved)
        self._sum(
            FEE,
            asked,
            moved,
            {"charged": total, "received before": received, "taken along by a re-age": gone},
        )

    def _penalties(self) -> None:
        """Say which late fees and what penalty interest the row asks for."""
        total = self._charges(PENALTY, ())
        accruals = [each for each in self.trace.penalties if each.installment == self.number]
        exact = sum((each.interest for each in accruals), Fraction(0))
        interest = rounded(exact, self.terms)
        if accruals:
            self.steps.extend(stretch(each, self.terms, figure="penalty.accrued") for each in accruals)
            self.add(
                "penalty.interest",
                "sum of the stretches, rounded once",
                interest,
                f"Penalty interest: {in_words(exact, self.currency)}, rounded {self.amount(interest)}.",
                inputs={"stretches": Fraction(len(accruals))},
                unrounded=exact,
            )
        gone = sum(each.amounts[PENALTY] for each in self.taken)
        moved = self._brought(PENALTY)
        inputs = {"charged": total, "interest": interest, "taken along by a re-age": gone}
        self._sum(PENALTY, self.row.due[PENALTY], moved, inputs)

    def _charges(self, component: int, planned: Sequence[Charge]) -> int:
        """Write each fee by policy; give their sum."""
        charges = [
            each
            for each in self.trace.charges
            if each.installment == self.number and each.is_late == (component == PENALTY)
        ]
        for each in [*planned, *charges]:
            said = "" if each.percent == 0 else f" {percent(each.percent)} % of {self.amount(each.base)},"
            inputs: dict[str, Value] = {"base": each.base, "percent": each.percent}
            if each.cap is not None:
                said += f" at most {self.amount(each.cap)},"
                inputs["cap"] = each.cap
            self.add(
                f"{_NAMES[component]}.charged",
                each.formula,
                each.rounded,
                f"{each.kind} on {each.on}:{said} {self.amount(each.rounded)}.",
                inputs=inputs,
                unrounded=each.unrounded,
            )
        return sum(each.rounded for each in [*planned, *charges])

    def _sum(
        self, component: int, due: int, moved: Sequence[tuple[uuid.UUID, int]], inputs: dict[str, int]
    ) -> None:
        """Write what the row asks for of a component, if it ever asked for anything."""
        parts = {name: amount for name, amount in inputs.items() if amount}
        if moved:
            parts["brought by events"] = sum(amount for _, amount in moved)
        if not parts and not due:
            return
        self.add(
            _NAMES[component],
            "charged + brought - taken along",
            due,
            f"{_NAMES[component].capitalize()} due on {self.row.due_date}: {self.amount(due)} ({self._said(parts)}).",
            inputs=dict(parts),
            event_ids=[event_id for event_id, _ in moved],
        )

    def _brought(self, component: int) -> list[tuple[uuid.UUID, int]]:
        """List what events ask for with the row: fees, chargebacks, what a re-age brought from other rows."""
        found = [
            (event_id, part[component + 1])
            for verb, event_id, part in self.parts
            if verb == "asked" and part[component + 1]
        ]
        if component != PRINCIPAL:
            found.extend(
                (each.event_id, each.amounts[component])
                for each in self.trace.taken
                if each.amounts[component] and self.trace.moved_to.get(each.event_id) == self.number
            )
        return found

    def _settled(self) -> None:
        """Say which event paid, waived or wrote off how much."""
        for verb, event_id, part in self.parts:
            if verb == "asked":
                continue
            event = self.events[event_id]
            for component, amount in enumerate(part[1:]):
                if not amount:
                    continue
                self.add(
                    f"{_NAMES[component]}.{verb}",
                    "what the event settled of it",
                    amount,
                    f"{event.kind.replace('_', ' ').capitalize()} on {event.date}:"
                    f" {self.amount(amount)} of {_NAMES[component]} {verb.replace('_', ' ')}.",
                    inputs={"event": event.kind.value, "date": event.date},
                    event_ids=(event_id,),
                )
