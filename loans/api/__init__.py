"""The HTTP edge: one blueprint a resource, all listed here."""

import json
from typing import Any

import flask_smorest
from flask import Flask, Response
from flask.typing import ResponseReturnValue
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter

from loans import __version__
from loans.api import (
    api_clients,
    approval_policies,
    approvals,
    audit,
    borrowers,
    bulk,
    cross_origin,
    deprecation,
    document,
    errors,
    events,
    explanations,
    health,
    index,
    ledger,
    legacy_loans,
    limits,
    portfolio,
    products,
    repayments,
    requests,
    servicing,
    sessions,
    simulations,
    staff,
    transactions,
)
from loans.api import loans as loans_api
from loans.config import Settings
from loans.schemas import event_types
from loans.schemas.common import Problem

RESOURCES = (
    borrowers.blueprint,
    products.blueprint,
    loans_api.blueprint,
    repayments.blueprint,
    bulk.blueprint,
    servicing.blueprint,
    transactions.blueprint,
    simulations.blueprint,
    explanations.blueprint,
    ledger.blueprint,
    portfolio.blueprint,
    approvals.blueprint,
    approval_policies.blueprint,
    events.blueprint,
    audit.blueprint,
    api_clients.blueprint,
    staff.blueprint,
    sessions.blueprint,
    legacy_loans.blueprint,
)
UNGUARDED = (index.blueprint, health.blueprint)
# The page has its configuration inline, and its icons as data URLs in its style sheet.
DOCS_POLICY = "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

DESCRIPTION = """Loans from application to the last repayment, exact to the minor unit.

Amounts are decimal strings with a currency beside them. Every request carries `Authorization: Bearer <key>`, or the
access token of a staff member; every POST that changes something an `Idempotency-Key`, with which it may be repeated
safely, and with `?dry_run=true` it does everything and undoes it. Errors are `application/problem+json`."""


class Api(flask_smorest.Api):  # type: ignore[misc] # flask-smorest is untyped
    """The OpenAPI document and its error shape."""

    ERROR_SCHEMA = Problem
    # Each route names its errors; the default would show them as application/json.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _openapi_json(self) -> Response:
        return Response(
            json.dumps(document.complete(self.spec.to_dict()), indent=2), content_type="application/json"
        )

    def handle_http_exception(self, error: HTTPException) -> ResponseReturnValue:
        """Answer an HTTP error as a problem document."""
        return errors.answer_http(error)


class PlainIntegerConverter(IntegerConverter):
    """A whole number in a path, in the digits 0 to 9 alone; Python reads those of other scripts as well."""

    regex = "[0-9]+"


def register(app: Flask, settings: Settings) -> None:
    """Put every blueprint, the OpenAPI document and its browser under the application."""
    app.url_map.converters["int"] = PlainIntegerConverter
    app.config.update(_openapi())
    api = Api(app)
    api.spec.components.security_scheme(
        "apiKey",
        {"type": "http", "scheme": "bearer", "description": "An API key: bl_<environment>_<id>_<secret>."},
    )
    api.spec.components.security_scheme(
        "accessToken",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A staff member's access token.",
        },
    )
    for blueprint in RESOURCES:
        api.register_blueprint(blueprint)
    for schema in event_types.data_schemas():
        api.spec.components.schema(schema.__name__, schema=schema)
    api.spec.options["webhooks"] = event_types.webhooks()
    for unguarded in UNGUARDED:
        app.register_blueprint(unguarded)
    docs = get_swaggerui_blueprint(
        "/docs", "/openapi.json", config={"app_name": "Branch Loans", "validatorUrl": None}
    )
    docs.after_request(_own_host_only)
    app.register_blueprint(docs)
    requests.init_app(app)
    errors.init_app(app)
    deprecation.init_app(app)
    limits.init_app(app, settings)
    cross_origin.init_app(app, origins=settings.cors_allowed_origins)
    legacy_loans.init_app(app, settings)


def _own_host_only(response: Response) -> Response:
    """Forbid the browser to fetch anything of the docs page from another host."""
    response.headers["Content-Security-Policy"] = DOCS_POLICY
    return response


def _openapi() -> dict[str, Any]:
    return {
        "API_TITLE": "Branch Loans",
        "API_VERSION": __version__,
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
        "API_SPEC_OPTIONS": {
            "info": {"description": DESCRIPTION},
            "security": [{"apiKey": []}, {"accessToken": []}],
        },
    }
