"""Bulk: the rows of a file, a batch at a time: one load, every row decided in memory, one write (ADR 39).

A batch takes a handful of statements whatever the number of its rows. What is decided and written is what single
commands decide and write; only how rows get in and out is particular to this module.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy.orm import Session

from loans import clock
from loans.core.errors import LendingError
from loans.services import idempotency
from loans.services.context import Context
from loans.services.idempotency import Answer, Claim, Stored

# Some tenths of a second: for so long the loans of a batch are locked, and so much is done again after a crash.
BATCH_ROWS = 250
# Loans with long histories take longer. PostgreSQL ends a transaction that leaves it idle for some seconds.
BATCH_SECONDS = 1.0
CREATED = 201


class FileRefused(LendingError):
    """A file that was to be done as a whole has rows that are refused; nothing of it is stored. `rows` lists them."""

    code = "file_refused"
    title = "File refused"


class RowKeyMissing(LendingError):
    """A row has nothing by which it would be recognized when it comes again."""

    code = "row_key_missing"
    title = "Row key missing"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a file: its number among the rows and its first line, both from 1; what it asks for, or why not."""

    number: int
    line: int
    claim: Claim | None = None
    given: Mapping[str, Any] | None = None
    refusal: LendingError | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was made of a row: where it is, and what is told of it."""

    location: str
    told: Mapping[str, object]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a row: its receipt, which may be that of an earlier time, a refusal, or a fault of ours.

    `fault` is the status of an error that is none of the row's: 500, or 503 where it may be sent again.
    """

    row: Row
    told: Mapping[str, object] | None = None
    is_replay: bool = False
    refusal: LendingError | None = None
    fault: int | None = None

    @property
    def is_done(self) -> bool:
        """Whether what the row asks for is stored, now or before."""
        return self.told is not None


class Desk(Protocol):
    """What decides the rows of one batch, of one kind: made anew for each."""

    def lock(self, session: Session, *, given: Sequence[Mapping[str, Any]]) -> None:
        """Keep others from changing what the rows are about."""

    def load(self, session: Session, *, given: Sequence[Mapping[str, Any]]) -> None:
        """Read all that the decisions need."""

    def decide(self, given: Mapping[str, Any]) -> Receipt:
        """Decide one row upon those before it, without asking the database; raise its refusal."""

    def write(self, session: Session) -> None:
        """Write everything that was decided."""


def settle(session: Session, *, desk: Desk, rows: Sequence[Row], context: Context) -> list[Result]:
    """Do what the rows of a batch ask for, in their order, but for those that are refused or were done before.

    Where they take long it is the first of them only, and at least one: as many as there are results.
    """
    asked = [(row.claim, row.given) for row in rows if row.claim is not None and row.given is not None]
    if not asked:
        return [Result(row=row, refusal=row.refusal) for row in rows]
    desk.lock(session, given=[given for _, given in asked])
    # Looked up with the loans locked: a twin that is at work on the same row holds its loan until it is stored.
    stored = idempotency.stored_under(
        session, client_id=asked[0][0].client_id, keys=[claim.key for claim, _ in asked]
    )
    desk.load(session, given=[given for claim, given in asked if claim.key not in stored])
    new: list[tuple[Claim, Answer]] = []
    results: list[Result] = []
    deadline = clock.monotonic() + BATCH_SECONDS
    for row in rows:
        results.append(_settled(session, desk=desk, row=row, stored=stored, new=new))
        if clock.monotonic() > deadline:
            break
    if new:
        desk.write(session)
        idempotency.store_all(session, answers=new, context=context)
    return results


def _settled(
    session: Session, *, desk: Desk, row: Row, stored: dict[str, Stored], new: list[tuple[Claim, Answer]]
) -> Result:
    """Decide a row, or find what was answered to it, before or earlier in the batch."""
    if row.claim is None or row.given is None:
        return Result(row=row, refusal=row.refusal)
    try:
        known = stored.get(row.claim.key)
        if known is not None:
            answer = idempotency.replay(session, stored=known, wanted=row.claim)
            return Result(row=row, told=json.loads(answer.body), is_replay=True)
        receipt = desk.decide(row.given)
    except LendingError as error:
        return Result(row=row, refusal=error)
    body = (json.dumps(receipt.told, separators=(",", ":")) + "\n").encode()
    answer = Answer(status=CREATED, location=receipt.location, body=body)
    new.append((row.claim, answer))
    stored[row.claim.key] = Stored(
        fingerprint=row.claim.fingerprint, status=CREATED, location=receipt.location, body=body
    )
    return Result(row=row, told=receipt.told)
