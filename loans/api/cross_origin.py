"""Cross-origin requests: pages of the origins that a setting names may call the API from a browser; by default none."""

from flask import Flask, Response, request
from flask_cors import CORS

from loans.api import security

METHODS = ("GET", "HEAD", "POST", "PATCH")
SENT = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-ID",
    "traceparent",
)
SHOWN = (
    "Age",
    "Approval-Required",
    "Deprecation",
    "Dry-Run",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "X-Request-ID",
    "traceparent",
)
MAX_AGE_SECONDS = 600


def init_app(app: Flask, *, origins: tuple[str, ...]) -> None:
    """Let pages of these origins call what is below /api; without any, no header is added at all."""
    if origins:
        # No credentials: a browser adds nothing of its own that authenticates.
        CORS(
            app,
            resources={r"/api/.*": {"origins": list(origins)}},
            methods=list(METHODS),
            allow_headers=list(SENT),
            expose_headers=list(SHOWN),
            max_age=MAX_AGE_SECONDS,
            supports_credentials=False,
            send_wildcard=False,
            # By default the first origin is named even to a caller that sent none.
            always_send=False,
        )
        app.after_request(_vary)


def _vary(response: Response) -> Response:
    # flask-cors leaves it out where there is one origin, though a page of another gets another answer.
    response.vary.add("Origin")
    return response


def authorize() -> None:
    """Let the request pass if its key may; OPTIONS tells anybody which methods there are, as a browser asks first."""
    if request.method != "OPTIONS":
        security.authorize()
