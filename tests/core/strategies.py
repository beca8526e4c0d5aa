"""Loans and histories as Hypothesis draws them; `histories` draws their single parts."""

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import assume
from hypothesis import strategies as st

from loans.core import currencies, fold
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.errors import LendingError
from loans.core.events import Event, EventKind
from loans.core.money import AMOUNT_MAX, Rounding
from loans.core.terms import Method, Terms
from tests.core import histories

start_dates = st.dates(date(1970, 1, 1), date(2200, 1, 1))
# Small principals meet the rounding edges, large ones the limits.
principals = st.one_of(st.integers(1, 100), st.integers(1, 10_000_000), st.integers(1, AMOUNT_MAX))
annual_rates = st.integers(0, 1000 * 10**6).map(lambda millionths: Fraction(millionths, 10**6))
usual_rates = st.integers(0, 6000).map(lambda hundredths: Fraction(hundredths, 100))
plain_methods = st.sampled_from([Method.EQUAL_INSTALLMENTS, Method.EQUAL_PRINCIPAL])
installment_counts = st.one_of(st.integers(1, 6), st.integers(1, 60))
# Kinds whose amount is left out to mean all there is.
WHOLE = {
    EventKind.RATE_CHANGE,
    EventKind.INTEREST_PAUSE,
    EventKind.RESCHEDULE,
    EventKind.RE_AGE,
    EventKind.CHARGE_OFF,
}
# Chargebacks need a repayment before them, so that they are rare unless they are drawn often.
KINDS = [*histories.KINDS, *[EventKind.CHARGEBACK] * 3]
ENDS = (EventKind.WRITE_OFF, EventKind.RECOVERY)


@st.composite
def terms_agreed(draw, method=plain_methods, installments=installment_counts):
    """Draw terms without special rules: usual and extreme, of at most thirty years."""
    unit = draw(st.sampled_from(PeriodUnit))
    every = draw(st.sampled_from([1] if unit is PeriodUnit.YEAR else [1, 2, 3, 6]))
    count = draw(installments)
    return Terms(
        principal=draw(principals),
        currency=draw(st.sampled_from(sorted(currencies.MINOR_UNITS))),
        annual_rate=draw(st.one_of(usual_rates, annual_rates)),
        method=draw(method),
        installments=min(count, 30) if unit is PeriodUnit.YEAR else count,
        frequency=Frequency(every, unit),
        day_count=draw(st.sampled_from(DayCount)),
        rounding=draw(st.sampled_from(Rounding)),
    )


def figure(state, measure, number):
    """Give the figure of a loan that the amount of an event is a part of."""
    unpaid = [row.outstanding.total for row in state.installments if row.outstanding.total]
    return {
        "due": state.due(state.as_of),
        "next": unpaid[0] if unpaid else 1,
        "payoff": state.payoff.total,
        "principal": state.outstanding.principal,
        "cents": 1 + 7 * number,
    }[measure]


def made_of(draft, *, state, told):
    """Make the event that a draft stands for on a loan, or None if there is nothing for it to be about."""
    on = state.as_of
    fields = dict(draft.fields)
    for name in ("until", "first_due_date"):
        if fields.get(name):
            fields[name] = on + timedelta(days=fields[name])
    amount = max(1, int(figure(state, draft.measure, draft.number) * draft.part))
    if draft.kind in WHOLE:
        amount = 0
    elif fields.pop("whole", False) or draft.kind is EventKind.PAYOFF:
        amount = None
    elif draft.kind is EventKind.DISBURSED:
        amount = max(1, (state.terms.principal - state.paid_out) // (1 + draft.number % 2))
    if draft.kind is EventKind.CHARGEBACK:
        repayments = [event for event in told if event.kind is EventKind.REPAYMENT]
        if not repayments:
            return None
        repayment = repayments[draft.number % len(repayments)]
        fields["repayment"] = repayment.id
        amount = None if amount is None else min(amount, repayment.amount)
    return Event(id=histories.event_id(len(told)), kind=draft.kind, date=on, amount=amount, **fields)


@st.composite
def loan_lives(draw, events_min=0, kinds=KINDS):
    """Draw terms and a history without reversals that the engine accepts."""
    terms, start = draw(histories.loans())
    part = draw(st.sampled_from([1, 2])) if terms.tranches_max > 1 else 1
    amount = max(1, terms.principal // part)
    told = [
        Event(
            id=histories.event_id(0),
            kind=EventKind.APPLIED,
            date=start - timedelta(days=draw(st.integers(0, 2))),
        ),
        Event(id=histories.event_id(1), kind=EventKind.APPROVED, date=start),
        Event(id=histories.event_id(2), kind=EventKind.DISBURSED, date=start, amount=amount),
    ]
    assume(accepted(terms, told))
    for draft in draw(st.lists(histories.drafts(kinds=kinds), min_size=events_min, max_size=6)):
        state = fold.fold(terms, told, as_of=start + timedelta(days=draft.days))
        event = made_of(draft, state=state, told=told)
        if event is not None and accepted(terms, [*told, event]):
            told.append(event)
    if draw(histories.seldom(st.booleans(), otherwise=False)):
        last = max(event.date for event in told)
        for kind in ENDS:
            told.append(Event(id=histories.event_id(len(told)), kind=kind, date=last, amount=5))
    return terms, tuple(told)


def accepted(terms, told):
    """Tell whether a history contradicts no rule."""
    try:
        fold.fold(terms, told)
    except LendingError:
        return False
    return True


def reversed_by(event, *, on):
    """Make the reversal of an event, with an id that no drawn event has."""
    return histories.reversal_of(event, number=f"reversal of {event.id}", on=on)
