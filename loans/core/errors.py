"""What every refusal of a lending rule has in common."""

import uuid
from typing import ClassVar


class LendingError(Exception):
    """A request that the rules of lending refuse; the fault lies with the request, not with the code.

    Subclasses live beside the function that raises them. `code` is part of the public contract and never
    changes; `field` is the name on the wire of the value at fault; `extensions` are facts for the caller. `event_id`
    is the event of a history that was refused, where one was.
    """

    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, *, field: str | None = None, **extensions: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.extensions = extensions
        self.event_id: uuid.UUID | None = None
