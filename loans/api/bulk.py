"""Blueprint bulk: files of repayments and of applications, answered line by line (ADR 39)."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from flask import Response, request, stream_with_context
from werkzeug.exceptions import UnsupportedMediaType

from loans.api import body, bulk_rows, bulk_runs, conditional, requests, security
from loans.api.bulk_publishing import publish
from loans.api.bulk_rows import LOANS, REPAYMENTS, Resource, Tally
from loans.api.endpoint import Blueprint
from loans.db import db
from loans.logger import log, request_id, resume_request_context, traceparent
from loans.schemas import row_files
from loans.schemas.bulk import LoanLineOut, LoanRowIn, RepaymentLineOut, RepaymentRowIn
from loans.schemas.row_files import FileFormat, RawRow
from loans.services.bulk import FileRefused, Result, Row
from loans.services.idempotency import Claim

blueprint = Blueprint(
    "bulk", __name__, url_prefix="/api/v1", description="Thousands of rows in one request, as a file."
)


def record_repayments() -> Response:
    """Record the repayments of a collection file, each as the single request would; of one loan in file order."""
    return _answer(REPAYMENTS)


def apply_for_loans() -> Response:
    """Apply for many loans, each as the single request would."""
    return _answer(LOANS)


publish(
    blueprint,
    "/repayments/bulk",
    run=record_repayments,
    scope="repayments:write",
    accepts=RepaymentRowIn,
    returns=RepaymentLineOut,
)
publish(
    blueprint,
    "/loans/bulk",
    run=apply_for_loans,
    scope="loans:write",
    accepts=LoanRowIn,
    returns=LoanLineOut,
)


def _answer(resource: Resource) -> Response:
    """Take the file in, do what its rows ask for, and tell of each."""
    is_dry, is_whole = requests.is_dry_run(beside=("atomic",)), _is_whole()
    # Nothing is stored under it, so what the body says does not matter: the rows have claims of their own.
    wanted, file_format = requests.claim(b""), _format()
    # A file has many loans and no version, so that no ETag is of it.
    conditional.check(db.session(), {})
    # The connection that the caller was looked up on: a client that sends its file slowly must not hold it.
    db.session().rollback()
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(contextlib.closing(body.spool(most=security.settings().bulk_bytes_max)))
        row_files.check_count(file, file_format=file_format, most=security.settings().bulk_rows_max)
        rows = _rows(file, resource=resource, wanted=wanted, file_format=file_format)
        batches = _batches(rows, resource=resource, is_whole=is_whole, is_dry=is_dry)
        said = {"atomic": "all" if is_whole else "row", "dry_run": is_dry}
        lines = stream_with_context(_lines(batches, resource=resource, said=said, opened=opened.pop_all()))
    response = Response(lines, content_type=FileFormat.NDJSON.value)
    # Also where the client is gone before the first line.
    response.call_on_close(file.close)
    if is_dry:
        response.headers["Dry-Run"] = "true"
    return response


def _batches(
    rows: Iterator[Row], *, resource: Resource, is_whole: bool, is_dry: bool
) -> Iterator[list[Result]]:
    """Do the rows as they are asked to be done, and the first of them now.

    :raises FileRefused: if a row refuses the whole file.
    """
    if not is_whole and not is_dry:
        return _begun(bulk_runs.by_batch(rows, resource=resource, circumstances=requests.context))
    results = bulk_runs.as_one(
        list(rows),
        resource=resource,
        circumstances=requests.context,
        all_or_nothing=is_whole,
        dry_run=is_dry,
    )
    if is_whole:
        _refuse(results, resource=resource)
    return iter([results])


def _begun(batches: Iterator[list[Result]]) -> Iterator[list[Result]]:
    """Do the first batch now, while a database that is away can still be answered with 503."""
    first = next(batches, None)

    def rest() -> Iterator[list[Result]]:
        if first is not None:
            yield first
        yield from batches

    return rest()


def _lines(
    batches: Iterator[list[Result]],
    *,
    resource: Resource,
    said: Mapping[str, object],
    opened: contextlib.ExitStack,
) -> Iterator[bytes]:
    """Write the answer, a batch at a time; the last line is the summary, by which one knows that it is whole."""
    circumstances = {"request_id": request_id(), "traceparent": traceparent()}
    return _resumed(batches, resource=resource, said=said, opened=opened, circumstances=circumstances)


def _resumed(
    batches: Iterator[list[Result]],
    *,
    resource: Resource,
    said: Mapping[str, object],
    opened: contextlib.ExitStack,
    circumstances: Mapping[str, str | None],
) -> Iterator[bytes]:
    # The request counts as over once its answer begins, and its id is forgotten then.
    resume_request_context(**circumstances)
    tally = Tally()
    with opened:
        for results in batches:
            for result in results:
                tally.add(result)
            yield b"".join(_line(bulk_rows.told(result, resource=resource)) for result in results)
        summary: dict[str, Any] = {**tally.told(), **said}
        log("bulk", resource=resource.name, **summary)
        yield _line({"summary": summary})


def _line(told: Mapping[str, Any]) -> bytes:
    return (json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8")


def _refuse(results: list[Result], *, resource: Resource) -> None:
    """Refuse a file of which a row is refused.

    :raises FileRefused: if one is; its `rows` tell of each.
    """
    refused = [bulk_rows.told(result, resource=resource) for result in results if not result.is_done]
    if refused:
        raise FileRefused(
            f"{len(refused)} of {len(results)} rows are refused; nothing of the file was stored", rows=refused
        )


def _rows(file: BinaryIO, *, resource: Resource, wanted: Claim, file_format: FileFormat) -> Iterator[Row]:
    raw_rows = row_files.read(file, file_format=file_format, columns=resource.columns)
    default_key = _key_by_number(wanted.key)
    return (
        bulk_rows.read(raw, resource=resource, client_id=wanted.client_id, default_key=default_key)
        for raw in raw_rows
    )


def _key_by_number(key: str) -> Callable[[RawRow, Mapping[str, Any]], str]:
    """Name a row that brings no key by the request's and its place in the file."""
    digest = hashlib.sha256(key.encode()).hexdigest()

    def name(raw: RawRow, _: Mapping[str, Any]) -> str:
        return f"bulk:{digest}:{raw.number}"

    return name


def _format() -> FileFormat:
    """Tell how the file is written.

    :raises UnsupportedMediaType: if it is neither NDJSON nor CSV, or not in UTF-8.
    """
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    for file_format in FileFormat:
        if request.mimetype == file_format.value and charset in {"utf-8", "utf8"}:
            return file_format
    raise UnsupportedMediaType("send the file as application/x-ndjson or text/csv, in UTF-8")


def _is_whole() -> bool:
    """Tell whether a refused row refuses the whole file.

    :raises InvalidRequest: if `atomic` says something else than row or all.
    """
    return requests.choice("atomic", default="row", choices=("row", "all")) == "all"
