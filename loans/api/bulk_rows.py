"""Bulk rows: from the record of a file to what a service is asked, and from what became of it to a line to send."""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import marshmallow as ma

from loans import metrics
from loans.api import errors
from loans.api.errors import InvalidRequest
from loans.core.errors import LendingError
from loans.schemas.bulk import LOAN_COLUMNS, REPAYMENT_COLUMNS, LoanRowIn, RepaymentRowIn
from loans.schemas.row_files import Columns, MalformedRow, RawRow
from loans.services.bulk import CREATED, Desk, Result, Row
from loans.services.bulk_loans import ApplicationDesk
from loans.services.bulk_repayments import RepaymentDesk
from loans.services.context import Context
from loans.services.idempotency import Claim

KEY = "idempotency_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What rows of one kind are: the name of what they make, their fields and columns, who decides them."""

    name: str
    schema: ma.Schema
    columns: Columns
    desk: Callable[[Context], Desk]
    about: str | None = None


REPAYMENTS = Resource(
    name="repayment",
    schema=RepaymentRowIn(),
    columns=REPAYMENT_COLUMNS,
    desk=RepaymentDesk,
    about="loan_id",
)
LOANS = Resource(name="loan", schema=LoanRowIn(), columns=LOAN_COLUMNS, desk=ApplicationDesk)


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts what became of rows."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count one row."""
        self.counts["rows"] += 1
        self.counts["done" if result.is_done else "refused"] += 1
        self.counts["replayed"] += result.is_replay

    def told(self) -> dict[str, int]:
        """Give the counts by their names on the wire."""
        return {name: self.counts[name] for name in ("rows", "done", "replayed", "refused")}


def read(
    raw: RawRow,
    *,
    resource: Resource,
    client_id: uuid.UUID,
    default_key: Callable[[RawRow, Mapping[str, Any]], str],
) -> Row:
    """Read one record; what is wrong with it becomes its refusal. `default_key` may refuse a row, too."""
    try:
        if raw.document is None:
            raise MalformedRow(raw.fault or "The row cannot be read.")
        given = _loaded(raw.document, resource.schema)
        key = given.pop(KEY) or default_key(raw, given)
    except LendingError as error:
        return Row(number=raw.number, line=raw.line, refusal=error)
    # What the row says, so that the same row in the other format, or with its defaults written out, is the same.
    said = json.dumps([resource.name, given], sort_keys=True, default=str)
    claim = Claim(client_id=client_id, key=key, fingerprint=hashlib.sha256(said.encode()).digest())
    return Row(number=raw.number, line=raw.line, claim=claim, given=given)


def told(result: Result, *, resource: Resource) -> dict[str, Any]:
    """Describe what became of one row."""
    place = {"row": result.row.number, "line": result.row.line}
    if result.told is not None:
        replayed = {"replayed": True} if result.is_replay else {}
        return {**place, "status": CREATED, **replayed, resource.name: result.told}
    shown = problem(result)
    return {**place, "status": shown["status"], "problem": shown}


def problem(result: Result) -> dict[str, Any]:
    """Describe why a row was not done, and count it as a refusal."""
    if result.refusal is None:
        return errors.fault_problem(result.fault or 500)
    shown = errors.row_problem(result.refusal)
    metrics.refusals.labels(code=shown["code"]).inc()
    return shown


def _loaded(document: Mapping[str, object], schema: ma.Schema) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(document)
    except ma.ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {"_schema": error.messages}
        raise InvalidRequest({"json": messages}) from error
    return loaded
