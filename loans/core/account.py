"""A loan while it is computed: its rows, its balances, and the day up to which time has passed.

One account lives for the length of one fold. The modules that change it are `planning` (what falls due), `passing`
(what follows from time alone), `allocation` (where money goes), `changes` and `settlement` (all else that happens).
"""

import datetime as dt
import uuid
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from loans.core import money, trace
from loans.core.rows import Row
from loans.core.terms import InterestMode, Method, Terms
from loans.core.timeline import Timeline
from loans.core.trace import Accrual, Trace
from loans.core.work import Work


class Part(NamedTuple):
    """What an event did to one row, in minor units by component."""

    installment: int
    penalty: int = 0
    fee: int = 0
    interest: int = 0
    principal: int = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """What an event did: the amount it took, how much of it became credit, and its parts."""

    event_id: uuid.UUID
    amount: int
    credit: int = 0
    parts: tuple[Part, ...] = ()


class Account:
    """The running state of one disbursed loan. Minor units; `carried` is exact, over the timeline's scale."""

    __slots__ = (
        "anchor",
        "applied",
        "books_closed",
        "carried",
        "charged_back",
        "charged_off_on",
        "closed_on",
        "credit",
        "current",
        "dated_fees",
        "day",
        "disbursed",
        "disbursed_on",
        "fees_added",
        "fees_deducted",
        "fees_refunded",
        "financed",
        "goodwill",
        "is_daily",
        "is_planned",
        "late_from",
        "level",
        "mark",
        "offset",
        "oldest",
        "paid_out",
        "plan_end",
        "principal_outstanding",
        "put_off",
        "receipts",
        "received",
        "recovered",
        "refunded",
        "rows",
        "taken_back",
        "terms",
        "timeline",
        "trace",
        "tranches",
        "undue",
        "work",
        "written_off_on",
    )

    def __init__(self, terms: Terms, *, trace: Trace | None = None, work: Work | None = None) -> None:
        self.terms = terms
        self.trace = trace
        self.work = work or Work()
        self.is_daily = terms.interest_mode is InterestMode.DAILY
        self.timeline: Timeline
        self.rows: list[Row] = []
        self.applied: list[Applied] = []
        # The rows from `current` up to `plan_end` are still planned; their principal not yet paid is `undue`.
        self.current = self.plan_end = self.offset = 0
        # No row before this one asks for anything.
        self.oldest = 0
        self.undue = self.level = 0
        # Interest of closed rows in grace, due with the first row after them.
        self.put_off = 0
        # All principal that is neither paid nor given up.
        self.principal_outstanding = 0
        self.is_planned = True
        # Interest of the current period, accrued up to `mark`.
        self.carried = 0
        self.mark = self.day = dt.date.min
        self.late_from = 0
        self.dated_fees: list[tuple[dt.date, int]] = []
        self.tranches = 0
        self.disbursed = self.paid_out = self.fees_deducted = self.fees_added = 0
        # Principal that interest of flat loans is reckoned on.
        self.financed = 0
        self.credit = self.received = self.goodwill = self.refunded = self.fees_refunded = self.recovered = 0
        self.charged_back = [0, 0, 0, 0]
        # Events by which money came from the borrower.
        self.receipts: set[uuid.UUID] = set()
        # What of each repayment has been charged back: by component, then credit.
        self.taken_back: dict[uuid.UUID, list[int]] = {}
        self.disbursed_on: dt.date | None = None
        self.closed_on: dt.date | None = None
        self.charged_off_on: dt.date | None = None
        self.written_off_on: dt.date | None = None
        self.books_closed: dict[str, int] | None = None
        self.anchor: tuple[dt.date, dt.date | None] = (dt.date.min, None)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing has happened but the first disbursement."""
        return not self.applied

    @property
    def open_rows(self) -> list[Row]:
        """The rows that are still planned."""
        return self.rows[self.current : self.plan_end]

    @property
    def base(self) -> int:
        """What interest of the current period accrues on."""
        return self.principal_outstanding if self.is_daily else self.rows[self.current].opening

    def accrued(self, on: dt.date) -> int:
        """Interest of the current period up to a day, exact, over the timeline's scale."""
        if self.current >= self.plan_end or on <= self.mark:
            return self.carried
        row = self.rows[self.current]
        if not self.is_daily:
            on = min(on, row.to_date)
            if self.terms.method is Method.FLAT:
                rest = max(row.own * self.timeline.scale - self.carried, 0)
                return self.carried + rest * (on - self.mark).days // (row.to_date - self.mark).days
        return self.carried + self.base * self.timeline.factor(self.mark, on)

    def interest_of_day(self, on: dt.date) -> int:
        """What one more day adds to the interest owed, over the timeline's scale; nothing while paid ahead."""
        added = self.accrued(on + dt.timedelta(days=1)) - self.accrued(on)
        rows = self.open_rows
        if not rows:
            return added
        row = next((row for row in rows if not row.deferred), rows[-1])
        ahead = max((row.interest_settled - self.put_off) * self.timeline.scale - self.accrued(on), 0)
        return max(added - ahead, 0)

    def accrue(self, on: dt.date) -> None:
        """Carry the interest of the current period up to a day, before what it accrues on changes."""
        if on <= self.mark or self.current >= self.plan_end:
            return
        if self.trace is not None:
            self.trace.accrued(self.timeline, self.accruals(on))
        self.carried = self.accrued(on)
        self.mark = on

    def accruals(self, on: dt.date) -> list[Accrual]:
        """Say what interest of the current period is made of that `accrued` adds up to a day, for a trace."""
        if self.current >= self.plan_end:
            return []
        row = self.rows[self.current]
        until = on if self.is_daily else min(on, row.to_date)
        if until <= self.mark:
            return []
        if self.terms.method is not Method.FLAT:
            return trace.pieces(self.timeline, row.number, start=self.mark, end=until, base=self.base)
        part = Fraction((until - self.mark).days, (row.to_date - self.mark).days)
        # A plan anew may have shared what had accrued among rows, of which this one has a part.
        before = min(Fraction(self.carried, self.timeline.scale), Fraction(row.own))
        return [Accrual(row.number, self.mark, until, row.own, None, part, (row.own - before) * part, before)]

    def rounded(self, interest: int) -> int:
        """Round exact interest to minor units."""
        return money.divide(interest, self.timeline.scale, rounding=self.terms.rounding)

    def is_open(self, row: Row) -> bool:
        """Tell whether a row is still planned."""
        return self.current < row.number <= self.plan_end

    def asking(self, on: dt.date) -> list[Row]:
        """Give the rows due by a day that still ask for something, oldest first."""
        rows, at = self.rows, self.oldest
        while at < self.current and rows[at].unpaid_total == 0:
            at += 1
        self.oldest = at
        found = []
        for row in rows[at:]:
            if row.due_date > on:
                break
            if row.unpaid_total > 0:
                found.append(row)
        return found

    def reopen(self, row: Row) -> None:
        """Look again at a row that is made to ask for more."""
        self.oldest = min(self.oldest, row.number - 1)
        row.settled_on = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to pay."""
        return self.principal_outstanding == 0 and all(row.unpaid_total == 0 for row in self.rows)
