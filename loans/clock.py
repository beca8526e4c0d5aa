"""The only module that reads the system clock."""

import time
import uuid
import zoneinfo
from datetime import UTC, date, datetime

import uuid_utils.compat


def now() -> datetime:
    """Give the present instant, aware and in UTC."""
    return datetime.now(UTC)


def business_date(timezone: str) -> date:
    """Give the lender's present business date: the calendar day in its time zone.

    It is the day in `timezone` (an IANA name) until the close of business keeps one of its own (ADR 0011).
    """
    return now().astimezone(zoneinfo.ZoneInfo(timezone)).date()


def written(instant: datetime) -> str:
    """Write an instant as the wire does: in UTC, with microseconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def monotonic() -> float:
    """Give seconds on a clock that never goes back; only differences mean anything."""
    return time.perf_counter()


def sleep(seconds: float) -> None:
    """Pause the calling thread for so many seconds."""
    time.sleep(seconds)


def uuid7() -> uuid.UUID:
    """Make an identifier that begins with the present time, so that newer ones sort later."""
    return uuid_utils.compat.uuid7()
