"""What comes in: strict JSON, a business-day context for services, one canonical log line for each request."""

import hashlib
from typing import Any, NoReturn

import marshmallow as ma
from flask import Flask, Request, Response, g, request
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from loans import clock
from loans.api import body, security
from loans.api.errors import IdempotencyKeyMissing, InvalidIdempotencyKey, InvalidRequest
from loans.logger import clear_request_context, log, request_id, setup_request_context, traceparent
from loans.schemas import strict_json
from loans.services.context import Context
from loans.services.idempotency import Claim

KEY_LENGTH_MAX = 255
DRY_RUN = "dry_run"
UNLOGGED = frozenset(
    {"/health", "/health-db", "/metrics"}
)  # they log for themselves, or are asked every few seconds


class StrictParser(FlaskParser):
    """Reads JSON bodies and query strings, and reports every fault at once."""

    def __init__(self) -> None:
        super().__init__()
        unknown = {"query": ma.RAISE, "json": ma.RAISE}
        self.DEFAULT_UNKNOWN_BY_LOCATION = {**self.DEFAULT_UNKNOWN_BY_LOCATION, **unknown}

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """Read the body; an empty one counts as an object without fields."""
        return body_of(req)

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """Read the query string; a parameter given twice is a fault, since one of the two would be ignored."""
        refuse_repeated_parameters()
        return super().load_querystring(req, schema)

    def handle_error(self, error: ma.ValidationError, *_: Any, **__: Any) -> NoReturn:
        """Turn validation messages into one refusal that lists them all."""
        messages = error.messages if isinstance(error.messages, dict) else {"": error.messages}
        raise InvalidRequest(messages)


def body_of(req: Request) -> Any:
    """Parse a JSON body: no duplicate names, no NaN or Infinity, no float, limited depth.

    :raises BadRequest: if it is not JSON of that kind.
    :raises UnsupportedMediaType: if it says that it is something else.
    """
    raw = body.read()
    if not raw.strip():
        return {}
    if not req.is_json:
        raise UnsupportedMediaType("send the body as application/json")
    try:
        return strict_json.read(raw)
    except strict_json.NotJson as error:
        raise BadRequest(f"the body {error}") from error


def refuse_repeated_parameters() -> None:
    """Refuse a query parameter that stands there twice.

    :raises InvalidRequest: if there is one.
    """
    repeated = {name: ["Given more than once."] for name, values in request.args.lists() if len(values) > 1}
    if repeated:
        raise InvalidRequest({"query": repeated})


def refuse_parameters() -> None:
    """Refuse any query parameter, for a route that takes none.

    :raises InvalidRequest: if there is one: who adds it expects something of it that would not happen.
    """
    if request.args:
        raise InvalidRequest({"query": {name: ["Unknown field."] for name in request.args}})


def choice(name: str, *, default: str, choices: tuple[str, ...]) -> str:
    """Give one of the values that a query parameter may have.

    :raises InvalidRequest: if it has another.
    """
    chosen = request.args.get(name, default)
    if chosen not in choices:
        raise InvalidRequest({"query": {name: [f"Must be one of: {', '.join(choices)}."]}})
    return chosen


def is_dry_run(*, beside: tuple[str, ...] = ()) -> bool:
    """Tell whether a command is asked to be undone, by the one query parameter that commands take beside others.

    :raises InvalidRequest: if there is another parameter, or its value is neither true nor false.
    """
    refuse_repeated_parameters()
    faults = {name: ["Unknown field."] for name in request.args if name not in {DRY_RUN, *beside}}
    asked = request.args.get(DRY_RUN, "false")
    if asked not in {"true", "false"}:
        faults[DRY_RUN] = ["Must be true or false."]
    if faults:
        raise InvalidRequest({"query": faults})
    return asked == "true"


def claim(said: bytes) -> Claim:
    """Read the Idempotency-Key that a command carries, and make the fingerprint of the request with what its body says.

    :raises IdempotencyKeyMissing: if there is none.
    :raises InvalidIdempotencyKey: if it is empty, too long or not printable.
    """
    wanted = claim_if_any(said)
    if wanted is None:
        raise IdempotencyKeyMissing("send an Idempotency-Key, for example a random UUID, with every POST")
    return wanted


def claim_if_any(said: bytes) -> Claim | None:
    """Read the Idempotency-Key likewise, bare or quoted, where a request may do without.

    :raises InvalidIdempotencyKey: if there is one that is empty, too long or not printable.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1]
    if not 0 < len(key) <= KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
        raise InvalidIdempotencyKey(
            f"an Idempotency-Key has 1 to {KEY_LENGTH_MAX} printable ASCII characters"
        )
    asked = "\n".join([request.method, request.path, request.query_string.decode("latin-1"), ""])
    return Claim(
        client_id=security.caller().id,
        key=key,
        fingerprint=hashlib.sha256(asked.encode("utf-8") + said).digest(),
    )


def context() -> Context:
    """Gather the circumstances of this request for a service."""
    caller = None if security.required_scope() == security.PUBLIC else security.caller()
    return Context(
        actor="anonymous" if caller is None else str(caller),
        caller=caller,
        request_id=request_id(),
        now=clock.now(),
        business_date=clock.business_date(security.settings().business_timezone),
        traceparent=traceparent(),
    )


def init_app(app: Flask) -> None:
    """Give each request an id, echo it, and log one line about it."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    setup_request_context()
    g.started = clock.monotonic()


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = request_id() or ""
    trace = traceparent()
    if trace is not None:
        response.headers["traceparent"] = trace
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if request.path not in UNLOGGED:
        log(
            "request",
            method=request.method,
            route=request.url_rule.rule if request.url_rule else None,
            status=response.status_code,
            duration=f"{clock.monotonic() - g.started:.4f}s",
            client=str(g.caller.id) if "caller" in g else None,
            replayed=response.headers.get("Idempotent-Replayed") == "true",
        )
    return response


def _forget(_: BaseException | None) -> None:
    clear_request_context()
