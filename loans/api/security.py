"""Who is calling, and may they: API keys, access tokens and scopes, deny by default (ADR 10, ADR 31)."""

from typing import Any

from flask import current_app, g, request
from sqlalchemy.exc import SQLAlchemyError

from loans import clock, metrics
from loans.api import body, limits, reach
from loans.config import Settings
from loans.core.errors import LendingError
from loans.db import db, transaction
from loans.logger import log
from loans.queries import ownership
from loans.services import access_tokens, api_keys, key_use, permissions, sessions
from loans.services.access_tokens import Keys
from loans.services.actors import Actor, ActorKind
from loans.services.api_keys import NotAuthenticated, Secret
from loans.services.sessions import PasswordChangeRequired

SCOPE_ATTRIBUTE = "__scope__"
# What a route declares that takes in a file by itself, once the caller is known.
TAKES_FILE_ATTRIBUTE = "__takes_file__"
# What a route declares that asks for no caller. A convention test lists them: there is no other way in.
PUBLIC = "public"
SCHEME = "bearer "
KEY_PREFIX = "bl_"


class ScopeMissing(LendingError):
    """The key or the role is valid and does not carry the scope that this route asks for."""

    code = "scope_missing"
    title = "Scope missing"


class WholeBookClosed(LendingError):
    """The route tells of the whole book, and the client sees only the loans and borrowers that it made itself."""

    code = "whole_book_closed"
    title = "Whole book closed"


def settings() -> Settings:
    """Give the settings of the application that serves this request."""
    found = current_app.extensions["settings"]
    if not isinstance(found, Settings):
        raise TypeError(f"the application carries {type(found).__name__} for its settings")
    return found


def secret() -> Secret:
    """Give what the hashes of API keys are made with."""
    return Secret(environment=settings().environment, pepper=settings().secret_key)


def token_keys() -> Keys:
    """Give what access tokens are signed and verified with."""
    return Keys(environment=settings().environment, pairs=settings().signing_keys)


def caller() -> Actor:
    """Give the authenticated caller of this request."""
    found = g.caller
    if not isinstance(found, Actor):
        raise TypeError("the request has not been authenticated")
    return found


def authorize() -> None:
    """Let the request pass if its key or access token is valid and may do what the route's scope names.

    :raises NotAuthenticated: if there is neither, or it is not valid.
    :raises AddressNotAllowed: if a key is used from where its client does not call.
    :raises PasswordChangeRequired: if a staff member's password has been seen by others.
    :raises ScopeMissing: if the key or the role lacks the scope.
    :raises RateLimited: if the caller, or an address that nobody is known at, has sent too many requests.
    :raises WholeBookClosed: if a restricted client asks for what is not its own alone.
    """
    scope = required_scope()
    if scope == PUBLIC:
        limits.admit_address()
        return
    try:
        g.caller = _authenticated(scope)
    except LendingError:
        limits.admit_address()
        raise
    limits.admit_caller(g.caller)
    demand(scope)
    if g.caller.own_loans_only:
        _restrict(g.caller)


def _authenticated(scope: str) -> Actor:
    """Recognize who calls, by the key or the access token."""
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith(SCHEME):
        metrics.authentication_failures.labels(reason="missing").inc()
        raise NotAuthenticated("send your API key or access token as `Authorization: Bearer <key or token>`")
    # The whole body, before the look-up takes a connection from the pool: a slow client must not hold one.
    if not getattr(_view(), TAKES_FILE_ATTRIBUTE, False):
        body.read()
    token = header[len(SCHEME) :].strip()
    return _client(token) if token.startswith(KEY_PREFIX) else _staff_member(token, scope=scope)


def demand(scope: str) -> None:
    """Let the request pass if its key or role carries a scope.

    :raises ScopeMissing: if it does not.
    """
    found = caller()
    if scope not in found.scopes:
        raise ScopeMissing(
            f"this {'key' if found.kind is ActorKind.API_CLIENT else 'role'} lacks the scope {scope}",
            scope=scope,
        )


def schemes(scope: str) -> list[dict[str, list[str]]]:
    """Give the OpenAPI security requirements of a route: a key or a token with the scope, or nothing."""
    if scope == PUBLIC:
        return []
    staff: dict[str, list[str]] = {"accessToken": [scope]}
    return [staff] if scope == permissions.OWN_ACCOUNT else [{"apiKey": [scope]}, staff]


def required_scope() -> str:
    """Give the scope that the matched route declares.

    :raises TypeError: if it declares none: such a route answers nobody.
    """
    scope = getattr(_view(), SCOPE_ATTRIBUTE, None)
    if not isinstance(scope, str):
        raise TypeError(f"the route {request.url_rule} declares no scope")
    return scope


def _restrict(client: Actor) -> None:
    """Let a restricted client in where it can be kept to what is its own, and keep it to that."""
    if request.endpoint not in reach.OWN | reach.NOBODYS:
        raise WholeBookClosed("this client sees only what it made itself, and this is not that alone")
    ownership.restrict(db.session(), owner_id=client.id)


def _view() -> Any:
    return current_app.view_functions[request.endpoint or ""]


def _client(token: str) -> Actor:
    now = clock.now()
    key = api_keys.authenticate(db.session(), token=token, secret=secret(), now=now)
    key_use.check_address(key, address=request.remote_addr)
    if key_use.is_to_be_noted(key, now=now):
        try:
            transaction(lambda session: key_use.note(session, key_id=key.id, now=now))
        except SQLAlchemyError as error:
            # It is for the operator's eyes; whoever calls must not fail for it.
            log("api_key.use_not_noted", level="warning", error=str(getattr(error, "orig", error)).strip())
    return key.client


def _staff_member(token: str, *, scope: str) -> Actor:
    claims = access_tokens.read(token, keys=token_keys(), now=clock.now())
    member, must_change_password = sessions.authenticate(db.session(), claims=claims)
    if must_change_password and scope != permissions.OWN_ACCOUNT:
        raise PasswordChangeRequired("change your password first: POST /api/v1/staff/me/password")
    return member
