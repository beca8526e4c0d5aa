"""Periods counted back from a date: where a regular first period begins, and how many fit between two dates."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import dates
from loans.core.dates import DateOutOfRange, Frequency, InvalidDueDates, PeriodUnit

DAILY = Frequency(1, PeriodUnit.DAY)
WEEKLY = Frequency(1, PeriodUnit.WEEK)
FORTNIGHTLY = Frequency(2, PeriodUnit.WEEK)
MONTHLY = Frequency(1, PeriodUnit.MONTH)
QUARTERLY = Frequency(3, PeriodUnit.MONTH)
YEARLY = Frequency(1, PeriodUnit.YEAR)
HALF_MONTHLY = Frequency(1, PeriodUnit.SEMI_MONTH)
FIVE_HALF_MONTHS = Frequency(5, PeriodUnit.SEMI_MONTH)

starts = st.dates(date(1890, 1, 1), date(2210, 1, 1))
frequencies_with_due_day = st.sampled_from([MONTHLY, QUARTERLY, YEARLY, HALF_MONTHLY, FIVE_HALF_MONTHS])


class TestPeriodStart:
    @pytest.mark.parametrize(
        ("first_due", "frequency", "due_day", "start"),
        [
            (date(2024, 3, 15), MONTHLY, None, date(2024, 2, 15)),
            (date(2024, 3, 31), MONTHLY, None, date(2024, 2, 29)),
            (date(2024, 2, 29), MONTHLY, None, date(2024, 1, 29)),
            (date(2024, 2, 29), MONTHLY, 31, date(2024, 1, 31)),
            (date(2024, 2, 20), MONTHLY, 15, date(2024, 1, 20)),
            (date(2024, 2, 29), QUARTERLY, 30, date(2023, 11, 30)),
            (date(2024, 2, 29), YEARLY, None, date(2023, 2, 28)),
            (date(2024, 3, 5), FORTNIGHTLY, None, date(2024, 2, 20)),
            (date(2024, 3, 1), DAILY, None, date(2024, 2, 29)),
            (date(2024, 3, 5), WEEKLY, 31, date(2024, 2, 27)),
            (date(2024, 3, 15), HALF_MONTHLY, None, date(2024, 2, 29)),
            (date(2024, 3, 15), HALF_MONTHLY, 31, date(2024, 2, 29)),
            (date(2024, 2, 15), HALF_MONTHLY, 31, date(2024, 1, 31)),
            (date(2024, 2, 29), HALF_MONTHLY, 31, date(2024, 2, 15)),
            (date(2024, 2, 10), HALF_MONTHLY, 31, date(2024, 1, 25)),
        ],
    )
    def test_is_one_period_before(self, first_due, frequency, due_day, start):
        assert dates.period_start(first_due, frequency=frequency, due_day=due_day) == start

    def test_refuses_a_day_that_no_month_has(self):
        with pytest.raises(InvalidDueDates) as refused:
            dates.period_start(date(2024, 1, 10), frequency=MONTHLY, due_day=32)

        assert refused.value.field == "due_day"

    @pytest.mark.parametrize("frequency", [DAILY, WEEKLY, MONTHLY, YEARLY, HALF_MONTHLY])
    def test_refuses_to_leave_the_calendar(self, frequency):
        with pytest.raises(DateOutOfRange) as refused:
            dates.period_start(date(1, 1, 1), frequency=frequency, field="first_due_date")

        assert refused.value.field == "first_due_date"

    @given(start=starts, frequency=frequencies_with_due_day, due_day=st.integers(1, 31))
    def test_leads_back_through_the_due_dates(self, start, frequency, due_day):
        due = dates.due_dates(start, frequency=frequency, count=30, due_day=due_day)

        begins = [dates.period_start(day, frequency=frequency, due_day=due_day) for day in due]

        assert begins[1:] == list(due[:-1])


class TestWholePeriodsBack:
    @pytest.mark.parametrize(
        ("from_date", "to_date", "frequency", "due_day", "counted"),
        [
            (date(2024, 1, 15), date(2024, 3, 15), MONTHLY, None, (2, date(2024, 1, 15))),
            (date(2024, 1, 16), date(2024, 3, 15), MONTHLY, None, (1, date(2024, 2, 15))),
            (date(2024, 1, 14), date(2024, 3, 15), MONTHLY, None, (2, date(2024, 1, 15))),
            (date(2024, 1, 31), date(2024, 2, 29), MONTHLY, None, (0, date(2024, 2, 29))),
            (date(2024, 1, 31), date(2024, 2, 29), MONTHLY, 31, (1, date(2024, 1, 31))),
            (date(2024, 1, 15), date(2024, 6, 15), QUARTERLY, None, (1, date(2024, 3, 15))),
            (date(2022, 2, 28), date(2024, 2, 29), YEARLY, None, (2, date(2022, 2, 28))),
            (date(2024, 1, 1), date(2024, 1, 20), WEEKLY, None, (2, date(2024, 1, 6))),
            (date(2024, 1, 1), date(2024, 1, 20), DAILY, None, (19, date(2024, 1, 1))),
            (date(2024, 1, 5), date(2024, 2, 25), HALF_MONTHLY, None, (3, date(2024, 1, 10))),
            (date(2024, 1, 15), date(2024, 2, 29), HALF_MONTHLY, 31, (3, date(2024, 1, 15))),
            (date(2024, 1, 16), date(2024, 2, 29), HALF_MONTHLY, 31, (2, date(2024, 1, 31))),
            (date(2024, 1, 15), date(2024, 1, 15), MONTHLY, None, (0, date(2024, 1, 15))),
        ],
    )
    def test_stop_at_the_earlier_date(self, from_date, to_date, frequency, due_day, counted):
        found = dates.whole_periods_back(to_date, from_date=from_date, frequency=frequency, due_day=due_day)

        assert found == counted

    def test_never_run_forward(self):
        with pytest.raises(AssertionError, match="counted back"):
            dates.whole_periods_back(date(2024, 1, 1), from_date=date(2024, 1, 2), frequency=MONTHLY)

    @given(
        start=starts,
        frequency=frequencies_with_due_day,
        due_day=st.integers(1, 31),
        days=st.integers(0, 1500),
    )
    def test_are_as_many_as_single_steps_back(self, start, frequency, due_day, days):
        to_date = dates.due_date(start, frequency=frequency, number=1, due_day=due_day)
        from_date = to_date - timedelta(days=days)

        counted = dates.whole_periods_back(to_date, from_date=from_date, frequency=frequency, due_day=due_day)

        steps, reached = 0, to_date
        while (earlier := dates.period_start(reached, frequency=frequency, due_day=due_day)) >= from_date:
            steps, reached = steps + 1, earlier
        assert counted == (steps, reached)
