"""repayment: what one repayment asks of the database, by the age of the loan and by what kind of repayment it is."""

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import click
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable

from bench import book, measure, recording
from bench.stage import Client, Server

ENDS = frozenset({"ping", "begin", "commit", "rollback"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one request asked for: the purposes of its messages in order, rows read, rows written by table."""

    name: str
    messages: tuple[str, ...]
    rows_read: int
    rows_written: dict[str, int]

    @property
    def statements(self) -> int:
        """Messages that are statements of ours: without the ping and the ends of the transaction."""
        return sum(message not in ENDS for message in self.messages)


def run(server: Server) -> None:
    """This will count the statements, round trips and rows of one repayment in each case."""
    url = server.create("repayment")
    client = Client(url)
    with contextlib.closing(server.connect(url)) as connection:
        click.echo("Making loans with up to 35 repayments ...", err=True)
        cases = _cases(client)
        with recording.log_statements(server, client):
            client.get("/api/v1/loans?limit=1")
            costs = [
                _cost(name, server=server, client=client, connection=connection, send=send, key=key)
                for name, (send, key) in cases.items()
            ]
    click.echo("\nOne repayment request; SQLAlchemy's events and the server's log agree on each.\n")
    headers = ("request", "statements", "round trips", "rows read", "rows written")
    rows = [
        (cost.name, cost.statements, len(cost.messages), cost.rows_read, sum(cost.rows_written.values()))
        for cost in costs
    ]
    click.echo(measure.table(headers, rows))
    for cost in costs:
        click.echo(f"\n{cost.name}: {' > '.join(cost.messages)}")
        click.echo("  writes " + (", ".join(f"{n} {t}" for t, n in cost.rows_written.items()) or "nothing"))
    reasons = {name: reason for _, name, reason in recording.PURPOSES}
    sent = dict.fromkeys(message for cost in costs for message in cost.messages)
    click.echo("\n" + measure.table(("message", "why"), [(each, reasons[each]) for each in sent]))


def _cases(client: Client) -> dict[str, tuple[Callable[[str], object], str]]:
    """This will make the loans and give the requests, each with its Idempotency-Key."""
    start = book.long_ago()
    owner, product_id = book.borrower(client), book.product(client, currency="KES")

    def loan(*, repayments: int) -> str:
        path = book.disbursed_loan(client, borrower_id=owner, product_id=product_id, on=start)
        for row in book.schedule(client, loan=path)[:repayments]:
            book.repay(client, loan=path, amount=row["amount"], on=row["due_date"])
        return path

    new, aged, closing, dated = (loan(repayments=made) for made in (0, 35, 35, 35))
    due = book.schedule(client, loan=new)[0]
    last_due = book.schedule(client, loan=aged)[-1]
    wrong = book.repay(client, loan=loan(repayments=34), amount="100.00", on=last_due["due_date"])
    before_last = (date.fromisoformat(last_due["from_date"]) - timedelta(days=10)).isoformat()

    def repayment(path: str, *, amount: str, on: str) -> Callable[[str], object]:
        return lambda key: book.repay(client, loan=path, amount=amount, on=on, key=key)

    first_key = str(uuid.uuid4())
    first = repayment(new, amount=due["amount"], on=due["due_date"])
    return {
        "first of 36": (first, first_key),
        "second on the same day": (
            repayment(new, amount="100.00", on=due["due_date"]),
            str(uuid.uuid4()),
        ),
        "36th of 36, part of it": (
            repayment(aged, amount="500.00", on=last_due["due_date"]),
            str(uuid.uuid4()),
        ),
        "36th of 36, closes the loan": (
            repayment(closing, amount=last_due["amount"], on=last_due["due_date"]),
            str(uuid.uuid4()),
        ),
        "back-dated, 35 made": (repayment(dated, amount="100.00", on=before_last), str(uuid.uuid4())),
        "reversal, 35 made": (lambda key: client.post(f"{wrong}/reverse", {}, key=key), str(uuid.uuid4())),
        "replay": (first, first_key),
    }


def _cost(
    name: str,
    *,
    server: Server,
    client: Client,
    connection: Connection,
    send: Callable[[str], object],
    key: str,
) -> Cost:
    """This will send one request and read from both witnesses what it asked for.

    :raises AssertionError: if SQLAlchemy's events and the server's log differ.
    """
    offset = server.log.stat().st_size
    with recording.recording(client) as taken:
        send(key)
    messages = tuple(recording.purpose(text)[0] for text in recording.logged_since(server, offset=offset))
    told = tuple(recording.purpose(text)[0] for text in taken.sequence)
    if messages != told:
        raise AssertionError(f"{name}: the server saw {messages}, SQLAlchemy {told}")
    writes = "write" in messages
    return Cost(
        name=name,
        messages=messages,
        rows_read=sum(each.rows for each in taken.statements if each.sql.lstrip().startswith("SELECT")),
        rows_written=recording.rows_written(connection, key=key) if writes else {},
    )
