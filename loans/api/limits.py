"""How many requests a caller may send: each client, staff member and address has a budget, logins have tighter ones.

A worker takes tokens of a budget on lease, several at once, so that most requests ask the database nothing. What it
leased is taken from the budget already, so no more are ever let in than the limit; what it does not use is lost with
the window, so that somebody may be refused a little early (ADR 33).
"""

import hashlib
import ipaddress
import math
import random
import threading
from dataclasses import dataclass

from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import ServiceUnavailable

from loans import clock, metrics
from loans.config import Settings
from loans.db import transaction
from loans.logger import log
from loans.services import rate_limits
from loans.services.actors import Actor
from loans.services.rate_limits import RateLimited, Taken

WINDOW_SECONDS = 60
# The first lease of a window and the longest: parts of the limit, and never more than a part of what is left.
FIRST_LEASE, LONGEST_LEASE, PART_OF_REST = 60, 20, 4
LEASES_MAX = 10_000
# After the store has failed it is left alone for so long; nothing is limited meanwhile but logins.
PAUSE_SECONDS = 5.0
RETRY_AFTER_SECONDS = 1
# One lease in so many clears away what is old.
FORGET_EVERY = 500
# Whoever has one address of version 6 has all of its network.
NETWORK_BITS = 64
STRIPES = 64
STANDINGS = "standings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A limit of requests in a minute; `is_leased` says that several tokens may be taken at once."""

    name: str
    limit: int
    is_leased: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a caller stands: what is left of a policy, and the seconds until all of it is back."""

    policy: Policy
    left: int
    seconds: int


@dataclass(slots=True, kw_only=True)
class Lease:
    """Tokens in hand until a moment of this process's clock; `size` were taken, `elsewhere` were left then."""

    tokens: int
    size: int
    elsewhere: int
    ends: float


class Limiter:
    """Lets requests in, one token each, as long as their budgets last."""

    def __init__(self, settings: Settings) -> None:
        self.default = Policy(name="default", limit=settings.rate_limit_default)
        self.login = Policy(name="login", limit=settings.rate_limit_login, is_leased=False)
        self.account = Policy(name="account", limit=settings.rate_limit_login_account, is_leased=False)
        self._leases: dict[str, Lease] = {}
        self._lock = threading.Lock()
        # Of the requests of one caller one asks, and the others find what it got.
        self._stripes = tuple(threading.Lock() for _ in range(STRIPES))
        self._paused_until = -math.inf

    def admit(self, policy: Policy, subject: str) -> Standing | None:
        """Take a token of a budget and say what is left of it; None where there is no limit, or nobody knows.

        :raises RateLimited: if the budget is used up.
        """
        if not policy.limit or clock.monotonic() < self._paused_until:
            return None
        try:
            return self._spend(policy, f"{policy.name}:{subject}")
        except SQLAlchemyError as error:
            log("Limit unknown", level="error", error=str(getattr(error, "orig", error)).strip())
            self._paused_until = clock.monotonic() + PAUSE_SECONDS
            return None

    def admit_strictly(self, policy: Policy, subject: str) -> Standing | None:
        """Take a token likewise, and let nobody in where nobody knows: guesses must be counted.

        :raises RateLimited: if the budget is used up.
        :raises ServiceUnavailable: if the budget cannot be read.
        """
        if not policy.limit:
            return None
        try:
            return self._spend(policy, f"{policy.name}:{subject}")
        except SQLAlchemyError as error:
            log("Limit unknown", level="error", error=str(getattr(error, "orig", error)).strip())
            raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error

    def _spend(self, policy: Policy, key: str) -> Standing:
        with self._stripes[hash(key) % STRIPES]:
            lease = self._leases.get(key)
            if lease is None or clock.monotonic() >= lease.ends or (not lease.tokens and lease.elsewhere):
                lease = self._renew(policy, key, lease)
            seconds = max(math.ceil(lease.ends - clock.monotonic()), 1)
            if not lease.tokens:
                raise self._refusal(policy, seconds)
            lease.tokens -= 1
            return Standing(policy=policy, left=lease.tokens + lease.elsewhere, seconds=seconds)

    def _renew(self, policy: Policy, key: str, before: Lease | None) -> Lease:
        """Take the next tokens; more at once the faster the last ones went, fewer when few are left."""
        # Before asking: the lease must end here no later than the window does there.
        asked_at = clock.monotonic()
        wanted = 1
        if policy.is_leased:
            wanted = policy.limit // FIRST_LEASE
            if before is not None and asked_at < before.ends:
                longest = min(policy.limit // LONGEST_LEASE, before.elsewhere // PART_OF_REST)
                wanted = min(2 * before.size, longest)
        wanted = max(wanted, 1)
        taken = _take(policy, key=key, wanted=wanted)
        lease = Lease(tokens=taken.granted, size=wanted, elsewhere=taken.left, ends=asked_at + taken.seconds)
        with self._lock:
            if len(self._leases) >= LEASES_MAX:
                # What is thrown away with them is only lost to their owners.
                self._leases = {k: v for k, v in self._leases.items() if v.ends > asked_at}
                if len(self._leases) >= LEASES_MAX:
                    self._leases.clear()
            self._leases[key] = lease
        return lease

    def _refusal(self, policy: Policy, seconds: int) -> RateLimited:
        metrics.rate_limited.labels(policy=policy.name).inc()
        _note(Standing(policy=policy, left=0, seconds=seconds))
        return RateLimited(
            f"more than {policy.limit} requests in {WINDOW_SECONDS} seconds: wait {seconds} seconds",
            policy=policy.name,
            retry_after=seconds,
        )


def init_app(app: Flask, settings: Settings) -> None:
    """Give the application its limiter, and say with each answer where its caller stands."""
    app.extensions["limiter"] = Limiter(settings)
    app.after_request(_say)


def admit_caller(caller: Actor) -> None:
    """Count a request of a client or of a member of staff.

    :raises RateLimited: if there were too many.
    """
    limiter = _limiter()
    _note(limiter.admit(limiter.default, f"{caller.kind}:{caller.id}"))


def admit_address() -> None:
    """Count a request of somebody who is not known, at the address it came from.

    :raises RateLimited: if there were too many.
    """
    limiter = _limiter()
    _note(limiter.admit(limiter.default, f"address:{_address()}"))


def admit_login(username: str) -> None:
    """Count a login at its address and at the account it names, whether or not there is one.

    :raises RateLimited: if there were too many.
    :raises ServiceUnavailable: if nobody knows how many there were.
    """
    limiter = _limiter()
    # Not the name itself: nobody should read there who tries to log in.
    account = hashlib.sha256(username.lower().encode()).hexdigest()
    _note(limiter.admit_strictly(limiter.login, f"address:{_address()}"))
    _note(limiter.admit_strictly(limiter.account, account))


def _limiter() -> Limiter:
    found = current_app.extensions["limiter"]
    if not isinstance(found, Limiter):
        raise TypeError(f"the application carries {type(found).__name__} for its limiter")
    return found


def _take(policy: Policy, *, key: str, wanted: int) -> Taken:
    """Take tokens in a transaction of their own: nothing that the request does later gives them back."""
    is_time_to_forget = random.randrange(FORGET_EVERY) == 0  # noqa: S311 - no secret

    def work(session: Session) -> Taken:
        if is_time_to_forget:
            rate_limits.forget(session)
        return rate_limits.take(
            session, key=key, wanted=wanted, limit=policy.limit, window_seconds=WINDOW_SECONDS
        )

    return transaction(work)


def _address() -> str:
    """Give the caller's address, of version 6 its network."""
    try:
        found = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, NETWORK_BITS), strict=False))
    return str(found)


def _note(standing: Standing | None) -> None:
    if standing is not None:
        g.setdefault(STANDINGS, []).append(standing)


def _say(response: Response) -> Response:
    """Add the fields of draft-ietf-httpapi-ratelimit-headers."""
    standings: list[Standing] = g.get(STANDINGS, [])
    if standings:
        response.headers["RateLimit-Policy"] = ", ".join(
            f'"{each.policy.name}";q={each.policy.limit};w={WINDOW_SECONDS}' for each in standings
        )
        response.headers["RateLimit"] = ", ".join(
            f'"{each.policy.name}";r={each.left};t={each.seconds}' for each in standings
        )
    return response
