"""The flask command that imports a bank's collection file: what the bulk endpoint does, for files of any length."""

import contextlib
import csv
import hashlib
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from loans import clock
from loans.api import bulk_rows, bulk_runs, security
from loans.api.bulk_rows import REPAYMENTS, Tally
from loans.core.errors import LendingError
from loans.schemas import row_files
from loans.schemas.row_files import FileFormat, RawRow
from loans.services.bulk import Result, Row, RowKeyMissing
from loans.services.context import Context

ACTOR = "cli:import-repayments"
# Whose keys the rows' are: those of callers are their own, so that no file meets the key of a request.
IMPORTER = uuid.uuid5(uuid.NAMESPACE_DNS, "import-repayments.branch-loans")
FORMATS = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
REPORT = ("row", "line", "status", "replayed", "code", "detail", "loan_id", "repayment_id")
# What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
PROBLEMS_SHOWN_MAX = 20


@click.command("import-repayments")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--atomic", type=click.Choice(["row", "all"]), default="row", show_default=True)
@click.option("--dry-run", is_flag=True, help="Do it all, tell, and undo it.")
@click.option("--format", "named", type=click.Choice(["csv", "ndjson"]), help="By default as FILE ends.")
@click.option("--report", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="A CSV file.")
@with_appcontext
def import_repayments(
    path: Path, *, atomic: str, dry_run: bool, named: str | None, report: Path | None
) -> None:
    """Record the repayments of a bank's collection file; exits 1 if a row was refused.

    A row is known by its idempotency_key, or else by its loan and reference: run it again after a crash, or after
    mending the rows that were refused, and only what is missing is done.
    """
    file_format = FileFormat[(named or FORMATS.get(path.suffix.lower(), "csv")).upper()]
    tally = Tally()
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(path.open("rb"))
        written = opened.enter_context(report.open("w", encoding="utf-8", newline="")) if report else None
        try:
            batches = _batches(file, file_format=file_format, atomic=atomic, dry_run=dry_run)
            _tell(batches, file=file, size=path.stat().st_size, tally=tally, report=written)
        except LendingError as error:
            raise click.ClickException(error.detail) from error
        except (KeyboardInterrupt, SQLAlchemyError) as error:
            why = "Interrupted" if isinstance(error, KeyboardInterrupt) else "The database does not answer"
            raise click.ClickException(
                f"{why} after {tally.counts['rows']} rows; run the same command again: what was done is not repeated."
            ) from error
    _conclude(tally, atomic=atomic, dry_run=dry_run)


def _batches(
    file: BinaryIO, *, file_format: FileFormat, atomic: str, dry_run: bool
) -> Iterator[list[Result]]:
    """Give what becomes of the rows, batch by batch; of what is undone or whole in one, since it is one transaction.

    :raises InvalidFile: if the header is not as it must be.
    :raises TooManyRows: if there are more than one transaction takes.
    """
    is_one = dry_run or atomic == "all"
    if is_one:
        # All loans of the file are locked until its end.
        row_files.check_count(file, file_format=file_format, most=security.settings().bulk_rows_max)
    rows = (
        bulk_rows.read(raw, resource=REPAYMENTS, client_id=IMPORTER, default_key=_key_by_reference)
        for raw in row_files.read(file, file_format=file_format, columns=REPAYMENTS.columns)
    )
    return _one(list(rows), atomic=atomic, dry_run=dry_run) if is_one else _many(rows)


def _one(rows: list[Row], *, atomic: str, dry_run: bool) -> Iterator[list[Result]]:
    results = bulk_runs.as_one(
        rows,
        resource=REPAYMENTS,
        circumstances=_circumstances,
        all_or_nothing=atomic == "all",
        dry_run=dry_run,
    )
    if atomic == "all" and not all(each.is_done for each in results):
        # What would have been done was not: its rows are neither done nor at fault.
        results = [each for each in results if not each.is_done]
    yield results


def _many(rows: Iterator[Row]) -> Iterator[list[Result]]:
    for results in bulk_runs.by_batch(rows, resource=REPAYMENTS, circumstances=_circumstances):
        if results and results[0].fault == bulk_runs.BUSY:
            # An operator would rather start again than read that of every further row.
            raise SQLAlchemyError("the database is away")
        yield results


def _key_by_reference(_: RawRow, given: Mapping[str, Any]) -> str:
    """Name a row by its loan and the bank's reference: the same wherever it stands, and in whichever file.

    :raises RowKeyMissing: if it has no reference.
    """
    if given["reference"] is None:
        raise RowKeyMissing(
            "the row has neither an idempotency_key nor a reference by which it would be known a second time",
            field="reference",
        )
    named = f"{given['loan_id']}\n{given['reference']}"
    return f"reference:{hashlib.sha256(named.encode()).hexdigest()}"


def _tell(
    batches: Iterator[list[Result]], *, file: BinaryIO, size: int, tally: Tally, report: TextIO | None
) -> None:
    """Do the batches, show how far the file is read, and write the report."""
    writer = csv.DictWriter(report, REPORT, restval="") if report else None
    if writer:
        writer.writeheader()
    shown, read = 0, 0
    with click.progressbar(length=size, label="Repayments", file=sys.stderr, show_pos=False) as bar:
        for results in batches:
            for result in results:
                tally.add(result)
                line = bulk_rows.told(result, resource=REPAYMENTS)
                if writer:
                    writer.writerow(_reported(line))
                if not result.is_done and shown < PROBLEMS_SHOWN_MAX:
                    shown += 1
                    problem = line["problem"]
                    click.echo(f"\nline {line['line']}: {problem['code']}: {problem['detail']}", err=True)
            if report:
                report.flush()
            bar.update(file.tell() - read)
            read = file.tell()
    if tally.counts["refused"] > shown:
        click.echo(f"... and {tally.counts['refused'] - shown} more", err=True)


def _reported(line: Mapping[str, Any]) -> dict[str, object]:
    made, problem = line.get("repayment", {}), line.get("problem", {})
    cells = {
        **{name: line[name] for name in ("row", "line", "status")},
        "replayed": "yes" if line.get("replayed") else "",
        **{name: problem.get(name, "") for name in ("code", "detail")},
        "loan_id": made.get("loan_id", ""),
        "repayment_id": made.get("id", ""),
    }
    return {
        # Details quote what the file said, and the report is opened in spreadsheets.
        name: f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
        for name, cell in cells.items()
    }


def _conclude(tally: Tally, *, atomic: str, dry_run: bool) -> None:
    counts = tally.counts
    refused = counts["refused"]
    if refused and atomic == "all":
        click.echo(f"Refused: {refused} rows are at fault, and nothing of the file was stored.")
        raise SystemExit(1)
    done = "would be recorded" if dry_run else "recorded"
    new = counts["done"] - counts["replayed"]
    click.echo(f"{counts['rows']} rows: {new} {done}, {counts['replayed']} were before, {refused} refused.")
    if refused:
        raise SystemExit(1)


def _circumstances() -> Context:
    return Context(
        actor=ACTOR,
        request_id=None,
        now=clock.now(),
        business_date=clock.business_date(security.settings().business_timezone),
    )


COMMANDS = (import_repayments,)
