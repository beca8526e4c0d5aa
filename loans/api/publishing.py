"""What the OpenAPI document says of a route: the headers and errors of its kind, and who may call it."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from loans.api import deprecation, requests, security
from loans.schemas.approvals import ApprovalOut
from loans.schemas.common import PageArgs, Problem

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
    "Approval-Required": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "Present in a dry run of what would wait for a second person.",
    },
    "Location": {"schema": {"type": "string"}, "description": "The path of what was created."},
    "ETag": {"schema": {"type": "string"}, "description": "The version; for If-None-Match and If-Match."},
    "RateLimit": {
        "schema": {"type": "string"},
        "description": 'What is left of each limit and the seconds until it is whole again: `"default";r=599;t=60`.',
    },
    "RateLimit-Policy": {
        "schema": {"type": "string"},
        "description": 'The limits that the request counted towards: `"default";q=600;w=60`.',
    },
    "Link": {"schema": {"type": "string"}, "description": "The next page, as rel=next; absent on the last."},
}
RETRY_AFTER = {
    "schema": {"type": "integer"},
    "description": "Seconds after which the same request may be sent again, where it may.",
}
LIMITED = ("RateLimit", "RateLimit-Policy")
# What may be over in a moment; a 409 is so while the same key is still running.
RETRIED = (409, 429, 503)
ERRORS_OF_QUERY = {
    400: "Unreadable request",
    401: "Not authenticated",
    403: "Scope missing",
    404: "Not found",
    414: "Address too long",
    422: "Invalid parameters",
    429: "Too many requests",
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
    is_holdable: bool = False


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


def holdable(kind: Kind) -> Kind:
    """Make the kind of commands that may wait for a second person (ADR 34)."""
    return kind._replace(headers=(*kind.headers, "Approval-Required"), is_holdable=True)


def publish(  # noqa: PLR0913 - what flask-smorest is told
    blueprint: Blueprint,
    rule: str,
    *,
    run: Callable[..., Response],
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
        *LIMITED,
        *(["Link"] if schema is not None and issubclass(schema, PageArgs) else []),
        *(["Location"] if status == HTTPStatus.CREATED else []),
    ]
    view = blueprint.response(status, returns, headers={name: HEADERS[name] for name in shown})(run)
    if "ETag" in kind.headers:
        view = blueprint.alt_response(HTTPStatus.NOT_MODIFIED, description="As the client has it")(view)
    view = _with_other_answers(blueprint, view, kind=kind)
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
        # A body without required fields may be left out, but one that changes some, and so may every query parameter.
        required = kind is CHANGE or any(field.required for field in schema().fields.values())
        location = "query" if kind.method == "GET" else "json"
        view = blueprint.arguments(schema, location=location, required=required)(view)
    view = blueprint.doc(**described)(view)
    blueprint.route(rule, methods=[kind.method])(view)


def _with_other_answers(
    blueprint: Blueprint, view: Callable[..., Response], *, kind: Kind
) -> Callable[..., Response]:
    """Document what a route answers when it does not do what was asked."""
    if kind.is_holdable:
        view = blueprint.alt_response(
            HTTPStatus.ACCEPTED,
            schema=ApprovalOut,
            description="Not done: it waits for a second person",
            headers={name: HEADERS[name] for name in ("Location", "Idempotent-Replayed")},
        )(view)
    return with_errors(blueprint, view, errors=kind.errors)


def with_errors(
    blueprint: Blueprint, view: Callable[..., Response], *, errors: Mapping[int, str]
) -> Callable[..., Response]:
    """Document the problems that a route may answer, by their status."""
    for code, description in errors.items():
        view = blueprint.alt_response(
            code,
            schema=Problem,
            content_type="application/problem+json",
            description=description,
            headers={"Retry-After": RETRY_AFTER} if code in RETRIED else None,
        )(view)
    return view
