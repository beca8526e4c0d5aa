"""The work of computing a loan, and the limit of it: a history may not grow until it takes seconds to read.

Every command folds the whole history of its loan (ADR 0021), so a history that changes a long schedule again and again
makes each later request slower. Work is counted in rows: one is a row planned, which takes two to three microseconds.
"""

from typing import ClassVar

from loans.core.errors import LendingError
from loans.core.events import Event, EventKind

# A row made takes as long as so many rows planned, and so does a row looked at for penalty interest.
ROW_MADE = 3
ROW_PENALIZED = 2
# Of rows that an event only looks through, or of fees of an installment, so many take as long as one row planned.
ROWS_SEEN = 8
ROWS_SEEN_TO_WAIVE = 2
FEES = 4
# A journal adds up all rows before and after each event.
ROWS_SUMMED = 8
# A simulation may take this much in all, which is about three seconds.
SIMULATED_MAX = 1_000_000
# With so much work a loan is computed in about a second. Early money on a loan of fifty years that changes the
# schedule every month stays below it.
WORK_MAX = 400_000
# Changes of the schedule have to stop sooner: what is paid afterwards must still find room.
CHANGES_MAX = 250_000
WAIVERS = frozenset({EventKind.FEE_WAIVER, EventKind.INTEREST_WAIVER})
CHANGES = frozenset(
    {
        EventKind.DISBURSED,
        EventKind.RATE_CHANGE,
        EventKind.INTEREST_PAUSE,
        EventKind.RESCHEDULE,
        EventKind.RE_AGE,
        EventKind.FEE,
        EventKind.LATE_FEE,
    }
)


class HistoryTooLong(LendingError):
    """Computing the loan with this event would take too long: too many changes of too long a schedule."""

    code: ClassVar[str] = "history_too_long"
    title: ClassVar[str] = "History too long"


class Work:
    """How much work computing has taken, and how much it may take (None: however much it takes)."""

    __slots__ = ("done", "most")

    def __init__(self, *, most: int | None = None) -> None:
        self.done = 0
        self.most = most

    def add(self, rows: int) -> None:
        """Count so many rows.

        :raises HistoryTooLong: if that makes more than there may be.
        """
        self.done += rows
        if self.most is not None and self.done > self.most:
            raise refusal(self.done, most=self.most)


def check(event: Event, *, work: int) -> None:
    """Refuse a new event with which computing its loan takes so much work; a reversal never.

    :raises HistoryTooLong: if that is more than an event of its kind may lead to.
    """
    most = CHANGES_MAX if event.kind in CHANGES else WORK_MAX
    if work > most and event.kind is not EventKind.REVERSAL:
        raise refusal(work, most=most)


def of_event(event: Event, *, rows: int) -> int:
    """Count the work of an event that looks through so many rows and plans none."""
    return 1 + rows // (ROWS_SEEN_TO_WAIVE if event.kind in WAIVERS else ROWS_SEEN)


def refusal(work: int, *, most: int) -> HistoryTooLong:
    """Make the refusal of so much work: an error to raise."""
    return HistoryTooLong(
        f"Computing this takes the planning of {work} rows or more; at most {most} are allowed. Change the schedule"
        " less often, or reverse changes that are no longer needed.",
        rows=work,
        rows_max=most,
    )
