"""Context: who asks, in which request, on which business day. The edges make it; services only read it."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from loans.services.actors import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The circumstances of a command. `now` is an aware UTC instant; `business_date` the lender's day.

    `actor` is what is recorded; `caller` is who that is where a request made it, None for an operator's command.
    `approved_by` names the second person of a command that waited for one (ADR 34); `actor` is who asked for it.
    """

    actor: str
    request_id: str | None
    now: datetime
    business_date: date
    traceparent: str | None = None
    caller: Actor | None = None
    approved_by: str | None = None

    @property
    def owner_id(self) -> uuid.UUID | None:
        """Whose the loans and borrowers are that are made now: a restricted client's, or nobody's."""
        return None if self.caller is None or not self.caller.own_loans_only else self.caller.id
