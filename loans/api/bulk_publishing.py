"""What the OpenAPI document says of a route that takes a file and answers line by line."""

from collections.abc import Callable
from typing import Any

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from loans.api import security
from loans.api.publishing import DRY_RUN_PARAMETER, HEADERS, KEY_PARAMETER, LIMITED, with_errors
from loans.schemas.row_files import FileFormat

ATOMIC_PARAMETER = {
    "in": "query",
    "name": "atomic",
    "schema": {"type": "string", "enum": ["row", "all"], "default": "row"},
    "description": "`row`: a refused row leaves the others alone. `all`: it refuses the whole file.",
}
ERRORS = {
    400: "Unreadable body, or no usable Idempotency-Key",
    401: "Not authenticated",
    403: "Scope missing",
    408: "The file did not come in time",
    412: "If-Match, which no file can meet",
    413: "The file has too many bytes or rows",
    414: "Address too long",
    415: "Neither NDJSON nor CSV, or not in UTF-8",
    422: "The header of the file, or with `atomic=all` a row, is refused: nothing is stored",
    429: "Too many requests",
    500: "A fault of the service",
    503: "Temporarily unavailable",
}


def publish(
    blueprint: Blueprint,
    rule: str,
    *,
    run: Callable[[], Response],
    scope: str,
    accepts: type[ma.Schema],
    returns: type[ma.Schema],
) -> None:
    """Put a view under its rule and into the OpenAPI document; each line of body and answer has the schema named."""
    setattr(run, security.SCOPE_ATTRIBUTE, scope)
    setattr(run, security.TAKES_FILE_ATTRIBUTE, True)
    run.__idempotent_by_row__ = True  # type: ignore[attr-defined] # read by a convention test
    ndjson = FileFormat.NDJSON.value
    view: Any = blueprint.response(
        200,
        returns,
        content_type=ndjson,
        headers={name: HEADERS[name] for name in ("Dry-Run", *LIMITED)},
        description="A line for each row, in their order, and a summary",
    )(run)
    view = with_errors(blueprint, view, errors=ERRORS)
    view = blueprint.doc(
        operationId=run.__name__,
        description=f"Scope: `{scope}`.",
        security=security.schemes(scope),
        parameters=[KEY_PARAMETER, ATOMIC_PARAMETER, DRY_RUN_PARAMETER],
        requestBody={
            "required": True,
            "content": {
                ndjson: {"schema": accepts},
                FileFormat.CSV.value: {"schema": {"type": "string"}},
            },
        },
    )(view)
    blueprint.route(rule, methods=["POST"])(view)
