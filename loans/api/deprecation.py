"""Deprecation: a route that will go says so with every answer, and in the OpenAPI document (RFC 9745, RFC 8594).

    @query(blueprint, "/old", ...)
    @deprecated(Deprecation(since=date(2026, 12, 1), sunset=date(2027, 12, 1), link="/docs/..."))
    def old(...): ...

Set below `@query`, `@command` or the route of a plain blueprint: whatever registers the view keeps its attributes.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from flask import Flask, Response, current_app, request
from werkzeug.http import http_date

V = TypeVar("V", bound=Callable[..., Any])
ATTRIBUTE = "__deprecated__"
HEADERS: Mapping[str, Mapping[str, Any]] = {
    "Deprecation": {
        "schema": {"type": "string", "pattern": "^@[0-9]+$"},
        "description": "Since when the route is deprecated, as @ and Unix time (RFC 9745).",
    },
    "Sunset": {
        "schema": {"type": "string"},
        "description": "Until when the route answers at least, as an HTTP date (RFC 8594).",
    },
    "Link": {"schema": {"type": "string"}, "description": "What to call instead, as rel=deprecation."},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """Since when a route is deprecated, when it will go, both at 0:00 UTC, and where to read what to use instead.

    :raises ValueError: if it goes before it is deprecated.
    """

    since: date
    link: str
    sunset: date | None = None
    link_type: str = "text/html"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.sunset is not None and self.sunset < self.since:
            raise ValueError(f"the sunset {self.sunset} lies before the deprecation {self.since}")

    def put_on(self, response: Response) -> Response:
        """Add the headers to an answer."""
        response.headers["Deprecation"] = f"@{int(_midnight(self.since).timestamp())}"
        response.headers.add("Link", f'<{self.link}>; rel="deprecation"; type="{self.link_type}"')
        if self.sunset is not None:
            response.headers["Sunset"] = http_date(_midnight(self.sunset))
            response.headers.add("Link", f'<{self.link}>; rel="sunset"; type="{self.link_type}"')
        return response


def deprecated(told: Deprecation) -> Callable[[V], V]:
    """Mark a view as deprecated."""

    def decorate(view: V) -> V:
        setattr(view, ATTRIBUTE, told)
        # Where flask-smorest looks for what a view says of itself.
        described = copy.deepcopy(getattr(view, "_apidoc", {}))
        described.setdefault("manual_doc", {})["deprecated"] = True
        view._apidoc = described  # type: ignore[attr-defined] # noqa: SLF001 - flask-smorest's name for it
        return view

    return decorate


def init_app(app: Flask) -> None:
    """Tell with every answer of a deprecated route, refusals too, that it is one."""
    app.after_request(_tell)


def _tell(response: Response) -> Response:
    view = current_app.view_functions.get(request.endpoint or "")
    told: Deprecation | None = getattr(view, ATTRIBUTE, None)
    return response if told is None else told.put_on(response)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
