"""Public events: give one of them."""

import uuid

from sqlalchemy.orm import Session

from loans.core.errors import LendingError
from loans.queries import events
from loans.queries.events import EventRecord


class EventNotFound(LendingError):
    """There is no public event with the identifier in the path."""

    code = "event_not_found"
    title = "Event not found"


def get(session: Session, *, event_id: uuid.UUID) -> EventRecord:
    """Give an event.

    :raises EventNotFound: if there is none.
    """
    found = events.find(session, event_id=event_id)
    if found is None:
        raise EventNotFound(f"there is no event {event_id}")
    return found
