"""The raw body of a request: read once, in time, within the limit, and before any database connection is taken."""

import contextlib
import tempfile
from collections.abc import Iterator
from typing import IO, BinaryIO

from flask import current_app, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge, RequestTimeout

CHUNK_BYTES = 65_536
# A file up to this size stays in memory.
KEPT_IN_MEMORY_BYTES = 1_048_576


def spool(*, most: int) -> BinaryIO:
    """Take in a file, whole and before any of it is used, into memory or beyond a size onto the disk; to be closed.

    :raises RequestEntityTooLarge: if it is longer than `most` bytes.
    :raises BadRequest: if it comes in chunks that are none.
    :raises RequestTimeout: if the client stops sending.
    """
    if request.content_length is not None and request.content_length > most:
        raise RequestEntityTooLarge
    # One byte more: a body without a length would else be cut at the limit without a word.
    request.max_content_length = most + 1
    file = tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY_BYTES)  # noqa: SIM115 - the answer is made of it
    with contextlib.ExitStack() as unless_whole:
        unless_whole.callback(file.close)
        _copy(file, most=most)
        file.seek(0)
        unless_whole.pop_all()
    return file  # type: ignore[return-value] # it is one in all that is asked of it


def read() -> bytes:
    """Read the whole body, or give what was read before.

    :raises RequestEntityTooLarge: if it is longer than REQUEST_BODY_BYTES_MAX.
    :raises BadRequest: if it comes in chunks that are none.
    :raises RequestTimeout: if the client stops sending (gunicorn.conf.py sets how long a silence may last).
    """
    with _telling_what_fails():
        raw = request.get_data(cache=True)
    # A body without a length is cut at the limit without a word: one that fills it may have been longer.
    if request.content_length is None and len(raw) >= current_app.config["MAX_CONTENT_LENGTH"]:
        raise RequestEntityTooLarge
    return raw


def _copy(file: IO[bytes], *, most: int) -> None:
    while chunk := _next_of_body():
        file.write(chunk)
        if file.tell() > most:
            raise RequestEntityTooLarge


def _next_of_body() -> bytes:
    with _telling_what_fails():
        return request.stream.read(CHUNK_BYTES)


@contextlib.contextmanager
def _telling_what_fails() -> Iterator[None]:
    """Turn what goes wrong while the body is read into an answer."""
    try:
        yield
    except ClientDisconnected as error:
        # Werkzeug calls it so whether the client left or fell silent; one that left hears neither answer.
        raise RequestTimeout from error
    except (TimeoutError, BlockingIOError) as error:
        raise RequestTimeout from error
    except (ParseException, OSError) as error:
        # Chunks are read by gunicorn, while the application reads the body.
        raise BadRequest("the body does not come in chunks that can be read") from error
