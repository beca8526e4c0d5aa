"""Who is calling, and may they: API keys and scopes, deny by default (ADR 0010)."""

from typing import Any

from flask import current_app, g, request

from loans import clock, metrics
from loans.api import body
from loans.config import Settings
from loans.core.errors import LendingError
from loans.db import db
from loans.services import api_keys
from loans.services.api_keys import Client, NotAuthenticated, Secret

SCOPE_ATTRIBUTE = "__scope__"
SCHEME = "bearer "


class ScopeMissing(LendingError):
    """The key is valid and does not carry the scope that this route asks for."""

    code = "scope_missing"
    title = "Scope missing"


def settings() -> Settings:
    """Give the settings of the application that serves this request."""
    found = current_app.extensions["settings"]
    if not isinstance(found, Settings):
        raise TypeError(f"the application carries {type(found).__name__} for its settings")
    return found


def secret() -> Secret:
    """Give what the hashes of API keys are made with."""
    return Secret(environment=settings().environment, pepper=settings().secret_key)


def caller() -> Client:
    """Give the authenticated caller of this request."""
    client = g.client
    if not isinstance(client, Client):
        raise TypeError("the request has not been authenticated")
    return client


def authorize() -> None:
    """Let the request pass if its key is valid and carries the route's scope.

    :raises NotAuthenticated: if there is no valid key.
    :raises ScopeMissing: if the key lacks the scope.
    """
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith(SCHEME):
        metrics.authentication_failures.labels(reason="missing").inc()
        raise NotAuthenticated("send your API key in the header `Authorization: Bearer <key>`")
    # The whole body, before the look-up takes a connection from the pool: a slow client must not hold one.
    body.read()
    g.client = api_keys.authenticate(
        db.session(), token=header[len(SCHEME) :].strip(), secret=secret(), now=clock.now()
    )
    demand(required_scope())


def demand(scope: str) -> None:
    """Let the request pass if its key carries a scope.

    :raises ScopeMissing: if it does not.
    """
    if scope not in caller().scopes:
        raise ScopeMissing(f"this key lacks the scope {scope}", scope=scope)


def required_scope() -> str:
    """Give the scope that the matched route declares.

    :raises TypeError: if it declares none: such a route answers nobody.
    """
    view: Any = current_app.view_functions[request.endpoint or ""]
    scope = getattr(view, SCOPE_ATTRIBUTE, None)
    if not isinstance(scope, str):
        raise TypeError(f"the route {request.url_rule} declares no scope")
    return scope
