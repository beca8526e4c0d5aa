"""paging: does a page of loans cost the same wherever it lies, and however many loans there are?"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import click
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable

from bench import book, measure, recording
from bench.measure import Measured
from bench.recording import Statement
from bench.stage import Client, Server
from loans.api import loan_lists
from loans.queries import loan_list, paging
from loans.schemas.loan_list import LoanArgs

LIMIT = 50
LISTS = f"/api/v1/loans?limit={LIMIT}"
FIRST, AGAIN, MIDDLE, LAST, SMALL = "first page", "first page again", "middle page", "last page", "small book"
KEYSET, OFFSET = "by key", "by offset"


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


def run(server: Server, *, loans: int, small: int, rounds: int) -> None:
    """This will measure pages of a large and a small book and print what they cost."""
    with contextlib.ExitStack() as stack:
        large = _book(server, name="paging_large", loans=loans, stack=stack)
        little = _book(server, name="paging_small", loans=small, stack=stack)
        requests = _requests(large, little=little, loans=loans)
        taken = {name: _record(server, request) for name, request in requests.items()}
        click.echo(f"\nPages of {LIMIT} from {loans:,} loans; the small book has {small:,}.\n")
        click.echo(_costs(requests, taken))
        peers = _peers(large.connection, page=taken, loans=loans)
        timed = {name: _getter(request) for name, request in requests.items()} | peers
        measured = measure.interleave(timed, rounds=rounds, label="Pages")
    click.echo(f"\nOver HTTP in this process, {rounds} interleaved rounds, median (quartiles):\n")
    click.echo(_times(measured, dict.fromkeys(requests, FIRST)))
    click.echo("\nThe SELECT alone, through psycopg2, by key and as the same SELECT with OFFSET:\n")
    click.echo(_times(measured, {name: f"{FIRST}, {name.rpartition(', ')[2]}" for name in peers}))


def _book(server: Server, *, name: str, loans: int, stack: contextlib.ExitStack) -> Book:
    url = server.create(name)
    connection = stack.enter_context(contextlib.closing(server.connect(url)))
    client = Client(url)
    click.echo(f"Writing {loans:,} loans ...", err=True)
    book.fill(connection, client=client, loans=loans)
    return Book(client=client, connection=connection)


def _requests(large: Book, *, little: Book, loans: int) -> Mapping[str, Request]:
    """This will choose the pages."""
    with large.connection.cursor() as cursor:
        cursor.execute("SELECT borrower_id FROM loans ORDER BY id OFFSET %s LIMIT 1", (loans // 2,))
        borrower = cursor.fetchone()[0]
    paths = {
        FIRST: LISTS,
        AGAIN: LISTS,
        MIDDLE: f"{LISTS}&cursor={_cursor(large.connection, left=loans // 2)}",
        LAST: f"{LISTS}&cursor={_cursor(large.connection, left=LIMIT)}",
        "borrower_id=": f"{LISTS}&borrower_id={borrower}",
        "status=cancelled": f"{LISTS}&status=cancelled",
        "status=repaid": f"{LISTS}&status=repaid",
        "status=disbursed": f"{LISTS}&status=disbursed",
        "status=disbursed, last page": (
            f"{LISTS}&status=disbursed&cursor={_cursor(large.connection, left=LIMIT, status='disbursed')}"
        ),
        f"currency={book.RARE_CURRENCY}": f"{LISTS}&currency={book.RARE_CURRENCY}",
    }
    requests = {name: Request(book=large, path=path) for name, path in paths.items()}
    return requests | {SMALL: Request(book=little, path=LISTS)}


def _cursor(connection: Connection, *, left: int, status: str | None = None) -> str:
    """This will make the cursor behind which so many loans are left, as the list itself would have."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM loans WHERE status = coalesce(%s, status) ORDER BY id OFFSET %s LIMIT 2",
            (status, left - 1),
        )
        keys = [row[0] for row in reversed(cursor.fetchall())]
    args = LoanArgs().load({} if status is None else {"status": status})
    tag = loan_list.tag(loan_lists.wanted(args, on=date.max))
    found = paging.page(keys, limit=1, keys=[(key,) for key in keys], tag=tag).next_cursor
    if found is None:
        raise AssertionError(f"there are not more than {left} loans")
    return found


def _record(server: Server, request: Request) -> tuple[list[str], Statement]:
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


def _costs(requests: Mapping[str, Request], taken: Mapping[str, tuple[list[str], Statement]]) -> str:
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


def _peers(
    connection: Connection, *, page: Mapping[str, tuple[list[str], Statement]], loans: int
) -> dict[str, Callable[[], object]]:
    """This will make the three pages by key and, with the SELECT of the first one, by offset."""
    places = {FIRST: 0, MIDDLE: loans // 2, LAST: loans - LIMIT}
    first = page[FIRST][1]
    by_key = {
        f"{name}, {KEYSET}": _query(connection, page[name][1].sql, page[name][1].parameters)
        for name in places
    }
    by_offset = {
        f"{name}, {OFFSET}": _query(
            connection, first.sql + " OFFSET %(place)s", {**first.parameters, "place": place}
        )
        for name, place in places.items()
    }
    return by_key | by_offset


def _query(connection: Connection, text: str, parameters: Mapping[str, object]) -> Callable[[], object]:
    def ask() -> object:
        with connection.cursor() as cursor:
            cursor.execute(text, parameters)
            return cursor.fetchall()

    return ask


def _getter(request: Request) -> Callable[[], object]:
    return lambda: request.book.client.get(request.path)


def _times(measured: Measured, bases: Mapping[str, str]) -> str:
    """This will write each time and its ratio to its base, round by round."""
    rows = [
        (name, measure.milliseconds(measured[name]), measure.ratio(measured[name], measured[base]).show())
        for name, base in bases.items()
    ]
    return measure.table(("page", "time", "ratio to the first page"), rows)
