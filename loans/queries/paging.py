"""Keyset pages: a cursor says where the last page ended, so that each page costs the same (ADR 0009)."""

import base64
import binascii
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from loans.core.errors import LendingError

T = TypeVar("T")

LIMIT_DEFAULT = 50
LIMIT_MAX = 200


class InvalidCursor(LendingError):
    """The cursor is not one that a list of this kind returned."""

    code = "invalid_cursor"
    title = "Invalid cursor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some items of a list and the cursor of the next page, None on the last one."""

    items: tuple[T, ...]
    next_cursor: str | None


def page(rows: Sequence[T], *, limit: int, keys: Sequence[uuid.UUID | int]) -> Page[T]:
    """Cut `rows`, of which one more than `limit` was asked for, to a page with its next cursor.

    `keys` are the sort keys of the rows, one each.
    """
    if len(rows) <= limit:
        return Page(items=tuple(rows), next_cursor=None)
    return Page(items=tuple(rows[:limit]), next_cursor=_encode(str(keys[limit - 1])))


def after_id(cursor: str | None) -> uuid.UUID | None:
    """Read the identifier a cursor stands for, or None for the first page.

    :raises InvalidCursor: if it is not a cursor of a list ordered by identifier.
    """
    if cursor is None:
        return None
    try:
        return uuid.UUID(_decode(cursor))
    except ValueError as error:
        raise InvalidCursor("the cursor is not one that this list returned", field="cursor") from error


def after_sequence(cursor: str | None) -> int:
    """Read the sequence number a cursor stands for, 0 for the first page.

    :raises InvalidCursor: if it is not a cursor of a list ordered by sequence.
    """
    if cursor is None:
        return 0
    text = _decode(cursor)
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - fits an INTEGER column
        raise InvalidCursor("the cursor is not one that this list returned", field="cursor")
    return int(text)


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")


def _decode(cursor: str) -> str:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("the cursor is not one that this list returned", field="cursor") from error
