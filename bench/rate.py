"""repayment-rate: repayments a second through the whole application, against its own SQL sent by hand."""

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import click
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable

from bench import book, measure, recording
from bench.recording import Statement
from bench.stage import Client, Server
from loans import clock

LOANS = 100
BATCH = 25
SOURCE, TWIN = "rate_http", "rate_by_hand"
# Both databases must end alike; a difference would mean that one side did less work.
STATE = """
SELECT count(*), sum(amount), (SELECT sum(principal_outstanding) FROM loans), (SELECT count(*) FROM journal_lines),
    (SELECT count(*) FROM outbox_events), (SELECT count(*) FROM idempotency_keys)
FROM loan_events
"""


@dataclass(slots=True)
class Traffic:
    """Repayments to come: of every loan in turn, each dated a day after the loan's last, as on most days."""

    loans: Sequence[str]
    day: date
    turn: int = 0
    recorded: deque[list[list[Statement]]] = field(default_factory=deque)

    def send(self, client: Client) -> None:
        """This will send a batch of repayments and keep their statements for the other side."""
        batch = []
        with recording.recording(client) as taken:
            for _ in range(BATCH):
                if self.turn % len(self.loans) == 0:
                    self.day += timedelta(days=1)
                loan, before = self.loans[self.turn % len(self.loans)], len(taken.statements)
                book.repay(client, loan=loan, amount="40.00", on=self.day.isoformat())
                batch.append(taken.statements[before:])
                self.turn += 1
        self.recorded.append(batch)

    def replay(self, connection: Connection) -> None:
        """This will send the statements of the oldest batch not yet replayed, a transaction a repayment."""
        for statements in self.recorded.popleft():
            # The application's pool asks this too before each request.
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(recording.PING)
            connection.autocommit = False
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement.sql, statement.parameters)
                    if cursor.description:
                        cursor.fetchall()
            connection.commit()


def run(server: Server, *, seconds: float) -> None:
    """This will measure both sides in turn for so many seconds and print rates and their ratio."""
    url = server.create(SOURCE)
    client = Client(url)
    traffic = _traffic(client)
    client.disconnect()
    twin_url = server.create(TWIN, template=SOURCE)
    with (
        contextlib.closing(server.connect(url)) as source,
        contextlib.closing(server.connect(twin_url)) as twin,
    ):
        # One batch ahead, so that either side can go first.
        traffic.send(client)
        http, by_hand = _rounds(traffic, client=client, twin=twin, seconds=seconds)
        traffic.replay(twin)
        made, replayed = _state(source), _state(twin)
    if made != replayed:
        raise AssertionError(f"the databases differ: {made} over HTTP, {replayed} by hand")
    rows = [
        (name, measure.milliseconds([each / BATCH for each in times]), _rate(times))
        for name, times in (("HTTP, in this process", http), ("the same SQL by hand", by_hand))
    ]
    click.echo(
        f"\n{len(http)} rounds of {BATCH} repayments on each side, one process, one connection each.\n"
    )
    click.echo(measure.table(("side", "each repayment", "repayments a second"), rows))
    click.echo(f"\nHTTP takes {measure.ratio(http, by_hand).show()} times as long as its SQL alone.")


def _traffic(client: Client) -> Traffic:
    owner, product_id = book.borrower(client), book.product(client, currency="KES")
    start = book.long_ago()
    with click.progressbar(range(LOANS), label="Loans", file=sys.stderr) as bar:
        loans = [book.disbursed_loan(client, borrower_id=owner, product_id=product_id, on=start) for _ in bar]
    return Traffic(loans, start)


def _rounds(
    traffic: Traffic, *, client: Client, twin: Connection, seconds: float
) -> tuple[list[float], list[float]]:
    """This will time batches of both sides, the one and the other first in turn."""
    http: list[float] = []
    by_hand: list[float] = []
    sides: list[tuple[list[float], Callable[[], None]]] = [
        (http, lambda: traffic.send(client)),
        (by_hand, lambda: traffic.replay(twin)),
    ]
    deadline = clock.monotonic() + seconds
    with click.progressbar(length=int(seconds), label="Repayments", file=sys.stderr) as bar:
        shown = 0
        while clock.monotonic() < deadline:
            for times, work in sides if len(http) % 2 else reversed(sides):
                times.append(measure.seconds_of(work))
            passed = int(seconds - (deadline - clock.monotonic()))
            bar.update(max(passed - shown, 0))
            shown = max(passed, shown)
    return http, by_hand


def _rate(times: Sequence[float]) -> str:
    return measure.spread([BATCH / each for each in times]).show(digits=0)


def _state(connection: Connection) -> tuple[object, ...]:
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute(STATE)
        row: tuple[object, ...] = cursor.fetchone()
    return row
