"""Deprecation: a route that will go says so with every answer, and in the OpenAPI document (RFC 9745, RFC 8594).

    @query(blueprint, "/old", ...)
    @deprecated(since=date(2026, 12, 1), sunset=date(2027, 12, 1), link="/docs/...")
    def old(...): ...

Set below `@query`, `@command` or the route of a plain blueprint: whatever registers the view keeps its attributes.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from flask import Flask, Response, current_app, request
from werkzeug.http import http_date

V = TypeVar("V", bound=Callable[..., Any])
ATTRIBUTE = "__deprecated__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """Since when a route is deprecated, when it will go, and where to read what to use instead."""

    since: date
    sunset: date | None
    link: str


def deprecated(*, since: date, link: str, sunset: date | None = None) -> Callable[[V], V]:
    """Mark a view as deprecated from a day on, at 0:00 UTC.

    :raises ValueError: if the sunset lies before that day.
    """
    if sunset is not None and sunset < since:
        raise ValueError(f"the sunset {sunset} lies before the deprecation {since}")

    def decorate(view: V) -> V:
        setattr(view, ATTRIBUTE, Deprecation(since=since, sunset=sunset, link=link))
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
    if told is not None:
        response.headers["Deprecation"] = f"@{int(_midnight(told.since).timestamp())}"
        response.headers.add("Link", f'<{told.link}>; rel="deprecation"; type="text/html"')
        if told.sunset is not None:
            response.headers["Sunset"] = http_date(_midnight(told.sunset))
            response.headers.add("Link", f'<{told.link}>; rel="sunset"; type="text/html"')
    return response


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
