"""A loan in tranches is paid out in no more of them than were agreed."""

import uuid
from datetime import date

import pytest

from loans.core import fold
from loans.core.changes import DisbursementDiffers
from loans.core.events import Event, EventKind
from tests.core.samples import sample_terms


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
