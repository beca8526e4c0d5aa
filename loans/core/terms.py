"""What lender and borrower agreed: fixed once the loan exists. Amounts in minor units, rates in percent."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar

from loans.core import money, rates
from loans.core.business_days import Convention, Holidays
from loans.core.charges import Fee, LateFee
from loans.core.dates import Frequency, PeriodUnit, month_length
from loans.core.daycount import DayCount
from loans.core.errors import LendingError
from loans.core.money import Rounding

# A fifty-year monthly loan. No retail loan is longer, and a limit bounds the work of one schedule.
INSTALLMENTS_MAX = 600
YEARS_MAX = 50
TRANCHES_MAX = 100
PAUSES_MAX = 100
FEES_MAX = 20
DUE_DAY_MAX = 31
_WHOLE = 100
_PERIODS_MAX = {
    PeriodUnit.DAY: YEARS_MAX * 366,
    PeriodUnit.WEEK: YEARS_MAX * 52,
    PeriodUnit.SEMI_MONTH: YEARS_MAX * 24,
    PeriodUnit.MONTH: YEARS_MAX * 12,
    PeriodUnit.YEAR: YEARS_MAX,
}


class InvalidTerms(LendingError):
    """The terms contradict one another or exceed a limit."""

    code: ClassVar[str] = "invalid_terms"
    title: ClassVar[str] = "Invalid terms"


class Method(StrEnum):
    """How principal is spread over the installments."""

    EQUAL_INSTALLMENTS = "equal_installments"
    EQUAL_PRINCIPAL = "equal_principal"
    FLAT = "flat"
    INTEREST_ONLY = "interest_only"
    BULLET = "bullet"


class InterestMode(StrEnum):
    """Whether interest is as planned, or accrues each day on what is really outstanding."""

    SCHEDULED = "scheduled"
    DAILY = "daily"


class Component(StrEnum):
    """What an installment consists of."""

    PENALTY = "penalty"
    FEE = "fee"
    INTEREST = "interest"
    PRINCIPAL = "principal"


class Timing(StrEnum):
    """When an installment is due, seen from the day on which money comes."""

    PAST_DUE = "past_due"
    DUE = "due"
    IN_ADVANCE = "in_advance"


class Across(StrEnum):
    """Whether money goes installment by installment, or component by component."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"


class EarlyPayment(StrEnum):
    """What money does that comes before it is due."""

    NEXT_INSTALLMENTS = "next_installments"
    LAST_INSTALLMENT = "last_installment"
    SHORTER_TERM = "shorter_term"
    LOWER_INSTALLMENT = "lower_installment"


class Accounting(StrEnum):
    """When interest and fees are income: as they are earned, or as they are paid."""

    ACCRUAL = "accrual"
    CASH = "cash"


Bucket = tuple[Timing, Component]
BUCKETS: tuple[Bucket, ...] = tuple((timing, component) for timing in Timing for component in Component)
# Rules under which early money saves interest, so that it pays of interest only what has accrued.
SAVING = frozenset({EarlyPayment.SHORTER_TERM, EarlyPayment.LOWER_INSTALLMENT})
_SIMPLE = frozenset({Method.FLAT, Method.BULLET})
_DAILY = InterestMode.DAILY


def falls_on(day: date, due_day: int) -> bool:
    """Tell whether a date is the due day of its month."""
    return day.day == min(due_day, month_length(day.year, day.month))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grace:
    """How many installments at the start ask for no principal, ask for no interest, bear no interest."""

    principal: int = 0
    interest: int = 0
    interest_free: int = 0


_NO_GRACE = Grace()


@dataclass(frozen=True, slots=True)
class Pause:
    """Days on which no interest accrues: from one date up to, not including, another."""

    from_date: date
    until: date


class InterestFree(Pause):
    """A pause that grace brings: the installments of its days bear no interest."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DownPayment:
    """What is due on the day of disbursement: an amount, or a percentage of what is disbursed."""

    amount: int = 0
    percent: Fraction = Fraction(0)

    @property
    def is_asked(self) -> bool:
        """Whether there is one."""
        return self.amount > 0 or self.percent.numerator > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The agreed terms of one loan: principal in minor units, annual rate in percent.

    :raises InvalidTerms: if a value is outside its limits or contradicts another.
    :raises UnknownCurrency: if the currency is not known.
    """

    principal: int
    currency: str
    annual_rate: Fraction
    method: Method
    installments: int
    frequency: Frequency
    day_count: DayCount
    rounding: Rounding = Rounding.HALF_EVEN
    allocation: tuple[Bucket, ...] = BUCKETS
    across: Across = Across.HORIZONTAL
    early_payment: EarlyPayment = EarlyPayment.NEXT_INSTALLMENTS
    interest_mode: InterestMode = InterestMode.SCHEDULED
    start_date: date | None = None
    first_due_date: date | None = None
    due_day: int | None = None
    convention: Convention = Convention.UNADJUSTED
    holidays: Holidays | None = None
    grace: Grace = _NO_GRACE
    pauses: tuple[Pause, ...] = ()
    balloon: int = 0
    installment_multiple: int = 1
    down_payment: DownPayment = DownPayment()
    tranches_max: int = 1
    fees: tuple[Fee, ...] = ()
    late_fee: LateFee | None = None
    penalty_rate: Fraction = Fraction(0)
    suspend_after_days: int = 90
    accounting: Accounting = Accounting.ACCRUAL

    def __post_init__(self) -> None:
        for name in ("principal", "annual_rate", "installments", "balloon", "penalty_rate"):
            if isinstance(getattr(self, name), float):
                raise TypeError(f"{name} must be exact, not a float")
        money.exponent(self.currency)
        self._check_amounts()
        self._check_length()
        self._check_combinations()
        # Most loans have neither, and a quote is made in the time that these checks would take.
        if self.grace is not _NO_GRACE:
            self._check_grace()
        if self.allocation is not BUCKETS:
            self._check_order()

    @property
    def saves_interest(self) -> bool:
        """Whether money that comes early pays of interest only what has accrued."""
        return self.interest_mode is _DAILY or self.early_payment in SAVING

    def _check_amounts(self) -> None:
        """Refuse amounts and rates outside their limits."""
        if not 1 <= self.principal <= money.AMOUNT_MAX:
            lowest = money.format_amount(1, self.currency)
            highest = money.format_amount(money.AMOUNT_MAX, self.currency)
            raise InvalidTerms(f"principal must be from {lowest} to {highest}.", field="principal")
        for name in ("annual_rate", "penalty_rate"):
            rate = getattr(self, name)
            # Whole numbers compare several times as fast as fractions.
            if not 0 <= rate.numerator <= rates.RATE_MAX * rate.denominator:
                raise InvalidTerms(f"{name} must be from 0 to {rates.RATE_MAX} percent.", field=name)
        if not 0 <= self.balloon < self.principal:
            raise InvalidTerms("balloon must be less than the principal.", field="balloon")
        if not 1 <= self.installment_multiple <= money.AMOUNT_MAX:
            raise InvalidTerms("installment_multiple must be more than zero.", field="installment_multiple")
        down = self.down_payment
        if down.amount and down.percent:
            raise InvalidTerms("Give down_payment as an amount or a percent, not both.", field="down_payment")
        if (
            not 0 <= down.amount < self.principal
            or not 0 <= down.percent.numerator < _WHOLE * down.percent.denominator
        ):
            raise InvalidTerms("down_payment must be less than the principal.", field="down_payment")
        if self.balloon + down.amount >= self.principal:
            raise InvalidTerms("down_payment and balloon leave nothing to repay.", field="balloon")

    def _check_order(self) -> None:
        """Refuse an order that leaves a bucket out, or pays in advance before what is due."""
        if sorted(self.allocation) != sorted(BUCKETS):
            raise InvalidTerms(
                "allocation.order must name each bucket exactly once: "
                + ", ".join(f"{timing}_{component}" for timing, component in BUCKETS)
                + ".",
                field="allocation.order",
            )
        timings = [timing is Timing.IN_ADVANCE for timing, _ in self.allocation]
        if timings != sorted(timings):
            raise InvalidTerms(
                "allocation.order must name what is paid in advance after what is due.",
                field="allocation.order",
            )

    def _check_length(self) -> None:
        """Refuse loans that are too long or never begin, and dates that contradict one another."""
        if not 1 <= self.installments <= INSTALLMENTS_MAX:
            raise InvalidTerms(f"installments must be from 1 to {INSTALLMENTS_MAX}.", field="installments")
        if self.installments * self.frequency.every > _PERIODS_MAX[self.frequency.unit]:
            raise InvalidTerms(
                f"{self.installments} installments every {self.frequency.every} {self.frequency.unit}s"
                f" are longer than {YEARS_MAX} years.",
                field="installments",
            )
        if self.due_day is not None and not 1 <= self.due_day <= DUE_DAY_MAX:
            raise InvalidTerms(f"due_day must be from 1 to {DUE_DAY_MAX}.", field="due_day")
        start, first = self.start_date, self.first_due_date
        if start is not None and first is not None and first <= start:
            raise InvalidTerms(f"first_due_date must be after start_date {start}.", field="first_due_date")
        if first is not None and self.due_day is not None and not falls_on(first, self.due_day):
            raise InvalidTerms(
                f"first_due_date must fall on due_day {self.due_day}, or on the last day of its month.",
                field="first_due_date",
            )
        if not 1 <= self.tranches_max <= TRANCHES_MAX:
            raise InvalidTerms(f"tranches_max must be from 1 to {TRANCHES_MAX}.", field="tranches_max")
        for pause in self.pauses:
            if pause.until <= pause.from_date:
                raise InvalidTerms("A pause must end after it begins.", field="pauses")

    def _check_grace(self) -> None:
        """Refuse grace that leaves no installment to pay what it spares."""
        count = 1 if self.method is Method.BULLET else self.installments
        for name in ("principal", "interest", "interest_free"):
            periods = getattr(self.grace, name)
            most = count if name == "interest_free" else count - 1
            if not 0 <= periods <= most:
                raise InvalidTerms(
                    f"grace.{name} must be from 0 to {most} installments.", field=f"grace.{name}"
                )

    def _check_combinations(self) -> None:
        """Refuse rules that contradict the method."""
        if self.method in _SIMPLE:
            if self.interest_mode is InterestMode.DAILY:
                raise InvalidTerms(
                    f"interest_mode of {self.method} loans must be scheduled.", field="interest_mode"
                )
            if self.early_payment in SAVING:
                raise InvalidTerms(
                    f"early_payment of {self.method} loans must be next_installments or last_installment.",
                    field="early_payment",
                )
        if self.balloon and self.method in {Method.INTEREST_ONLY, Method.BULLET}:
            raise InvalidTerms(
                f"balloon makes no sense with {self.method}: all principal is due at the end.",
                field="balloon",
            )
        if len(self.fees) > FEES_MAX:
            raise InvalidTerms(f"fees must be at most {FEES_MAX}.", field="fees")
        if len(self.pauses) > PAUSES_MAX:
            raise InvalidTerms(f"pauses must be at most {PAUSES_MAX}.", field="pauses")
