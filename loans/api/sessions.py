"""Blueprint sessions: staff log in, go on and log out. Open to all: what is in the body proves who it is."""

from typing import Any

from loans import metrics
from loans.api import guessing, limits, requests, security
from loans.api.endpoint import Blueprint, exchange
from loans.db import transaction
from loans.schemas.staff import Done, LoginIn, RefreshTokenIn, SessionOut
from loans.services import sessions
from loans.services.sessions import Opened, SessionOver

blueprint = Blueprint(
    "sessions", __name__, url_prefix="/api/v1/sessions", description="Logins of staff, and access tokens."
)


@exchange(blueprint, "", scope=security.PUBLIC, accepts=LoginIn, returns=SessionOut)
def log_in(body: dict[str, Any]) -> Opened:
    """Log in with username and password."""
    limits.admit_login(body["username"])
    context, keys = requests.context(), security.token_keys()
    guess = guessing.guess(body["username"], password=body["password"], context=context)
    if guess is None:
        raise sessions.failure()
    opened = transaction(
        lambda session: sessions.open_session(session, guess=guess, keys=keys, context=context)
    )
    metrics.staff_logins.labels(outcome="opened").inc()
    return opened


@exchange(blueprint, "/refresh", scope=security.PUBLIC, accepts=RefreshTokenIn, returns=SessionOut)
def refresh(body: dict[str, Any]) -> Opened:
    """Exchange a refresh token for the next access token and the next refresh token."""
    context, keys = requests.context(), security.token_keys()
    opened = transaction(
        lambda session: sessions.refresh(session, token=body["refresh_token"], keys=keys, context=context)
    )
    if opened is None:
        raise SessionOver("this refresh token opens nothing: log in again")
    return opened


@exchange(blueprint, "/end", scope=security.PUBLIC, accepts=RefreshTokenIn, returns=Done)
def end(body: dict[str, Any]) -> dict[str, bool]:
    """Log out: end the session of a refresh token, if it has one."""
    context = requests.context()
    transaction(lambda session: sessions.end(session, token=body["refresh_token"], context=context))
    return {"done": True}
