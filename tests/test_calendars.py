"""Holiday calendars: weekends and public holidays by country, checked against days set by law."""

from datetime import date

import pytest

from loans import calendars
from loans.calendars import UnknownCalendar
from loans.core import business_days
from loans.core.business_days import Convention


class TestCodes:
    @pytest.mark.parametrize("code", ["KE", "US", "US-NY", "GB-SCT", "DE-BY", "AE", "NG"])
    def test_are_countries_and_their_subdivisions(self, code):
        assert code in calendars.codes()

    @pytest.mark.parametrize("code", ["UK", "KEN", "XX", "NYSE", "XNYS", "US-", "DE-Augsburg"])
    def test_are_none_but_those_of_iso_3166(self, code):
        assert code not in calendars.codes()

    def test_are_sorted_and_different(self):
        codes = calendars.codes()

        assert list(codes) == sorted(set(codes))


class TestResolve:
    @pytest.mark.parametrize(
        "day",
        [
            date(2024, 1, 1),
            date(2024, 3, 29),  # Good Friday
            date(2024, 4, 1),  # Easter Monday
            date(2024, 5, 1),
            date(2024, 6, 1),  # Madaraka Day
            date(2024, 12, 12),  # Jamhuri Day
            date(2024, 12, 25),
            date(2024, 12, 26),
        ],
    )
    def test_knows_the_holidays_that_kenyan_law_sets(self, day):
        kenya = calendars.resolve("KE", first_year=2024, last_year=2024)

        assert day in kenya.days

    def test_knows_what_a_subdivision_adds(self):
        country = calendars.resolve("US", first_year=2024, last_year=2024)
        new_york = calendars.resolve("US-NY", first_year=2024, last_year=2024)

        # Lincoln's Birthday is a public holiday of the state alone.
        assert date(2024, 2, 12) in new_york.days
        assert date(2024, 2, 12) not in country.days

    def test_has_a_moved_holiday_on_both_days(self):
        # 4 July 2026 is a Saturday; federal offices close on the Friday before (5 U.S.C. 6103).
        country = calendars.resolve("US", first_year=2026, last_year=2026)

        assert {date(2026, 7, 3), date(2026, 7, 4)} <= country.days

    def test_covers_every_year_it_is_asked_for_and_no_other(self):
        kenya = calendars.resolve("KE", first_year=2024, last_year=2026)

        assert {day.year for day in kenya.days} == {2024, 2025, 2026}

    @pytest.mark.parametrize(
        ("code", "weekend"),
        [("KE", {5, 6}), ("EG", {4, 5}), ("HK", {6}), ("IR", {4})],
    )
    def test_takes_the_weekend_from_the_country(self, code, weekend):
        assert calendars.resolve(code, first_year=2024, last_year=2024).weekend == weekend

    def test_follows_a_weekend_that_moved(self):
        # The Emirates moved their weekend from Friday and Saturday to Saturday and Sunday on 1 January 2022.
        emirates = calendars.resolve("AE", first_year=2021, last_year=2022)

        sunday_before, friday_before = date(2021, 12, 26), date(2021, 12, 24)
        sunday_after, friday_after = date(2022, 1, 9), date(2022, 1, 7)
        off = [
            not business_days.is_business_day(day, holidays=emirates)
            for day in (friday_before, sunday_before, friday_after, sunday_after)
        ]
        assert emirates.weekend == {5}
        assert off == [True, False, False, True]

    def test_moves_due_dates(self):
        kenya = calendars.resolve("KE", first_year=2024, last_year=2024)

        moved = business_days.adjust(date(2024, 3, 29), convention=Convention.FOLLOWING, holidays=kenya)

        assert moved == date(2024, 4, 2)

    @pytest.mark.parametrize("code", ["", "ke", "XX", "KE-99", "US-", "date", "country_holidays", "NYSE"])
    def test_refuses_codes_it_does_not_know(self, code):
        with pytest.raises(UnknownCalendar) as refused:
            calendars.resolve(code, first_year=2024, last_year=2024)

        assert refused.value.field == "holiday_calendar"

    @pytest.mark.parametrize(("first_year", "last_year"), [(2025, 2024), (2000, 2101)])
    def test_spans_neither_less_than_nothing_nor_more_than_a_century(self, first_year, last_year):
        with pytest.raises(AssertionError, match="0 to 100 years"):
            calendars.resolve("KE", first_year=first_year, last_year=last_year)
