"""Audit records on the wire: what the list is asked for, what a record looks like."""

from typing import Any

import marshmallow as ma

from loans.schemas.common import PageArgs
from loans.schemas.fields import Identifier, Instant, Text

NAME_MAX = 100
REQUEST_ID_MAX = 200


class Hash(ma.fields.String):
    """A SHA-256 hash in hexadecimal digits."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"pattern": "^[0-9a-f]{64}$"} | kwargs.pop("metadata", {})
        super().__init__(required=True, metadata=metadata, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else bytes(value).hex()


class AuditEntryOut(ma.Schema):
    """Who did what to what. Its hash is that of all other fields in canonical form (docs/audit.md)."""

    id = ma.fields.UUID(required=True)
    subject_type = ma.fields.String(required=True, metadata={"example": "loan"})
    subject_id = ma.fields.UUID(required=True)
    sequence = ma.fields.Integer(required=True, metadata={"description": "Its number within its subject."})
    action = ma.fields.String(required=True, metadata={"example": "loan.approve"})
    actor = ma.fields.String(required=True)
    approved_by = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "The second person, where one was needed."}
    )
    request_id = ma.fields.String(required=True, allow_none=True)
    before = ma.fields.Dict(required=True, allow_none=True)
    after = ma.fields.Dict(required=True, allow_none=True)
    recorded_at = Instant(required=True)
    previous_hash = Hash(
        allow_none=True, metadata={"description": "That of the record before; null in the first."}
    )
    hash = Hash()


class AuditPage(ma.Schema):
    """A page of audit records."""

    data = ma.fields.List(ma.fields.Nested(AuditEntryOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)


class AuditArgs(PageArgs):
    """The query parameters of the list of audit records; those given all apply, both moments are included."""

    subject_type = Text(longest=NAME_MAX, load_default=None)
    subject_id = Identifier(load_default=None)
    actor = Text(longest=NAME_MAX, load_default=None)
    action = Text(longest=NAME_MAX, load_default=None)
    request_id = Text(longest=REQUEST_ID_MAX, load_default=None)
    since = Instant(load_default=None)
    until = Instant(load_default=None)
