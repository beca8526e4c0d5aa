"""Where a loan stands: past due, buckets, what is left of a row."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import fold, lifecycle, state
from loans.core.events import EventKind
from loans.core.lifecycle import Status
from loans.core.state import Amounts, Installment
from tests.core.samples import (
    APPLICATION,
    DISBURSED_ON,
    FIRST_DUE,
    SECOND_DUE,
    THIRD_DUE,
    folded,
    repayment,
    sample_terms,
)
from tests.core.strategies import loan_lives

TERMS = sample_terms()
ONE_DAY = timedelta(days=1)


class TestLoanState:
    def test_knows_no_dates_before_it_is_disbursed(self):
        reached = fold.fold(TERMS, [APPLICATION])

        assert reached.next_due is None
        assert reached.maturity_date is None
        assert reached.days_past_due(THIRD_DUE) == 0
        assert reached.overdue(THIRD_DUE) == 0

    def test_matures_with_the_last_installment(self):
        assert folded().maturity_date == THIRD_DUE

    @pytest.mark.parametrize(
        ("on", "days", "overdue"),
        [
            (DISBURSED_ON, 0, 0),
            (FIRST_DUE - ONE_DAY, 0, 0),
            (FIRST_DUE, 0, 0),
            (FIRST_DUE + ONE_DAY, 1, 34002),
            (SECOND_DUE, 29, 34002),
            (SECOND_DUE + ONE_DAY, 30, 68004),
        ],
    )
    def test_is_past_due_from_the_day_after_the_due_date(self, on, days, overdue):
        reached = folded()

        assert reached.days_past_due(on) == days
        assert reached.overdue(on) == overdue

    def test_is_due_from_the_due_date(self):
        reached = folded()

        assert [reached.due(day) for day in (FIRST_DUE - ONE_DAY, FIRST_DUE, SECOND_DUE)] == [0, 34002, 68004]

    def test_is_past_due_since_the_next_date_once_the_oldest_is_settled(self):
        reached = folded(repayment(34002, on=THIRD_DUE, number=4))

        assert reached.days_past_due(THIRD_DUE) == 31
        assert reached.next_due.number == 2

    def test_stays_past_due_on_a_part_payment(self):
        reached = folded(repayment(34001, on=FIRST_DUE, number=4))

        assert reached.days_past_due(FIRST_DUE + ONE_DAY) == 1
        assert reached.overdue(FIRST_DUE + ONE_DAY) == 1

    def test_is_never_past_due_once_repaid(self):
        reached = folded(repayment(102007, on=FIRST_DUE, number=4))

        assert reached.next_due is None
        assert reached.days_past_due(THIRD_DUE + ONE_DAY) == 0
        assert reached.overdue(THIRD_DUE + ONE_DAY) == 0

    @pytest.mark.parametrize(
        ("days", "name"),
        [
            (0, "0"),
            (1, "1-30"),
            (30, "1-30"),
            (31, "31-60"),
            (60, "31-60"),
            (61, "61-90"),
            (90, "61-90"),
            (91, "over 90"),
        ],
    )
    def test_falls_in_a_bucket_by_its_days_past_due(self, days, name):
        assert state.bucket(days) == name

    @given(loan_lives(), st.data())
    def test_moves_only_along_the_lifecycle(self, life, data):
        terms, told = life
        length = data.draw(st.integers(1, len(told)))
        *earlier, last = sorted(told, key=lambda event: event.key)[:length]
        if last.kind is EventKind.RECOVERY:
            return
        before, after = fold.fold(terms, earlier), fold.fold(terms, [*earlier, last])
        if before.status in {Status.REPAID, Status.DEFAULTED}:
            # Told late, an event may come after the one that ended the loan; it is refused when it is new.
            return

        expected = lifecycle.TRANSITIONS[before.status, last.kind]

        assert after.status in {expected, Status.REPAID if expected is Status.DISBURSED else expected}


class TestInstallment:
    def test_adds_up_what_is_left(self):
        part_paid = Installment(
            number=1,
            kind="installment",
            from_date=DISBURSED_ON,
            to_date=FIRST_DUE,
            due_date=FIRST_DUE,
            due=Amounts(500, 200, 1000, 33002),
            paid=Amounts(400, 200, 1000, 2),
            waived=Amounts(90, 0, 0, 0),
            written_off=Amounts(3, 0, 0, 0),
        )

        assert part_paid.due.total == 34702
        assert part_paid.paid.total == 1602
        assert part_paid.outstanding == (7, 0, 0, 33000)
        assert not part_paid.is_settled

    def test_is_settled_when_nothing_is_left(self):
        nothing = Installment(
            number=1,
            kind="installment",
            from_date=DISBURSED_ON,
            to_date=FIRST_DUE,
            due_date=FIRST_DUE,
            due=Amounts(),
        )

        assert nothing.is_settled
