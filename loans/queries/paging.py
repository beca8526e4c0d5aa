"""Keyset pages: a cursor says where the last page ended, so that each page costs the same (ADR 0009)."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

from loans.core.errors import LendingError

T = TypeVar("T")

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
BEYOND_BIGINT = 2**63


class InvalidCursor(LendingError):
    """The cursor is not one that a list of this kind returned."""

    code = "invalid_cursor"
    title = "Invalid cursor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some items of a list and the cursor of the next page, None on the last one."""

    items: tuple[T, ...]
    next_cursor: str | None


def tag(name: str, asked: Mapping[str, object]) -> str:
    """Mark a list by its name and by what it was asked for, so that its cursors lead on in no other."""
    said = [f"{key}={value!r}" for key, value in sorted(asked.items())]
    return hashlib.sha256("\n".join([name, *said]).encode()).hexdigest()[:12]


def page(rows: Sequence[T], *, limit: int, keys: Sequence[tuple[object, ...]], tag: str) -> Page[T]:
    """Cut `rows`, of which one more than `limit` was asked for, to a page with its next cursor.

    `keys` are the sort keys of the rows, one each; `tag` is that of the list.
    """
    if len(rows) <= limit:
        return Page(items=tuple(rows), next_cursor=None)
    return Page(items=tuple(rows[:limit]), next_cursor=cursor_of(keys[limit - 1], tag=tag))


def cursor_of(key: tuple[object, ...], *, tag: str) -> str:
    """Make the cursor that leads on from a sort key, in the list with this tag."""
    return _encode(" ".join([tag, *_written(key)]))


def after(
    cursor: str | None, *, tag: str, reads: Sequence[Callable[[str], object]]
) -> tuple[Any, ...] | None:
    """Read the sort key a cursor stands for, part by part, or None for the first page.

    :raises InvalidCursor: if it is not a cursor of the list with this tag.
    """
    if cursor is None:
        return None
    refusal = InvalidCursor("the cursor is not one that this list returned", field="cursor")
    try:
        made_by, *parts = _decode(cursor).split(" ")
        if made_by != tag or len(parts) != len(reads):
            raise refusal
        read_parts = tuple(read(part) for read, part in zip(reads, parts, strict=True))
    except ValueError as error:
        raise refusal from error
    # What is written otherwise than this list writes it may be more than the database can hold.
    if list(_written(read_parts)) != parts or any(_is_huge(part) for part in read_parts):
        raise refusal
    return read_parts


def _written(key: tuple[object, ...]) -> Iterator[str]:
    for part in key:
        yield part.isoformat() if isinstance(part, date) else str(part)


def _is_huge(part: object) -> bool:
    return isinstance(part, int) and abs(part) >= BEYOND_BIGINT


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")


def _decode(cursor: str) -> str:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("the cursor is not one that this list returned", field="cursor") from error
