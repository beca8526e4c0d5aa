"""Terms and events with every field that a document can carry, as Hypothesis draws them."""

import dataclasses
import uuid
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import strategies as st

from loans.core import currencies
from loans.core.business_days import Convention, Holidays
from loans.core.charges import Collection, Fee, FeeBase, FeeTime, LateFee
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.event_documents import AMOUNT_OPTIONAL, AMOUNT_REQUIRED, ROWS_MAX, WIRE_TYPES
from loans.core.events import Event, EventKind, RefundOf
from loans.core.money import AMOUNT_MAX, Rounding
from loans.core.terms import (
    BUCKETS,
    Accounting,
    Across,
    Component,
    DownPayment,
    EarlyPayment,
    Grace,
    InterestMode,
    Method,
    Pause,
    Terms,
)

days = st.dates(date(1950, 1, 1), date(2200, 1, 1))
amounts = st.one_of(st.integers(1, 100_000), st.integers(1, AMOUNT_MAX))
percents = st.integers(1, 100 * 10**6).map(lambda millionths: Fraction(millionths, 10**6))
rates = st.integers(0, 1000 * 10**6).map(lambda millionths: Fraction(millionths, 10**6))
codes = st.sampled_from(sorted(currencies.MINOR_UNITS))
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=100)
graces = st.builds(
    Grace, principal=st.integers(0, 2), interest=st.integers(0, 2), interest_free=st.integers(0, 3)
)


@st.composite
def prices(draw):
    """Draw an amount or a percentage, by name."""
    if draw(st.booleans()):
        return {"amount": draw(amounts)}
    return {"percent": draw(percents)}


@st.composite
def fees(draw):
    """Draw a fee of any kind."""
    charged = draw(st.sampled_from(FeeTime))
    bases = FeeBase if charged is FeeTime.PER_INSTALLMENT else [FeeBase.PRINCIPAL]
    return Fee(
        name=draw(names),
        charged=charged,
        of=draw(st.sampled_from(bases)),
        collection=draw(st.sampled_from(Collection)),
        date=draw(days) if charged is FeeTime.DATED else None,
        **draw(prices()),
    )


@st.composite
def late_fees(draw):
    """Draw a late fee."""
    cap = draw(st.one_of(st.none(), amounts))
    return LateFee(grace_days=draw(st.integers(0, 366)), cap=cap, **draw(prices()))


@st.composite
def holidays(draw):
    """Draw a calendar."""
    return Holidays(
        weekend=draw(st.frozensets(st.integers(0, 6), max_size=3)), days=draw(st.frozensets(days, max_size=5))
    )


@st.composite
def rules(draw):
    """Draw what depends on the method, by name."""
    method = draw(st.sampled_from(Method))
    found = {"method": method}
    if method not in {Method.FLAT, Method.BULLET}:
        found["interest_mode"] = draw(st.sampled_from(InterestMode))
        found["early_payment"] = draw(st.sampled_from(EarlyPayment))
    if method is not Method.BULLET:
        found["grace"] = draw(graces)
    return found


@st.composite
def terms_agreed(draw):
    """Draw terms with each field set or left alone."""
    principal = draw(st.integers(10, AMOUNT_MAX))
    start = draw(st.one_of(st.none(), days))
    gaps = st.timedeltas(timedelta(days=1), timedelta(days=4000))
    paused = st.tuples(days, gaps).map(lambda pause: Pause(pause[0], pause[0] + pause[1]))
    first_due = draw(st.one_of(st.none(), gaps.map(lambda gap: (start or date(2024, 1, 1)) + gap)))
    method_rules = draw(rules())
    can_balloon = method_rules["method"] not in {Method.INTEREST_ONLY, Method.BULLET}
    down = st.one_of(
        st.just(DownPayment()),
        st.builds(DownPayment, amount=st.integers(1, principal // 2)),
        st.builds(DownPayment, percent=percents.filter(lambda percent: percent < 100)),
    )
    order = st.one_of(
        st.tuples(st.permutations(BUCKETS[:8]), st.permutations(BUCKETS[8:])).map(
            lambda two: (*two[0], *two[1])
        ),
        st.permutations(list(Component)).map(
            lambda four: tuple((t, c) for t, _ in BUCKETS[::4] for c in four)
        ),
    )
    return Terms(
        principal=principal,
        currency=draw(codes),
        annual_rate=draw(rates),
        installments=draw(st.integers(3, 40)),
        frequency=Frequency(1, draw(st.sampled_from(PeriodUnit))),
        day_count=draw(st.sampled_from(DayCount)),
        rounding=draw(st.sampled_from(Rounding)),
        allocation=draw(order),
        across=draw(st.sampled_from(Across)),
        start_date=start,
        first_due_date=first_due,
        due_day=draw(st.sampled_from([None, first_due.day if first_due else 31])),
        convention=draw(st.sampled_from(Convention)),
        holidays=draw(st.one_of(st.none(), holidays())),
        pauses=tuple(draw(st.lists(paused, max_size=3))),
        balloon=draw(st.integers(0, principal // 3)) if can_balloon else 0,
        installment_multiple=draw(st.integers(1, 100)),
        down_payment=draw(down),
        tranches_max=draw(st.integers(1, 100)),
        fees=tuple(draw(st.lists(fees(), max_size=3))),
        late_fee=draw(st.one_of(st.none(), late_fees())),
        penalty_rate=draw(rates),
        suspend_after_days=draw(st.integers(1, 3660)),
        accounting=draw(st.sampled_from(Accounting)),
        **method_rules,
    )


@st.composite
def changes(draw, on):
    """Draw what a reschedule asks for, by name."""
    after = st.integers(1, 4000).map(lambda count: on + timedelta(days=count))
    return {
        "first_due_date": draw(st.one_of(st.none(), after)),
        "installments": draw(st.one_of(st.none(), st.integers(1, 600))),
        "installment_amount": draw(st.one_of(st.none(), amounts)),
        "grace": draw(st.one_of(st.none(), graces)),
    }


@st.composite
def events(draw, event_id, *, kind, repayments):
    """Draw an event of a kind that refers to nothing but, for a chargeback, one of some repayments."""
    on = draw(days)
    given = {}
    if kind in AMOUNT_REQUIRED:
        given["amount"] = draw(amounts)
    elif kind in AMOUNT_OPTIONAL:
        given["amount"] = draw(st.one_of(st.none(), amounts))
    if kind in {EventKind.RESCHEDULE, EventKind.RE_AGE}:
        given |= draw(changes(on))
    elif kind is EventKind.RATE_CHANGE:
        given["annual_rate"] = draw(rates)
    elif kind is EventKind.INTEREST_PAUSE:
        given["until"] = on + timedelta(days=draw(st.integers(1, 400)))
    elif kind is EventKind.FEE_WAIVER:
        given["installment"] = draw(st.one_of(st.none(), st.integers(1, ROWS_MAX)))
        given["component"] = draw(st.sampled_from([None, Component.FEE, Component.PENALTY]))
    elif kind is EventKind.REFUND:
        given["of"] = draw(st.sampled_from(RefundOf))
    elif kind is EventKind.CHARGEBACK:
        given["repayment"] = draw(st.sampled_from(repayments))
    return Event(id=event_id, kind=kind, date=on, **given)


@st.composite
def histories(draw):
    """Draw events of all kinds that a list can have, some of which reverse others."""
    first = draw(events(uuid.UUID(int=1), kind=EventKind.REPAYMENT, repayments=[]))
    kinds = st.sampled_from([kind for kind in WIRE_TYPES.values() if kind is not EventKind.REVERSAL])
    others = [
        draw(events(uuid.UUID(int=2 + number), kind=kind, repayments=[first.id]))
        for number, kind in enumerate(draw(st.lists(kinds, max_size=8)))
    ]
    told = [first, *others]
    undone = draw(st.lists(st.sampled_from(told), unique=True, max_size=3))
    reversals = [
        Event(id=uuid.UUID(int=100 + number), kind=EventKind.REVERSAL, date=draw(days), reverses=event.id)
        for number, event in enumerate(undone)
    ]
    return tuple(draw(st.permutations([*told, *reversals])))


def renamed(history, names):
    """Give each event the id that stands for its own, wherever it is meant."""
    return tuple(
        dataclasses.replace(
            event,
            id=names[event.id],
            repayment=names.get(event.repayment),
            reverses=names.get(event.reverses),
        )
        for event in history
    )
