"""Which event asked for, paid, waived or wrote off what of which row, as the rows are numbered in the end."""

import uuid
from collections.abc import Mapping
from typing import NamedTuple

from loans.core.account import Part
from loans.core.events import ASKING, Event, EventKind
from loans.core.state import LoanState
from loans.core.trace import Trace

ASKED, PAID, WAIVED, WRITTEN_OFF = "asked", "paid", "waived", "written_off"
_VERBS = {
    EventKind.FEE_WAIVER: WAIVED,
    EventKind.INTEREST_WAIVER: WAIVED,
    EventKind.WRITE_OFF: WRITTEN_OFF,
}


class Attribution(NamedTuple):
    """What an event did to a row: asked for it, paid, waived or wrote it off."""

    verb: str
    event_id: uuid.UUID
    part: Part


def by_row(
    state: LoanState, events: Mapping[uuid.UUID, Event], *, trace: Trace
) -> dict[int, list[Attribution]]:
    """Sort what events did by the rows; what was done to rows that were replaced since counts for the first new one."""
    found: dict[int, list[Attribution]] = {row.number: [] for row in trace.rows}
    for at, applied in enumerate(state.applied):
        kind = events[applied.event_id].kind
        # When these find a credit balance they are applied a second time, for nothing, as that pays what they ask for.
        verb = ASKED if kind in ASKING and applied.amount else _VERBS.get(kind, PAID)
        for part in applied.parts:
            number = part.installment
            for count, first in trace.replaced:
                if at < count:
                    number = min(number, first)
            found[number].append(Attribution(verb, applied.event_id, part))
    return found
