"""What the model remembers of one loan: its rows, its periods and its totals. Amounts in minor units."""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from loans.core.money import Rounding
from loans.core.terms import Component, Method, Terms

PENALTY, FEE = Component.PENALTY, Component.FEE
INTEREST, PRINCIPAL = Component.INTEREST, Component.PRINCIPAL
INSTALLMENT, DOWN_PAYMENT, EXTRA = "installment", "down_payment", "extra"


def zeros():
    return dict.fromkeys(Component, 0)


def round_to_minor(value, rounding):
    """Section 1: the modes, by what 0.5 and 1.5 become."""
    whole, part = divmod(abs(value), 1)
    half = Fraction(1, 2)
    away = {
        Rounding.HALF_EVEN: part > half or (part == half and whole % 2 == 1),
        Rounding.HALF_UP: part >= half,
        Rounding.UP: part > 0,
        Rounding.DOWN: False,
    }[rounding]
    magnitude = int(whole) + away
    return magnitude if value >= 0 else -magnitude


@dataclass(eq=False)
class Row:
    """One line of the schedule.

    It asks for what stays in it from before the plan was made, what the plan adds, and what was charged to it by
    events, less what a re-age took away.
    """

    number: int
    kind: str
    start: date
    end: date
    due: date
    # Section 4, anew: what had been paid into the row before it was planned.
    stays: dict = field(default_factory=zeros)
    planned: dict = field(default_factory=zeros)
    # Manual and dated fees, late fees, what was charged back or moved here by a re-age.
    charged: dict = field(default_factory=zeros)
    charged_open: dict = field(default_factory=zeros)
    taken_away: dict = field(default_factory=zeros)
    paid: dict = field(default_factory=zeros)
    waived: dict = field(default_factory=zeros)
    lost: dict = field(default_factory=zeros)
    # Section 4: the balance its interest is planned on, and its planned interest before rounding.
    balance: int = 0
    exact: Fraction = Fraction(0)
    # Sections 4 and 6: interest and penalty interest accrued so far, exact.
    accrued: Fraction = Fraction(0)
    penalty_accrued: Fraction = Fraction(0)
    # Section 9, flat: when the row was planned last and what had accrued by then.
    planned_on: date | None = None
    accrued_then: Fraction = Fraction(0)
    principal_grace: bool = False
    interest_grace: bool = False
    fixed: bool = False
    fees_dropped: bool = False
    late_fee_charged: bool = False
    settled_on: date | None = None

    def asked(self, component, rounding):
        total = self.stays[component] + self.planned[component] + self.charged[component]
        if component is PENALTY:
            total += round_to_minor(self.penalty_accrued, rounding)
        return total - self.taken_away[component]

    def settled(self, component):
        return self.paid[component] + self.waived[component] + self.lost[component]

    def settled_of_plan(self, component):
        """What is settled of the plan: money goes to what was charged to the row first."""
        return self.settled(component) - (self.charged[component] - self.charged_open[component])


@dataclass
class Period:
    """One period between two due dates as they were before business days moved them."""

    start: date
    end: date
    # Section 3, EQUAL_PERIODS: the part of a year of the whole period; None for the other day counts.
    part: Fraction | None
    # Its place in the dates counted from the same start.
    number: int


@dataclass
class Loan:
    """One loan while the days go by."""

    terms: Terms
    status: str = "none"
    # Whether nothing was unpaid once: then no more interest accrues.
    ended: bool = False
    rows: list = field(default_factory=list)
    periods: list = field(default_factory=list)
    rates: list = field(default_factory=list)
    # Days without interest: pauses, and the interest-free periods of section 4.
    pauses: list = field(default_factory=list)
    # Section 4: rows that early money has emptied; their periods stay.
    rows_gone: int = 0
    # Section 2: what due dates are counted from, and how many of them there have been.
    counted_from: date | None = None
    first_due_date: date | None = None
    periods_before: int = 0
    due_day: int | None = None
    # Section 4: the level installment or the share of principal of the plan in force.
    level: int = 0
    disbursements: int = 0
    disbursed: int = 0
    lent: int = 0
    credit: int = 0
    upfront_fees_deducted: int = 0
    refunded: int = 0
    refunded_fees: int = 0
    charged_off: bool = False
    recovered: int = 0
    dated_fees_charged: set = field(default_factory=set)
    # Event id -> {row: {component: amount}}, and what of it became credit.
    applied: dict = field(default_factory=dict)
    credited: dict = field(default_factory=dict)
    taken_back: dict = field(default_factory=dict)

    @property
    def is_daily(self):
        return self.terms.interest_mode == "daily"

    @property
    def is_flat(self):
        return self.terms.method is Method.FLAT

    @property
    def saves(self):
        """Section 5 and 8: whether early money saves interest."""
        return self.is_daily or self.terms.early_payment in {"shorter_term", "lower_installment"}

    def round(self, value):
        return round_to_minor(value, self.terms.rounding)

    def asked(self, row, component):
        return row.asked(component, self.terms.rounding)

    def unpaid(self, row, component):
        return self.asked(row, component) - row.settled(component)

    def unpaid_in_all(self, row):
        return sum(self.unpaid(row, component) for component in Component)

    def installments(self):
        return [row for row in self.rows if row.kind == INSTALLMENT]

    def rows_to_come(self):
        """The rows that a plan lays out: not yet due, their period not over."""
        return [row for row in self.installments() if not row.fixed]

    def principal_outstanding(self):
        return sum(self.unpaid(row, PRINCIPAL) for row in self.rows)

    def is_repaid(self):
        return bool(self.rows) and all(self.unpaid_in_all(row) == 0 for row in self.rows)
