"""Conditional requests: the ETag of what is read, 304 for what a client has, 412 for a change of what has changed.

A tag reads "<version>-<digest>": the row's version, which every change counts up, and a digest of the answer, which
also tells views and days apart. `If-None-Match` looks at the whole of it, `If-Match` at the version alone (ADR 25).
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import ETags

from loans.core.errors import LendingError
from loans.services import borrowers, loan_events, products

DIGEST_LENGTH = 20
# What a command changes, by the argument of its path that names it: each locks the row and gives its version.
LOCKS: Mapping[str, Callable[..., int]] = {
    "loan_id": loan_events.lock_version,
    "product_id": products.lock_version,
    "borrower_id": borrowers.lock_version,
}


class PreconditionFailed(LendingError):
    """What is to be changed is no longer what the ETag in If-Match was given for."""

    code = "precondition_failed"
    title = "Precondition failed"


class PreconditionRequired(LendingError):
    """The change overwrites fields, so it must say in If-Match which state of them it was made from."""

    code = "precondition_required"
    title = "Precondition required"


def answer(response: Response, *, version: int) -> Response:
    """Give an answer its ETag, or make it 304 without a body if the client has it already."""
    tag = f"{version}-{hashlib.sha256(response.get_data()).hexdigest()[:DIGEST_LENGTH]}"
    response.set_etag(tag)
    # nginx calls the tag of what it has compressed weak: to read it again, that is the same.
    if request.if_none_match.contains_weak(tag):
        response.set_data(b"")
        response.status_code = HTTPStatus.NOT_MODIFIED
        del response.headers["Content-Type"]
        del response.headers["Content-Length"]
    return response


def require() -> None:
    """Refuse a request without If-Match.

    :raises PreconditionRequired: if there is none.
    """
    if "If-Match" not in request.headers:
        raise PreconditionRequired("send the ETag of what you have read in If-Match")


def check(session: Session, path: Mapping[str, uuid.UUID]) -> None:
    """Lock what a command changes and see that it is as the client knows it, if the request says what that is.

    :raises LendingError: if it does not exist.
    :raises PreconditionFailed: if it has changed since, or the tag is of something else.
    """
    if not is_asked():
        return
    name: Any = next((each for each in LOCKS if each in path), None)
    current = None if name is None else LOCKS[name](session, **{name: path[name]})
    if current is None or str(current) not in _versions(request.if_match):
        raise _changed()


def is_asked() -> bool:
    """Tell whether the request says which version it is to change."""
    return "If-Match" in request.headers and not request.if_match.star_tag


def check_version(session: Session, *, loan_id: uuid.UUID, version: int | None) -> None:
    """Lock a loan and see that it is in a version.

    :raises PreconditionFailed: if it is in another.
    """
    if loan_events.lock_version(session, loan_id=loan_id) != version:
        raise _changed()


def _changed() -> PreconditionFailed:
    return PreconditionFailed("it has changed since you read it: read it again and decide anew")


def _versions(tags: ETags) -> set[str]:
    """Give the versions in the tags, also in those that nginx made weak."""
    # werkzeug reads a tag without a character as None.
    return {tag.partition("-")[0] for tag in tags.as_set(include_weak=True) if tag}
