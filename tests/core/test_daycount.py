import json
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loans.core import dates, daycount
from loans.core.dates import Frequency, InvalidDueDates, PeriodUnit
from loans.core.daycount import DayCount

CASES = json.loads((Path(__file__).parents[1] / "data" / "day_counts.json").read_text())["cases"]
OURS = {
    "30/360 US": DayCount.THIRTY_360,
    "30E/360": DayCount.THIRTY_E_360,
    "ACT/360": DayCount.ACT_360,
    "ACT/365F": DayCount.ACT_365F,
    "ACT/ACT ISDA": DayCount.ACT_ACT,
}
# The bond basis does not treat the end of February as a 30th; the ISDA variant of 30E/360 does so always, except
# on the termination date, which a day count would have to know.
NOT_OURS = {"30/360 BOND_BASIS", "30E/360 ISDA"}
MONTHLY = Frequency(1, PeriodUnit.MONTH)
QUARTERLY = Frequency(3, PeriodUnit.MONTH)

days = st.dates(date(1890, 1, 1), date(2210, 1, 1))


class TestPublishedCases:
    @pytest.mark.parametrize(
        "case",
        [case for case in CASES if case["inputs"]["convention"] in OURS],
        ids=lambda case: case["id"],
    )
    def test_match(self, case):
        inputs, expected = case["inputs"], case["expected"]

        numerator, denominator = daycount.year_fraction(
            OURS[inputs["convention"]],
            from_date=date.fromisoformat(inputs["start"]),
            to_date=date.fromisoformat(inputs["end"]),
        )

        if "days" in expected:
            assert (numerator, denominator) == (expected["days"], 360)
        else:
            tolerance = Fraction(case["tolerance"]["year_fraction"])
            assert abs(Fraction(numerator, denominator) - Fraction(expected["year_fraction"])) <= tolerance

    def test_are_all_used_but_two_conventions(self):
        conventions = {case["inputs"]["convention"] for case in CASES}

        assert conventions == OURS.keys() | NOT_OURS


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


class TestThirtyE360:
    @pytest.mark.parametrize(
        ("from_date", "to_date", "days"),
        [
            (date(2024, 1, 15), date(2024, 2, 15), 30),
            (date(2024, 1, 15), date(2024, 1, 31), 15),
            (date(2024, 1, 31), date(2024, 3, 31), 60),
            (date(2024, 1, 31), date(2024, 2, 29), 29),
            (date(2024, 2, 29), date(2024, 3, 31), 31),
            (date(2023, 2, 28), date(2024, 2, 29), 361),
            (date(2024, 1, 30), date(2024, 1, 31), 0),
            (date(2024, 1, 31), date(2024, 1, 31), 0),
        ],
    )
    def test_has_no_31st_and_leaves_february_as_it_is(self, from_date, to_date, days):
        fraction = daycount.year_fraction(DayCount.THIRTY_E_360, from_date=from_date, to_date=to_date)

        assert fraction == (days, 360)


class TestActual360:
    @pytest.mark.parametrize(
        ("from_date", "to_date", "days"),
        [
            (date(2024, 1, 1), date(2025, 1, 1), 366),
            (date(2023, 1, 1), date(2024, 1, 1), 365),
            (date(2024, 1, 29), date(2024, 2, 12), 14),
            (date(2024, 2, 1), date(2024, 2, 1), 0),
        ],
    )
    def test_counts_real_days_over_360(self, from_date, to_date, days):
        fraction = daycount.year_fraction(DayCount.ACT_360, from_date=from_date, to_date=to_date)

        assert fraction == (days, 360)


class TestActualActual:
    @pytest.mark.parametrize(
        ("from_date", "to_date", "fraction"),
        [
            (date(2024, 1, 1), date(2025, 1, 1), Fraction(1)),
            (date(2023, 1, 1), date(2024, 1, 1), Fraction(1)),
            (date(2024, 1, 31), date(2024, 2, 29), Fraction(29, 366)),
            (date(2023, 1, 31), date(2023, 2, 28), Fraction(28, 365)),
            # 31 days of 2023 and 31 of 2024.
            (date(2023, 12, 1), date(2024, 2, 1), Fraction(31, 365) + Fraction(31, 366)),
            # 1 day of 2023 and 1 of 2024: the year turns between 31 December and 1 January.
            (date(2023, 12, 31), date(2024, 1, 2), Fraction(1, 365) + Fraction(1, 366)),
            # 184 days of 2023, two whole years, 181 days of 2026.
            (date(2023, 7, 1), date(2026, 7, 1), Fraction(3)),
            # 1900 and 2100 are no leap years, 2000 is one.
            (date(1900, 2, 1), date(1900, 3, 1), Fraction(28, 365)),
            (date(2000, 2, 1), date(2000, 3, 1), Fraction(29, 366)),
            (date(2100, 2, 1), date(2100, 3, 1), Fraction(28, 365)),
            (date(2024, 2, 1), date(2024, 2, 1), Fraction(0)),
        ],
    )
    def test_counts_each_day_over_its_own_year(self, from_date, to_date, fraction):
        numerator, denominator = daycount.year_fraction(
            DayCount.ACT_ACT, from_date=from_date, to_date=to_date
        )

        assert Fraction(numerator, denominator) == fraction

    def test_has_one_denominator_for_all_years(self):
        fraction = daycount.year_fraction(
            DayCount.ACT_ACT, from_date=date(2023, 12, 1), to_date=date(2024, 2, 1)
        )

        # 31 x 366 + 31 x 365 over 365 x 366.
        assert fraction == (22661, 133590)

    @given(st.tuples(days, days, days).map(sorted))
    def test_adds_up_wherever_a_period_is_split(self, split):
        first, middle, last = split

        whole, _ = daycount.year_fraction(DayCount.ACT_ACT, from_date=first, to_date=last)
        before, _ = daycount.year_fraction(DayCount.ACT_ACT, from_date=first, to_date=middle)
        after, _ = daycount.year_fraction(DayCount.ACT_ACT, from_date=middle, to_date=last)

        assert before + after == whole


class TestRegularPeriods:
    @pytest.mark.parametrize(
        ("frequency", "fraction"),
        [
            (Frequency(1, PeriodUnit.MONTH), (1, 12)),
            (Frequency(3, PeriodUnit.MONTH), (3, 12)),
            (Frequency(1, PeriodUnit.WEEK), (1, 52)),
            (Frequency(2, PeriodUnit.WEEK), (2, 52)),
            (Frequency(10, PeriodUnit.DAY), (10, 365)),
            (Frequency(1, PeriodUnit.YEAR), (1, 1)),
            (Frequency(1, PeriodUnit.SEMI_MONTH), (1, 24)),
        ],
    )
    def test_do_not_look_at_the_dates(self, frequency, fraction):
        measured = daycount.year_fraction(
            DayCount.EQUAL_PERIODS, from_date=date(2024, 2, 1), to_date=date(2024, 3, 1), frequency=frequency
        )

        assert measured == daycount.equal_period(frequency) == fraction


class TestEqualPeriods:
    @pytest.mark.parametrize(
        ("frequency", "from_date", "to_date", "fraction"),
        [
            (MONTHLY, date(2024, 1, 15), date(2024, 3, 15), Fraction(2, 12)),
            (MONTHLY, date(2024, 1, 1), date(2024, 2, 15), Fraction(1, 12) + Fraction(14, 365)),
            (MONTHLY, date(2024, 1, 31), date(2024, 2, 29), Fraction(29, 365)),
            (MONTHLY, date(2024, 2, 1), date(2024, 2, 29), Fraction(28, 365)),
            (QUARTERLY, date(2024, 1, 15), date(2024, 5, 20), Fraction(3, 12) + Fraction(36, 365)),
            (
                Frequency(1, PeriodUnit.WEEK),
                date(2024, 1, 1),
                date(2024, 1, 10),
                Fraction(1, 52) + Fraction(2, 365),
            ),
            (Frequency(3, PeriodUnit.DAY), date(2024, 1, 1), date(2024, 1, 11), Fraction(10, 365)),
            (Frequency(1, PeriodUnit.YEAR), date(2023, 3, 10), date(2025, 3, 15), 2 + Fraction(5, 365)),
            (
                Frequency(1, PeriodUnit.SEMI_MONTH),
                date(2024, 1, 5),
                date(2024, 2, 25),
                Fraction(3, 24) + Fraction(5, 365),
            ),
            (MONTHLY, date(2024, 1, 15), date(2024, 1, 15), Fraction(0)),
        ],
    )
    def test_count_whole_periods_back_and_then_days(self, frequency, from_date, to_date, fraction):
        numerator, denominator = daycount.equal_periods(frequency, from_date=from_date, to_date=to_date)

        assert Fraction(numerator, denominator) == fraction

    @pytest.mark.parametrize(
        ("from_date", "to_date", "due_day", "fraction"),
        [
            (date(2024, 1, 31), date(2024, 2, 29), 31, Fraction(1, 12)),
            (date(2024, 1, 28), date(2024, 2, 29), 31, Fraction(1, 12) + Fraction(3, 365)),
            # 20 February is not the 15th, so the month before it begins on 20 January.
            (date(2024, 1, 15), date(2024, 2, 20), 15, Fraction(1, 12) + Fraction(5, 365)),
        ],
    )
    def test_keep_to_the_due_day(self, from_date, to_date, due_day, fraction):
        numerator, denominator = daycount.equal_periods(
            MONTHLY, from_date=from_date, to_date=to_date, due_day=due_day
        )

        assert Fraction(numerator, denominator) == fraction

    def test_refuse_a_due_day_that_no_month_has(self):
        with pytest.raises(InvalidDueDates):
            daycount.equal_periods(MONTHLY, from_date=date(2024, 1, 1), to_date=date(2024, 1, 2), due_day=32)

    @given(
        start=days,
        frequency=st.sampled_from(
            [
                MONTHLY,
                QUARTERLY,
                Frequency(1, PeriodUnit.YEAR),
                Frequency(5, PeriodUnit.SEMI_MONTH),
            ]
        ),
        due_day=st.integers(1, 31),
        count=st.integers(1, 12),
    )
    def test_find_regular_periods_regular(self, start, frequency, due_day, count):
        due = dates.due_dates(start, frequency=frequency, count=count + 1, due_day=due_day)
        regular = daycount.year_fraction(
            DayCount.EQUAL_PERIODS, from_date=due[0], to_date=due[1], frequency=frequency
        )

        measured = daycount.equal_periods(frequency, from_date=due[0], to_date=due[-1], due_day=due_day)

        assert Fraction(*measured) == count * Fraction(*regular)


class TestYearFraction:
    @pytest.mark.parametrize("day_count", DayCount)
    def test_never_runs_backwards(self, day_count):
        with pytest.raises(AssertionError, match="backwards"):
            daycount.year_fraction(
                day_count, from_date=date(2024, 1, 2), to_date=date(2024, 1, 1), frequency=MONTHLY
            )

    def test_stops_at_a_convention_it_does_not_know(self):
        with pytest.raises(AssertionError, match="30/365"):
            daycount.year_fraction(
                "30/365", from_date=date(2024, 1, 1), to_date=date(2024, 1, 2), frequency=MONTHLY
            )

    def test_needs_the_frequency_for_equal_periods(self):
        with pytest.raises(AssertionError, match="frequency None"):
            daycount.year_fraction(
                DayCount.EQUAL_PERIODS, from_date=date(2024, 1, 1), to_date=date(2024, 2, 1)
            )
