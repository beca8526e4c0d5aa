"""Pages of the list of loans: what the server is asked for one, and what PostgreSQL touches to give it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable

from bench import measure, recording
from bench.recording import Statement
from bench.stage import Client, Server

LIMIT = 50
LISTS = f"/api/v1/loans?limit={LIMIT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A book of loans: the application on it, and a connection beside the application's."""

    client: Client
    connection: Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A page to ask for and the book it is in."""

    book: Book
    path: str


def record(server: Server, request: Request) -> tuple[list[str], Statement]:
    """This will send a request once and give its messages to the server and the SELECT of its page."""
    with recording.log_statements(server, request.book.client):
        # The first request opens the connection, which is not part of what a request costs.
        request.book.client.get(request.path)
        offset = server.log.stat().st_size
        with recording.recording(request.book.client) as taken:
            request.book.client.get(request.path)
        logged = recording.logged_since(server, offset=offset)
    names = [recording.purpose(text)[0] for text in logged]
    if names != [recording.purpose(text)[0] for text in taken.sequence]:
        raise AssertionError(f"the server saw {names}, SQLAlchemy {taken.sequence}")
    return names, taken.statements[-1]


def costs(requests: Mapping[str, Request], taken: Mapping[str, tuple[list[str], Statement]]) -> str:
    """This will explain the SELECT of each page: statements, rows, blocks, and how it is done."""
    rows = []
    for name, (messages, statement) in taken.items():
        plan = _explain(requests[name].book.connection, statement)
        root = plan["Plan"]
        rows.append(
            (
                name,
                sum(each in {"caller", "page"} for each in messages),
                len(messages),
                statement.rows,
                root["Shared Hit Blocks"] + root["Shared Read Blocks"],
                _discarded(root),
                " < ".join(_nodes(root)),
            )
        )
    headers = ("page", "statements", "round trips", "rows", "blocks touched", "rows discarded", "plan")
    return measure.table(headers, rows)


def _explain(connection: Connection, statement: Statement) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.sql, statement.parameters)
        plan: dict[str, Any] = cursor.fetchone()[0][0]
    return plan


def _nodes(plan: dict[str, Any]) -> list[str]:
    """This will name the nodes of a plan from the top, with the index each reads."""
    index = f" {plan['Index Name']}" if "Index Name" in plan else ""
    backward = " backward" if plan.get("Scan Direction") == "Backward" else ""
    return [
        plan["Node Type"] + backward + index,
        *(n for each in plan.get("Plans", ()) for n in _nodes(each)),
    ]


def _discarded(plan: dict[str, Any]) -> int:
    """This will count the rows that a plan reads and throws away."""
    own = plan.get("Rows Removed by Filter", 0) * plan.get("Actual Loops", 1)
    return int(own) + sum(_discarded(each) for each in plan.get("Plans", ()))
