"""What every route of a resource has in common: its scope, its schemas, its transaction, its idempotency.

`command` makes a POST that changes something, `calculation` a POST that stores nothing, `exchange` a POST that takes a
password or a token, `query` a GET. The view below them says only what is particular: it gets the session, the parsed
input and the path's identifiers, calls one service and gives the result.
"""

import copy
import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import marshmallow as ma
from flask import Response, request
from flask_smorest import Blueprint as SmorestBlueprint
from sqlalchemy.orm import Session

from loans.api import conditional, cross_origin, deprecation, requests, security, shapes
from loans.api.errors import IdempotencyKeyMissing
from loans.db import db, transaction
from loans.schemas.common import PageArgs, Problem
from loans.services import idempotency
from loans.services.context import Context
from loans.services.idempotency import Answer, Claim

V = TypeVar("V", bound=Callable[..., Any])

KEY_PARAMETER = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": requests.KEY_LENGTH_MAX},
    "description": "Makes the request safe to repeat: the same key with the same request gets the same answer.",
}
IF_MATCH_PARAMETER = {
    "in": "header",
    "name": "If-Match",
    "schema": {"type": "string"},
    "description": "The ETag of what is to be changed; 412 if it has changed since.",
}
IF_NONE_MATCH_PARAMETER = {
    "in": "header",
    "name": "If-None-Match",
    "schema": {"type": "string"},
    "description": "The ETag of an earlier answer; 304 without a body if this one would be the same.",
}
DRY_RUN_PARAMETER = {
    "in": "query",
    "name": "dry_run",
    "schema": {"type": "boolean", "default": False},
    "description": "Do all of it, answer, and undo it: nothing is stored, not even under the Idempotency-Key.",
}
HEADERS = {
    "Dry-Run": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "Present where nothing of what the answer says was stored.",
    },
    "Idempotent-Replayed": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "Present where the answer is that of an earlier request with this Idempotency-Key.",
    },
    "Location": {"schema": {"type": "string"}, "description": "The path of what was created."},
    "ETag": {"schema": {"type": "string"}, "description": "The version; for If-None-Match and If-Match."},
    "Link": {"schema": {"type": "string"}, "description": "The next page, as rel=next; absent on the last."},
}
RETRY_AFTER = {
    "schema": {"type": "integer"},
    "description": "Seconds after which the same request may be sent again, where it may.",
}
# What may be over in a moment; a 409 is so while the same key is still running.
RETRIED = (409, 503)
ERRORS_OF_QUERY = {
    401: "Not authenticated",
    403: "Scope missing",
    404: "Not found",
    422: "Invalid parameters",
    500: "A fault of the service; nothing was changed",
    503: "Temporarily unavailable",
}
ERRORS_OF_COMMAND = {
    **ERRORS_OF_QUERY,
    400: "Unreadable body, or no usable Idempotency-Key",
    409: "In conflict with the state of the resource, or the same key is still running",
    412: "Changed since the ETag in If-Match was given",
    413: "Body too large",
    415: "Not application/json",
    422: "Invalid fields, or refused by a rule",
}
ERRORS_OF_CALCULATION = {
    **{
        status: said for status, said in ERRORS_OF_COMMAND.items() if status != HTTPStatus.PRECONDITION_FAILED
    },
    400: "Unreadable body",
    409: "An event that the state before it does not admit",
}


class Kind(NamedTuple):
    """What the OpenAPI document says of all routes of one kind."""

    method: str
    errors: Mapping[int, str]
    headers: tuple[str, ...] = ()
    parameters: tuple[Mapping[str, Any], ...] = ()


COMMAND = Kind(
    "POST",
    ERRORS_OF_COMMAND,
    ("Idempotent-Replayed", "Dry-Run"),
    (KEY_PARAMETER, DRY_RUN_PARAMETER, IF_MATCH_PARAMETER),
)
CHANGE = COMMAND._replace(
    method="PATCH",
    errors={**ERRORS_OF_COMMAND, 428: "No If-Match"},
    parameters=(KEY_PARAMETER, DRY_RUN_PARAMETER, {**IF_MATCH_PARAMETER, "required": True}),
)
CALCULATION = Kind("POST", ERRORS_OF_CALCULATION)
EXCHANGE = Kind("POST", ERRORS_OF_CALCULATION)
QUERY = Kind("GET", ERRORS_OF_QUERY)
QUERY_OF_ONE = Kind("GET", ERRORS_OF_QUERY, ("ETag",), (IF_NONE_MATCH_PARAMETER,))


class Blueprint(SmorestBlueprint):  # type: ignore[misc] # flask-smorest is untyped
    """A resource: a flask-smorest blueprint that reads its input strictly and lets nobody in unasked."""

    ARGUMENTS_PARSER = requests.StrictParser()

    def __init__(self, name: str, import_name: str, **kwargs: Any) -> None:
        super().__init__(name, import_name, **kwargs)
        self.before_request(cross_origin.authorize)


def command(  # noqa: PLR0913 - what a command declares
    blueprint: Blueprint,
    rule: str,
    *,
    scope: str,
    accepts: type[ma.Schema],
    returns: type[ma.Schema],
    status: int = 200,
    location: Callable[[Any], str] | None = None,
    kind: Kind = COMMAND,
    shown_once: str | None = None,
    prepare: Callable[[], Mapping[str, Any]] | None = None,
) -> Callable[[V], V]:
    """Make a view the POST at `rule`: run in one transaction, once for each Idempotency-Key.

    The view is called with the session, the context, the parsed body and the path's arguments; `location` makes the
    Location header from what it returns. `?dry_run=true` undoes it all again. What If-Match says is checked first, with
    the row locked; a `CHANGE`, a PATCH, must say it. The field `shown_once` of the answer is null in what is stored and
    replayed (ADR 30). What `prepare` gives, before the transaction and holding no connection, goes to the view by name.
    """
    schema = returns()

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def run(body: Any, **path: Any) -> Response:
            is_dry = requests.is_dry_run()
            if kind is CHANGE:
                conditional.require()
            wanted = _claim()
            given = {**path, **_prepared(prepare)}

            def act(session: Session, circumstances: Context) -> Answer:
                conditional.check(session, path)
                # A copy: a view may take its body apart, and a transaction that is run again needs it whole.
                result = view(session, circumstances, copy.deepcopy(body), **given)
                shown = schema.dump(result)
                return Answer(
                    status=status,
                    location=location(result) if location else None,
                    body=_encode(shown),
                    kept=_encode(shown | {shown_once: None}) if shown_once else None,
                )

            return _rehearse(act) if is_dry else _act_once(act, wanted=wanted)

        run.__idempotent__ = True  # type: ignore[attr-defined] # read by a convention test
        _publish(blueprint, rule, run, kind=kind, scope=scope, schema=accepts, returns=returns, status=status)
        return view

    return decorate


def calculation(
    blueprint: Blueprint, rule: str, *, scope: str, accepts: type[ma.Schema], returns: type[ma.Schema]
) -> Callable[[V], V]:
    """Make a view the POST at `rule` that stores nothing: without a transaction, and as often as it is asked.

    The view is called with the session, the parsed body and the path's arguments. The connection that the key was
    looked up on is given back first, since a calculation that reads nothing may take a while.
    """
    schema = returns()

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def run(body: Any, **path: Any) -> Response:
            requests.refuse_parameters()
            session = db.session()
            session.rollback()
            result = view(session, body, **path)
            return _response(Answer(status=200, location=None, body=_dump(schema, result)), replayed=False)

        run.__stores_nothing__ = True  # type: ignore[attr-defined] # read by a convention test
        _publish(
            blueprint, rule, run, kind=CALCULATION, scope=scope, schema=accepts, returns=returns, status=200
        )
        return view

    return decorate


def exchange(
    blueprint: Blueprint, rule: str, *, scope: str, accepts: type[ma.Schema], returns: type[ma.Schema]
) -> Callable[[V], V]:
    """Make a view the POST at `rule` whose body holds a password or token: nothing of it is stored, not even a hash
    under an Idempotency-Key, from which a password could be guessed (ADR 31).

    The view is called with the parsed body alone and opens its own transactions, since hashing a password must hold
    no connection. A convention test lists these routes.
    """
    schema = returns()

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def run(body: Any) -> Response:
            requests.refuse_parameters()
            db.session().rollback()
            result = view(body)
            return _response(Answer(status=200, location=None, body=_dump(schema, result)), replayed=False)

        run.__is_exchange__ = True  # type: ignore[attr-defined] # read by a convention test
        _publish(
            blueprint, rule, run, kind=EXCHANGE, scope=scope, schema=accepts, returns=returns, status=200
        )
        return view

    return decorate


def query(  # noqa: PLR0913 - what a query declares
    blueprint: Blueprint,
    rule: str,
    *,
    scope: str,
    returns: type[ma.Schema],
    args: type[ma.Schema] | None = None,
    version: Callable[[Any], int] | None = None,
    shape: shapes.Shape | None = None,
) -> Callable[[V], V]:
    """Make a view the GET at `rule`; it gets the session, the parsed query if any, the path's arguments.

    A page, which has a next_cursor, gets a Link header as well; what has a `version` gets an ETag. A `shape` says what
    `view`, `fields` and `expand` may ask for; the arguments have these three then.
    """
    whole = returns()

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def run(*parsed: Any, **path: Any) -> Response:
            if args is None:
                requests.refuse_parameters()
            schema = whole if shape is None else shape.schema(parsed[0])
            result = view(db.session(), *parsed, **path)
            response = _response(
                Answer(status=200, location=None, body=_dump(schema, result)), replayed=False
            )
            _link(response, cursor=ma.utils.get_value(result, "next_cursor", None))
            return response if version is None else conditional.answer(response, version=version(result))

        kind = QUERY if version is None else QUERY_OF_ONE
        documented = returns if shape is None else shape.documented(returns)
        _publish(blueprint, rule, run, kind=kind, scope=scope, schema=args, returns=documented, status=200)
        return view

    return decorate


def _publish(  # noqa: PLR0913 - what flask-smorest is told
    blueprint: Blueprint,
    rule: str,
    run: Callable[..., Response],
    *,
    kind: Kind,
    scope: str,
    schema: type[ma.Schema] | None,
    returns: type[ma.Schema] | dict[str, Any],
    status: int,
) -> None:
    """Put a view under its rule and into the OpenAPI document."""
    setattr(run, security.SCOPE_ATTRIBUTE, scope)
    shown = [
        *kind.headers,
        *(["Link"] if schema is not None and issubclass(schema, PageArgs) else []),
        *(["Location"] if status == HTTPStatus.CREATED else []),
    ]
    view = blueprint.response(status, returns, headers={name: HEADERS[name] for name in shown})(run)
    if "ETag" in kind.headers:
        view = blueprint.alt_response(HTTPStatus.NOT_MODIFIED, description="As the client has it")(view)
    for code, description in kind.errors.items():
        view = blueprint.alt_response(
            code,
            schema=Problem,
            content_type="application/problem+json",
            description=description,
            headers={"Retry-After": RETRY_AFTER} if code in RETRIED else None,
        )(view)
    described: dict[str, Any] = {
        "operationId": run.__name__,
        "description": "Open to all." if scope == security.PUBLIC else f"Scope: `{scope}`.",
        # With a bearer the list names what key or role must carry, as OpenAPI 3.1 allows.
        "security": security.schemes(scope),
    }
    if hasattr(run, deprecation.ATTRIBUTE):
        described["deprecated"] = True
    if kind.parameters:
        described["parameters"] = list(kind.parameters)
    if schema is not None:
        # A body without required fields may be left out, and so may every query parameter.
        required = any(field.required for field in schema().fields.values())
        location = "query" if kind.method == "GET" else "json"
        view = blueprint.arguments(schema, location=location, required=required)(view)
    view = blueprint.doc(**described)(view)
    blueprint.route(rule, methods=[kind.method])(view)


def _link(response: Response, *, cursor: str | None) -> None:
    """Say where the next page is, if there is one."""
    if cursor:
        others = {name: value for name, value in request.args.items() if name != "cursor"}
        response.headers["Link"] = f'<{request.path}?{urlencode({**others, "cursor": cursor})}>; rel="next"'


def _prepared(prepare: Callable[[], Mapping[str, Any]] | None) -> Mapping[str, Any]:
    if prepare is None:
        return {}
    # Gives back the connection that the caller was looked up on.
    db.session().rollback()
    return prepare()


def _act_once(act: Callable[[Session, Context], Answer], *, wanted: Claim) -> Response:
    """Do what a command does, or answer what it answered when it was done with this key."""

    def work(session: Session) -> tuple[Answer, bool]:
        stored = idempotency.claim(session, wanted=wanted)
        if stored is not None:
            return stored, True
        circumstances = requests.context()
        answer = act(session, circumstances)
        idempotency.store(session, claimed=wanted, answer=answer, context=circumstances)
        return answer, False

    answer, replayed = transaction(work)
    return _response(answer, replayed=replayed)


def _rehearse(act: Callable[[Session, Context], Answer]) -> Response:
    """Do what a command does, undo it, and answer as it would, but for the path of what was not created."""
    answer = transaction(lambda session: act(session, requests.context()), dry_run=True)
    response = _response(dataclasses.replace(answer, location=None), replayed=False)
    response.headers["Dry-Run"] = "true"
    return response


def _claim() -> Claim:
    """Read the Idempotency-Key, which every command carries.

    :raises IdempotencyKeyMissing: if there is none.
    :raises InvalidIdempotencyKey: if it is empty, too long or not printable.
    """
    # Two bodies that say the same in another order or spacing are the same request.
    said = json.dumps(requests.body_of(request), sort_keys=True, default=str)
    wanted = requests.claim(said.encode("utf-8"))
    if wanted is None:
        raise IdempotencyKeyMissing("send an Idempotency-Key, for example a random UUID, with every POST")
    return wanted


def _dump(schema: ma.Schema, result: Any) -> bytes:
    return _encode(schema.dump(result))


def _encode(shown: Any) -> bytes:
    return (json.dumps(shown, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8")


def _response(answer: Answer, *, replayed: bool) -> Response:
    response = Response(answer.body, status=answer.status, content_type="application/json")
    if answer.location is not None:
        response.headers["Location"] = answer.location
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
