"""portfolio: what the statistics of a large book cost, computed and served."""

import contextlib
from collections.abc import Mapping
from typing import Any

import click
import sqlalchemy as sa
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable
from sqlalchemy.orm import Session

from bench import book, measure, recording
from bench.recording import Statement
from bench.stage import Client, Server
from loans import clock
from loans.services import portfolio_statistics as statistics

PATH = "/api/v1/portfolio"
INSTALLMENTS = 12
COMPUTED = 9
TABLES = ("loans", "installments", "loan_events", "journal_lines")


def run(server: Server, *, loans: int, rounds: int) -> None:
    """This will measure the sums over a book with all its installments, and the answers made of them."""
    url = server.create("portfolio")
    with contextlib.closing(server.connect(url)) as connection:
        client = Client(url)
        click.echo(f"Writing {loans:,} loans ...", err=True)
        book.fill(connection, client=client, loans=loans)
        book.lay_out(connection, installments=INSTALLMENTS)
        click.echo(f"\nThe statistics of {loans:,} loans: {_rows(connection)}.\n")
        click.echo(_costs(client, connection=connection))
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        taken = [measure.seconds_of(lambda: _compute(engine)) for _ in range(COMPUTED)]
        click.echo(f"\nAll of it, {COMPUTED} times: {measure.milliseconds(taken)}.\n")
        shown = len(client.get(PATH).data)
        served = measure.interleave(
            {
                "statistics, 12 months": lambda: client.get(PATH),
                "statistics, 60 months": lambda: client.get(f"{PATH}?months=60"),
                "first page of loans": lambda: client.get("/api/v1/loans?limit=50"),
            },
            rounds=rounds,
            label="Portfolio",
        )
        rows = [(name, measure.milliseconds(values)) for name, values in served.items()]
        click.echo(f"Served from what is kept, {shown:,} bytes for 12 months:\n")
        click.echo(measure.table(("request", "time"), rows))


def _compute(engine: sa.Engine) -> None:
    with Session(engine) as session, session.begin():
        statistics.compute(session, business_date=clock.business_date("UTC"))


def _rows(connection: Connection) -> str:
    counts = []
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - named above
            counts.append(f"{cursor.fetchone()[0]:,} {table}")
    return ", ".join(counts)


def _costs(client: Client, *, connection: Connection) -> str:
    """This will explain each statement: time, blocks, rows given, and the tables that it scans."""
    with recording.recording(client) as taken:
        _compute(client.engine)
    rows = []
    for statement in taken.statements[1:]:
        explained = _explain(connection, statement)
        plan = explained["Plan"]
        rows.append(
            (
                f"{explained['Execution Time']:.0f} ms",
                f"{plan['Shared Hit Blocks'] + plan['Shared Read Blocks']:,}",
                statement.rows,
                ", ".join(_scans(plan)),
            )
        )
    return measure.table(("time", "blocks touched", "rows given", "scans"), rows)


def _explain(connection: Connection, statement: Statement) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.sql, statement.parameters)
        plan: dict[str, Any] = cursor.fetchone()[0][0]
    return plan


def _scans(plan: Mapping[str, Any]) -> list[str]:
    own = [f"{plan['Node Type']} of {plan['Relation Name']}"] if "Relation Name" in plan else []
    return own + [name for each in plan.get("Plans", ()) for name in _scans(each)]
