import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loans.core import business_days
from loans.core.business_days import Convention, Holidays, NoBusinessDay

CASES = json.loads((Path(__file__).parents[1] / "data" / "schedule_dates.json").read_text())["cases"]
ADJUSTMENTS = [case for case in CASES if case["inputs"]["kind"] == "business_day_adjustment"]
PUBLISHED_NAMES = {
    "NO_ADJUST": Convention.UNADJUSTED,
    "FOLLOWING": Convention.FOLLOWING,
    "MODIFIED_FOLLOWING": Convention.MODIFIED_FOLLOWING,
    "PRECEDING": Convention.PRECEDING,
    "MODIFIED_PRECEDING": Convention.MODIFIED_PRECEDING,
}
SATURDAY_SUNDAY = Holidays(weekend=frozenset({5, 6}), days=frozenset())
# Good Friday and Easter Monday of 2024, on either side of a weekend that holds the end of March.
EASTER = Holidays(weekend=frozenset({5, 6}), days=frozenset({date(2024, 3, 29), date(2024, 4, 1)}))
FRIDAY_SATURDAY = Holidays(weekend=frozenset({4, 5}), days=frozenset())
MODIFIED = [Convention.MODIFIED_FOLLOWING, Convention.MODIFIED_PRECEDING]

days = st.dates(date(2020, 1, 1), date(2030, 12, 31))


@st.composite
def days_and_holidays(draw):
    """Draw a date and a calendar with holidays around it."""
    day = draw(days)
    weekend = draw(st.frozensets(st.integers(0, 6), max_size=4))
    offsets = draw(st.frozensets(st.integers(-12, 12)))
    return day, Holidays(weekend=weekend, days=frozenset(day + timedelta(days=each) for each in offsets))


def closed(first, last):
    """Make a calendar whose only holidays are all the days from one through another."""
    return Holidays(
        weekend=frozenset(),
        days=frozenset(first + timedelta(days=number) for number in range((last - first).days + 1)),
    )


class TestIsBusinessDay:
    @pytest.mark.parametrize(
        ("day", "is_open"),
        [
            (date(2024, 3, 28), True),
            (date(2024, 3, 29), False),
            (date(2024, 3, 30), False),
            (date(2024, 3, 31), False),
            (date(2024, 4, 1), False),
            (date(2024, 4, 2), True),
        ],
    )
    def test_is_neither_weekend_nor_holiday(self, day, is_open):
        assert business_days.is_business_day(day, holidays=EASTER) is is_open


class TestAdjust:
    @pytest.mark.parametrize("case", ADJUSTMENTS, ids=lambda case: case["id"])
    def test_matches_what_is_published(self, case):
        inputs = case["inputs"]
        assert (inputs["weekend"], inputs["holidays"]) == ("SAT,SUN", [])

        adjusted = business_days.adjust(
            date.fromisoformat(inputs["date"]),
            convention=PUBLISHED_NAMES[inputs["convention"]],
            holidays=SATURDAY_SUNDAY,
        )

        assert adjusted.isoformat() == case["expected"]["date"]

    def test_is_held_to_eight_published_cases(self):
        assert len(ADJUSTMENTS) == 8

    @pytest.mark.parametrize(
        ("convention", "adjusted"),
        [
            (Convention.UNADJUSTED, date(2024, 3, 30)),
            (Convention.FOLLOWING, date(2024, 4, 2)),
            (Convention.MODIFIED_FOLLOWING, date(2024, 3, 28)),
            (Convention.PRECEDING, date(2024, 3, 28)),
            (Convention.MODIFIED_PRECEDING, date(2024, 3, 28)),
        ],
    )
    def test_goes_round_easter_at_the_end_of_march(self, convention, adjusted):
        assert business_days.adjust(date(2024, 3, 30), convention=convention, holidays=EASTER) == adjusted

    @pytest.mark.parametrize(
        ("convention", "adjusted"),
        [
            (Convention.UNADJUSTED, date(2024, 4, 1)),
            (Convention.FOLLOWING, date(2024, 4, 2)),
            (Convention.MODIFIED_FOLLOWING, date(2024, 4, 2)),
            (Convention.PRECEDING, date(2024, 3, 28)),
            (Convention.MODIFIED_PRECEDING, date(2024, 4, 2)),
        ],
    )
    def test_goes_round_easter_at_the_start_of_april(self, convention, adjusted):
        assert business_days.adjust(date(2024, 4, 1), convention=convention, holidays=EASTER) == adjusted

    @pytest.mark.parametrize(
        ("day", "adjusted"), [(date(2024, 6, 7), date(2024, 6, 9)), (date(2024, 6, 9), date(2024, 6, 9))]
    )
    def test_knows_weekends_of_friday_and_saturday(self, day, adjusted):
        moved = business_days.adjust(day, convention=Convention.FOLLOWING, holidays=FRIDAY_SATURDAY)

        assert moved == adjusted

    def test_searches_thirty_one_days(self):
        month_off = closed(date(2024, 7, 1), date(2024, 7, 31))

        following = business_days.adjust(
            date(2024, 7, 1), convention=Convention.FOLLOWING, holidays=month_off
        )
        preceding = business_days.adjust(
            date(2024, 7, 31), convention=Convention.PRECEDING, holidays=month_off
        )

        assert (following, preceding) == (date(2024, 8, 1), date(2024, 6, 30))

    @pytest.mark.parametrize(
        ("convention", "day", "holidays"),
        [
            (Convention.FOLLOWING, date(2024, 7, 1), closed(date(2024, 7, 1), date(2024, 8, 1))),
            (Convention.PRECEDING, date(2024, 7, 31), closed(date(2024, 6, 30), date(2024, 7, 31))),
            (Convention.MODIFIED_FOLLOWING, date(2024, 7, 9), closed(date(2024, 7, 1), date(2024, 7, 31))),
            (Convention.MODIFIED_PRECEDING, date(2024, 7, 9), closed(date(2024, 7, 1), date(2024, 7, 31))),
            (Convention.FOLLOWING, date(2024, 7, 1), Holidays(frozenset(range(7)), frozenset())),
            (Convention.FOLLOWING, date(9999, 12, 31), closed(date(9999, 12, 31), date(9999, 12, 31))),
            (Convention.PRECEDING, date(1, 1, 1), closed(date(1, 1, 1), date(1, 1, 1))),
        ],
    )
    def test_refuses_where_no_business_day_is_near(self, convention, day, holidays):
        with pytest.raises(NoBusinessDay) as refused:
            business_days.adjust(day, convention=convention, holidays=holidays)

        assert refused.value.field == "holiday_calendar"
        assert refused.value.detail == (
            f"The holiday calendar has no business day to which {day} could move by {convention}."
        )

    @given(drawn=days_and_holidays(), convention=st.sampled_from(Convention))
    def test_moves_to_a_business_day_and_stays_there(self, drawn, convention):
        day, holidays = drawn
        try:
            moved = business_days.adjust(day, convention=convention, holidays=holidays)
        except NoBusinessDay:
            assume(False)

        is_open = business_days.is_business_day(moved, holidays=holidays)
        again = business_days.adjust(moved, convention=convention, holidays=holidays)

        assert is_open or convention is Convention.UNADJUSTED
        assert again == moved

    @given(drawn=days_and_holidays(), convention=st.sampled_from(MODIFIED))
    def test_never_leaves_the_month_when_modified(self, drawn, convention):
        day, holidays = drawn
        try:
            moved = business_days.adjust(day, convention=convention, holidays=holidays)
        except NoBusinessDay:
            assume(False)

        assert (moved.year, moved.month) == (day.year, day.month)

    @given(drawn=days_and_holidays())
    def test_passes_no_business_day_on_the_way(self, drawn):
        day, holidays = drawn

        following = business_days.adjust(day, convention=Convention.FOLLOWING, holidays=holidays)
        preceding = business_days.adjust(day, convention=Convention.PRECEDING, holidays=holidays)

        passed = {preceding + timedelta(days=number) for number in range(1, (following - preceding).days)}
        assert preceding <= day <= following
        assert not any(business_days.is_business_day(each, holidays=holidays) for each in passed)
