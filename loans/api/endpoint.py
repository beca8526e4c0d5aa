"""What every route of a resource has in common: its scope, its schemas, its transaction, its idempotency.

`command` makes a POST, `query` a GET. The view below them says only what is particular: it gets the session, the
parsed input and the path's identifiers, calls one service and gives the result.
"""

import copy
import functools
import hashlib
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

import marshmallow as ma
from flask import Response, request
from flask_smorest import Blueprint as SmorestBlueprint
from sqlalchemy.orm import Session

from loans.api import requests, security
from loans.api.errors import IdempotencyKeyMissing, InvalidIdempotencyKey
from loans.db import db, transaction
from loans.schemas.common import Problem
from loans.services import idempotency
from loans.services.idempotency import Answer, Claim

V = TypeVar("V", bound=Callable[..., Any])
KEY_LENGTH_MAX = 255

KEY_PARAMETER = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX},
    "description": "Makes the request safe to repeat: the same key with the same request gets the same answer.",
}
HEADERS = {
    "Idempotent-Replayed": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "Present where the answer is that of an earlier request with this Idempotency-Key.",
    },
    "Location": {"schema": {"type": "string"}, "description": "The path of what was created."},
    "Link": {"schema": {"type": "string"}, "description": "The next page, as rel=next; absent on the last."},
}
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
    413: "Body too large",
    415: "Not application/json",
    422: "Invalid fields, or refused by a rule",
}


class Blueprint(SmorestBlueprint):  # type: ignore[misc] # flask-smorest is untyped
    """A resource: a flask-smorest blueprint that reads its input strictly and lets nobody in unasked."""

    ARGUMENTS_PARSER = requests.StrictParser()

    def __init__(self, name: str, import_name: str, **kwargs: Any) -> None:
        super().__init__(name, import_name, **kwargs)
        self.before_request(security.authorize)


def command(  # noqa: PLR0913 - what a command declares
    blueprint: Blueprint,
    rule: str,
    *,
    scope: str,
    accepts: type[ma.Schema],
    returns: type[ma.Schema],
    status: int = 200,
    location: Callable[[Any], str] | None = None,
) -> Callable[[V], V]:
    """Make a view the POST at `rule`: run in one transaction, once for each Idempotency-Key.

    The view is called with the session, the context, the parsed body and the path's arguments; `location` makes the
    Location header from what it returns.
    """
    schema = returns()

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def run(body: Any, **path: Any) -> Response:
            requests.refuse_parameters()
            wanted = _claim()

            def work(session: Session) -> tuple[Answer, bool]:
                stored = idempotency.claim(session, wanted=wanted)
                if stored is not None:
                    return stored, True
                circumstances = requests.context()
                # A copy: a view may take its body apart, and a transaction that is run again needs it whole.
                result = view(session, circumstances, copy.deepcopy(body), **path)
                answer = Answer(
                    status=status, location=location(result) if location else None, body=_dump(schema, result)
                )
                idempotency.store(session, claimed=wanted, answer=answer, context=circumstances)
                return answer, False

            answer, replayed = transaction(work)
            return _response(answer, replayed=replayed)

        run.__idempotent__ = True  # type: ignore[attr-defined] # read by a convention test
        _publish(
            blueprint, rule, run, method="POST", scope=scope, schema=accepts, returns=returns, status=status
        )
        return view

    return decorate


def query(
    blueprint: Blueprint,
    rule: str,
    *,
    scope: str,
    returns: type[ma.Schema],
    args: type[ma.Schema] | None = None,
) -> Callable[[V], V]:
    """Make a view the GET at `rule`; it gets the session, the parsed query if any, the path's arguments.

    A page, which has a next_cursor, gets a Link header as well.
    """
    schema = returns()

    def decorate(view: V) -> V:
        @functools.wraps(view)
        def run(*parsed: Any, **path: Any) -> Response:
            if args is None:
                requests.refuse_parameters()
            result = view(db.session(), *parsed, **path)
            response = _response(
                Answer(status=200, location=None, body=_dump(schema, result)), replayed=False
            )
            cursor = ma.utils.get_value(result, "next_cursor", None)
            if cursor:
                others = {name: value for name, value in request.args.items() if name != "cursor"}
                response.headers["Link"] = (
                    f'<{request.path}?{urlencode({**others, "cursor": cursor})}>; rel="next"'
                )
            return response

        _publish(blueprint, rule, run, method="GET", scope=scope, schema=args, returns=returns, status=200)
        return view

    return decorate


def _publish(  # noqa: PLR0913 - what flask-smorest is told
    blueprint: Blueprint,
    rule: str,
    run: Callable[..., Response],
    *,
    method: str,
    scope: str,
    schema: type[ma.Schema] | None,
    returns: type[ma.Schema],
    status: int,
) -> None:
    """Put a view under its rule and into the OpenAPI document."""
    setattr(run, security.SCOPE_ATTRIBUTE, scope)
    shown = {
        "GET": ["Link"] if "next_cursor" in returns().fields else [],
        "POST": ["Idempotent-Replayed", *(["Location"] if status == HTTPStatus.CREATED else [])],
    }
    view = blueprint.response(status, returns, headers={name: HEADERS[name] for name in shown[method]})(run)
    for code, description in (ERRORS_OF_COMMAND if method == "POST" else ERRORS_OF_QUERY).items():
        view = blueprint.alt_response(
            code, schema=Problem, content_type="application/problem+json", description=description
        )(view)
    described: dict[str, Any] = {
        "operationId": run.__name__,
        "description": f"Scope: `{scope}`.",
        # With a bearer key the list names what the key must carry, as OpenAPI 3.1 allows.
        "security": [{"apiKey": [scope]}],
    }
    if method == "POST":
        described["parameters"] = [KEY_PARAMETER]
    if schema is not None:
        # A body without required fields may be left out, and so may every query parameter.
        required = any(field.required for field in schema().fields.values())
        location = "json" if method == "POST" else "query"
        view = blueprint.arguments(schema, location=location, required=required)(view)
    view = blueprint.doc(**described)(view)
    blueprint.route(rule, methods=[method])(view)


def _claim() -> Claim:
    """Read the Idempotency-Key, bare or quoted, and make the fingerprint of the request.

    :raises IdempotencyKeyMissing: if there is none.
    :raises InvalidIdempotencyKey: if it is empty, too long or not printable.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise IdempotencyKeyMissing("send an Idempotency-Key, for example a random UUID, with every POST")
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1]
    if not 0 < len(key) <= KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
        raise InvalidIdempotencyKey(
            f"an Idempotency-Key has 1 to {KEY_LENGTH_MAX} printable ASCII characters"
        )
    # Two bodies that say the same in another order or spacing are the same request.
    said = json.dumps(requests.body_of(request), sort_keys=True, default=str)
    asked = "\n".join([request.method, request.path, request.query_string.decode("latin-1"), said])
    return Claim(
        client_id=security.caller().id, key=key, fingerprint=hashlib.sha256(asked.encode("utf-8")).digest()
    )


def _dump(schema: ma.Schema, result: Any) -> bytes:
    return (json.dumps(schema.dump(result), ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8")


def _response(answer: Answer, *, replayed: bool) -> Response:
    response = Response(answer.body, status=answer.status, content_type="application/json")
    if answer.location is not None:
        response.headers["Location"] = answer.location
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
