"""load: the ten busiest routes under many clients, on gunicorn as it is deployed, against a route that does nothing."""

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable

from bench import book, floor, measure, pages, paging, recording, stage, traffic
from bench.stage import Client, Server
from bench.traffic import Answers
from loans import clock

DEEP = 1000
READY_SECONDS_MAX = 120
POLL_SECONDS = 0.1
WARM_REQUESTS = 1_000
LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
# What the driver and the pool say to the server besides our statements.
ENDS = ("BEGIN", "COMMIT", "ROLLBACK", "SELECT 1")
LIMITS = {"nothing at all": floor.NOTHING, "SELECT 1": floor.SELECT}
NOTHING, SELECT = LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route under load: method, paths in turn, and what is sent."""

    method: str
    paths: Iterator[str]
    body: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Statements and round trips of one request."""

    statements: int
    round_trips: int


def run(server: Server, *, loans: int, clients: int, seconds: float) -> None:
    """This will measure each route for so many seconds and print its percentiles beside those of nothing."""
    url = server.create("load")
    client = Client(url)
    with contextlib.closing(server.connect(url)) as connection, contextlib.closing(client):
        click.echo(f"Writing {loans:,} loans ...", err=True)
        book.fill(connection, client=client, loans=loans)
        given = {
            "borrower_id": str(book.borrower(client)),
            "product_id": str(book.product(client, currency="KES")),
        }
        applied = {"principal": "36000.00", "currency": "KES", "installments": 36} | given
        with _gunicorn(url) as port:
            stories = _Stories(port=port, key=client.key, clients=clients, seconds=seconds)
            # gunicorn listens before its workers have started; what they wait for is none of the routes.
            stories.load(
                "warming up",
                Route(method="GET", paths=itertools.repeat(floor.SELECT, WARM_REQUESTS)),
                seconds=READY_SECONDS_MAX,
            )
            answers, paths = _load(stories, _reads(connection, loans=loans), applied)
        costs = {name: _cost(server, client, paths[name], applied) for name in paths}
    click.echo(f"\n{loans:,} loans, {clients} clients with open connections, {seconds:g} seconds a route.\n")
    click.echo(_told(answers, costs))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stories:
    """How to load a route of a running service."""

    port: int
    key: str
    clients: int
    seconds: float

    def load(self, name: str, route: Route, *, seconds: float | None = None) -> Answers:
        """This will load a route; any refusal ends it all."""
        click.echo(f"  {name}", err=True)
        requests = (self._raw(route, path) for path in route.paths)
        answers = traffic.send(self.port, requests, clients=self.clients, seconds=seconds or self.seconds)
        if any(status >= stage.ERROR_STATUS_MIN for status in answers.statuses):
            raise AssertionError(f"{name} was answered {answers.statuses}")
        return answers

    def _raw(self, route: Route, path: str) -> bytes:
        body = "" if route.body is None else json.dumps(route.body)
        head = [f"{route.method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self.key}"]
        if route.body is not None:
            head += ["Content-Type: application/json", f"Idempotency-Key: {uuid.uuid4()}"]
        head += [f"Content-Length: {len(body)}", "", body]
        return "\r\n".join(head).encode("ascii")


def _reads(connection: Connection, *, loans: int) -> dict[str, str]:
    """This will choose the pages of lists, one of them as deep as the book allows."""
    left = max(loans - DEEP * pages.LIMIT, pages.LIMIT)
    return {
        **LIMITS,
        "GET loans": pages.LISTS,
        f"GET loans, page {min(DEEP, (loans - left) // pages.LIMIT):,}": (
            f"{pages.LISTS}&cursor={paging.cursor_behind(connection, left=left)}"
        ),
        "GET borrowers?q=": "/api/v1/borrowers?q=bench-1",
    }


def _load(
    stories: _Stories, reads: Mapping[str, str], applied: Mapping[str, object]
) -> tuple[dict[str, Answers], dict[str, tuple[str, str]]]:
    """This will load every route; what one has created is what the next ones ask for."""
    answers: dict[str, Answers] = {}
    paths: dict[str, tuple[str, str]] = {}
    for name, path in reads.items():
        paths[name] = ("GET", path)
        answers[name] = stories.load(name, Route(method="GET", paths=itertools.repeat(path)))
    post = Route(method="POST", paths=itertools.repeat("/api/v1/loans"), body=applied)
    answers["POST loan"] = stories.load("POST loan", post)
    paths["POST loan"] = ("POST", "/api/v1/loans")
    made = answers["POST loan"].locations
    steps: tuple[tuple[str, str, str, dict[str, object] | None], ...] = (
        ("POST approve", "POST", "/approve", {}),
        ("POST disburse", "POST", "/disburse", {}),
        ("GET loan", "GET", "", None),
        ("GET schedule", "GET", "/schedule", None),
        ("POST repayment", "POST", "/repayments", {"amount": "40.00", "currency": "KES"}),
        ("POST payoff", "POST", "/payoff", {}),
    )
    for name, method, rest, body in steps:
        # A loan is approved, paid out and paid off once; anything else can be asked of it again.
        once = rest in {"/approve", "/disburse", "/payoff"}
        chosen = (f"{path}{rest}" for path in (iter(made) if once else itertools.cycle(made)))
        answers[name] = stories.load(name, Route(method=method, paths=chosen, body=body))
        paths[name] = (method, rest)
        if once and len(answers[name].seconds) < len(made):
            made = made[: len(answers[name].seconds)]
    return answers, paths


@contextlib.contextmanager
def _gunicorn(url: str) -> Iterator[int]:
    """This will run the service with its own gunicorn.conf.py and give its port."""
    settings = {
        "DATABASE_URL": url,
        "ENVIRONMENT": "test",
        "SECRET_KEY": stage.SECRET_KEY,
        "LOG_LEVEL": "info",
        # One client asks for them all.
        "RATE_LIMIT_DEFAULT": "0",
    }
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "bench.floor:app"],
                cwd=stage.ROOT,
                env=os.environ | settings,
                stdout=output,
            )
        try:
            yield _port(log, until=clock.monotonic() + READY_SECONDS_MAX)
        finally:
            process.terminate()
            process.wait()


def _port(log: Path, *, until: float) -> int:
    while not (found := LISTENING.search(log.read_text(encoding="utf-8"))):
        if clock.monotonic() > until:
            raise AssertionError("gunicorn did not start")
        clock.sleep(POLL_SECONDS)
    return int(found[1])


def _cost(
    server: Server, client: Client, asked: tuple[str, str], applied: Mapping[str, object]
) -> Cost | None:
    """This will count what one request asks of the database, by the server's own log; the limits are known."""
    method, path = asked
    if path in LIMITS.values():
        return None
    if not path.startswith("/api"):
        path = _prepared(client, path, applied) + path
    body = dict(applied) if path == "/api/v1/loans" else {"amount": "40.00", "currency": "KES"}
    with recording.log_statements(server, client):
        # The first request opens the connection, which is not part of what a request costs.
        client.get("/api/v1/loans?limit=1")
        offset = server.log.stat().st_size
        if method == "GET":
            client.get(path)
        else:
            client.post(path, body if path.endswith(("/loans", "/repayments")) else {})
        messages = recording.logged_since(server, offset=offset)
    own = [text for text in messages if not text.strip().rstrip(";").upper().startswith(ENDS)]
    return Cost(statements=len(own), round_trips=len(messages))


def _prepared(client: Client, rest: str, applied: Mapping[str, object]) -> str:
    """This will make a loan on which a step can be taken and give its path."""
    loan: str = client.post("/api/v1/loans", applied).headers["Location"]
    for step in ("/approve", "/disburse"):
        if rest == step:
            return loan
        client.post(f"{loan}{step}", {})
    return loan


def _told(answers: Mapping[str, Answers], costs: Mapping[str, Cost | None]) -> str:
    """This will write the percentiles of each route and how many times those of the limits they are."""
    rows = []
    nothing, select = (_percentile(answers[name], 50) for name in (NOTHING, SELECT))
    for name, each in answers.items():
        cost = costs[name]
        median = _percentile(each, 50)
        rows.append(
            (
                name,
                f"{len(each.seconds):,}",
                f"{len(each.seconds) / each.elapsed:,.0f}",
                f"{median * 1000:.1f}",
                f"{_percentile(each, 99) * 1000:.1f}",
                f"{median / nothing:.1f}",
                f"{median / select:.1f}",
                "" if cost is None else cost.statements,
                "" if cost is None else cost.round_trips,
            )
        )
    headers = ("route", "requests", "a second", "p50 ms", "p99 ms", f"p50 / {NOTHING}", f"p50 / {SELECT}")
    return measure.table((*headers, "statements", "round trips"), rows)


def _percentile(answers: Answers, percent: int) -> float:
    ordered = sorted(answers.seconds)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]
