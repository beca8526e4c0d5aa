"""bulk: rows of a file a second, against single requests and the file's own SQL by hand, each over its connection."""

import contextlib
import http.client
import json
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import click
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable
from werkzeug.serving import WSGIRequestHandler, make_server

from bench import book, bulk_import, measure, recording
from bench.rate import STATE
from bench.recording import Statement
from bench.stage import Client, Server

LOANS = 1_000
SINGLES = 50
SOURCE, SINGLE, TWIN = "bulk_files", "bulk_single", "bulk_by_hand"
OK, CREATED = 200, 201


class _Quiet(WSGIRequestHandler):
    # Kept open between requests, as a client of ours would have it.
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        """This will write nothing."""


@dataclass(slots=True, kw_only=True)
class Line:
    """One connection that is kept open to an application served over a socket of this process."""

    client: Client
    port: int
    connection: http.client.HTTPConnection

    def post(self, path: str, raw: bytes, *, content_type: str) -> tuple[int, bytes]:
        """This will send a body and read the whole answer."""
        headers = {
            "Authorization": f"Bearer {self.client.key}",
            "Idempotency-Key": str(uuid.uuid4()),
            "Content-Type": content_type,
        }
        self.connection.request("POST", path, raw, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


@dataclass(slots=True, kw_only=True)
class Collection:
    """A repayment of each loan a day, in files or one by one; what files asked of the database is kept for replays."""

    loans: Sequence[str]
    day: date
    single_day: date
    at: int = 0
    recorded: deque[list[list[Statement]]] = field(default_factory=deque)

    def send_file(self, line: Line) -> None:
        """This will send a file with a repayment of every loan."""
        self.day += timedelta(days=1)
        rows = [{"loan_id": loan, **self._repayment(self.day)} for loan in self.loans]
        raw = "".join(json.dumps(row) + "\n" for row in rows).encode()
        with recording.recording(line.client) as taken:
            status, said = line.post("/api/v1/repayments/bulk", raw, content_type="application/x-ndjson")
        summary = json.loads(said.splitlines()[-1])["summary"]
        if status != OK or summary["done"] != len(rows):
            raise AssertionError(f"{status}: {summary}")
        self.recorded.append(_by_transaction(taken))

    def send_singles(self, line: Line) -> None:
        """This will send as many single repayments as are timed at once."""
        for _ in range(SINGLES):
            if self.at % len(self.loans) == 0:
                self.single_day += timedelta(days=1)
            loan = self.loans[self.at % len(self.loans)]
            self.at += 1
            raw = json.dumps(self._repayment(self.single_day)).encode()
            status, said = line.post(f"/api/v1/loans/{loan}/repayments", raw, content_type="application/json")
            if status != CREATED:
                raise AssertionError(said)

    def replay(self, connection: Connection) -> None:
        """This will send the statements of the oldest file not yet replayed, a transaction a batch."""
        for statements in self.recorded.popleft():
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement.sql, statement.parameters)
                    if cursor.description:
                        cursor.fetchall()
            connection.commit()

    @staticmethod
    def _repayment(on: date) -> dict[str, str]:
        return {"amount": "40.00", "currency": "KES", "date": on.isoformat()}


def run(server: Server, *, rounds: int, imported: int) -> None:
    """This will compare files, single requests and SQL by hand, and then import a large file, killed half-way."""
    _compare(server, rounds=rounds)
    bulk_import.run(server, rows=imported)


def _compare(server: Server, *, rounds: int) -> None:
    url = server.create(SOURCE)
    client = Client(url)
    collection = _collection(server, client)
    client.disconnect()
    single = Client(server.create(SINGLE, template=SOURCE), key=client.key)
    twin_url = server.create(TWIN, template=SOURCE)
    with (
        contextlib.closing(server.connect(url)) as source,
        contextlib.closing(server.connect(twin_url)) as twin,
        _served(client) as files,
        _served(single) as singles,
    ):
        twin.autocommit = False
        # One file ahead, so that either side can go first.
        collection.send_file(files)
        measured = measure.interleave(
            {
                "file": lambda: collection.send_file(files),
                "single": lambda: collection.send_singles(singles),
                "by hand": lambda: collection.replay(twin),
            },
            rounds=rounds,
            label="Files",
        )
        collection.replay(twin)
        made, replayed = _state(source), _state(twin)
        if made != replayed:
            raise AssertionError(f"the databases differ: {made} by files, {replayed} by hand")
    _tell(measured)


def _tell(measured: Mapping[str, Sequence[float]]) -> None:
    each = {
        "file": [seconds / LOANS for seconds in measured["file"]],
        "single": [seconds / SINGLES for seconds in measured["single"]],
        "by hand": [seconds / LOANS for seconds in measured["by hand"]],
    }
    names = {
        "file": f"files of {LOANS} rows",
        "single": "single requests",
        "by hand": "the files' SQL by hand",
    }
    click.echo(f"\n{len(each['file'])} rounds; HTTP over one connection that is kept open, in one process.\n")
    rows = [
        (
            names[name],
            measure.milliseconds(times),
            measure.spread([1 / time for time in times]).show(digits=0),
        )
        for name, times in each.items()
    ]
    click.echo(measure.table(("side", "each row", "rows a second"), rows))
    click.echo(
        f"\nA single request takes {measure.ratio(each['single'], each['file']).show()} times as long as a row."
    )
    click.echo(
        f"A row takes {measure.ratio(each['file'], each['by hand']).show()} times as long as its SQL alone."
    )


@contextlib.contextmanager
def _served(client: Client) -> Iterator[Line]:
    """This will serve an application on a port of this machine and connect to it once."""
    server = make_server("127.0.0.1", 0, client.app, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    try:
        with client.quiet(), contextlib.closing(connection):
            yield Line(client=client, port=server.server_port, connection=connection)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _collection(server: Server, client: Client) -> Collection:
    owner, product_id = book.borrower(client), book.product(client, currency="KES")
    start = book.long_ago()
    path = book.disbursed_loan(client, borrower_id=owner, product_id=product_id, on=start)
    with contextlib.closing(server.connect(client.url)) as connection:
        loans = book.copies(connection, loan=path.rpartition("/")[2], count=LOANS)
    return Collection(loans=[str(loan) for loan in loans], day=start, single_day=start)


def _by_transaction(taken: recording.Recording) -> list[list[Statement]]:
    """This will part what was asked at each commit, and leave out the look-up of the caller."""
    statements = iter(taken.statements)
    parts: list[list[Statement]] = [[]]
    for text in taken.sequence:
        if text == recording.COMMIT:
            parts.append([])
        elif text not in {recording.PING, recording.BEGIN, recording.ROLLBACK}:
            statement = next(statements)
            if recording.purpose(text)[0] not in {"caller", "key use"}:
                parts[-1].append(statement)
    return [part for part in parts if part]


def _state(connection: Connection) -> tuple[object, ...]:
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute(STATE)
        row: tuple[object, ...] = cursor.fetchone()
    return row
