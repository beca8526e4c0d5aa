"""Random loans and what may happen to them, as Hypothesis draws them: small, so that edge cases are common."""

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import product

from hypothesis import strategies as st

from loans.core.business_days import Convention, Holidays
from loans.core.charges import Collection, Fee, FeeBase, FeeTime, LateFee
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.events import Event, EventKind, RefundOf
from loans.core.money import Rounding
from loans.core.terms import (
    BUCKETS,
    Across,
    Component,
    DownPayment,
    EarlyPayment,
    Grace,
    InterestMode,
    Method,
    Pause,
    Terms,
    Timing,
)

# Two month ends, a leap day and the turn of a year are near.
START_MIN, START_MAX = date(2023, 12, 24), date(2024, 3, 4)
FREQUENCIES = [
    Frequency(1, PeriodUnit.MONTH),
    Frequency(1, PeriodUnit.WEEK),
    Frequency(2, PeriodUnit.WEEK),
    Frequency(10, PeriodUnit.DAY),
    Frequency(1, PeriodUnit.SEMI_MONTH),
    Frequency(2, PeriodUnit.MONTH),
    Frequency(30, PeriodUnit.DAY),
    Frequency(1, PeriodUnit.YEAR),
]
NO_DUE_DAY = {PeriodUnit.DAY, PeriodUnit.WEEK}
SIMPLE = {Method.FLAT, Method.BULLET}
DUE_FIRST = (Timing.DUE, Timing.PAST_DUE, Timing.IN_ADVANCE)
HOLIDAYS = [
    None,
    Holidays(
        weekend=frozenset({5, 6}), days=frozenset({date(2024, 1, 1), date(2024, 4, 1), date(2024, 3, 15)})
    ),
    Holidays(weekend=frozenset({4, 5}), days=frozenset()),
]

principals = st.one_of(st.integers(20, 200), st.just(100000), st.integers(1000, 300000))
rates = st.sampled_from([Fraction(12), Fraction(0), Fraction(365, 10), Fraction(1899, 100), Fraction(120)])
percents = st.sampled_from([Fraction(1), Fraction(25, 10), Fraction(10)])
small_amounts = st.one_of(st.integers(1, 10), st.sampled_from([25, 100, 2500]))
start_days = st.dates(START_MIN, START_MAX)


def seldom(strategy, otherwise):
    """Draw from a strategy about one time in four, so that most loans have few unusual terms at once."""
    return st.one_of(st.just(otherwise), st.just(otherwise), st.just(otherwise), strategy)


@st.composite
def allocations(draw):
    """Draw an order: of components, the same for each timing, or of the buckets at will, in advance last."""
    components = draw(st.permutations(list(Component)))
    if draw(seldom(st.just(value=False), otherwise=True)):
        return tuple(product(draw(st.sampled_from([tuple(Timing), DUE_FIRST])), components))
    due = [bucket for bucket in BUCKETS if bucket[0] is not Timing.IN_ADVANCE]
    return (*draw(st.permutations(due)), *product([Timing.IN_ADVANCE], components))


@st.composite
def fees(draw):
    """Draw one fee of any kind."""
    charged = draw(st.sampled_from([FeeTime.UPFRONT, FeeTime.PER_INSTALLMENT]))
    price = {"amount": draw(small_amounts)} if draw(st.booleans()) else {"percent": draw(percents)}
    if charged is FeeTime.UPFRONT:
        return Fee(charged=charged, collection=draw(st.sampled_from(Collection)), **price)
    return Fee(charged=charged, of=draw(st.sampled_from(FeeBase)), **price)


@st.composite
def dated_fees(draw, after):
    price = {"amount": draw(small_amounts)} if draw(st.booleans()) else {"percent": draw(percents)}
    return Fee(charged=FeeTime.DATED, date=after + timedelta(days=draw(st.integers(1, 100))), **price)


@st.composite
def late_fees(draw):
    price = {"amount": draw(small_amounts)} if draw(st.booleans()) else {"percent": draw(percents)}
    cap = draw(st.sampled_from([None, 5, 500]))
    return LateFee(grace_days=draw(st.sampled_from([0, 1, 5, 15])), cap=cap, **price)


@st.composite
def graces(draw, installments):
    most = st.integers(0, installments - 1)
    return Grace(
        principal=draw(seldom(most, 0)),
        interest=draw(seldom(most, 0)),
        interest_free=draw(seldom(st.integers(0, installments), 0)),
    )


@st.composite
def pauses(draw, after):
    begin = after + timedelta(days=draw(st.integers(-5, 60)))
    return Pause(begin, begin + timedelta(days=draw(st.integers(1, 45))))


def down_payments(share):
    """Draw an amount, or a percentage."""
    amounts = share.map(lambda amount: DownPayment(amount=amount))
    return st.one_of(amounts, percents.map(lambda percent: DownPayment(percent=percent)))


@st.composite
def first_due_dates(draw, *, start, frequency):
    """Draw where due dates are counted from: settings that leave the first one after the disbursement."""
    dates = {}
    if draw(seldom(st.booleans(), False)):
        dates["first_due_date"] = start + timedelta(days=draw(st.integers(5, 70)))
    elif draw(seldom(st.booleans(), False)):
        dates["start_date"] = start + timedelta(days=draw(st.integers(-4, 12)))
    if frequency.unit not in NO_DUE_DAY and not dates:
        dates["due_day"] = draw(seldom(st.sampled_from([1, 14, 28, 30, 31]), None))
    return dates


@st.composite
def loans(draw):
    """Draw terms and the day of the first disbursement."""
    start = draw(start_days)
    frequency = draw(st.one_of(st.just(FREQUENCIES[0]), st.sampled_from(FREQUENCIES)))
    installments = draw(st.integers(1, 2 if frequency.unit is PeriodUnit.YEAR else 5))
    method = draw(st.sampled_from(Method))
    modes = [InterestMode.SCHEDULED] if method in SIMPLE else list(InterestMode)
    mode = draw(st.sampled_from(modes))
    early = list(EarlyPayment)[: 2 if method in SIMPLE else 4]
    principal = draw(principals)
    share = st.integers(0, principal // 3)
    has_balloon = method not in {Method.INTEREST_ONLY, Method.BULLET}
    listed = draw(seldom(st.lists(fees(), min_size=1, max_size=2), []))
    listed += draw(seldom(st.lists(dated_fees(start), min_size=1, max_size=1), []))
    terms = Terms(
        principal=principal,
        currency="KES",
        annual_rate=draw(rates),
        method=method,
        installments=installments,
        frequency=frequency,
        day_count=draw(st.sampled_from(DayCount)),
        rounding=draw(st.sampled_from(Rounding)),
        allocation=draw(seldom(allocations(), BUCKETS)),
        across=draw(st.sampled_from(Across)),
        early_payment=draw(st.sampled_from(early)),
        interest_mode=mode,
        convention=draw(seldom(st.sampled_from(Convention), Convention.UNADJUSTED)),
        holidays=draw(st.sampled_from(HOLIDAYS)),
        grace=draw(seldom(graces(1 if method is Method.BULLET else installments), Grace())),
        pauses=draw(seldom(st.lists(pauses(start), min_size=1, max_size=2).map(tuple), ())),
        balloon=draw(seldom(share, 0)) if has_balloon else 0,
        installment_multiple=draw(seldom(st.sampled_from([5, 10, 100]), 1)),
        down_payment=draw(seldom(down_payments(share), DownPayment())),
        tranches_max=draw(seldom(st.just(3), 1)),
        fees=tuple(listed),
        late_fee=draw(seldom(late_fees(), None)),
        penalty_rate=draw(seldom(rates, Fraction(0))),
        **draw(first_due_dates(start=start, frequency=frequency)),
    )
    return terms, start


@dataclass(frozen=True)
class Draft:
    """An event to be: its amount is chosen when the loan's figures on its date are known."""

    kind: EventKind
    days: int
    measure: str
    part: Fraction
    number: int
    fields: tuple = ()


KINDS = [
    *[EventKind.REPAYMENT] * 8,
    EventKind.PAYOFF,
    EventKind.FEE,
    EventKind.LATE_FEE,
    EventKind.FEE_WAIVER,
    EventKind.INTEREST_WAIVER,
    EventKind.GOODWILL_CREDIT,
    EventKind.RATE_CHANGE,
    EventKind.INTEREST_PAUSE,
    EventKind.RESCHEDULE,
    EventKind.RE_AGE,
    EventKind.CHARGEBACK,
    EventKind.REFUND,
    EventKind.CHARGE_OFF,
    EventKind.WRITE_OFF,
    EventKind.RECOVERY,
    EventKind.DISBURSED,
]
# Which figure of the loan an amount is a part of.
MEASURES = ["due", "next", "payoff", "principal", "cents"]
PARTS = [Fraction(1), Fraction(1, 2), Fraction(1, 3), Fraction(21, 20), Fraction(2)]


@st.composite
def drafts(draw, kinds=KINDS):
    """Draw what kind of event happens, about when, and about how much."""
    kind = draw(st.sampled_from(kinds))
    # Half of the dates are due dates of the usual frequencies, or beside one.
    days = draw(st.one_of(st.sampled_from([0, 1, 7, 14, 15, 28, 30, 31, 32, 60, 91]), st.integers(0, 130)))
    fields = {}
    if kind is EventKind.RATE_CHANGE:
        fields["annual_rate"] = draw(rates)
    elif kind is EventKind.INTEREST_PAUSE:
        fields["until"] = draw(st.integers(1, 40))
    elif kind in {EventKind.RESCHEDULE, EventKind.RE_AGE}:
        fields["first_due_date"] = draw(st.one_of(st.none(), st.integers(3, 50)))
        fields["installments"] = draw(st.one_of(st.none(), st.integers(1, 5)))
    elif kind is EventKind.REFUND:
        fields["of"] = draw(st.sampled_from(RefundOf))
    elif kind in {EventKind.FEE_WAIVER, EventKind.INTEREST_WAIVER}:
        fields["whole"] = draw(st.booleans())
        if kind is EventKind.FEE_WAIVER:
            fields["installment"] = draw(seldom(st.integers(1, 4), None))
            fields["component"] = draw(seldom(st.sampled_from([Component.FEE, Component.PENALTY]), None))
    elif kind is EventKind.CHARGEBACK:
        fields["whole"] = draw(st.booleans())
    return Draft(
        kind=kind,
        days=days,
        measure=draw(st.sampled_from(MEASURES)),
        part=draw(st.sampled_from(PARTS)),
        number=draw(st.integers(0, 7)),
        fields=tuple(fields.items()),
    )


def event_id(number):
    """An id that scatters: the order of ids is not the order of arrival."""
    return uuid.uuid5(uuid.NAMESPACE_OID, str(number))


def reversal_of(event, *, number, on):
    return Event(id=event_id(number), kind=EventKind.REVERSAL, date=on, reverses=event.id)
