"""Structured logging: every line on standard output is one JSON object.

`log("loan.disbursed", loan_id=loan.id)` works anywhere: inside a request the line carries the request's id,
outside it carries null. Nothing has to be set up first.
"""

import datetime
import enum
import logging
import math
import re
import sys
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TextIO

from flask import has_request_context, request
from pythonjsonlogger.core import RESERVED_ATTRS, LogData
from pythonjsonlogger.json import JsonFormatter

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
LOGGER_NAME = "loans"
# What a line always has, in this order; a field of the same name gets an underscore behind it.
STANDARD_KEYS = ("timestamp", "level", "request_id", "trace_id", "message", "logger", "error_trace")
SECRET_NAME = re.compile(
    r"(^|[-_ ])(authorization|password|secret|token|(api|secret|private)[-_]?key)$", re.IGNORECASE
)
REDACTED = "[redacted]"
# W3C Trace Context, version 00; a later version may have more behind it.
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<more>-.*)?", re.ASCII
)
TRACEPARENT_CHARACTERS_MAX = 128
REQUEST_ID_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A log line is for reading and for indexing: a field beyond these limits would be neither.
FIELD_CHARACTERS_MAX = 16_384
NESTING_MAX = 6

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


def log(message: str, /, *, level: str = "info", **fields: object) -> None:
    """Write one line with the message, the request id and the fields.

    Fields may hold anything: money, dates, ids and exceptions are written as text, secrets are redacted.
    `exc_info=True` or `exc_info=error` adds the trace as `error_trace`. An unknown level counts as info, because
    a slip in a log call must not fail the request that made it.
    """
    if not any(isinstance(handler, _StdoutHandler) for handler in logging.getLogger().handlers):
        configure("info")
    exc_info = fields.pop("exc_info", None)
    logging.getLogger(LOGGER_NAME).log(
        LEVELS.get(str(level).lower(), logging.INFO),
        "%s",
        message,
        exc_info=exc_info if isinstance(exc_info, (bool, BaseException, tuple)) else None,
        extra={"fields": fields},
    )


def setup_request_context() -> None:
    """Give the request its id: the caller's `X-Request-ID` or `X-Correlation-ID` if well-formed, else a new UUID.

    A well-formed `traceparent` is kept beside it; of any other nothing is said, as the standard wants it.
    """
    accepted = trace = None
    if has_request_context():
        offered = (request.headers.get(name, "") for name in ("X-Request-ID", "X-Correlation-ID"))
        accepted = next((name for name in offered if REQUEST_ID_ACCEPTED.fullmatch(name)), None)
        trace = _trace(request.headers.get("traceparent", ""))
    _request_id.set(accepted or str(uuid.uuid4()))
    _traceparent.set(trace)


def request_id() -> str | None:
    """Return the id of the request being served, or None outside a request."""
    return _request_id.get()


def traceparent() -> str | None:
    """Return the caller's place in a distributed trace, or None if the request names none."""
    return _traceparent.get()


def resume_request_context(*, request_id: str | None, traceparent: str | None) -> None:
    """Go on with a request whose answer is still being made while it is sent."""
    _request_id.set(request_id)
    _traceparent.set(traceparent)


def clear_request_context() -> None:
    """Forget the request's id and trace, so that the thread's next work does not carry them."""
    _request_id.set(None)
    _traceparent.set(None)


def configure(level: str) -> None:
    """Send every logger's lines from `level` up to standard output as JSON. Safe to call again.

    :raises ValueError: if the level is not one of debug, info, warning, error, critical.
    """
    if level.lower() not in LEVELS:
        raise ValueError(f"log level {level!r} is not one of {', '.join(LEVELS)}")
    root = logging.getLogger()
    if not any(isinstance(handler, _StdoutHandler) for handler in root.handlers):
        root.addHandler(stdout_handler())
    root.setLevel(LEVELS[level.lower()])


def stdout_handler() -> logging.Handler:
    """Return a handler that writes JSON lines to standard output."""
    handler = _StdoutHandler()
    handler.setFormatter(JsonLineFormatter())
    return handler


class JsonLineFormatter(JsonFormatter):
    """Writes a record as one JSON object: the standard keys first, then the fields."""

    def add_fields(self, log_data: LogData, record: logging.LogRecord, message_dict: LogData) -> None:
        """Fill the line from the record."""
        instant = datetime.datetime.fromtimestamp(record.created, tz=datetime.UTC)
        log_data["timestamp"] = _instant(instant)
        log_data["level"] = record.levelname.lower()
        log_data["request_id"] = request_id()
        trace = traceparent()
        if trace is not None:
            log_data["trace_id"] = trace.split("-")[1]
        log_data["message"] = record.message
        if record.name != LOGGER_NAME:
            log_data["logger"] = record.name
        error_trace = message_dict.pop("exc_info", None)
        fields = {name: value for name, value in vars(record).items() if name not in RESERVED_ATTRS}
        own_fields = fields.pop("fields", {})
        for name, value in {**message_dict, **fields, **own_fields}.items():
            key = f"{name}_" if name in STANDARD_KEYS else str(name)
            log_data[key] = REDACTED if SECRET_NAME.search(key) else _plain(value)
        if error_trace:
            log_data["error_trace"] = str(error_trace)


class _StdoutHandler(logging.StreamHandler[TextIO]):
    """Looks standard output up for each line, so that replacing `sys.stdout` is respected."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, value: TextIO) -> None:
        """Ignore the stream: it is always standard output."""


def _trace(offered: str) -> str | None:
    """Give a traceparent in the four parts of version 00, or None if it is not one."""
    if len(offered) > TRACEPARENT_CHARACTERS_MAX:
        return None
    match = TRACEPARENT.fullmatch(offered)
    if match is None or (match["more"] and offered.startswith("00")):
        return None
    return offered[:55]


def _instant(value: datetime.datetime) -> str:
    """Return the instant as ISO 8601 in UTC with microseconds and a Z."""
    utc = value.astimezone(datetime.UTC) if value.tzinfo else value
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + ("Z" if value.tzinfo else "")


def _plain(value: object, depth: int = 0) -> object:
    """Return the value as something JSON can hold exactly, with secrets redacted at every depth."""
    if value is None or (isinstance(value, bool | int) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str | enum.Enum) or depth >= NESTING_MAX:
        return _text(value)
    if isinstance(value, Mapping):
        return {
            str(key): REDACTED if SECRET_NAME.search(str(key)) else _plain(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in value]
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return _instant(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        value = value.value
    written = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value)
    return written if len(written) <= FIELD_CHARACTERS_MAX else written[:FIELD_CHARACTERS_MAX] + "…"
