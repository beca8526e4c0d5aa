"""Acts: what a command does, apart from the request that asks for it, so that another request can have it done."""

import copy
import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

import marshmallow as ma
from flask import Response
from sqlalchemy.orm import Session

from loans.services.context import Context
from loans.services.idempotency import Answer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How a command answers what its view gave."""

    schema: ma.Schema
    status: int
    location: Callable[[Any], str] | None
    shown_once: str | None

    def answer(self, result: Any) -> Answer:
        """Make the answer, and what is kept of it for replays."""
        shown = self.schema.dump(result)
        return Answer(
            status=self.status,
            location=self.location(result) if self.location else None,
            body=encode(shown),
            kept=encode(shown | {self.shown_once: None}) if self.shown_once else None,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A command's view with what it reads and answers. `guarded` names it in approval policies, None for never."""

    view: Callable[..., Any]
    scope: str
    accepts: type[ma.Schema]
    reply: Reply
    guarded: str | None

    def run(self, session: Session, context: Context, *, body: Any, given: Mapping[str, Any]) -> Any:
        """Call the view with a body that its schema has read."""
        # A copy: a view may take its body apart, and a transaction that is run again needs it whole.
        return self.view(session, context, copy.deepcopy(body), **given)


def encode(shown: Any) -> bytes:
    """Write what a schema gave as a JSON document."""
    return (json.dumps(shown, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8")


def respond(answer: Answer, *, replayed: bool = False) -> Response:
    """Make an answer a response."""
    response = Response(answer.body, status=answer.status, content_type="application/json")
    if answer.location is not None:
        response.headers["Location"] = answer.location
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
