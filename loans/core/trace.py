"""What the engine notes down, when asked to, so that each figure can be explained afterwards."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from loans.core.charges import Fee, LateFee
from loans.core.rows import Row
from loans.core.terms import Pause
from loans.core.timeline import MICRO, PER_CENT, Timeline


@dataclass(frozen=True, slots=True)
class Accrual:
    """Interest of one balance at one rate over some days: balance x rate x part of a year.

    Of flat loans it is a part of what is left of the interest of a row (`balance`, less what accrued `before`): the
    days of those left of its period, at no rate.
    """

    installment: int
    from_date: dt.date
    to_date: dt.date
    balance: int
    rate: Fraction | None
    years: Fraction
    interest: Fraction
    before: Fraction = Fraction(0)
    # Why the rate is 0, where it would not be.
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class Levelling:
    """How a level installment or an equal share was found; with an agreed amount there is nothing to find."""

    on: dt.date
    formula: str
    first: int
    count: int
    balance: int
    balloon: int
    accrued: Fraction
    factors: tuple[Fraction, ...]
    unrounded: Fraction
    rounded: int
    event_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the interest of a flat or bullet loan was found: (principal x sum of factors + accrued) / rows."""

    from_date: dt.date
    to_date: dt.date
    first: int
    count: int
    principal: int
    factor: Fraction
    years: Fraction
    accrued: Fraction
    unrounded: Fraction
    whole: int
    pauses: tuple[Pause, ...]
    event_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Charge:
    """How a fee or late fee was found."""

    installment: int
    kind: str
    on: dt.date
    formula: str
    base: int
    percent: Fraction
    unrounded: Fraction
    rounded: int
    is_late: bool
    cap: int | None = None
    event_id: uuid.UUID | None = None

    @classmethod
    def of_fee(cls, fee: Fee | LateFee, installment: int, on: dt.date, base: int, price: int) -> "Charge":
        """Note a fee: its amount, or the percentage of a base before rounding."""
        is_late = isinstance(fee, LateFee)
        if fee.amount:
            formula, unrounded = "amount agreed", Fraction(fee.amount)
        else:
            formula, unrounded = "base x percent / 100", base * fee.percent / 100
        cap = fee.cap if isinstance(fee, LateFee) else None
        if cap is not None:
            formula += ", at most the cap"
            unrounded = min(unrounded, Fraction(cap))
        return cls(installment, fee.name, on, formula, base, fee.percent, unrounded, price, is_late, cap)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a re-age took out of an overdue row, by component."""

    event_id: uuid.UUID
    installment: int
    amounts: tuple[int, ...]


@dataclass(slots=True)
class Trace:
    """Notes of one fold.

    What is planned for a row is replaced whenever it is planned anew, and shrinks as time passes. `replaced` tells
    where rows were replaced: what had been noted of a row from number `first` on belongs to `first` since then;
    the other figure is how many events had been applied before. `moved_to` is the row with which each re-age let
    be due what it had taken. `ended` are rows that an end of the loan cut short; `ends` are the days on which rows
    would be due if all days were business days.
    """

    event_id: uuid.UUID | None = None
    accruals: list[Accrual] = field(default_factory=list)
    planned: dict[int, list[Accrual]] = field(default_factory=dict)
    levellings: list[Levelling] = field(default_factory=list)
    sharings: list[Sharing] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    penalties: list[Accrual] = field(default_factory=list)
    planned_fees: dict[int, list[Charge]] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    moved_to: dict[uuid.UUID, int] = field(default_factory=dict)
    replaced: list[tuple[int, int]] = field(default_factory=list)
    ended: dict[int, dt.date] = field(default_factory=dict)
    ends: dict[int, dt.date] = field(default_factory=dict)
    # How the account ended: its rows, which of them are still planned, what has accrued in the current one.
    rows: list[Row] = field(default_factory=list)
    open_numbers: range = range(0)
    put_off: int = 0
    accruing: list[Accrual] = field(default_factory=list)
    # Interest that the day after the last one adds.
    next_day: Fraction = Fraction(0)

    def accrued(self, timeline: Timeline, noted: list[Accrual]) -> None:
        """Note interest that has accrued in the current period; it is planned no more."""
        self.accruals.extend(noted)
        for each in noted:
            self.planned[each.installment] = [
                rest
                for plan in self.planned.get(each.installment, ())
                for rest in pieces(
                    timeline,
                    plan.installment,
                    start=max(plan.from_date, each.to_date),
                    end=plan.to_date,
                    base=plan.balance,
                )
            ]

    def charge(self, charged: Charge) -> None:
        """Note a fee, with the event on which it was charged, if it was one."""
        self.charges.append(replace(charged, event_id=self.event_id))

    def replace_rows(self, event_id: uuid.UUID, *, first: int, applied: int) -> None:
        """Note that the rows from a number on are replaced by new ones, the first of which stands for them all."""
        self.replaced.append((applied, first))
        self.moved_to = {event_id: min(number, first) for event_id, number in self.moved_to.items()}
        self.moved_to[event_id] = first
        self.charges = [replace(each, installment=min(each.installment, first)) for each in self.charges]
        for number in [number for number in self.planned if number >= first]:
            del self.planned[number]

    def take(self, event_id: uuid.UUID, installment: int, amounts: Sequence[int]) -> None:
        """Note what a re-age took out of an overdue row."""
        self.taken.append(Taken(event_id, installment, tuple(amounts)))

    def end(self, rows: Iterable[Row], on: dt.date) -> None:
        """Note that the loan ended on a day, before rows were due: what was planned for them is not asked."""
        for row in rows:
            if row.due_date > on:
                self.ended[row.number] = on
                self.planned.pop(row.number, None)
                self.planned_fees.pop(row.number, None)

    def penalty(
        self, installment: int, days: tuple[dt.date, dt.date], overdue: int, rate: Fraction, years: Fraction
    ) -> None:
        """Note penalty interest that has accrued from one day to another on the overdue principal of a row."""
        interest = overdue * rate * years / 100
        self.penalties.append(Accrual(installment, *days, overdue, rate, years, interest))


def pieces(timeline: Timeline, installment: int, *, start: dt.date, end: dt.date, base: int) -> list[Accrual]:
    """Cut interest where the rate changes, and say what each piece is made of."""
    return [
        Accrual(
            installment=installment,
            from_date=begins,
            to_date=ends,
            balance=base,
            rate=Fraction(rate, MICRO),
            years=Fraction(parts * PER_CENT, timeline.scale),
            interest=Fraction(base * rate * parts, timeline.scale),
            pause=None if rate else timeline.pause_on(begins),
        )
        for begins, ends, rate, parts in timeline.pieces(start, end)
    ]
