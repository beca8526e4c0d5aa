"""The raw body of a request: read once, in time, within the limit, and before any database connection is taken."""

from flask import current_app, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge, RequestTimeout


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
