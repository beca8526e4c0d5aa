import calendar
import json
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import dates
from loans.core.dates import (
    PERIODS_PER_YEAR,
    DateOutOfRange,
    Frequency,
    InvalidDueDates,
    InvalidFrequency,
    PeriodUnit,
)

PUBLISHED = {
    case["id"]: case
    for case in json.loads((Path(__file__).parents[1] / "data" / "schedule_dates.json").read_text())["cases"]
}
DAILY = Frequency(1, PeriodUnit.DAY)
WEEKLY = Frequency(1, PeriodUnit.WEEK)
FORTNIGHTLY = Frequency(2, PeriodUnit.WEEK)
MONTHLY = Frequency(1, PeriodUnit.MONTH)
QUARTERLY = Frequency(3, PeriodUnit.MONTH)
YEARLY = Frequency(1, PeriodUnit.YEAR)
HALF_MONTHLY = Frequency(1, PeriodUnit.SEMI_MONTH)

starts = st.dates(date(1890, 1, 1), date(2210, 1, 1))
due_days = st.none() | st.integers(1, 31)
units_with_due_day = st.sampled_from([PeriodUnit.MONTH, PeriodUnit.YEAR, PeriodUnit.SEMI_MONTH])


def frequencies(units=None):
    """Draw any period that is allowed."""
    units = st.sampled_from(PeriodUnit) if units is None else units
    return units.flatmap(
        lambda unit: st.integers(1, PERIODS_PER_YEAR[unit]).map(lambda every: Frequency(every, unit))
    )


def day_of_month(year, month, day):
    """Find a day of a month as plainly as can be."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


class TestPublishedCases:
    def test_move_by_months_like_edate(self):
        case = PUBLISHED["edate-5"]
        inputs = case["inputs"]

        moved = dates.due_date(date.fromisoformat(inputs["date"]), frequency=MONTHLY, number=inputs["months"])

        assert moved.isoformat() == case["expected"]["date"]

    def test_keep_the_day_of_the_anchor(self):
        case = PUBLISHED["monthly-anchor-3"]
        inputs = case["inputs"]

        due = dates.due_dates(
            date.fromisoformat(inputs["start"]),
            frequency=Frequency(inputs["every_months"], PeriodUnit.MONTH),
            count=inputs["n"],
        )

        assert [day.isoformat() for day in due] == case["expected"]["dates"]

    def test_are_all_used_but_the_flag_that_rolls_to_the_end_of_the_month(self):
        kinds = {case_id: case["inputs"]["kind"] for case_id, case in PUBLISHED.items()}

        unused = {
            case_id
            for case_id, kind in kinds.items()
            # Business days are tested beside the module that knows them.
            if kind not in {"add_months_clamped", "monthly_schedule_anchor_day", "business_day_adjustment"}
        }
        assert unused == {"eom-roll-3"}


class TestFrequency:
    @pytest.mark.parametrize(
        ("every", "unit"),
        [
            (1, "day"),
            (366, "day"),
            (1, "week"),
            (52, "week"),
            (1, "month"),
            (12, "month"),
            (1, "year"),
            (1, "semi_month"),
            (24, "semi_month"),
        ],
    )
    def test_is_up_to_a_year(self, every, unit):
        assert Frequency(every, PeriodUnit(unit)).every == every

    @pytest.mark.parametrize(
        ("every", "unit", "limit"),
        [
            (0, "day", 366),
            (367, "day", 366),
            (0, "week", 52),
            (53, "week", 52),
            (0, "month", 12),
            (13, "month", 12),
            (-1, "month", 12),
            (2, "year", 1),
            (25, "semi_month", 24),
        ],
    )
    def test_refuses_less_than_a_unit_and_more_than_a_year(self, every, unit, limit):
        with pytest.raises(InvalidFrequency) as refused:
            Frequency(every, PeriodUnit(unit))

        assert refused.value.field == "frequency"
        assert refused.value.detail == f"A period must be 1 to {limit} {unit}s, not {every}."


class TestMonthLength:
    @pytest.mark.parametrize(
        ("year", "month", "length"),
        [
            (2023, 1, 31),
            (2023, 2, 28),
            (2024, 2, 29),
            (1900, 2, 28),
            (2000, 2, 29),
            (2100, 2, 28),
            (9999, 12, 31),
            (1, 4, 30),
        ],
    )
    def test_follows_the_gregorian_calendar(self, year, month, length):
        assert dates.month_length(year, month) == length


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
        assert dates.due_date(day, frequency=MONTHLY, number=months) == moved

    @pytest.mark.parametrize(("day", "months"), [(date(9999, 12, 1), 1), (date(1, 1, 1), -1)])
    def test_refuses_to_leave_the_calendar(self, day, months):
        with pytest.raises(DateOutOfRange) as refused:
            dates.due_date(day, frequency=MONTHLY, number=months, field="disbursed_on")

        assert refused.value.field == "disbursed_on"


class TestDueDate:
    @pytest.mark.parametrize(
        ("frequency", "number", "due"),
        [
            (MONTHLY, 13, date(2025, 2, 28)),
            (QUARTERLY, 1, date(2024, 4, 30)),
            (YEARLY, 2, date(2026, 1, 31)),
            (FORTNIGHTLY, 1, date(2024, 2, 14)),
            (Frequency(10, PeriodUnit.DAY), 3, date(2024, 3, 1)),
            (HALF_MONTHLY, 3, date(2024, 3, 15)),
        ],
    )
    def test_is_counted_from_the_start(self, frequency, number, due):
        assert dates.due_date(date(2024, 1, 31), frequency=frequency, number=number) == due

    def test_keeps_to_the_due_day(self):
        assert dates.due_date(date(2024, 1, 10), frequency=MONTHLY, number=1, due_day=31) == date(2024, 2, 29)

    @given(
        start=starts, frequency=frequencies(units_with_due_day), due_day=due_days, number=st.integers(1, 30)
    )
    def test_is_one_of_the_due_dates(self, start, frequency, due_day, number):
        due = dates.due_dates(start, frequency=frequency, count=30, due_day=due_day)

        one = dates.due_date(start, frequency=frequency, number=number, due_day=due_day)

        assert one == due[number - 1]


class TestDueDates:
    def test_keep_the_day_they_start_from_after_february(self):
        due = dates.due_dates(date(2023, 1, 31), frequency=MONTHLY, count=3)

        assert due == (date(2023, 2, 28), date(2023, 3, 31), date(2023, 4, 30))

    def test_fall_on_29_february_in_a_leap_year(self):
        due = dates.due_dates(date(2024, 1, 30), frequency=MONTHLY, count=2)

        assert due == (date(2024, 2, 29), date(2024, 3, 30))

    def test_step_by_several_months(self):
        due = dates.due_dates(date(2023, 11, 30), frequency=QUARTERLY, count=2)

        assert due == (date(2024, 2, 29), date(2024, 5, 30))

    def test_step_by_years_and_come_back_to_the_leap_day(self):
        due = dates.due_dates(date(2024, 2, 29), frequency=YEARLY, count=4)

        assert due == (date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29))

    def test_go_on_where_the_table_of_months_begins_and_ends(self):
        into = dates.due_dates(date(1969, 11, 30), frequency=MONTHLY, count=3)
        out = dates.due_dates(date(2099, 10, 31), frequency=MONTHLY, count=4)
        up_to = dates.due_dates(date(2099, 9, 30), frequency=QUARTERLY, count=1)

        assert into == (date(1969, 12, 30), date(1970, 1, 30), date(1970, 2, 28))
        assert out == (date(2099, 11, 30), date(2099, 12, 31), date(2100, 1, 31), date(2100, 2, 28))
        assert up_to == (date(2099, 12, 30),)

    def test_step_by_weeks(self):
        due = dates.due_dates(date(2024, 12, 20), frequency=FORTNIGHTLY, count=2)

        assert due == (date(2025, 1, 3), date(2025, 1, 17))

    def test_step_by_days(self):
        due = dates.due_dates(date(2024, 2, 27), frequency=DAILY, count=3)

        assert due == (date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1))

    @pytest.mark.parametrize("frequency", [DAILY, WEEKLY, MONTHLY, YEARLY, HALF_MONTHLY])
    def test_refuse_to_leave_the_calendar(self, frequency):
        with pytest.raises(DateOutOfRange) as refused:
            dates.due_dates(date(9999, 12, 31), frequency=frequency, count=1)

        assert refused.value.field == "date"

    @given(
        start=starts,
        frequency=frequencies(),
        count=st.integers(1, 120),
        first_due=st.none() | st.integers(1, 80),
    )
    def test_strictly_increase(self, start, frequency, count, first_due):
        first_due_date = None if first_due is None else start + timedelta(days=first_due)

        due = dates.due_dates(start, frequency=frequency, count=count, first_due_date=first_due_date)

        assert len(due) == count
        assert all(earlier < later for earlier, later in pairwise((start, *due)))

    @given(start=starts, every=st.integers(1, 12), count=st.integers(1, 40), due_day=due_days)
    def test_fall_on_the_day_in_each_month_whatever_its_length(self, start, every, count, due_day):
        due = dates.due_dates(
            start, frequency=Frequency(every, PeriodUnit.MONTH), count=count, due_day=due_day
        )

        year, month = start.year, start.month
        for day in due:
            for _ in range(every):
                year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            assert day == day_of_month(year, month, due_day or start.day)


class TestDueDatesOnADueDay:
    def test_clamp_it_to_the_end_of_the_month(self):
        due = dates.due_dates(date(2024, 1, 10), frequency=MONTHLY, count=3, due_day=31)

        assert due == (date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30))

    def test_may_come_before_the_day_of_the_start(self):
        due = dates.due_dates(date(2024, 1, 31), frequency=MONTHLY, count=2, due_day=1)

        assert due == (date(2024, 2, 1), date(2024, 3, 1))

    def test_keep_to_it_every_year(self):
        due = dates.due_dates(date(2024, 2, 10), frequency=YEARLY, count=4, due_day=30)

        assert due == (date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29))

    @pytest.mark.parametrize("due_day", [0, 32, -1])
    @pytest.mark.parametrize("frequency", [MONTHLY, YEARLY, HALF_MONTHLY])
    def test_refuse_a_day_that_no_month_has(self, frequency, due_day):
        with pytest.raises(InvalidDueDates) as refused:
            dates.due_dates(date(2024, 1, 10), frequency=frequency, count=1, due_day=due_day)

        assert refused.value.field == "due_day"
        assert refused.value.detail == f"due_day must be 1 to 31, not {due_day}."

    @pytest.mark.parametrize(("frequency", "unit"), [(DAILY, "day"), (WEEKLY, "week")])
    def test_refuse_it_where_periods_are_not_months(self, frequency, unit):
        with pytest.raises(InvalidDueDates) as refused:
            dates.due_dates(date(2024, 1, 10), frequency=frequency, count=1, due_day=10)

        assert refused.value.field == "due_day"
        assert refused.value.detail == f"Periods in {unit}s have no due day of the month."


class TestDueDatesFromAFirstDueDate:
    @pytest.mark.parametrize(
        ("frequency", "first_due_date", "due_day", "due"),
        [
            (MONTHLY, date(2024, 3, 31), None, (date(2024, 3, 31), date(2024, 4, 30), date(2024, 5, 31))),
            (MONTHLY, date(2024, 2, 29), None, (date(2024, 2, 29), date(2024, 3, 29), date(2024, 4, 29))),
            (MONTHLY, date(2024, 2, 29), 31, (date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30))),
            (MONTHLY, date(2024, 2, 20), 5, (date(2024, 2, 20), date(2024, 3, 5), date(2024, 4, 5))),
            (QUARTERLY, date(2024, 2, 1), None, (date(2024, 2, 1), date(2024, 5, 1), date(2024, 8, 1))),
            (YEARLY, date(2024, 6, 30), None, (date(2024, 6, 30), date(2025, 6, 30), date(2026, 6, 30))),
            (WEEKLY, date(2024, 1, 12), None, (date(2024, 1, 12), date(2024, 1, 19), date(2024, 1, 26))),
            (DAILY, date(2024, 1, 12), None, (date(2024, 1, 12), date(2024, 1, 13), date(2024, 1, 14))),
        ],
    )
    def test_count_on_from_it(self, frequency, first_due_date, due_day, due):
        listed = dates.due_dates(
            date(2024, 1, 10), frequency=frequency, count=3, first_due_date=first_due_date, due_day=due_day
        )

        assert listed == due

    def test_may_be_that_one_alone(self):
        due = dates.due_dates(date(2024, 1, 10), frequency=MONTHLY, count=1, first_due_date=date(2024, 1, 11))

        assert due == (date(2024, 1, 11),)

    @pytest.mark.parametrize("first_due_date", [date(2024, 1, 10), date(2024, 1, 9)])
    def test_refuse_one_that_is_not_after_the_start(self, first_due_date):
        with pytest.raises(InvalidDueDates) as refused:
            dates.due_dates(date(2024, 1, 10), frequency=MONTHLY, count=1, first_due_date=first_due_date)

        assert refused.value.field == "first_due_date"
        assert refused.value.detail == (
            f"The first due date must be after 2024-01-10, when the loan starts, not {first_due_date}."
        )


class TestHalfMonths:
    @pytest.mark.parametrize(
        ("start", "due_day", "due"),
        [
            (date(2024, 1, 1), None, [(1, 16), (2, 1), (2, 16), (3, 1)]),
            (date(2024, 1, 15), None, [(1, 30), (2, 15), (2, 29), (3, 15)]),
            (date(2024, 1, 16), None, [(2, 1), (2, 16), (3, 1), (3, 16)]),
            (date(2024, 1, 31), None, [(2, 15), (2, 29), (3, 15), (3, 31)]),
            (date(2024, 1, 30), None, [(2, 15), (2, 29), (3, 15), (3, 30)]),
            (date(2024, 1, 3), 5, [(1, 5), (1, 20), (2, 5), (2, 20)]),
            (date(2024, 1, 5), 5, [(1, 20), (2, 5), (2, 20), (3, 5)]),
            (date(2024, 1, 20), 5, [(2, 5), (2, 20), (3, 5), (3, 20)]),
            (date(2024, 2, 29), 31, [(3, 15), (3, 31), (4, 15), (4, 30)]),
        ],
    )
    def test_end_on_two_days_of_each_month(self, start, due_day, due):
        listed = dates.due_dates(start, frequency=HALF_MONTHLY, count=4, due_day=due_day)

        assert listed == tuple(date(2024, month, day) for month, day in due)

    @pytest.mark.parametrize(
        ("first_due_date", "due_day", "due"),
        [
            (date(2024, 1, 25), None, [(1, 25), (2, 10), (2, 25), (3, 10)]),
            (date(2024, 1, 31), 31, [(1, 31), (2, 15), (2, 29), (3, 15)]),
            (date(2024, 1, 20), 31, [(1, 20), (1, 31), (2, 15), (2, 29)]),
            (date(2024, 2, 29), 31, [(2, 29), (3, 15), (3, 31), (4, 15)]),
        ],
    )
    def test_go_on_from_the_first_due_date(self, first_due_date, due_day, due):
        listed = dates.due_dates(
            date(2024, 1, 10), frequency=HALF_MONTHLY, count=4, first_due_date=first_due_date, due_day=due_day
        )

        assert listed == tuple(date(2024, month, day) for month, day in due)

    def test_step_by_several(self):
        due = dates.due_dates(date(2024, 1, 1), frequency=Frequency(3, PeriodUnit.SEMI_MONTH), count=3)

        assert due == (date(2024, 2, 16), date(2024, 4, 1), date(2024, 5, 16))
