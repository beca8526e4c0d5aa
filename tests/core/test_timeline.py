import itertools
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import timeline
from loans.core.daycount import DayCount
from loans.core.terms import Pause
from loans.core.timeline import Timeline
from tests.core.samples import DISBURSED_ON, FIRST_DUE, SECOND_DUE, THIRD_DUE, sample_terms

BOUNDS = [DISBURSED_ON, FIRST_DUE, SECOND_DUE, THIRD_DUE]
days = st.dates(DISBURSED_ON, date(2024, 6, 1))


def made(day_count=DayCount.EQUAL_PERIODS):
    return Timeline(sample_terms(day_count=day_count), bounds=BOUNDS, regular_start=DISBURSED_ON)


class TestFactor:
    @pytest.mark.parametrize(
        ("day_count", "factor"),
        [
            (DayCount.EQUAL_PERIODS, Fraction(1, 100)),
            (DayCount.THIRTY_360, Fraction(12 * 30, 36000)),
            (DayCount.ACT_360, Fraction(12 * 31, 36000)),
            (DayCount.ACT_365F, Fraction(12 * 31, 36500)),
            (DayCount.ACT_ACT, Fraction(12 * 31, 36600)),
        ],
    )
    def test_is_rate_times_the_part_of_a_year(self, day_count, factor):
        line = made(day_count)

        assert Fraction(line.factor(DISBURSED_ON, FIRST_DUE), line.scale) == factor
        assert Fraction(line.wholes()[0], line.scale) == factor

    def test_after_the_last_period_counts_days_over_365(self):
        line = made()

        assert Fraction(line.factor(THIRD_DUE, date(2024, 4, 25)), line.scale) == Fraction(12 * 10, 36500)

    def test_of_no_days_is_nothing(self):
        assert made().factor(FIRST_DUE, FIRST_DUE) == 0
        assert made().pieces(FIRST_DUE, DISBURSED_ON) == []

    def test_before_the_first_period_is_a_bug(self):
        with pytest.raises(AssertionError, match="2024-01-14 is before 2024-01-15"):
            made().part(date(2024, 1, 14))

    @given(day_count=st.sampled_from(DayCount), cuts=st.tuples(days, days, days))
    def test_of_parts_adds_up_to_the_whole(self, day_count, cuts):
        line = made(day_count)
        line.change_rate(date(2024, 2, 20), Fraction(24))
        line.stop(Pause(date(2024, 3, 1), date(2024, 3, 10)))
        start, middle, end = sorted(cuts)

        assert line.factor(start, middle) + line.factor(middle, end) == line.factor(start, end)
        assert line.wholes() == [line.factor(*pair) for pair in itertools.pairwise(BOUNDS)]

    def test_counts_nothing_in_a_pause_and_each_rate_for_its_days(self):
        line = made(DayCount.ACT_365F)
        line.change_rate(date(2024, 2, 1), Fraction(24))
        line.stop(Pause(date(2024, 1, 20), date(2024, 1, 25)))

        # 17 days at 12 % less five of pause, then 14 at 24 %.
        assert Fraction(line.factor(DISBURSED_ON, FIRST_DUE), line.scale) == Fraction(
            12 * 12 + 14 * 24, 36500
        )
        assert [
            (begins.day, ends.day, rate) for begins, ends, rate, _ in line.pieces(DISBURSED_ON, FIRST_DUE)
        ] == [
            (15, 20, 12 * timeline.MICRO),
            (20, 25, 0),
            (25, 1, 12 * timeline.MICRO),
            (1, 15, 24 * timeline.MICRO),
        ]


class TestMicro:
    def test_is_exact(self):
        assert timeline.micro(Fraction("12.345678")) == 12345678
        with pytest.raises(AssertionError, match="more than six decimals"):
            timeline.micro(Fraction(1, 3))


class TestWholesBetween:
    def test_lists_the_factors_of_whole_periods_and_none_between_other_days(self):
        line = Timeline(
            sample_terms(day_count=DayCount.ACT_365F),
            bounds=[date(2024, 1, 15), date(2024, 2, 15), date(2024, 3, 15), date(2024, 4, 15)],
        )

        # 12 % is 12,000,000 millionths, for 29 and 31 days.
        assert line.wholes_between(date(2024, 2, 15), date(2024, 4, 15)) == [348_000_000, 372_000_000]
        assert line.wholes_between(date(2024, 2, 16), date(2024, 4, 15)) == []
        assert line.wholes_between(date(2024, 2, 15), date(2024, 5, 15)) == []
