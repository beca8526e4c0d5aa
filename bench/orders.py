"""The seven orders of the list of loans, each at its first, middle and last page, and its ranges: EXPLAIN of each."""

from datetime import date

import click
import sqlalchemy as sa
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable
from sqlalchemy.dialects import postgresql

from bench import pages
from bench.pages import LIMIT, LISTS, Book, Request
from bench.stage import Server
from loans.api import loan_lists
from loans.queries import loan_list, paging
from loans.queries.loan_list import ORDERS
from loans.queries.loans import LOANS
from loans.schemas.loan_list import LoanArgs

RANGES = (
    "status=pending,approved",
    "currency=KES&principal_min=1000.00&principal_max=1300.00",
    "currency=KES&outstanding_min=1000.00",
    "days_past_due_min=30",
    "days_past_due_max=0&status=disbursed",
    "created_from=2020-01-01T00:00:00Z&created_to=2099-01-01T00:00:00Z",
    "applied_from=2020-01-01",
    "disbursed_from=2020-01-01&disbursed_to=2099-01-01",
    "maturity_to=2099-01-01&status=repaid",
)


def run(server: Server, book: Book, *, loans: int) -> None:
    """This will explain the SELECT of each page and print what it touches."""
    requests = {}
    for order in ORDERS:
        sort = f"sort=-{order}" + ("&currency=KES" if ORDERS[order].of_money else "")
        requests[f"-{order}, first"] = Request(book=book, path=f"{LISTS}&{sort}")
        for name, left in (("middle", loans // 2), ("last", LIMIT + 1)):
            found = _cursor(book.connection, query=sort, left=left)
            requests[f"-{order}, {name}"] = Request(book=book, path=f"{LISTS}&{sort}&cursor={found}")
    requests |= {asked: Request(book=book, path=f"{LISTS}&{asked}") for asked in RANGES}
    taken = {name: pages.record(server, request) for name, request in requests.items()}
    click.echo(f"\nEvery order of {loans:,} loans, pages of {LIMIT}, and every range:\n")
    click.echo(pages.costs(requests, taken))


def _cursor(connection: Connection, *, query: str, left: int) -> str:
    """This will make the cursor behind which so many loans are left, in the order that a query asks for."""
    args = LoanArgs().load(dict(part.split("=") for part in query.split("&")))
    wanted = loan_lists.wanted(args, on=date.max)
    order = ORDERS[wanted.order]
    is_falling = wanted.is_descending is not order.is_reversed
    place = (order.column, LOANS.c.id)
    asked = sa.select(*place).order_by(*((each.asc() if is_falling else each.desc()) for each in place))
    if wanted.currency is not None:
        asked = asked.where(LOANS.c.currency == wanted.currency)
    text = str(
        asked.offset(left - 1)
        .limit(1)
        .compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    )
    with connection.cursor() as cursor:
        cursor.execute(text)
        value, identifier = cursor.fetchone()
    by_id = wanted.order == "created" and "created" not in wanted.ranges
    key = (identifier,) if by_id else (value, identifier)
    found = paging.page([key, key], limit=1, keys=[key, key], tag=loan_list.tag(wanted)).next_cursor
    if found is None:
        raise AssertionError(f"{query}: there are not more than {left} loans")
    return found
