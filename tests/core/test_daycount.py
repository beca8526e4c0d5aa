from datetime import date

import pytest

from loans.core import daycount
from loans.core.dates import Frequency, PeriodUnit
from loans.core.daycount import DayCount

MONTHLY = Frequency(1, PeriodUnit.MONTH)


class TestThirty360:
    @pytest.mark.parametrize(
        ("from_date", "to_date", "days"),
        [
            (date(2024, 1, 15), date(2024, 2, 15), 30),
            (date(2024, 1, 15), date(2025, 1, 15), 360),
            (date(2024, 1, 15), date(2024, 1, 31), 16),
            (date(2024, 1, 30), date(2024, 3, 31), 60),
            (date(2024, 1, 31), date(2024, 3, 31), 60),
            (date(2024, 1, 31), date(2024, 3, 30), 60),
            (date(2024, 1, 31), date(2024, 2, 29), 29),
            (date(2024, 2, 29), date(2024, 3, 31), 30),
            (date(2023, 2, 28), date(2024, 2, 29), 360),
            (date(2024, 2, 28), date(2024, 3, 1), 3),
            (date(2023, 2, 28), date(2023, 3, 1), 1),
            (date(2024, 1, 15), date(2024, 1, 15), 0),
        ],
    )
    def test_counts_every_month_as_thirty_days(self, from_date, to_date, days):
        fraction = daycount.year_fraction(
            DayCount.THIRTY_360, from_date=from_date, to_date=to_date, frequency=MONTHLY
        )

        assert fraction == (days, 360)


class TestActual365Fixed:
    @pytest.mark.parametrize(
        ("from_date", "to_date", "days"),
        [
            (date(2024, 1, 1), date(2025, 1, 1), 366),
            (date(2023, 1, 1), date(2024, 1, 1), 365),
            (date(2024, 2, 1), date(2024, 3, 1), 29),
            (date(2024, 2, 1), date(2024, 2, 1), 0),
        ],
    )
    def test_counts_real_days_over_365(self, from_date, to_date, days):
        fraction = daycount.year_fraction(
            DayCount.ACT_365F, from_date=from_date, to_date=to_date, frequency=MONTHLY
        )

        assert fraction == (days, 365)


class TestEqualPeriods:
    @pytest.mark.parametrize(
        ("frequency", "fraction"),
        [
            (Frequency(1, PeriodUnit.MONTH), (1, 12)),
            (Frequency(3, PeriodUnit.MONTH), (3, 12)),
            (Frequency(1, PeriodUnit.WEEK), (1, 52)),
            (Frequency(2, PeriodUnit.WEEK), (2, 52)),
        ],
    )
    def test_do_not_look_at_the_dates(self, frequency, fraction):
        measured = daycount.year_fraction(
            DayCount.EQUAL_PERIODS, from_date=date(2024, 2, 1), to_date=date(2024, 3, 1), frequency=frequency
        )

        assert measured == fraction


class TestYearFraction:
    @pytest.mark.parametrize("day_count", DayCount)
    def test_never_runs_backwards(self, day_count):
        with pytest.raises(AssertionError, match="backwards"):
            daycount.year_fraction(
                day_count, from_date=date(2024, 1, 2), to_date=date(2024, 1, 1), frequency=MONTHLY
            )

    def test_stops_at_a_convention_it_does_not_know(self):
        with pytest.raises(AssertionError, match="30E/360"):
            daycount.year_fraction(
                "30E/360", from_date=date(2024, 1, 1), to_date=date(2024, 1, 2), frequency=MONTHLY
            )
