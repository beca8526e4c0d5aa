"""paging: does a page of loans cost the same wherever it lies, and however many loans there are?"""

import contextlib
from collections.abc import Callable, Mapping
from datetime import date

import click
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable

from bench import book, measure, orders, pages
from bench.measure import Measured
from bench.pages import LIMIT, LISTS, Book, Request
from bench.recording import Statement
from bench.stage import Client, Server
from loans.api import loan_lists
from loans.queries import loan_list, paging
from loans.schemas.loan_list import LoanArgs

FIRST, AGAIN, MIDDLE, LAST, SMALL = "first page", "first page again", "middle page", "last page", "small book"
KEYSET, OFFSET = "by key", "by offset"


def run(server: Server, *, loans: int, small: int, rounds: int) -> None:
    """This will measure pages of a large and a small book and print what they cost."""
    with contextlib.ExitStack() as stack:
        large = _book(server, name="paging_large", loans=loans, stack=stack)
        little = _book(server, name="paging_small", loans=small, stack=stack)
        requests = _requests(large, little=little, loans=loans)
        taken = {name: pages.record(server, request) for name, request in requests.items()}
        click.echo(f"\nPages of {LIMIT} from {loans:,} loans; the small book has {small:,}.\n")
        click.echo(pages.costs(requests, taken))
        peers = _peers(large.connection, page=taken, loans=loans)
        timed = {name: _getter(request) for name, request in requests.items()} | peers
        measured = measure.interleave(timed, rounds=rounds, label="Pages")
        orders.run(server, large, loans=loans)
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
        MIDDLE: f"{LISTS}&cursor={cursor_behind(large.connection, left=loans // 2)}",
        LAST: f"{LISTS}&cursor={cursor_behind(large.connection, left=LIMIT)}",
        "borrower_id=": f"{LISTS}&borrower_id={borrower}",
        "status=cancelled": f"{LISTS}&status=cancelled",
        "status=repaid": f"{LISTS}&status=repaid",
        "status=disbursed": f"{LISTS}&status=disbursed",
        "status=disbursed, last page": (
            f"{LISTS}&status=disbursed&cursor={cursor_behind(large.connection, left=LIMIT, status='disbursed')}"
        ),
        f"currency={book.RARE_CURRENCY}": f"{LISTS}&currency={book.RARE_CURRENCY}",
    }
    requests = {name: Request(book=large, path=path) for name, path in paths.items()}
    return requests | {SMALL: Request(book=little, path=LISTS)}


def cursor_behind(connection: Connection, *, left: int, status: str | None = None) -> str:
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
