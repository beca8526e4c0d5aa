"""Blueprint legacy_loans: the first API, /api/loans and /api/stats, for the clients that know no other (ADR 29).

Its shapes and status codes are frozen; tests/data/first_api.json holds them. New behaviour shows only to who asks for
it: `limit` and `before` in the query, an Idempotency-Key.
"""

import functools
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from email.utils import format_datetime
from typing import Any, TypeVar

import marshmallow as ma
from flask import Flask, Response, g, request, stream_with_context
from flask_smorest import Blueprint
from sqlalchemy.orm import Session

from loans import clock
from loans.api import body, deprecation, limits, requests, security
from loans.api.legacy_errors import InvalidLoanId, InvalidLoanRequest, concerns
from loans.config import Settings
from loans.db import db, transaction
from loans.logger import log, request_id, traceparent
from loans.queries import legacy_loans as stored
from loans.queries.legacy_loans import LegacyLoanRecord
from loans.schemas.legacy_loans import LegacyError, LegacyLoanIn, LegacyLoanOut, LegacyStatsOut
from loans.services import idempotency, legacy_loans
from loans.services.context import Context
from loans.services.idempotency import Answer, Claim
from loans.services.legacy_loans import LegacyLoanNotFound, LegacyRequest

V = TypeVar("V", bound=Callable[..., Any])
# So many rows are read, written down and sent at a time, whatever their number: about 270 kB.
ROWS_AT_ONCE = 1000
PAGE = "/docs/migrating-from-the-first-api.md"
# The routes stay at least until then; they go with the first major release after it.
NOTICE = deprecation.Deprecation(
    since=date(2026, 11, 21), sunset=date(2028, 1, 1), link=PAGE, link_type="text/markdown"
)
ERRORS = {
    400: "Refused",
    401: "Not authenticated",
    403: "Scope missing",
    429: "Too many requests",
    500: "A fault of the service",
}
QUERY_PARAMETERS = [
    {
        "in": "query",
        "name": "limit",
        "schema": {"type": "integer", "minimum": 1, "maximum": ROWS_AT_ONCE},
        "description": "At most so many, with `Link: rel=next`. Without it, all of them.",
    },
    {
        "in": "query",
        "name": "before",
        "schema": {"type": "string", "format": "uuid"},
        "description": "Only what comes after this one in the list.",
    },
]

blueprint = Blueprint(
    "legacy_loans", __name__, url_prefix="/api", description="The first API: deprecated, see " + PAGE
)


def init_app(app: Flask, settings: Settings) -> None:
    """Tell an operator whose installation lets everyone in, and clients at any path that the API will go."""
    if settings.is_deployed and settings.is_legacy_api_open:
        log("legacy API open", level="warning", setting="LEGACY_API_AUTH", environment=settings.environment)

    def say(response: Response) -> Response:
        # What no view answers: another method, a slash too many.
        return NOTICE.put_on(response) if request.url_rule is None and concerns(request.path) else response

    app.after_request(say)


@blueprint.before_request
def authorize() -> None:
    """Let everyone in where the setting says so, but look at a key that is shown all the same.

    :raises NotAuthenticated: if there is no valid key where one is wanted, or an invalid one anywhere.
    :raises ScopeMissing: if the key lacks the scope.
    :raises RateLimited: if there were too many requests.
    """
    shows_key = request.headers.get("Authorization", "").lower().startswith(security.SCHEME)
    if request.method == "OPTIONS":
        return
    if security.settings().is_legacy_api_open and not shows_key:
        limits.admit_address()
        return
    security.authorize()


def route(
    rule: str, *, method: str, scope: str, errors: Iterable[int] = (), **described: Any
) -> Callable[[V], V]:
    """Put a view under its rule, without the trailing slash that other routes allow, and into the document."""

    def decorate(view: V) -> V:
        setattr(view, security.SCOPE_ATTRIBUTE, scope)
        marked = deprecation.deprecated(NOTICE)(view)
        for status in sorted({*ERRORS, *errors}):
            marked = blueprint.alt_response(
                status,
                schema=LegacyError,
                content_type="application/json",
                description=ERRORS.get(status, "Not found"),
            )(marked)
        marked = blueprint.doc(
            operationId=f"legacy_{view.__name__}",
            description=f"Deprecated. Scope, where LEGACY_API_AUTH asks for a key: `{scope}`.",
            security=[{}, *security.schemes(scope)],
            **described,
        )(marked)
        blueprint.route(rule, methods=[method], strict_slashes=True)(marked)
        return view

    return decorate


def repeatable(view: V) -> V:
    """Mark a POST that is done once for each Idempotency-Key, where a caller who shows an API key sends one."""
    view.__idempotent__ = True  # type: ignore[attr-defined] # read by a convention test
    return view


@route("/loans", method="GET", scope="legacy:read", errors=(404,), parameters=QUERY_PARAMETERS)
@blueprint.response(200, LegacyLoanOut(many=True), headers=deprecation.HEADERS)
def list_loans() -> Response:
    """List all loan requests, newest first."""
    before, limit = _before(), _limit()
    wanted = ROWS_AT_ONCE if limit is None else limit
    # One more than is shown tells whether there is a next page.
    rows = stored.newest(db.session(), limit=wanted + 1, before=before)
    # The connection goes back before anything is sent: a client may take its time.
    db.session().rollback()
    if limit is None and len(rows) > wanted:
        return Response(stream_with_context(_all_from(rows)), content_type="application/json")
    response = _json([_shown(row) for row in rows[:wanted]])
    if len(rows) > wanted:
        following = f"{request.path}?limit={limit}&before={rows[wanted - 1].id}"
        response.headers.add("Link", f'<{following}>; rel="next"')
    log("Retrieved loans", count=min(len(rows), wanted))
    return response


@route(
    "/loans/<loan_id>",
    method="GET",
    scope="legacy:read",
    errors=(404,),
    parameters=[
        {"in": "path", "name": "loan_id", "required": True, "schema": {"type": "string", "format": "uuid"}}
    ],
)
@blueprint.response(200, LegacyLoanOut, headers=deprecation.HEADERS)
def get_loan(loan_id: str) -> Response:
    """Get a loan request."""
    found = _find(loan_id)
    log("Retrieved loan", loan_id=found.id)
    return _json(_shown(found))


@route(
    "/loans",
    method="POST",
    scope="legacy:write",
    errors=(413,),
    requestBody={"required": True, "content": {"application/json": {"schema": LegacyLoanIn}}},
)
@blueprint.response(201, LegacyLoanOut, headers=deprecation.HEADERS)
@repeatable
def create_loan() -> Response:
    """Record a loan request."""
    asked, wanted = _request(), _claim()

    def work(session: Session) -> tuple[Answer, LegacyLoanRecord | None]:
        answered = idempotency.claim(session, wanted=wanted) if wanted else None
        if answered is not None:
            return answered, None
        circumstances = _context()
        made = legacy_loans.record(session, request=asked, context=circumstances)
        answer = Answer(status=201, location=None, body=_written(_shown(made)))
        if wanted:
            idempotency.store(session, claimed=wanted, answer=answer, context=circumstances)
        return answer, made

    answer, made = transaction(work)
    response = Response(answer.body, status=answer.status, content_type="application/json")
    if made is None:
        response.headers["Idempotent-Replayed"] = "true"
    else:
        log("Created loan", loan_id=made.id, borrower_id=made.borrower_id)
    return response


@route("/stats", method="GET", scope="legacy:read")
@blueprint.response(200, LegacyStatsOut, headers=deprecation.HEADERS)
def get_stats() -> Response:
    """Count and sum all loan requests."""
    found = stored.stats(db.session())
    log(
        "Retrieved stats",
        total_loans=found.total_loans,
        total_amount=found.total_amount,
        status_count=len(found.by_status),
        currency_count=len(found.by_currency),
    )
    return _json(
        {
            "avg_amount": found.avg_amount,
            "by_currency": found.by_currency,
            "by_status": found.by_status,
            "total_amount": found.total_amount,
            "total_loans": found.total_loans,
        }
    )


def _all_from(rows: tuple[LegacyLoanRecord, ...]) -> Iterator[bytes]:
    """Write the array piece by piece; where a piece fails it is left without its end, and nobody takes it for all."""
    count, opening = 0, b"["
    while rows:
        piece = rows[:ROWS_AT_ONCE]
        # Without the brackets, which are those of the whole.
        yield opening + _written([_shown(row) for row in piece])[1:-2]
        count, opening = count + len(piece), b","
        if len(rows) <= ROWS_AT_ONCE:
            break
        # Rows never change and new ones are newer, so that the pieces fit together without a snapshot.
        rows = stored.newest(db.session(), limit=ROWS_AT_ONCE + 1, before=piece[-1])
        db.session().rollback()
    yield b"]\n"
    log("Retrieved loans", count=count)


def _limit() -> int | None:
    """Read how many are wanted, None for all.

    :raises InvalidLoanRequest: if it is not a number from 1 to ROWS_AT_ONCE.
    """
    text = request.args.get("limit")
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= len(str(ROWS_AT_ONCE)):
        limit = int(text)
        if 1 <= limit <= ROWS_AT_ONCE:
            return limit
    raise _refusal(f"limit: Must be at least 1 and at most {ROWS_AT_ONCE}.")


def _before() -> LegacyLoanRecord | None:
    text = request.args.get("before")
    return None if text is None else _find(text)


def _find(loan_id: str) -> LegacyLoanRecord:
    """Give a request by its identifier, in any form that Python takes for a UUID.

    :raises InvalidLoanId: if it is none.
    :raises LegacyLoanNotFound: if nothing has it.
    """
    try:
        identifier = uuid.UUID(loan_id)
    except ValueError as error:
        log("Invalid loan ID", level="error", loan_id=loan_id)
        raise InvalidLoanId("Invalid loan id") from error
    try:
        return legacy_loans.get(db.session(), loan_id=identifier)
    except LegacyLoanNotFound:
        log("Loan not found", level="warning", loan_id=identifier)
        raise


def _request() -> LegacyRequest:
    """Read what is asked for.

    :raises InvalidLoanRequest: if anything is missing or out of range; the detail says all of it.
    """
    try:
        return LegacyRequest(**LegacyLoanIn().load(_body()))
    except ma.ValidationError as error:
        faults = {
            "body" if name == "_schema" else name: " ".join(messages)
            for name, messages in error.messages_dict.items()
        }
        raise _refusal("; ".join(f"{name}: {fault}" for name, fault in faults.items())) from error


def _refusal(detail: str) -> InvalidLoanRequest:
    log("Invalid request", level="error", error=detail)
    return InvalidLoanRequest(detail)


def _body() -> Any:
    """Parse the body. What is not JSON, does not say that it is or is empty counts as an object without fields."""
    raw = body.read()
    if not request.is_json:
        return {}
    try:
        # NaN and the like are numbers to Python's parser; the schema refuses them where they matter.
        return json.loads(raw, parse_float=_decimal, parse_constant=Decimal) or {}
    except (ValueError, RecursionError):
        return {}


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        # An exponent beyond all bounds: out of range of every field.
        return Decimal("Infinity")


def _claim() -> Claim | None:
    """Read the Idempotency-Key of a caller who shows an API key; the others cannot be told apart.

    :raises InvalidIdempotencyKey: if it is empty, too long or not printable.
    """
    return requests.claim_if_any(body.read()) if "caller" in g else None


def _context() -> Context:
    """Gather the circumstances of this request; who shows no key is anonymous."""
    if "caller" in g:
        return requests.context()
    return Context(
        actor="anonymous",
        request_id=request_id(),
        now=clock.now(),
        business_date=clock.business_date(security.settings().business_timezone),
        traceparent=traceparent(),
    )


def _shown(row: LegacyLoanRecord) -> Mapping[str, object]:
    return {
        "amount": str(row.amount),
        "borrower_id": row.borrower_id,
        "created_at": _http_date(row.created_at),
        "currency": row.currency,
        "id": str(row.id),
        "interest_rate_apr": None if row.interest_rate_apr is None else str(row.interest_rate_apr),
        "status": row.status,
        "term_months": row.term_months,
        "updated_at": _http_date(row.updated_at),
    }


@functools.lru_cache(maxsize=4096)
def _http_date(instant: datetime) -> str:
    # Most rows have the same instant twice, and those of an import all have one.
    return format_datetime(instant.astimezone(UTC), usegmt=True)


def _json(shown: object) -> Response:
    return Response(_written(shown), content_type="application/json")


def _written(shown: object) -> bytes:
    """Write JSON with sorted names and without spaces, as Flask does for the earlier service."""
    return (json.dumps(shown, sort_keys=True, separators=(",", ":")) + "\n").encode("ascii")
