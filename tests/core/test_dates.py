from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import dates
from loans.core.dates import DateOutOfRange, Frequency, InvalidFrequency, PeriodUnit

MONTHLY = Frequency(1, PeriodUnit.MONTH)
FORTNIGHTLY = Frequency(2, PeriodUnit.WEEK)


class TestFrequency:
    @pytest.mark.parametrize(("every", "unit"), [(1, "week"), (52, "week"), (1, "month"), (12, "month")])
    def test_is_up_to_a_year(self, every, unit):
        assert Frequency(every, PeriodUnit(unit)).every == every

    @pytest.mark.parametrize(
        ("every", "unit", "limit"),
        [(0, "week", 52), (53, "week", 52), (0, "month", 12), (13, "month", 12), (-1, "month", 12)],
    )
    def test_refuses_less_than_a_unit_and_more_than_a_year(self, every, unit, limit):
        with pytest.raises(InvalidFrequency) as refused:
            Frequency(every, PeriodUnit(unit))

        assert refused.value.field == "frequency"
        assert refused.value.detail == f"A period must be 1 to {limit} {unit}s, not {every}."


class TestAddMonths:
    @pytest.mark.parametrize(
        ("day", "months", "moved"),
        [
            (date(2024, 1, 15), 1, date(2024, 2, 15)),
            (date(2024, 1, 31), 1, date(2024, 2, 29)),
            (date(2023, 1, 31), 1, date(2023, 2, 28)),
            (date(2024, 1, 31), 3, date(2024, 4, 30)),
            (date(2024, 12, 1), 1, date(2025, 1, 1)),
            (date(2024, 2, 29), 12, date(2025, 2, 28)),
            (date(2024, 2, 29), 48, date(2028, 2, 29)),
            (date(2024, 3, 31), -1, date(2024, 2, 29)),
            (date(2024, 1, 31), 0, date(2024, 1, 31)),
        ],
    )
    def test_clamps_to_the_end_of_the_month(self, day, months, moved):
        assert dates.add_months(day, months) == moved

    @pytest.mark.parametrize(("day", "months"), [(date(9999, 12, 1), 1), (date(1, 1, 1), -1)])
    def test_refuses_to_leave_the_calendar(self, day, months):
        with pytest.raises(DateOutOfRange) as refused:
            dates.add_months(day, months, field="disbursed_on")

        assert refused.value.field == "disbursed_on"


class TestDueDate:
    def test_is_counted_from_the_start(self):
        assert dates.due_date(date(2024, 1, 31), frequency=MONTHLY, number=13) == date(2025, 2, 28)

    def test_counts_weeks_as_seven_days(self):
        assert dates.due_date(date(2024, 2, 20), frequency=FORTNIGHTLY, number=1) == date(2024, 3, 5)


class TestDueDates:
    def test_keep_the_day_they_start_from_after_february(self):
        due = dates.due_dates(date(2023, 1, 31), frequency=MONTHLY, count=3)

        assert due == (date(2023, 2, 28), date(2023, 3, 31), date(2023, 4, 30))

    def test_fall_on_29_february_in_a_leap_year(self):
        due = dates.due_dates(date(2024, 1, 30), frequency=MONTHLY, count=2)

        assert due == (date(2024, 2, 29), date(2024, 3, 30))

    def test_step_by_several_months(self):
        due = dates.due_dates(date(2023, 11, 30), frequency=Frequency(3, PeriodUnit.MONTH), count=2)

        assert due == (date(2024, 2, 29), date(2024, 5, 30))

    def test_step_by_weeks(self):
        due = dates.due_dates(date(2024, 12, 20), frequency=FORTNIGHTLY, count=2)

        assert due == (date(2025, 1, 3), date(2025, 1, 17))

    @pytest.mark.parametrize("frequency", [MONTHLY, FORTNIGHTLY])
    def test_refuse_to_leave_the_calendar(self, frequency):
        with pytest.raises(DateOutOfRange) as refused:
            dates.due_dates(date(9999, 12, 25), frequency=frequency, count=1)

        assert refused.value.field == "date"

    @given(
        start=st.dates(date(1900, 1, 1), date(2200, 1, 1)),
        unit=st.sampled_from(PeriodUnit),
        every=st.integers(1, 12),
        count=st.integers(1, 120),
    )
    def test_strictly_increase(self, start, unit, every, count):
        due = dates.due_dates(start, frequency=Frequency(every, unit), count=count)

        assert all(earlier < later for earlier, later in zip((start, *due), due, strict=False))

    @given(start=st.dates(date(1900, 1, 1), date(2200, 1, 1)), count=st.integers(1, 60))
    def test_fall_on_the_starting_day_whenever_the_month_has_it(self, start, count):
        due = dates.due_dates(start, frequency=MONTHLY, count=count)

        assert all(day.day == start.day or (day.day < start.day and (day.day >= 28)) for day in due)
