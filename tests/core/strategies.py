"""Loans and histories as Hypothesis draws them."""

import uuid
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import strategies as st

from loans.core import currencies, schedule
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount
from loans.core.events import Event, EventKind
from loans.core.money import AMOUNT_MAX, Rounding
from loans.core.terms import Component, Method, Terms

start_dates = st.dates(date(1970, 1, 1), date(2200, 1, 1))
# Small principals meet the rounding edges, large ones the limits.
principals = st.one_of(st.integers(1, 100), st.integers(1, 10_000_000), st.integers(1, AMOUNT_MAX))
annual_rates = st.integers(0, 1000 * 10**6).map(lambda millionths: Fraction(millionths, 10**6))
usual_rates = st.integers(0, 6000).map(lambda hundredths: Fraction(hundredths, 100))
methods = st.sampled_from(Method)
installment_counts = st.one_of(st.integers(1, 6), st.integers(1, 60))


@st.composite
def terms_agreed(draw, method=methods, installments=installment_counts):
    """Draw terms: usual and extreme, of at most ten years."""
    unit = draw(st.sampled_from(PeriodUnit))
    return Terms(
        principal=draw(principals),
        currency=draw(st.sampled_from(sorted(currencies.MINOR_UNITS))),
        annual_rate=draw(st.one_of(usual_rates, annual_rates)),
        method=draw(method),
        installments=draw(installments),
        frequency=Frequency(draw(st.sampled_from([1, 2, 3, 6])), unit),
        day_count=draw(st.sampled_from(DayCount)),
        rounding=draw(st.sampled_from(Rounding)),
        allocation=tuple(draw(st.permutations(list(Component)))),
    )


@st.composite
def histories(draw, repayments_min=0):
    """Draw terms and a history without reversals: an origination and repayments of no more than is owed."""
    terms = draw(terms_agreed(installments=st.integers(1, 8)))
    disbursed_on = draw(start_dates)
    owed = sum(each.amount for each in schedule.build(terms, start_date=disbursed_on))
    count = draw(st.integers(repayments_min, 6))
    ids = draw(st.lists(st.uuids(), min_size=3 + count, max_size=3 + count, unique=True))
    told = [
        Event(id=ids[0], kind=EventKind.APPLIED, date=disbursed_on - timedelta(days=draw(st.integers(0, 2)))),
        Event(id=ids[1], kind=EventKind.APPROVED, date=disbursed_on),
        Event(id=ids[2], kind=EventKind.DISBURSED, date=disbursed_on, amount=terms.principal),
    ]
    for event_id in ids[3:]:
        if owed == 0:
            break
        amount = draw(st.one_of(st.integers(1, owed), st.just(owed), st.just(min(owed, 1000))))
        # Few different days, so that several repayments share one.
        on = disbursed_on + timedelta(days=draw(st.sampled_from([0, 1, 30, 31, 75])))
        told.append(Event(id=event_id, kind=EventKind.REPAYMENT, date=on, amount=amount))
        owed -= amount
    return terms, tuple(told)


def reversed_by(event, *, on):
    """Make the reversal of an event, with an id that no drawn event has."""
    return Event(
        id=uuid.uuid5(uuid.NAMESPACE_OID, str(event.id)), kind=EventKind.REVERSAL, date=on, reverses=event.id
    )
