"""Public events on the wire: what the feed is asked for, what an event looks like."""

from typing import Any

import marshmallow as ma

from loans.schemas.common import Names, PageArgs
from loans.schemas.event_types import EVENT_TYPES
from loans.schemas.fields import Identifier, Instant


class SubjectOut(ma.Schema):
    """What an event is about."""

    type = ma.fields.String(required=True, metadata={"example": "loan"})
    id = ma.fields.UUID(required=True)


class PublicEventOut(ma.Schema):
    """Something that happened. `webhooks` in this document says what `data` holds for each type."""

    id = ma.fields.UUID(
        required=True, attribute="event_id", metadata={"description": "The same wherever the event is told."}
    )
    type = ma.fields.String(required=True, metadata={"example": "loan.disbursed"})
    occurred_at = Instant(required=True)
    subject = ma.fields.Nested(SubjectOut, required=True)
    data = ma.fields.Dict(required=True, attribute="payload")
    request_id = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "X-Request-ID of the request that did it."}
    )
    traceparent = ma.fields.String(required=True, allow_none=True)

    @ma.pre_dump
    def _name_subject(self, event: Any, **_: Any) -> dict[str, Any]:
        """Say what the event is about: its type says of which type that is."""
        names = [field.attribute or name for name, field in self.fields.items()]
        shown = {name: getattr(event, name, None) for name in names}
        return shown | {"subject": {"type": EVENT_TYPES[event.type].subject, "id": event.subject_id}}


class FeedOut(ma.Schema):
    """Some events, in the order of the feed."""

    data = ma.fields.List(ma.fields.Nested(PublicEventOut), required=True, attribute="items")
    next_cursor = ma.fields.String(
        required=True, metadata={"description": "Always there: what is to come begins behind it."}
    )
    has_more = ma.fields.Boolean(
        required=True,
        metadata={"description": "Whether there are more events already; else ask again later."},
    )


class FeedArgs(PageArgs):
    """The query parameters of the feed."""

    types = Names(EVENT_TYPES, load_default=())
    subject_id = Identifier(load_default=None)
