"""Holding: commands that may need a second person are done, or kept for one, and done when there is one (ADR 34).

Whoever adds a way to have commands done in bulk must call `do_or_keep` for each of them, as `command` does: what is
done without it is done without the policy.
"""

import dataclasses
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import marshmallow as ma
from flask import current_app, request
from sqlalchemy.orm import Session

from loans import db
from loans.api import conditional, requests, security
from loans.api.acts import Act, encode
from loans.api.errors import InvalidRequest
from loans.core import money
from loans.core.events import EventKind
from loans.queries import loans
from loans.queries.approval_policies import PolicyRecord
from loans.queries.approvals import ApprovalRecord
from loans.schemas.approvals import ApprovalOut
from loans.services import approval_policies, approvals, loan_events
from loans.services.approvals import Asked
from loans.services.context import Context
from loans.services.idempotency import Answer

ATTRIBUTE = "__act__"
DECIDE = "approvals:decide"
SCHEMA = ApprovalOut()


def _of_event(recorded: Mapping[str, Any]) -> int | None:
    # An event without an amount is one whose weight nobody can tell from it.
    return recorded["amount"] or None


# What a policy's line is compared with, in minor units, from what the view gave.
AMOUNTS: Mapping[str, Callable[[Mapping[str, Any]], int | None]] = {
    "loans.approve": lambda loan: loan["principal"],
    "loans.disburse": lambda loan: loan["disbursed"],
    "loans.waive": _of_event,
    "loans.grant_credit": _of_event,
    "loans.charge_back": _of_event,
    "loans.refund": _of_event,
    "loans.charge_off": lambda recorded: recorded["loan"]["total_outstanding"] or None,
    "loans.write_off": _of_event,
    "loans.reverse": _of_event,
}
# Of what can be done in parts it is the sum, as of payouts above, so that parts do not get below the line.
SUMMED: Mapping[str, tuple[EventKind, ...]] = {
    "loans.waive": (EventKind.FEE_WAIVER, EventKind.INTEREST_WAIVER),
    "loans.grant_credit": (EventKind.GOODWILL_CREDIT,),
    "loans.charge_back": (EventKind.CHARGEBACK,),
    "loans.refund": (EventKind.REFUND,),
}


class Done(NamedTuple):
    """What a command answers, and whether it waits, or in a dry run would wait, for a second person."""

    answer: Answer
    is_held: bool


class _Held(NamedTuple):
    """A command that was tried: what its view gave, and what the policy looks at."""

    result: Any
    amount: int | None
    currency: str | None
    is_held: bool


def do_or_keep(
    session: Session, context: Context, *, act: Act, body: Any, given: Mapping[str, Any], is_dry: bool
) -> Done:
    """Do a command, or where the policy says so undo it and keep it for a second person to decide.

    What is kept has been done and undone: whatever would refuse it has refused it.
    """
    policy = None if act.guarded is None else approval_policies.newest(session)
    if policy is None or act.guarded is None or not _names(policy, act.guarded):
        return Done(act.reply.answer(act.run(session, context, body=body, given=given)), is_held=False)
    loan_id: uuid.UUID | None = given.get("loan_id")
    # Locked before it is tried, so that the version kept is the one that it was tried on.
    version = None if loan_id is None else loan_events.lock_version(session, loan_id=loan_id)

    def attempt() -> _Held:
        return _judge(session, policy, act, act.run(session, context, body=body, given=given))

    tried = db.tentatively(session, attempt, keeps=lambda held: is_dry or not held.is_held)
    if is_dry or not tried.is_held:
        return Done(act.reply.answer(tried.result), is_held=tried.is_held)
    asked = Asked(
        command=act.guarded,
        method=request.method,
        path=request.path,
        body=_settled(act, tried, context=context),
        loan_id=loan_id,
        loan_version=version,
        is_conditional=conditional.is_asked(),
        amount=tried.amount,
        currency=tried.currency,
        policy_version=policy.version,
    )
    days = security.settings().approval_days
    return Done(
        _waiting(approvals.keep(session, asked=asked, days=days, context=context), context), is_held=True
    )


def carry_out(session: Session, context: Context, *, record: ApprovalRecord) -> Answer:
    """Do exactly what was kept, as who asked for it, and give the answer that it would have had.

    :raises ScopeMissing: if the caller may not do it himself.
    :raises PreconditionFailed: if it was asked on condition that the loan does not change, and it has.
    :raises LendingError: if it is refused as things stand now; then nothing is done and it goes on waiting.
    """
    act, given, body = _kept(record)
    security.demand(act.scope)
    if record.is_conditional and record.loan_id is not None:
        conditional.check_version(session, loan_id=record.loan_id, version=record.loan_version)
    made = dataclasses.replace(context, actor=record.maker, approved_by=context.actor)
    try:
        read = act.accepts().load(body)
    except ma.ValidationError as error:
        # Only after an upgrade that reads it otherwise.
        raise InvalidRequest({"json": error.messages_dict}) from error
    return act.reply.answer(act.run(session, made, body=read, given=given))


def shown(record: ApprovalRecord, *, now: datetime) -> dict[str, Any]:
    """Give an approval as its schema wants it: what is asked, who may decide, and how things are at an instant."""
    act, _, body = _kept(record)
    said = json.loads(record.request)
    figures = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return figures | {
        "status": record.status_at(now),
        "payload": {"method": said["method"], "path": said["path"], "body": body},
        "required_scopes": [DECIDE, act.scope],
    }


def _kept(record: ApprovalRecord) -> tuple[Act, Mapping[str, Any], Mapping[str, Any]]:
    """Give what was kept: the act, the identifiers of its path, and its body."""
    said = json.loads(record.request)
    endpoint, given = current_app.url_map.bind("").match(said["path"], said["method"])
    act = getattr(current_app.view_functions[endpoint], ATTRIBUTE)
    if not isinstance(act, Act):
        raise TypeError(f"{endpoint} is no command that could have been kept")
    return act, given, said["body"]


def _names(policy: PolicyRecord, command: str) -> bool:
    return any(rule["command"] == command for rule in policy.rules)


def _judge(session: Session, policy: PolicyRecord, act: Act, result: Any) -> _Held:
    command = act.guarded or ""
    measure = AMOUNTS.get(command)
    amount = None if measure is None else measure(result)
    if amount is not None and command in SUMMED:
        amount = loans.standing_amount(session, loan_id=result["loan_id"], kinds=SUMMED[command])
    currency: str | None = None if amount is None else result["currency"]
    is_held = approval_policies.applies(policy, command=command, amount=amount, currency=currency)
    return _Held(result, amount, currency, is_held=is_held)


def _settled(act: Act, tried: _Held, *, context: Context) -> Mapping[str, Any]:
    """Give the body as it was sent, with the date and the amount that its silence meant when it was."""
    body = dict(requests.body_of(request))
    known = act.accepts().fields
    if "date" in known and body.get("date") is None:
        body["date"] = context.business_date.isoformat()
    if "amount" in known and body.get("amount") is None and tried.result["amount"]:
        currency = tried.result["currency"]
        body |= {"amount": money.format_amount(tried.result["amount"], currency), "currency": currency}
    return body


def _waiting(record: ApprovalRecord, context: Context) -> Answer:
    body = encode(SCHEMA.dump(shown(record, now=context.now)))
    return Answer(status=202, location=f"/api/v1/approvals/{record.id}", body=body)
