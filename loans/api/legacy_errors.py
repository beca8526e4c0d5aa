"""Errors on the routes of the first API: its status codes, a JSON body of five fields, HTML for who prefers it."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, request
from markupsafe import escape

from loans.core.errors import LendingError
from loans.logger import request_id

PATHS = ("/api/loans", "/api/stats")
JSON, HTML = "application/json", "text/html"


class InvalidLoanRequest(LendingError):
    """A loan request of the first API, or the `limit` of its list, is missing a value or has one out of range."""

    code = "invalid_loan_request"
    title = "Invalid loan request"


class InvalidLoanId(LendingError):
    """What stands for the identifier of a loan request in the path, or in `before`, is not a UUID."""

    code = "invalid_loan_id"
    title = "Invalid loan id"


STATUS: Mapping[type[LendingError], HTTPStatus] = {
    InvalidLoanRequest: HTTPStatus.BAD_REQUEST,
    InvalidLoanId: HTTPStatus.BAD_REQUEST,
}


def concerns(path: str) -> bool:
    """Tell whether a path is one of the first API, existing or not."""
    return any(path == each or path.startswith(f"{each}/") for each in PATHS)


def answer(*, status: int, code: str, detail: str) -> Response:
    """Give an error as the clients of the first API can read it."""
    # Those clients know no 503: a database that is away was a fault of the server like any other.
    shown = (
        HTTPStatus.INTERNAL_SERVER_ERROR if status == HTTPStatus.SERVICE_UNAVAILABLE else HTTPStatus(status)
    )
    if request.accept_mimetypes.best_match([JSON, HTML], default=JSON) == HTML:
        page = (
            f"<!doctype html>\n<html lang=en>\n<title>{shown.value} {shown.phrase}</title>\n"
            f"<h1>{shown.phrase}</h1>\n<p>{escape(detail)}</p>\n"
        )
        response = Response(page, status=shown, content_type=f"{HTML}; charset=utf-8")
    else:
        body = {
            "error": shown.phrase,
            "detail": detail,
            "error_code": code,
            "status_code": shown.value,
            "request_id": request_id(),
        }
        response = Response(json.dumps(body) + "\n", status=shown, content_type=JSON)
    response.vary.add("Accept")
    return response
