"""The log: one JSON object a line, the request's id in it, and nothing secret."""

import json
import logging
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import pytest
from flask import Flask

from loans import logger
from loans.logger import log

ROOT = Path(__file__).parent.parent
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Colour(StrEnum):
    RED = "red"


@dataclass
class Unprintable:
    def __str__(self):
        return "what str gives"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, object]]]:
    """Read what was logged since the last reading."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(autouse=True)
def root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers = [handler for handler in handlers if type(handler).__module__ != "loans.logger"]
    yield
    root.handlers = handlers
    root.setLevel(level)
    logger.clear_request_context()


class TestLog:
    def test_writes_one_object_with_the_standard_keys_first(self, lines):
        log("Retrieved loans", count=3)

        (line,) = lines()
        assert list(line) == ["timestamp", "level", "request_id", "message", "count"]
        assert line["level"] == "info"
        assert line["request_id"] is None
        assert line["message"] == "Retrieved loans"
        assert line["count"] == 3

    def test_works_from_the_root_of_the_project_with_nothing_set_up(self):
        code = (
            "from loans.logger import log, setup_request_context; setup_request_context(); log('hello', n=1)"
        )

        shown = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )

        line = json.loads(shown.stdout)
        assert line["message"] == "hello"
        assert UUID4.fullmatch(line["request_id"])
        assert shown.stderr == ""

    def test_gives_the_instant_in_utc_with_microseconds_and_a_z(self, lines):
        log("now")

        (line,) = lines()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])

    @pytest.mark.parametrize(
        ("value", "written"),
        [
            (Decimal("12500.00"), "12500.00"),
            (Fraction(1, 3), "1/3"),
            (uuid.UUID("550e8400-e29b-41d4-a716-446655440000"), "550e8400-e29b-41d4-a716-446655440000"),
            (datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC), "2026-01-31T12:00:00.000005Z"),
            (datetime(2026, 1, 31, 1, tzinfo=timezone(timedelta(hours=3))), "2026-01-30T22:00:00.000000Z"),
            (datetime(2026, 1, 31, 1), "2026-01-31T01:00:00.000000"),  # noqa: DTZ001 - what has no zone shows none
            (date(2024, 2, 29), "2024-02-29"),
            (ValueError("too much"), "ValueError: too much"),
            (Colour.RED, "red"),
            (Unprintable(), "what str gives"),
            (float("nan"), "nan"),
            (float("inf"), "inf"),
            (2.5, 2.5),
            (True, True),
            (None, None),
            ((1, Decimal("0.10")), [1, "0.10"]),
            ({"a": {"b": Decimal(1)}}, {"a": {"b": "1"}}),
            ({(1, 2): "x"}, {"(1, 2)": "x"}),
            ("two\nlines", "two\nlines"),
            ("\ud800", "\ud800"),
        ],
    )
    def test_writes_any_value(self, lines, value, written):
        log("a value", value=value)

        (line,) = lines()
        assert line["value"] == written

    def test_survives_a_value_that_contains_itself(self, lines):
        endless: list[object] = []
        endless.append(endless)

        log("a circle", value=endless)

        assert len(lines()) == 1

    def test_cuts_what_is_too_long_to_read(self, lines):
        log("a novel", value="x" * 20_000)

        (line,) = lines()
        assert line["value"] == "x" * 16_384 + "…"

    def test_keeps_fields_apart_from_the_standard_keys(self, lines):
        log(
            "the message",
            message="theirs",
            timestamp=1,
            request_id="r",
            error_trace="e",
            name="n",
            args="a",
            msg="m",
        )

        (line,) = lines()
        assert line["message"] == "the message"
        assert line["message_"] == "theirs"
        assert line["timestamp_"] == 1
        assert line["request_id"] is None
        assert line["request_id_"] == "r"
        assert line["error_trace_"] == "e"
        assert (line["name"], line["args"], line["msg"]) == ("n", "a", "m")

    def test_does_not_format_the_message(self, lines):
        log("100 % of %s and %d")

        (line,) = lines()
        assert line["message"] == "100 % of %s and %d"

    @pytest.mark.parametrize(
        "name",
        [
            "authorization",
            "Authorization",
            "password",
            "secret",
            "api_key",
            "token",
            "secret_key",
            "access_token",
        ],
    )
    def test_redacts_what_is_secret_by_its_name(self, lines, name):
        log("careful", **{name: "s3cr3t"}, nested={"deep": [{name: "s3cr3t"}]})

        (line,) = lines()
        assert line[name] == "[redacted]"
        assert "s3cr3t" not in json.dumps(line)

    def test_shows_a_key_that_is_not_secret(self, lines):
        log("replayed", idempotency_key="k-1")

        (line,) = lines()
        assert line["idempotency_key"] == "k-1"

    @pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
    def test_carries_its_level(self, lines, level):
        logger.configure("debug")

        log("of a level", level=level)

        (line,) = lines()
        assert line["level"] == level

    def test_takes_an_unknown_level_for_info(self, lines):
        log("shouted", level="loud")

        (line,) = lines()
        assert line["level"] == "info"

    @pytest.mark.parametrize("as_object", [True, False])
    def test_writes_a_trace_as_one_text(self, lines, as_object):
        try:
            raise ValueError("it broke")  # noqa: TRY301 - a trace needs a raise
        except ValueError as error:
            log("failed", level="error", exc_info=error if as_object else True)

        (line,) = lines()
        assert line["error_trace"].startswith("Traceback (most recent call last)")
        assert line["error_trace"].endswith("ValueError: it broke")


class TestConfigure:
    def test_holds_back_lines_below_the_level(self, lines):
        logger.configure("WARNING")

        log("unimportant")
        log("important", level="warning")

        assert [line["message"] for line in lines()] == ["important"]

    def test_writes_each_line_once_however_often_it_is_called(self, lines):
        logger.configure("info")
        logger.configure("info")

        log("once")

        assert len(lines()) == 1

    def test_writes_the_lines_of_other_programs_in_the_same_form(self, lines):
        logger.configure("info")

        logging.getLogger("somebody.else").warning("%d of %d", 2, 3, extra={"token": "s3cr3t", "level": "x"})

        (line,) = lines()
        assert line["message"] == "2 of 3"
        assert line["logger"] == "somebody.else"
        assert "s3cr3t" not in line.values()
        assert (line["level"], line["level_"]) == ("warning", "x")

    def test_refuses_a_level_that_is_none(self):
        with pytest.raises(ValueError, match="log level 'loud' is not one of debug, info"):
            logger.configure("loud")


class TestRequestContext:
    @pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-ID"])
    def test_takes_the_id_of_the_caller(self, lines, header):
        with Flask("test").test_request_context(headers={header: "t-1_a.B"}):
            logger.setup_request_context()
            log("inside")

        (line,) = lines()
        assert line["request_id"] == "t-1_a.B"

    def test_prefers_the_request_id_to_the_correlation_id(self):
        with Flask("test").test_request_context(headers={"X-Request-ID": "r", "X-Correlation-ID": "c"}):
            logger.setup_request_context()

        assert logger.request_id() == "r"

    @pytest.mark.parametrize("offered", ["", "a b", "x" * 65, 'a"b', "ünique", "a;b"])
    def test_makes_an_id_where_the_offered_one_is_malformed(self, offered):
        with Flask("test").test_request_context(headers={"X-Request-ID": offered}):
            logger.setup_request_context()

        assert UUID4.fullmatch(logger.request_id())

    def test_accepts_an_id_of_sixty_four_characters(self):
        with Flask("test").test_request_context(headers={"X-Request-ID": "x" * 64}):
            logger.setup_request_context()

        assert logger.request_id() == "x" * 64

    def test_makes_an_id_outside_of_a_request(self):
        logger.setup_request_context()

        assert UUID4.fullmatch(logger.request_id())

    def test_is_forgotten_on_demand(self, lines):
        logger.setup_request_context()
        logger.clear_request_context()

        log("outside")

        (line,) = lines()
        assert line["request_id"] is None
