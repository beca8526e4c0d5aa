"""The clock: instants in UTC, the lender's day, identifiers in the order of time."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from loans import clock


class TestNow:
    def test_is_aware_and_in_utc(self):
        assert clock.now().utcoffset() == timedelta(0)


class TestBusinessDate:
    @pytest.mark.parametrize(
        ("timezone", "day"),
        [
            ("UTC", date(2026, 2, 28)),
            ("Africa/Nairobi", date(2026, 3, 1)),
            ("America/New_York", date(2026, 2, 28)),
            ("Pacific/Kiritimati", date(2026, 3, 1)),
        ],
    )
    def test_is_the_day_where_the_lender_is(self, monkeypatch, timezone, day):
        # 21:30 in London is half past midnight in Nairobi.
        monkeypatch.setattr(clock, "now", lambda: datetime(2026, 2, 28, 21, 30, tzinfo=UTC))

        assert clock.business_date(timezone) == day

    def test_changes_at_the_lenders_midnight(self, monkeypatch):
        midnight = datetime(2026, 2, 28, 21, tzinfo=UTC)
        moments = iter([midnight - timedelta(microseconds=1), midnight])
        monkeypatch.setattr(clock, "now", lambda: next(moments))

        days = [clock.business_date("Africa/Nairobi"), clock.business_date("Africa/Nairobi")]

        assert days == [date(2026, 2, 28), date(2026, 3, 1)]


class TestMonotonic:
    def test_never_goes_back(self):
        readings = [clock.monotonic() for _ in range(1000)]

        assert readings == sorted(readings)


class TestSleep:
    def test_pauses_no_shorter_than_it_was_told(self):
        before = clock.monotonic()

        clock.sleep(0.002)

        assert clock.monotonic() - before >= 0.002


class TestUuid7:
    def test_is_a_uuid_of_version_7(self):
        made = clock.uuid7()

        assert (made.version, made.variant) == (7, "specified in RFC 4122")

    def test_sorts_in_the_order_of_making(self):
        made = [clock.uuid7() for _ in range(1000)]

        assert all(earlier < later for earlier, later in itertools.pairwise(made))
