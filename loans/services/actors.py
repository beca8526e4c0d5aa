"""Actors: who asks, however it was proved, and what it may do."""

import enum
import uuid
from dataclasses import dataclass


class ActorKind(enum.Enum):
    """What a caller is. Acts recorded before clients had several keys say `api_key`, with the client's id."""

    API_CLIENT = "api_client"
    STAFF = "staff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A caller that proved who it is; `session_id` is that of a staff member's login.

    `own_loans_only` is a client's that sees nothing but the loans and borrowers that it made itself (ADR 35).
    """

    kind: ActorKind
    id: uuid.UUID
    name: str
    scopes: frozenset[str]
    session_id: uuid.UUID | None = None
    own_loans_only: bool = False

    def __str__(self) -> str:
        """Give the name that events and audit records keep."""
        return f"{self.kind.value}:{self.id}"
