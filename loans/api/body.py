"""The raw body of a request: read once, in time, within the limit, and before any database connection is taken."""

import tempfile
from typing import BinaryIO

from flask import current_app, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge, RequestTimeout

CHUNK_BYTES = 65_536
# A file up to this size stays in memory.
KEPT_IN_MEMORY_BYTES = 1_048_576


def spool(*, most: int) -> BinaryIO:
    """Take in a file, whole and before any of it is used, into memory or beyond a size onto the disk.

    :raises RequestEntityTooLarge: if it is longer than `most` bytes.
    :raises RequestTimeout: if the client stops sending.
    """
    if request.content_length is not None and request.content_length > most:
        raise RequestEntityTooLarge
    # One byte more: a body without a length would else be cut at the limit without a word.
    request.max_content_length = most + 1
    file = tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY_BYTES)  # noqa: SIM115 - see close_file
    g.file = file
    try:
        while chunk := request.stream.read(CHUNK_BYTES):
            file.write(chunk)
            if file.tell() > most:
                raise RequestEntityTooLarge
    except ClientDisconnected as error:
        raise RequestTimeout from error
    file.seek(0)
    return file  # type: ignore[return-value] # it is one in all that is asked of it


def close_file(_: BaseException | None) -> None:
    """Close what was taken in, at the end of the request: the answer may be made of it as it is sent."""
    if "file" in g:
        g.pop("file").close()


def read() -> bytes:
    """Read the whole body, or give what was read before.

    :raises RequestEntityTooLarge: if it is longer than REQUEST_BODY_BYTES_MAX.
    :raises BadRequest: if it comes in chunks that are none.
    :raises RequestTimeout: if the client stops sending (gunicorn.conf.py sets how long a silence may last).
    """
    try:
        raw = request.get_data(cache=True)
    except ClientDisconnected as error:
        # Werkzeug calls it so whether the client left or fell silent; one that left hears neither answer.
        raise RequestTimeout from error
    except (TimeoutError, BlockingIOError) as error:
        raise RequestTimeout from error
    except (ParseException, OSError) as error:
        # Chunks are read by gunicorn, while the application reads the body.
        raise BadRequest("the body does not come in chunks that can be read") from error
    # A body without a length is cut at the limit without a word: one that fills it may have been longer.
    if request.content_length is None and len(raw) >= current_app.config["MAX_CONTENT_LENGTH"]:
        raise RequestEntityTooLarge
    return raw
