"""Chains of audit records: hash each once more, and see that none is missing, changed, moved or added (I13, ADR 37)."""

import dataclasses
import hashlib
import uuid
from collections.abc import Callable, Iterator

from sqlalchemy.orm import Session

from loans.queries import audit
from loans.queries.audit import AuditEntry, Link, Wanted
from loans.queries.paging import Page
from loans.services import loan_events
from loans.services.audit import subject_type_of
from loans.services.verification import Fault

INVARIANT = "I13"
BATCH_SIZE = 1000


def page(session: Session, *, wanted: Wanted, cursor: str | None, limit: int) -> Page[AuditEntry]:
    """Give a page of records, newest first.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    if wanted.action is not None and wanted.subject_type is not None:
        if subject_type_of(wanted.action) != wanted.subject_type:
            return Page(items=(), next_cursor=None)
        # It follows from the action, and the index of actions is in order.
        wanted = dataclasses.replace(wanted, subject_type=None)
    return audit.page(session, wanted=wanted, cursor=cursor, limit=limit)


def page_of_loan(session: Session, *, loan_id: uuid.UUID, cursor: str | None, limit: int) -> Page[AuditEntry]:
    """Give a page of a loan's records, oldest first.

    :raises LoanNotFound: if there is no such loan.
    :raises InvalidCursor: if the cursor is not one of this list.
    """
    loan_events.get(session, loan_id=loan_id)
    return audit.page_of_subject(session, subject_id=loan_id, cursor=cursor, limit=limit)


def verify(session: Session, *, progress: Callable[[int], None]) -> Iterator[Fault]:
    """Yield every break of a chain; `progress` hears how many records each batch held."""
    last: Link | None = None
    for batch in audit.links(session, size=BATCH_SIZE):
        for link in batch:
            if last is not None and last.subject_id != link.subject_id:
                yield from _end(last)
                last = None
            yield from _compare(link, before=last)
            last = link
        progress(len(batch))
    if last is not None:
        yield from _end(last)
    for subject_id, sequence in audit.heads_without_records(session):
        yield Fault(
            invariant=INVARIANT,
            subject=f"subject {subject_id}",
            detail=f"audit records 1 to {sequence} are missing, which are all it had",
        )


def digest(link: Link) -> bytes:
    """Hash a record's content and the hash before it, in the canonical form of docs/audit.md."""
    previous = "null" if link.previous_hash is None else f'"{link.previous_hash.hex()}"'
    members = [f'"{name}": {value}' for name, value in link.written.items()]
    text = "{" + ", ".join([*members, f'"previous_hash": {previous}']) + "}"
    return hashlib.sha256(text.encode()).digest()


def _compare(link: Link, *, before: Link | None) -> Iterator[Fault]:
    """Compare a record with its hash and with the record before it."""
    expected, hash_before = (1, None) if before is None else (before.sequence + 1, before.hash)
    if link.sequence != expected:
        last = link.sequence - 1
        missing = f"record {last} is" if last == expected else f"records {expected} to {last} are"
        yield _fault(link, f"audit {missing} missing")
    elif link.previous_hash != hash_before:
        yield _fault(
            link,
            f"audit record {link.sequence} ({link.action}) does not follow the one before it: its previous_hash is"
            f" {_hex(link.previous_hash)} and the hash before it is {_hex(hash_before)}",
        )
    computed = digest(link)
    if computed != link.hash:
        yield _fault(
            link,
            f"audit record {link.sequence} ({link.action}) was changed: its hash is {_hex(link.hash)} and its content"
            f" hashes to {_hex(computed)}",
        )


def _end(link: Link) -> Iterator[Fault]:
    """Compare the last record of a chain with the end that is kept apart."""
    if link.head_sequence is None:
        yield _fault(
            link, f"the end of its audit records is not known; the last there is has number {link.sequence}"
        )
    elif link.sequence < link.head_sequence:
        missing = link.head_sequence - link.sequence
        yield _fault(
            link,
            f"its last {missing} audit records are missing: there were {link.head_sequence}",
        )
    elif link.sequence > link.head_sequence or link.hash != link.head_hash:
        yield _fault(
            link,
            f"audit record {link.sequence} ({link.action}) is not its last one: that is {link.head_sequence} with hash"
            f" {_hex(link.head_hash)}",
        )


def _fault(link: Link, detail: str) -> Fault:
    return Fault(invariant=INVARIANT, subject=f"{link.subject_type} {link.subject_id}", detail=detail)


def _hex(value: bytes | None) -> str:
    return "null" if value is None else value.hex()
