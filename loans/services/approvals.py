"""Approvals: keep a command until a second person decides, and let nobody decide alone (ADR 34)."""

import dataclasses
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans import clock, db
from loans.core import money
from loans.core.errors import LendingError
from loans.models.api_client import ApiClient
from loans.models.approval import Approval
from loans.models.audit import AuditRecord
from loans.models.staff import StaffMember
from loans.queries import approvals
from loans.queries.approvals import PENDING, ApprovalRecord
from loans.services import audit, outbox
from loans.services.actors import Actor, ActorKind
from loans.services.context import Context

APPROVALS = Approval.__table__
AUDIT = AuditRecord.__table__
CLIENTS, STAFF = ApiClient.__table__, StaffMember.__table__
PUBLIC_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "approval.request": "approval.requested",
        "approval.approve": "approval.approved",
        "approval.reject": "approval.rejected",
        "approval.withdraw": "approval.withdrawn",
    }
)
# Whoever did one of these to a client has seen one of its keys, or could have.
ISSUED_KEYS = ("api_client.create", "api_key.issue")
# What an actor that is a client is called; the second is what acts of long ago say.
CLIENT_KINDS = (ActorKind.API_CLIENT.value, "api_key")


class ApprovalNotFound(LendingError):
    """There is no approval with the identifier in the path."""

    code = "approval_not_found"
    title = "Approval not found"


class ApprovalNotPending(LendingError):
    """The approval has been decided or withdrawn, or has expired; `approval_status` says which."""

    code = "approval_not_pending"
    title = "Approval not pending"


class SecondPersonNeeded(LendingError):
    """Only a staff member other than who asked may decide, and none who knows the key with which it was asked."""

    code = "second_person_needed"
    title = "Second person needed"


class NotTheMaker(LendingError):
    """Only who asked for a command may withdraw it."""

    code = "not_the_maker"
    title = "Not the maker"


class MakerDisabled(LendingError):
    """Who asked for the command has been disabled since: nobody answers for it any more."""

    code = "maker_disabled"
    title = "Maker disabled"


class PayloadDiffers(LendingError):
    """The hash is not that of the command that waits: something else was looked at."""

    code = "payload_differs"
    title = "Payload differs"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command that is to wait: what was asked, about which version of which loan, and what the policy saw of it."""

    command: str
    method: str
    path: str
    body: Mapping[str, Any]
    loan_id: uuid.UUID | None
    loan_version: int | None
    is_conditional: bool
    amount: int | None
    currency: str | None
    policy_version: int

    @property
    def request(self) -> str:
        """The canonical JSON of it: names in order, no blanks, characters as they are."""
        said = {"body": self.body, "method": self.method, "path": self.path}
        return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def keep(session: Session, *, asked: Asked, days: int, context: Context) -> ApprovalRecord:
    """Keep a command for somebody else to decide within so many days."""
    if context.caller is None:
        raise AssertionError(f"{asked.command} was asked by nobody who could be told from another")
    request = asked.request
    record = ApprovalRecord(
        id=clock.uuid7(),
        command=asked.command,
        request=request,
        payload_sha256=hashlib.sha256(request.encode("utf-8")).hexdigest(),
        loan_id=asked.loan_id,
        loan_version=asked.loan_version,
        is_conditional=asked.is_conditional,
        amount=asked.amount,
        currency=asked.currency,
        policy_version=asked.policy_version,
        maker=str(context.caller),
        status=PENDING,
        requested_at=context.now,
        expires_at=context.now + timedelta(days=days),
        decided_by=None,
        decided_at=None,
        note=None,
        location=None,
    )
    db.execute_together(
        session,
        sa.insert(APPROVALS).values(dataclasses.asdict(record)),
        *_told(record, "approval.request", before=None, context=context),
    )
    return record


def get(session: Session, *, approval_id: uuid.UUID) -> ApprovalRecord:
    """Give an approval.

    :raises ApprovalNotFound: if there is none.
    """
    return _found(approvals.find(session, approval_id=approval_id), approval_id)


def open_to_check(
    session: Session, *, approval_id: uuid.UUID, payload_sha256: str, context: Context
) -> ApprovalRecord:
    """Lock an approval for a second person to decide, who has seen the command with this hash.

    :raises ApprovalNotFound: if there is none.
    :raises ApprovalNotPending: if it is decided, withdrawn or expired.
    :raises SecondPersonNeeded: if the caller is no second person.
    :raises PayloadDiffers: if the hash is another command's.
    """
    record = _pending(session, approval_id=approval_id, context=context)
    _check_second_person(session, record, checker=context.caller)
    if not hmac.compare_digest(payload_sha256, record.payload_sha256):
        raise PayloadDiffers("this is not the hash of the command that waits", field="payload_sha256")
    return record


def open_to_approve(
    session: Session, *, approval_id: uuid.UUID, payload_sha256: str, context: Context
) -> ApprovalRecord:
    """Lock an approval for a second person to have its command done.

    :raises MakerDisabled: if who asked for it has been disabled since, for whatever reason that was.
    :raises LendingError: as `open_to_check` does.
    """
    record = open_to_check(session, approval_id=approval_id, payload_sha256=payload_sha256, context=context)
    kind, _, maker_id = record.maker.partition(":")
    makers = STAFF if kind == ActorKind.STAFF.value else CLIENTS
    disabled = makers.c.id == uuid.UUID(maker_id), makers.c.disabled_at.is_not(None)
    if session.execute(sa.select(sa.exists().where(*disabled))).scalar_one():
        raise MakerDisabled(
            "who asked for it is disabled since: reject it, and ask for it anew if it is wanted"
        )
    return record


def mark_approved(
    session: Session, *, record: ApprovalRecord, location: str | None, note: str | None, context: Context
) -> ApprovalRecord:
    """Note that an approval's command has been done, in the transaction in which it was."""
    return _decide(session, record, status="approved", note=note, location=location, context=context)


def reject(
    session: Session, *, approval_id: uuid.UUID, payload_sha256: str, note: str, context: Context
) -> ApprovalRecord:
    """Refuse, as a second person, that a command is done.

    :raises LendingError: as `open_to_check` does.
    """
    record = open_to_check(session, approval_id=approval_id, payload_sha256=payload_sha256, context=context)
    return _decide(session, record, status="rejected", note=note, location=None, context=context)


def withdraw(
    session: Session, *, approval_id: uuid.UUID, context: Context, note: str | None = None
) -> ApprovalRecord:
    """Take back a command that waits, as who asked for it.

    :raises ApprovalNotFound: if there is none.
    :raises ApprovalNotPending: if it is decided, withdrawn or expired.
    :raises NotTheMaker: if somebody else asked.
    """
    record = _pending(session, approval_id=approval_id, context=context)
    if str(context.caller) != record.maker:
        raise NotTheMaker("only who asked for it may withdraw it")
    return _decide(session, record, status="withdrawn", note=note, location=None, context=context)


def _found(record: ApprovalRecord | None, approval_id: uuid.UUID) -> ApprovalRecord:
    if record is None:
        raise ApprovalNotFound(f"there is no approval {approval_id}")
    return record


def _pending(session: Session, *, approval_id: uuid.UUID, context: Context) -> ApprovalRecord:
    record = _found(approvals.lock(session, approval_id=approval_id), approval_id)
    status = record.status_at(context.now)
    if status != PENDING:
        raise ApprovalNotPending(f"approval {approval_id} is {status}", approval_status=status)
    return record


def _check_second_person(session: Session, record: ApprovalRecord, *, checker: Actor | None) -> None:
    if checker is None or checker.kind is not ActorKind.STAFF:
        raise SecondPersonNeeded("a program cannot take responsibility: a staff member has to decide")
    if str(checker) == record.maker:
        raise SecondPersonNeeded("you asked for it yourself: somebody else has to decide")
    kind, _, maker_id = record.maker.partition(":")
    if kind != ActorKind.API_CLIENT.value:
        return
    if _knows_key(session, client_id=uuid.UUID(maker_id), somebody=str(checker)):
        raise SecondPersonNeeded(
            "it was asked with a key of a client that you made: somebody else has to decide"
        )


def _knows_key(session: Session, *, client_id: uuid.UUID, somebody: str) -> bool:
    """Tell whether somebody made a client or issued a key to it, himself or through a client whose key he knows."""
    issued = AUDIT.c.action.in_(ISSUED_KEYS)
    knowing = (
        sa.select(AUDIT.c.actor).where(AUDIT.c.subject_id == client_id, issued).cte("knowing", recursive=True)
    )
    kind, actor_id = (sa.func.split_part(knowing.c.actor, ":", part) for part in (1, 2))
    # In a CASE, so that what is no identifier is not read as one.
    through = sa.case((kind.in_(CLIENT_KINDS), sa.cast(actor_id, sa.Uuid())))
    knowing = knowing.union(
        sa.select(AUDIT.c.actor).join(knowing, AUDIT.c.subject_id == through).where(issued)
    )
    return session.execute(sa.select(sa.exists().where(knowing.c.actor == somebody))).scalar_one()


def _decide(
    session: Session,
    record: ApprovalRecord,
    *,
    status: str,
    note: str | None,
    location: str | None,
    context: Context,
) -> ApprovalRecord:
    columns = {
        "status": status,
        "decided_by": str(context.caller),
        "decided_at": context.now,
        "note": note,
        "location": location,
    }
    decided = dataclasses.replace(record, **columns)  # type: ignore[arg-type] # the columns of an ApprovalRecord
    action = next(name for name, told in PUBLIC_TYPES.items() if told == f"approval.{status}")
    db.execute_together(
        session,
        sa.update(APPROVALS).where(APPROVALS.c.id == record.id).values(columns),
        *_told(decided, action, before={"status": record.status}, context=context),
    )
    return decided


def _told(
    record: ApprovalRecord, action: str, *, before: Mapping[str, object] | None, context: Context
) -> tuple[sa.Insert, ...]:
    """Give the public event and the audit record of a step. Neither has the note, in which people may be named."""
    facts = {
        "approval_id": str(record.id),
        "command": record.command,
        "loan_id": None if record.loan_id is None else str(record.loan_id),
        "payload_sha256": record.payload_sha256,
        "amount": None
        if record.amount is None or record.currency is None
        else money.format_amount(record.amount, record.currency),
        "currency": record.currency,
        "policy_version": record.policy_version,
        "status": record.status,
        "maker": record.maker,
        "decided_by": record.decided_by,
    }
    return (
        outbox.announce((PUBLIC_TYPES[action],), subject_id=record.id, payload=facts, context=context),
        audit.record(
            action,
            subject_type="approval",
            subject_id=record.id,
            before=before,
            after=facts,
            context=context,
        ),
    )
