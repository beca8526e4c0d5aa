"""What a request asks of the database: told by SQLAlchemy's events and, independently, by the server's own log."""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable

from bench.stage import Client, Server

LOGGED = re.compile(r"^\S+ \S+ \S+ \[\d+\] (\w+): +(?:statement: )?(.*)$")
PING, BEGIN, COMMIT, ROLLBACK = "SELECT 1", "BEGIN", "COMMIT", "ROLLBACK"

# What a statement is by what its text contains, most telling first, and why it is sent.
PURPOSES = (
    ("pg_try_advisory_xact_lock", "claim", "claims the Idempotency-Key, or finds the answer stored under it"),
    ("INSERT INTO idempotency_keys", "answer", "stores the answer under its key, for a replay"),
    ("WITH write_0", "write", "event, snapshot, installments, journal, public event, audit: all in one"),
    ("UPDATE api_keys", "key use", "notes the use of the caller's key, once a minute"),
    ("FROM idempotency_keys", "known rows", "finds the rows of a file that were done before"),
    ("FROM api_keys", "caller", "recognizes the caller and its scopes"),
    ("FOR UPDATE", "lock", "reads the loan and keeps other commands off it"),
    ("settled_on IS NULL", "unsettled", "reads the installments that are not paid in full"),
    ("FROM installments", "schedule", "reads the whole schedule, to compare it with the new fold"),
    ("FROM loan_events", "history", "reads every event, to fold them from scratch"),
    ("FROM loans", "page", "reads one page of loans, and one row more to know whether there is a next one"),
    (PING, "ping", "asks whether the pooled connection still lives, so that a restart costs nobody an error"),
    (BEGIN, "begin", "opens the transaction; the driver sends it by itself"),
    (COMMIT, "commit", "makes all of it durable at once"),
    (ROLLBACK, "rollback", "ends a reading transaction"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement as the driver got it, and how many rows it gave or changed."""

    sql: str
    parameters: Any
    rows: int


@dataclass(slots=True, kw_only=True)
class Recording:
    """Everything asked between start and end of a recording, in order, as SQLAlchemy tells it."""

    statements: list[Statement] = field(default_factory=list)
    sequence: list[str] = field(default_factory=list)


def purpose(text: str) -> tuple[str, str]:
    """This will name a statement and give the reason for it.

    :raises AssertionError: if nobody has written one down.
    """
    flat = " ".join(text.split())
    for mark, name, reason in PURPOSES:
        if mark in flat:
            return name, reason
    raise AssertionError(f"a statement without a known purpose: {flat}")


@contextlib.contextmanager
def recording(client: Client) -> Iterator[Recording]:
    """This will record what a client's requests ask for."""
    taken = Recording()

    def executed(_: object, cursor: Any, text: str, parameters: Any, *__: object) -> None:
        taken.statements.append(Statement(sql=text, parameters=parameters, rows=cursor.rowcount))
        taken.sequence.append(text)

    def noted(text: str) -> Callable[..., None]:
        return lambda *_: taken.sequence.append(text)

    # Pinging happens below the engine's events; the pool pings each connection that it hands out again.
    listeners = [
        (client.engine, "after_cursor_execute", executed),
        (client.engine.pool, "checkout", noted(PING)),
        (client.engine, "begin", noted(BEGIN)),
        (client.engine, "commit", noted(COMMIT)),
        (client.engine, "rollback", noted(ROLLBACK)),
    ]
    for target, name, listener in listeners:
        sa.event.listen(target, name, listener)
    try:
        yield taken
    finally:
        for target, name, listener in listeners:
            sa.event.remove(target, name, listener)


@contextlib.contextmanager
def log_statements(server: Server, client: Client) -> Iterator[None]:
    """This will have the server log every message of a client's database, for connections opened from now on."""
    name = sql.Identifier(sa.make_url(client.url).database)
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER DATABASE {} SET log_statement = 'all'").format(name))
        client.disconnect()
        try:
            yield
        finally:
            cursor.execute(sql.SQL("ALTER DATABASE {} RESET log_statement").format(name))
            client.disconnect()


def logged_since(server: Server, *, offset: int) -> list[str]:
    """This will give what the server logged behind an offset: one text for each message, hence each round trip."""
    messages: list[str] = []
    for line in server.log.read_bytes()[offset:].decode(errors="replace").splitlines():
        match = LOGGED.match(line)
        if match and match.group(1) == "LOG":
            messages.append(match.group(2))
        elif messages:
            messages[-1] += " " + line.strip()
    return messages


def rows_written(connection: Connection, *, key: str) -> dict[str, int]:
    """This will count, by table, the rows that the transaction of an Idempotency-Key inserted or changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin FROM idempotency_keys WHERE key = %s", (key,))
        transaction = cursor.fetchone()[0]
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        written = {}
        for (table,) in cursor.fetchall():
            count = sql.SQL("SELECT count(*) FROM {} WHERE xmin = %s::xid").format(sql.Identifier(table))
            cursor.execute(count, (transaction,))
            written[table] = cursor.fetchone()[0]
    return {table: count for table, count in written.items() if count}
