"""A loan in tranches is paid out in no more of them than were agreed."""

import uuid
from datetime import date
from fractions import Fraction

import pytest

from loans.core import fold
from loans.core.changes import DisbursementDiffers
from loans.core.events import Event, EventKind
from tests.core.samples import asked, sample_terms


def told(*amounts):
    steps = [
        (EventKind.APPLIED, 0),
        (EventKind.APPROVED, 0),
        *((EventKind.DISBURSED, each) for each in amounts),
    ]
    return [
        Event(id=uuid.UUID(int=number), kind=kind, date=date(2024, 1, 15), amount=amount)
        for number, (kind, amount) in enumerate(steps, start=1)
    ]


class TestTranches:
    def test_are_as_many_as_agreed(self):
        state = fold.fold(sample_terms(tranches_max=2), told(60000, 30000))

        assert state.disbursed == 90000

    def test_are_no_more_than_agreed(self):
        with pytest.raises(DisbursementDiffers, match="at most 2") as refused:
            fold.fold(sample_terms(tranches_max=2), told(60000, 30000, 10000))

        assert refused.value.field == "amount"

    def test_are_no_more_than_the_principal(self):
        with pytest.raises(DisbursementDiffers, match="All that was agreed"):
            fold.fold(sample_terms(tranches_max=3), told(60000, 40000, 0))

    def test_of_a_small_first_one_the_others_come_in_the_rows_that_it_did_not_need(self):
        # 100.00 of 1000.00 at no interest, in multiples of 100.00: one row takes it. 1000.00 / 3 rounds to 300.00.
        terms = sample_terms(tranches_max=2, installment_multiple=10000, annual_rate=Fraction(0))

        first, second = (fold.fold(terms, told(*paid_out)) for paid_out in [[10000], [90000, 10000]])

        assert asked(first) == [(10000, 0)]
        assert asked(second) == [(30000, 0), (30000, 0), (40000, 0)]
