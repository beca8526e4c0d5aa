"""Errors: the one table from refusal to HTTP status, and problem documents as of RFC 9457 (ADR 0008)."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import sqlalchemy.exc
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from loans import calendars, db, metrics
from loans.api import conditional, legacy_errors, security, statistics
from loans.core import (
    business_days,
    changes,
    charges,
    dates,
    documents,
    events,
    explanations,
    fold,
    irr,
    lifecycle,
    money,
    rates,
    settlement,
    terms,
    work,
)
from loans.core.errors import LendingError
from loans.logger import log, request_id
from loans.queries import borrowers as stored_borrowers
from loans.queries import paging
from loans.schemas import row_files
from loans.services import (
    api_keys,
    approval_policies,
    approvals,
    borrowers,
    bulk,
    idempotency,
    key_use,
    legacy_loans,
    loan_events,
    origination,
    passwords,
    permissions,
    products,
    rate_limits,
    repayments,
    servicing,
    sessions,
    staff,
    transactions,
)
from loans.services import events as public_events

RETRY_AFTER_SECONDS = 1
FAULTS_SHOWN_MAX = 100
LOCK_NOT_AVAILABLE, QUERY_CANCELED = "55P03", "57014"


class InvalidRequest(LendingError):
    """Fields of the request are missing, unknown or malformed; `errors` lists every one of them."""

    code = "invalid_request"
    title = "Invalid request"

    def __init__(self, messages: Mapping[str, Any]) -> None:
        """List every fault in marshmallow's tree of messages, which begins with the location."""
        faults = [
            {"pointer": pointer, "code": "invalid", "detail": detail}
            for location, tree in messages.items()
            for pointer, detail in _faults(tree, "#" if location == "json" else f"{location}:")
        ]
        named = ", ".join(fault["pointer"] for fault in faults[:5])
        # A small body can hold very many faults; nobody reads more than these.
        super().__init__(f"{len(faults)} fault(s): {named}", errors=faults[:FAULTS_SHOWN_MAX])


class IdempotencyKeyMissing(LendingError):
    """A POST carries no Idempotency-Key, so that it could not be repeated safely."""

    code = "idempotency_key_missing"
    title = "Idempotency key missing"


class InvalidIdempotencyKey(LendingError):
    """The Idempotency-Key is empty, longer than 255 characters, or not printable ASCII."""

    code = "invalid_idempotency_key"
    title = "Invalid idempotency key"


STATUS: Mapping[type[LendingError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    IdempotencyKeyMissing: HTTPStatus.BAD_REQUEST,
    InvalidIdempotencyKey: HTTPStatus.BAD_REQUEST,
    idempotency.IdempotencyKeyInUse: HTTPStatus.CONFLICT,
    idempotency.IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    idempotency.IdempotencyKeyExpired: HTTPStatus.UNPROCESSABLE_ENTITY,
    conditional.PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    conditional.PreconditionRequired: HTTPStatus.PRECONDITION_REQUIRED,
    api_keys.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    security.ScopeMissing: HTTPStatus.FORBIDDEN,
    security.WholeBookClosed: HTTPStatus.FORBIDDEN,
    api_keys.UnknownScope: HTTPStatus.UNPROCESSABLE_ENTITY,
    key_use.AddressNotAllowed: HTTPStatus.FORBIDDEN,
    api_keys.ClientNotFound: HTTPStatus.NOT_FOUND,
    api_keys.ClientDisabled: HTTPStatus.CONFLICT,
    api_keys.KeyNotFound: HTTPStatus.NOT_FOUND,
    api_keys.TooManyKeys: HTTPStatus.CONFLICT,
    approval_policies.PolicyChanged: HTTPStatus.CONFLICT,
    approvals.ApprovalNotFound: HTTPStatus.NOT_FOUND,
    approvals.ApprovalNotPending: HTTPStatus.CONFLICT,
    approvals.SecondPersonNeeded: HTTPStatus.FORBIDDEN,
    approvals.MakerDisabled: HTTPStatus.CONFLICT,
    approvals.NotTheMaker: HTTPStatus.FORBIDDEN,
    approvals.PayloadDiffers: HTTPStatus.UNPROCESSABLE_ENTITY,
    permissions.ScopeNotHeld: HTTPStatus.FORBIDDEN,
    sessions.LoginFailed: HTTPStatus.UNAUTHORIZED,
    sessions.SessionOver: HTTPStatus.UNAUTHORIZED,
    sessions.PasswordChangeRequired: HTTPStatus.FORBIDDEN,
    staff.StaffNotFound: HTTPStatus.NOT_FOUND,
    staff.DuplicateUsername: HTTPStatus.CONFLICT,
    passwords.WeakPassword: HTTPStatus.UNPROCESSABLE_ENTITY,
    passwords.WrongPassword: HTTPStatus.UNPROCESSABLE_ENTITY,
    paging.InvalidCursor: HTTPStatus.UNPROCESSABLE_ENTITY,
    stored_borrowers.SearchTooBroad: HTTPStatus.UNPROCESSABLE_ENTITY,
    borrowers.BorrowerNotFound: HTTPStatus.NOT_FOUND,
    borrowers.DuplicateBorrower: HTTPStatus.CONFLICT,
    borrowers.InvalidDateOfBirth: HTTPStatus.UNPROCESSABLE_ENTITY,
    products.ProductNotFound: HTTPStatus.NOT_FOUND,
    products.DuplicateProduct: HTTPStatus.CONFLICT,
    products.InvalidLimits: HTTPStatus.UNPROCESSABLE_ENTITY,
    loan_events.LoanNotFound: HTTPStatus.NOT_FOUND,
    loan_events.DateInFuture: HTTPStatus.UNPROCESSABLE_ENTITY,
    origination.UnknownBorrower: HTTPStatus.UNPROCESSABLE_ENTITY,
    origination.UnknownProduct: HTTPStatus.UNPROCESSABLE_ENTITY,
    origination.OutsideProductLimits: HTTPStatus.UNPROCESSABLE_ENTITY,
    origination.DuplicateLoan: HTTPStatus.CONFLICT,
    repayments.RepaymentNotFound: HTTPStatus.NOT_FOUND,
    work.HistoryTooLong: HTTPStatus.UNPROCESSABLE_ENTITY,
    repayments.Overpayment: HTTPStatus.UNPROCESSABLE_ENTITY,
    repayments.PayoffDiffers: HTTPStatus.UNPROCESSABLE_ENTITY,
    servicing.NothingToWaive: HTTPStatus.CONFLICT,
    transactions.ContradictsHistory: HTTPStatus.CONFLICT,
    transactions.CurrencyMismatch: HTTPStatus.UNPROCESSABLE_ENTITY,
    transactions.TransactionNotFound: HTTPStatus.NOT_FOUND,
    calendars.UnknownCalendar: HTTPStatus.UNPROCESSABLE_ENTITY,
    business_days.NoBusinessDay: HTTPStatus.UNPROCESSABLE_ENTITY,
    changes.AmountNotPositive: HTTPStatus.UNPROCESSABLE_ENTITY,
    changes.DisbursementDiffers: HTTPStatus.UNPROCESSABLE_ENTITY,
    changes.InvalidChange: HTTPStatus.UNPROCESSABLE_ENTITY,
    charges.InvalidFee: HTTPStatus.UNPROCESSABLE_ENTITY,
    dates.DateOutOfRange: HTTPStatus.UNPROCESSABLE_ENTITY,
    dates.InvalidDueDates: HTTPStatus.UNPROCESSABLE_ENTITY,
    dates.InvalidFrequency: HTTPStatus.UNPROCESSABLE_ENTITY,
    documents.InvalidDocument: HTTPStatus.UNPROCESSABLE_ENTITY,
    events.ReversalRefused: HTTPStatus.CONFLICT,
    explanations.NothingToExplain: HTTPStatus.NOT_FOUND,
    fold.DateTooEarly: HTTPStatus.UNPROCESSABLE_ENTITY,
    irr.NoRate: HTTPStatus.UNPROCESSABLE_ENTITY,
    lifecycle.TransitionNotAllowed: HTTPStatus.CONFLICT,
    money.InvalidAmount: HTTPStatus.UNPROCESSABLE_ENTITY,
    money.UnknownCurrency: HTTPStatus.UNPROCESSABLE_ENTITY,
    rates.InvalidRate: HTTPStatus.UNPROCESSABLE_ENTITY,
    settlement.MoreThanThereIs: HTTPStatus.UNPROCESSABLE_ENTITY,
    settlement.UnknownRepayment: HTTPStatus.UNPROCESSABLE_ENTITY,
    terms.InvalidTerms: HTTPStatus.UNPROCESSABLE_ENTITY,
    row_files.InvalidFile: HTTPStatus.UNPROCESSABLE_ENTITY,
    row_files.MalformedRow: HTTPStatus.UNPROCESSABLE_ENTITY,
    row_files.TooManyRows: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    bulk.FileRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    bulk.RowKeyMissing: HTTPStatus.UNPROCESSABLE_ENTITY,
    legacy_loans.LegacyLoanNotFound: HTTPStatus.NOT_FOUND,
    rate_limits.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    statistics.StatisticsNotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    public_events.EventNotFound: HTTPStatus.NOT_FOUND,
    **legacy_errors.STATUS,
}

# Codes of errors that have no class of ours behind them: code, title and meaning by status.
HTTP_ERRORS: Mapping[int, tuple[str, str, str]] = {
    400: ("bad_request", "Bad request", "The request is not HTTP or JSON that can be read."),
    404: ("not_found", "Not found", "There is nothing at this path."),
    405: ("method_not_allowed", "Method not allowed", "This path does not answer that method; see Allow."),
    408: ("request_timeout", "Request timeout", "The body did not come in time; send the request again."),
    413: ("body_too_large", "Body too large", "The body is larger than this path takes."),
    414: ("uri_too_long", "Address too long", "The path with its query is longer than 8 KiB."),
    415: (
        "unsupported_media_type",
        "Unsupported media type",
        "The body is not of a type that the path takes.",
    ),
    417: ("expectation_failed", "Expectation failed", "The header Expect asks for something unknown."),
    431: ("headers_too_large", "Headers too large", "A header is longer than 8 KiB, or there are over 100."),
    500: (
        "internal_error",
        "Internal error",
        "A fault of the service; nothing was changed. Quote request_id.",
    ),
    501: ("not_implemented", "Not implemented", "The header Transfer-Encoding names something unknown."),
    502: ("bad_gateway", "Service not reachable", "nginx cannot reach the service; retry after a second."),
    503: (
        "unavailable",
        "Temporarily unavailable",
        "The database is out of reach or busy; retry after a second.",
    ),
    504: (
        "gateway_timeout",
        "Service did not answer in time",
        "Whether it was done is unknown; retry with the key.",
    ),
}


def init_app(app: Flask) -> None:
    """Answer every error as a problem document."""
    app.register_error_handler(LendingError, answer_refusal)
    app.register_error_handler(sqlalchemy.exc.DBAPIError, answer_database_error)
    app.register_error_handler(sqlalchemy.exc.TimeoutError, answer_database_error)
    app.register_error_handler(Exception, answer_fault)


def answer_refusal(error: LendingError) -> Response:
    """Answer an anticipated refusal with its status and code."""
    shown, extensions = _shown(error)
    metrics.refusals.labels(code=shown.code).inc()
    status = STATUS[type(error)]
    # What was not found is named by the path, which no pointer leads into.
    if error.field is not None and status is not HTTPStatus.NOT_FOUND:
        locate(error, "#" if request.method in {"POST", "PATCH"} else "query:")
        extensions["errors"] = error.extensions["errors"]
    response = _problem(
        status=status,
        code=shown.code,
        title=shown.title,
        detail=error.detail,
        extensions=extensions,
    )
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Branch Loans"'
    if isinstance(error, idempotency.IdempotencyKeyInUse | statistics.StatisticsNotReady):
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(error, rate_limits.RateLimited):
        response.headers["Retry-After"] = str(error.extensions["retry_after"])
    return response


def row_problem(error: LendingError) -> dict[str, Any]:
    """Describe the refusal of one row of a file; pointers lead into the row."""
    shown, extensions = _shown(error)
    if error.field is not None:
        extensions["errors"] = locate(error, "#").extensions["errors"]
    return {
        "type": f"/errors/{shown.code}",
        "title": shown.title,
        "status": int(STATUS[type(error)]),
        "detail": error.detail,
        "code": shown.code,
        **extensions,
    }


def fault_problem(status: int) -> dict[str, Any]:
    """Describe an error of one row of a file that is none of the row's: 500 or 503."""
    code, title, meaning = HTTP_ERRORS[status]
    return {"type": f"/errors/{code}", "title": title, "status": status, "detail": meaning, "code": code}


def _shown(error: LendingError) -> tuple[type[LendingError], dict[str, Any]]:
    """Give the refusal that a client is shown, and its facts as the wire writes them."""
    # What the core finds wrong with a document and what a schema finds wrong with a body are one thing to a client.
    shown = InvalidRequest if isinstance(error, documents.InvalidDocument) else type(error)
    extensions = dict(error.extensions)
    currency = extensions.get("currency")
    for name, value in extensions.items():
        if name.endswith("_amount") and isinstance(value, int) and isinstance(currency, str):
            extensions[name] = money.format_amount(value, currency)
    return shown, extensions


def locate(error: LendingError, pointer: str) -> LendingError:
    """Say that a refusal is of the value at a pointer, or of its field below it, unless it tells its place itself."""
    place = f"{pointer}/{error.field.replace('.', '/')}" if error.field is not None else pointer
    error.extensions.setdefault("errors", [{"pointer": place, "code": error.code, "detail": error.detail}])
    return error


def answer_http(error: HTTPException) -> Response:
    """Answer an error of HTTP itself: an unknown path, a wrong method, an unreadable body."""
    status = error.code or 500
    code, title, meaning = HTTP_ERRORS.get(status, (f"http_{status}", error.name, error.description or ""))
    described = error.description if status in {400, 415} else None
    response = _problem(status=status, code=code, title=title, detail=described or meaning)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def answer_database_error(error: Exception) -> Response:
    """Answer 503 where the database is away or busy, and 500 where it refused what we sent."""
    if not is_away(error):
        return answer_fault(error)
    log("database unavailable", level="error", error=str(getattr(error, "orig", error)).strip())
    code, title, meaning = HTTP_ERRORS[503]
    response = _problem(status=503, code=code, title=title, detail=meaning)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def is_away(error: Exception) -> bool:
    """Tell whether the database was away or busy, so that the same may be asked again."""
    away = isinstance(error, sqlalchemy.exc.TimeoutError | sqlalchemy.exc.InterfaceError)
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        state = db.sqlstate(error)
        # Class 57P: shut down by an operator; 53: out of resources; "": the connection broke.
        away = (
            away
            or error.connection_invalidated
            or state[:3] == "57P"
            or state[:2] == "53"
            or (
                state
                in {"", LOCK_NOT_AVAILABLE, QUERY_CANCELED, db.SERIALIZATION_FAILURE, db.DEADLOCK_DETECTED}
                and isinstance(error, sqlalchemy.exc.OperationalError)
            )
        )
    return away


def answer_fault(error: Exception) -> Response:
    """Log a fault of ours with its trace and tell the caller nothing but the request's id."""
    log("unhandled exception", level="error", exc_info=error)
    code, title, meaning = HTTP_ERRORS[500]
    return _problem(status=500, code=code, title=title, detail=meaning)


def catalogue() -> dict[str, dict[str, Any]]:
    """Give every code with its status, title and meaning."""
    refusals = {
        refusal.code: {
            "code": refusal.code,
            "status": int(status),
            "title": refusal.title,
            "meaning": (refusal.__doc__ or "").strip(),
        }
        for refusal, status in STATUS.items()
    }
    faults = {
        code: {"code": code, "status": status, "title": title, "meaning": meaning}
        for status, (code, title, meaning) in HTTP_ERRORS.items()
    }
    return refusals | faults


def _problem(
    *, status: int, code: str, title: str, detail: str, extensions: Mapping[str, Any] | None = None
) -> Response:
    if legacy_errors.concerns(request.path):
        return legacy_errors.answer(status=status, code=code, detail=detail)
    body = {
        "type": f"/errors/{code}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "instance": request.path,
        "code": code,
        "request_id": request_id(),
        **(extensions or {}),
    }
    return Response(json.dumps(body) + "\n", status=int(status), content_type="application/problem+json")


def _faults(tree: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Walk marshmallow's messages and give each with the pointer of its value."""
    if isinstance(tree, Mapping):
        for name, branch in tree.items():
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            yield from _faults(branch, pointer if name == "_schema" else f"{pointer}/{escaped}")
    elif isinstance(tree, list | tuple):
        for message in tree:
            yield from _faults(message, pointer)
    else:
        yield pointer, str(tree)
