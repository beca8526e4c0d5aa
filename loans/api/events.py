"""Blueprint events: the feed of what happened, for those who have to act on it."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from loans.api.endpoint import Blueprint, query
from loans.queries import events as stored
from loans.queries.events import EventRecord, FeedPage
from loans.schemas.events import FeedArgs, FeedOut, PublicEventOut
from loans.services import events

SCOPE = "events:read"

blueprint = Blueprint("events", __name__, url_prefix="/api/v1/events", description="What happened, in order.")


@query(blueprint, "", scope=SCOPE, args=FeedArgs, returns=FeedOut)
def read_feed(session: Session, args: dict[str, Any]) -> FeedPage:
    """Read on in the feed of events, from where the cursor of the page before ended; oldest first."""
    return stored.feed(session, **args)


@query(blueprint, "/<uuid:event_id>", scope=SCOPE, returns=PublicEventOut)
def get_event(session: Session, event_id: uuid.UUID) -> EventRecord:
    """Get a public event."""
    return events.get(session, event_id=event_id)
