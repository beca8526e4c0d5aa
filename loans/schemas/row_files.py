"""Row files: the records of a CSV or NDJSON file, read as a stream, each on its own.

A record that cannot be read is given with what is wrong with it, and reading goes on with the next. What a CSV cell
holds is text and nothing else: one that a spreadsheet would take for a formula is data like any other.
"""

import csv
import enum
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from loans.core.errors import LendingError
from loans.schemas import strict_json

# Longer than any row of all fields at their longest; a note has 500 characters.
RECORD_BYTES_MAX = 16_384
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What bytes that are not UTF-8 become under surrogateescape.
NOT_UTF_8 = re.compile("[\udc80-\udcff]")
DIGITS = re.compile(r"[0-9]{1,9}")
NAMES_SHOWN_MAX = 10


class FileFormat(enum.Enum):
    """How a file writes its rows, with its media type."""

    CSV = "text/csv"
    NDJSON = "application/x-ndjson"


class InvalidFile(LendingError):
    """A CSV file has no header row, or one that lacks a column, names one twice or one that there is not."""

    code = "invalid_file"
    title = "Invalid file"


class MalformedRow(LendingError):
    """A row of a file is not JSON or CSV that can be read, or does not have the cells that the header names."""

    code = "malformed_row"
    title = "Malformed row"


class TooManyRows(LendingError):
    """A file has more rows than are taken at once; `rows_max` says how many. Nothing was done: split the file."""

    code = "too_many_rows"
    title = "Too many rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns that a CSV file must and may have; the cells of `whole` are whole numbers."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    whole: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """A record: its number among the records and its first line, both from 1; its fields, or what is wrong."""

    number: int
    line: int
    document: Mapping[str, object] | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    raw: bytes
    fault: str | None = None


def read(stream: BinaryIO, *, file_format: FileFormat, columns: Columns) -> Iterator[RawRow]:
    """Read a file's rows; a CSV file's header is checked at once, before the first is asked for.

    :raises InvalidFile: if it is CSV and its header is not as it must be.
    """
    if file_format is FileFormat.NDJSON:
        return _number(_ndjson_row(record) for record in _ndjson_records(stream))
    records = _csv_records(stream)
    header = _header(next(records, None), columns)
    return _number(_csv_row(record, header, columns.whole) for record in records)


def check_count(stream: BinaryIO, *, file_format: FileFormat, most: int) -> None:
    """Go through a file once to see whether it has too many rows, and back to where it stood.

    :raises TooManyRows: if it has.
    """
    start = stream.tell()
    is_csv = file_format is FileFormat.CSV
    # The header is no row.
    count = -1 if is_csv else 0
    for _ in _csv_records(stream) if is_csv else _ndjson_records(stream):
        count += 1
        if count > most:
            raise TooManyRows(f"the file has more than {most} rows: split it", rows_max=most)
    stream.seek(start)


def _number(rows: Iterator[RawRow]) -> Iterator[RawRow]:
    for number, row in enumerate(rows, start=1):
        yield RawRow(number=number, line=row.line, document=row.document, fault=row.fault)


def _lines(stream: BinaryIO) -> Iterator[_Record]:
    """Give each line; of one that is too long only that it is."""
    number = 0
    while raw := stream.readline(RECORD_BYTES_MAX + 1):
        number += 1
        if number == 1:
            raw = raw.removeprefix(BYTE_ORDER_MARK)
        if len(raw) > RECORD_BYTES_MAX and not raw.endswith(b"\n"):
            while (rest := stream.readline(RECORD_BYTES_MAX)) and not rest.endswith(b"\n"):
                pass
            yield _Record(number, b"", _too_long())
        else:
            yield _Record(number, raw)


def _ndjson_records(stream: BinaryIO) -> Iterator[_Record]:
    return (line for line in _lines(stream) if line.fault is not None or line.raw.strip())


def _csv_records(stream: BinaryIO) -> Iterator[_Record]:
    """Give each record: a line, or several where a quoted cell goes on.

    Where a quote is never closed, the line that opens it is at fault, and reading goes on with the next line.
    """
    lines, waiting = _lines(stream), deque[_Record]()
    while (first := waiting.popleft() if waiting else next(lines, None)) is not None:
        if first.fault is not None or first.raw.count(b'"') % 2 == 0:
            # A blank line is one only between records: within a quoted cell it is part of it.
            if first.fault is not None or first.raw.strip():
                yield first
            continue
        taken, whole, further = [first], first.raw, 0
        while whole.count(b'"') % 2:
            following = waiting[further] if further < len(waiting) else next(lines, None)
            if following is None:
                break
            if further == len(waiting):
                waiting.append(following)
            further += 1
            if following.fault is not None or len(whole) + len(following.raw) > RECORD_BYTES_MAX:
                break
            whole += following.raw
            taken.append(following)
        if whole.count(b'"') % 2:
            yield _Record(first.line, b"", "A quote is opened and not closed.")
            continue
        for _ in taken[1:]:
            waiting.popleft()
        yield _Record(first.line, whole)


def _ndjson_row(record: _Record) -> RawRow:
    if record.fault is not None:
        return RawRow(number=0, line=record.line, fault=record.fault)
    try:
        document = strict_json.read(record.raw)
    except strict_json.NotJson as error:
        return RawRow(number=0, line=record.line, fault=f"The line {error}.")
    if not isinstance(document, dict):
        return RawRow(number=0, line=record.line, fault="The line is not an object.")
    return RawRow(number=0, line=record.line, document=document)


def _csv_row(record: _Record, header: Sequence[str], whole: frozenset[str]) -> RawRow:
    cells = [] if record.fault is not None else _cells(record.raw)
    fault = record.fault or (cells if isinstance(cells, str) else None)
    if fault is None and len(cells) != len(header):
        fault = f"The row has {len(cells)} cells, the header {len(header)}."
    if fault is not None:
        return RawRow(number=0, line=record.line, fault=fault)
    document: dict[str, object] = {
        name: int(cell) if name in whole and DIGITS.fullmatch(cell) else cell
        for name, cell in zip(header, cells, strict=True)
        # An empty cell is a field left out.
        if cell
    }
    return RawRow(number=0, line=record.line, document=document)


def _cells(raw: bytes) -> list[str] | str:
    """Split a record into its cells, or say why that cannot be done."""
    text = raw.decode("utf-8", errors="surrogateescape")
    if NOT_UTF_8.search(text):
        return "The row is not UTF-8."
    if "\0" in text:
        return "The row contains NUL."
    try:
        found = list(csv.reader([text], strict=True))
    except csv.Error as error:
        return f"The row is not valid CSV: {error}."
    return found[0] if len(found) == 1 else "The row is not valid CSV: a line ends within it."


def _header(record: _Record | None, columns: Columns) -> list[str]:
    """Read the header row.

    :raises InvalidFile: if it is missing, or not as it must be.
    """
    if record is None:
        raise InvalidFile("the file has no header row")
    cells = record.fault or _cells(record.raw)
    if isinstance(cells, str):
        raise InvalidFile(f"the header row cannot be read: {cells}")
    names = [cell.strip() for cell in cells]
    known = (*columns.required, *columns.optional)
    if unknown := [name[:64] for name in names if name not in known]:
        shown = ", ".join(repr(name) for name in unknown[:NAMES_SHOWN_MAX])
        raise InvalidFile(
            f"the header names columns that there are not: {shown}; there are {', '.join(known)}"
        )
    if len(set(names)) < len(names):
        raise InvalidFile("the header names a column twice")
    if missing := [name for name in columns.required if name not in names]:
        raise InvalidFile(f"the header lacks {', '.join(missing)}")
    return names


def _too_long() -> str:
    return f"The line is longer than {RECORD_BYTES_MAX} bytes."
