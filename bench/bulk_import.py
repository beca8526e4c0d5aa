"""bulk: a large collection file through `flask import-repayments`, killed half-way and run again."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable

from bench import book
from bench.stage import ROOT, SECRET_KEY, Client, Server

ROWS_PER_LOAN = 5
PAUSE_SECONDS = 0.2
KIB_PER_MIB = 1024
REPAID = "SELECT count(*), count(DISTINCT (loan_id, reference)) FROM loan_events WHERE kind = 'repayment'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How one run of the command went."""

    status: int
    seconds: float
    mebibytes: float
    said: str


def run(server: Server, *, rows: int) -> None:
    """This will import a file twice, the first time until it is killed, and count what there is after each."""
    url = server.create("bulk_import")
    client = Client(url)
    with contextlib.closing(server.connect(url)) as connection, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "collection.csv"
        _write(file, loans=_loans(client, connection, count=rows // ROWS_PER_LOAN))
        client.disconnect()
        killed = _import(file, url=url, connection=connection, kill_at=rows // 2)
        half = _repaid(connection)
        again = _import(file, url=url, connection=connection)
        whole = _repaid(connection)
        third = _import(file, url=url, connection=connection)
        verified = _flask(url, "verify")
    if not 0 < half[0] < rows or whole != (rows, rows) or again.status or third.status:
        raise AssertionError(f"{half} after the kill, {whole} at the end: {again} {third}")
    click.echo(f"\nflask import-repayments, {rows} rows of {rows // ROWS_PER_LOAN} loans:\n")
    for name, each in (("killed", killed), ("run again", again), ("and a third time", third)):
        click.echo(f"  {name}: {each.seconds:.0f} s, at most {each.mebibytes:.0f} MiB. {each.said}")
    done = whole[0] - half[0]
    click.echo(f"  {half[0]} repayments after the kill, {whole[0]} at the end, none twice.")
    click.echo(
        f"  {done / again.seconds:.0f} rows a second, those that were found done before included in the time."
    )
    click.echo(f"  {verified.said} ({verified.seconds:.0f} s)")


def _loans(client: Client, connection: Connection, *, count: int) -> list[uuid.UUID]:
    owner, product_id = book.borrower(client), book.product(client, currency="KES")
    path = book.disbursed_loan(client, borrower_id=owner, product_id=product_id, on=book.long_ago())
    return book.copies(connection, loan=path.rpartition("/")[2], count=count)


def _write(file: Path, *, loans: list[uuid.UUID]) -> None:
    """This will write a file of so many days, each with a repayment of each loan."""
    start = book.long_ago()
    with file.open("w", encoding="utf-8") as lines:
        lines.write("loan_id,amount,currency,date,reference\n")
        for turn in range(ROWS_PER_LOAN):
            day = start + timedelta(days=30 * (turn + 1))
            lines.writelines(f"{loan},1400.00,KES,{day.isoformat()},TX-{turn}\n" for loan in loans)


def _import(file: Path, *, url: str, connection: Connection, kill_at: int | None = None) -> Run:
    """This will run the command, and kill it once so many repayments are stored."""
    return _flask(url, "import-repayments", str(file), connection=connection, kill_at=kill_at)


def _flask(
    url: str, *arguments: str, connection: Connection | None = None, kill_at: int | None = None
) -> Run:
    environ = {"DATABASE_URL": url, "ENVIRONMENT": "test", "SECRET_KEY": SECRET_KEY, "FLASK_SKIP_DOTENV": "1"}
    started = time.monotonic()  # noqa: TID251 - of another process, too
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=ROOT,
            env={**os.environ, **environ},
            stdout=said,
            stderr=subprocess.DEVNULL,
        )
        while kill_at is not None and connection is not None and _repaid(connection)[0] < kill_at:
            time.sleep(PAUSE_SECONDS)
        if kill_at is not None:
            process.send_signal(signal.SIGKILL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started  # noqa: TID251 - likewise
        said.seek(0)
        return Run(
            status=process.returncode,
            seconds=seconds,
            mebibytes=used.ru_maxrss / KIB_PER_MIB,
            said=said.read().strip(),
        )


def _repaid(connection: Connection) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(REPAID)
        found: tuple[int, int] = cursor.fetchone()
    return found
