"""How much work computing a loan takes, and when there is too much of it."""

from datetime import date, timedelta

import pytest

from loans.core import fold, work
from loans.core.events import EventKind
from loans.core.work import CHANGES_MAX, WORK_MAX, HistoryTooLong, Work
from tests.core.samples import DISBURSED_ON, FIRST_DUE, ORIGINATION, folded, happened, repayment, sample_terms


class TestWork:
    def test_of_a_plain_loan_is_its_rows_made_and_planned(self):
        # Three rows made, which count as nine, and planned; one event that looks through none.
        assert folded().work == 9 + 3 + 1

    def test_grows_with_each_change_of_the_schedule(self):
        changes = [
            happened(EventKind.RE_AGE, DISBURSED_ON + timedelta(days=day), number=10 + day, installments=600)
            for day in range(1, 4)
        ]

        # Each makes 600 rows, plans them, and looks through those there are: 3, then 600.
        assert folded(*changes).work == 13 + 3 * (1800 + 600 + 1) + 0 + 75 + 75

    def test_counts_rows_that_bear_penalty_interest(self):
        late = repayment(100, on=FIRST_DUE + timedelta(days=5), number=4)

        # Two rows for the one that is overdue, one for the event.
        assert folded(late, penalty_rate=12).work == folded(late).work + 2

    def test_stops_where_it_is_limited_and_names_the_event(self):
        change = happened(EventKind.RE_AGE, date(2024, 1, 20), number=9, installments=600)

        with pytest.raises(HistoryTooLong) as refused:
            fold.fold(sample_terms(), [*ORIGINATION, change], effort=Work(most=1000))

        assert refused.value.event_id == change.id
        assert (refused.value.extensions["rows_max"], refused.value.code) == (1000, "history_too_long")


class TestCheck:
    @pytest.mark.parametrize(
        ("kind", "most"),
        [(EventKind.RE_AGE, CHANGES_MAX), (EventKind.FEE, CHANGES_MAX), (EventKind.REPAYMENT, WORK_MAX)],
    )
    def test_leaves_room_for_money_after_the_last_change(self, kind, most):
        event = happened(kind, FIRST_DUE, number=9)

        work.check(event, work=most)
        with pytest.raises(HistoryTooLong) as refused:
            work.check(event, work=most + 1)

        assert refused.value.extensions == {"rows": most + 1, "rows_max": most}

    def test_never_refuses_a_reversal(self):
        paid = repayment(100, on=FIRST_DUE, number=4)

        reversal = happened(EventKind.REVERSAL, FIRST_DUE, number=9, reverses=paid.id)

        assert work.check(reversal, work=10 * WORK_MAX) is None
