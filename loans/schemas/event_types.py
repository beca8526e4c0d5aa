"""Every type of public event: what it says and what its data holds. The one list of them (docs/events.md)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import marshmallow as ma

from loans.schemas.fields import Amount, Currency, Date, Identifier, Instant, SignedAmount, Strict

REFERENCE = "#/components/schemas/"


class LoanEventData(Strict):
    """An event of a loan, and where the loan stands after it."""

    loan_id = Identifier(required=True)
    borrower_id = Identifier(required=True)
    event_id = Identifier(required=True, metadata={"description": "The loan's own event that this tells of."})
    sequence = ma.fields.Integer(
        required=True, metadata={"description": "Its number among the loan's events."}
    )
    date = Date(required=True)
    amount = Amount(required=True)
    status = ma.fields.String(required=True)
    currency = Currency(required=True)
    disbursed = Amount(required=True)
    principal_outstanding = Amount(required=True)
    interest_outstanding = Amount(required=True)
    fee_outstanding = Amount(required=True)
    penalty_outstanding = Amount(required=True)
    credit_balance = Amount(required=True)


class ReversalData(LoanEventData):
    """An event of a loan that undoes another."""

    reverses = Identifier(required=True, metadata={"description": "The loan's event that is undone."})


class BorrowerRegisteredData(Strict):
    """A new borrower."""

    borrower_id = Identifier(required=True)
    external_id = ma.fields.String(required=True, allow_none=True)


class BorrowerChangedData(Strict):
    """What was changed of a borrower, but not what it says now."""

    borrower_id = Identifier(required=True)
    version = ma.fields.Integer(required=True)
    changed = ma.fields.List(ma.fields.String(), required=True, data_key="fields", attribute="fields")


class ProductPublishedData(Strict):
    """A version of a product."""

    product_id = Identifier(required=True)
    version = ma.fields.Integer(required=True)
    currency = Currency(required=True)
    principal_min = Amount(required=True)
    principal_max = Amount(required=True)
    installments_min = ma.fields.Integer(required=True)
    installments_max = ma.fields.Integer(required=True)
    terms = ma.fields.Dict(
        required=True, metadata={"description": "What the product sets of a loan's terms."}
    )


class LegacyLoanData(Strict):
    """A loan request of the first API."""

    loan_id = Identifier(required=True)
    borrower_id = ma.fields.String(required=True)
    amount = SignedAmount(required=True)
    currency = ma.fields.String(required=True)
    status = ma.fields.String(required=True)
    term_months = ma.fields.Integer(required=True, allow_none=True)
    interest_rate_apr = ma.fields.String(required=True, allow_none=True)


class ClientData(Strict):
    """An API client."""

    client_id = Identifier(required=True)


class ClientCreatedData(ClientData):
    """A new API client."""

    scopes = ma.fields.List(ma.fields.String(), required=True)


class KeyData(ClientData):
    """An API key, without what could be used."""

    key_id = Identifier(required=True)


class KeyIssuedData(KeyData):
    """A new API key, without what could be used."""

    expires_at = Instant(required=True, allow_none=True)


class StaffData(Strict):
    """A member of staff."""

    staff_id = Identifier(required=True)


class StaffEmployedData(StaffData):
    """A new member of staff."""

    role = ma.fields.String(required=True)


class StaffSessionData(StaffData):
    """A login."""

    session_id = Identifier(required=True)


class ApprovalData(Strict):
    """A command that waits for a second person, or waited."""

    approval_id = Identifier(required=True)
    command = ma.fields.String(required=True)
    loan_id = Identifier(required=True, allow_none=True)
    payload_sha256 = ma.fields.String(required=True)
    amount = Amount(required=True, allow_none=True)
    currency = Currency(required=True, allow_none=True)
    policy_version = ma.fields.Integer(required=True)
    status = ma.fields.String(required=True)
    maker = ma.fields.String(required=True)
    decided_by = ma.fields.String(required=True, allow_none=True)


class ApprovalRuleData(Strict):
    """A rule of the approval policy."""

    command = ma.fields.String(required=True)
    above = Amount(required=True, allow_none=True)
    currency = Currency(required=True, allow_none=True)


class ApprovalPolicyData(Strict):
    """A version of the approval policy."""

    version = ma.fields.Integer(required=True)
    rules = ma.fields.List(ma.fields.Nested(ApprovalRuleData), required=True)
    note = ma.fields.String(required=True, allow_none=True)
    actor = ma.fields.String(required=True)
    approved_by = ma.fields.String(required=True, allow_none=True)


@dataclass(frozen=True, slots=True)
class EventType:
    """What an event of a type says, and the schema of its data; `subject` is the type of what it is about."""

    said: str
    data: type[Strict]
    subject: str


def _types(subject: str, said: Mapping[str, tuple[str, type[Strict]]]) -> Iterator[tuple[str, EventType]]:
    for name, (sentence, data) in said.items():
        yield name, EventType(sentence, data, subject)


_LOAN = {
    "loan.applied": "A loan was applied for.",
    "loan.approved": "A loan was approved.",
    "loan.rejected": "A loan was rejected.",
    "loan.cancelled": "A loan was cancelled before any money was paid out.",
    "loan.disbursed": "Money was paid out, all of it or a tranche.",
    "loan.rate_changed": "The annual rate was changed.",
    "loan.interest_paused": "Interest was paused for some days.",
    "loan.rescheduled": "What is left to fall due was spread anew.",
    "loan.re_aged": "Arrears were made part of a new schedule.",
    "loan.fee_charged": "A fee was charged.",
    "loan.late_fee_charged": "A late fee was charged.",
    "loan.fees_waived": "Fees or penalties were waived.",
    "loan.interest_waived": "Interest was waived.",
    "loan.goodwill_credited": "The lender paid money into the loan.",
    "loan.repayment_recorded": "Money was received.",
    "loan.paid_off": "The payoff amount was received.",
    "loan.repaid": "Nothing is owed any more. It comes after the event that closed the loan, with the same data.",
    "loan.repayment_charged_back": "The payer's bank took a repayment back.",
    "loan.refunded": "Money was paid back to the customer.",
    "loan.charged_off": "The loss was taken into the books.",
    "loan.written_off": "The rest was given up.",
    "loan.recovered": "Money was received for a loan written off.",
}
_REVERSED = {
    "loan.event_reversed": "An event was reversed that is no receipt of money.",
    "loan.repayment_reversed": "A receipt of money was reversed.",
}
_STAFF = {
    "staff.disabled": "A member of staff was disabled; all sessions ended.",
    "staff.locked": "Wrong passwords locked an account.",
    "staff.unlocked": "A locked account was unlocked.",
    "staff.password_reset": "Somebody gave a member of staff a new first password; all sessions ended.",
    "staff.password_changed": "A member of staff changed the own password; all other sessions ended.",
}
_SESSIONS = {
    "staff.logged_in": "A member of staff logged in.",
    "staff.logged_out": "A member of staff logged out.",
    "staff.refresh_token_reused": "A refresh token was used twice: somebody else may have it. Its session ended.",
}
_APPROVALS = {
    "approval.requested": "A command waits for a second person.",
    "approval.approved": "A second person had a command done; what it did has events of its own.",
    "approval.rejected": "A second person refused a command.",
    "approval.withdrawn": "Who had asked for a command took it back.",
}
EVENT_TYPES: Mapping[str, EventType] = MappingProxyType(
    {
        **dict(_types("loan", {name: (said, LoanEventData) for name, said in _LOAN.items()})),
        **dict(_types("loan", {name: (said, ReversalData) for name, said in _REVERSED.items()})),
        "borrower.registered": EventType("A borrower was registered.", BorrowerRegisteredData, "borrower"),
        "borrower.changed": EventType("A borrower was changed.", BorrowerChangedData, "borrower"),
        "product.published": EventType(
            "A product was published, or a further version of it.", ProductPublishedData, "product"
        ),
        "legacy_loan.created": EventType(
            "A loan request was recorded through the first API.", LegacyLoanData, "legacy_loan"
        ),
        "api_client.created": EventType("An API client was registered.", ClientCreatedData, "api_client"),
        "api_client.disabled": EventType(
            "An API client was disabled with all its keys.", ClientData, "api_client"
        ),
        "api_key.issued": EventType("An API client got a key.", KeyIssuedData, "api_client"),
        "api_key.revoked": EventType("A key was revoked.", KeyData, "api_client"),
        **dict(_types("approval", {name: (said, ApprovalData) for name, said in _APPROVALS.items()})),
        "approval_policy.changed": EventType(
            "Other commands need a second person from now on.", ApprovalPolicyData, "approval_policy"
        ),
        "staff.employed": EventType("A member of staff got an account.", StaffEmployedData, "staff"),
        **dict(_types("staff", {name: (said, StaffData) for name, said in _STAFF.items()})),
        **dict(_types("staff", {name: (said, StaffSessionData) for name, said in _SESSIONS.items()})),
    }
)


def webhooks() -> dict[str, Any]:
    """Give the `webhooks` section of the OpenAPI document: an event of each type as it is told."""
    return {name: {"post": _operation(name, each)} for name, each in EVENT_TYPES.items()}


def data_schemas() -> tuple[type[Strict], ...]:
    """Give every schema of data once."""
    return tuple(dict.fromkeys(each.data for each in EVENT_TYPES.values()))


def _operation(name: str, event_type: EventType) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": event_type.said,
        "tags": ["events"],
        "security": [],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _told(name, event_type)}},
        },
        "responses": {"2XX": {"description": "Received. Anything else, and it will be told again."}},
    }


def _told(name: str, event_type: EventType) -> dict[str, Any]:
    """Describe an event of a type as the feed shows it."""
    properties = {
        "id": {"type": "string", "format": "uuid"},
        "type": {"type": "string", "const": name},
        "occurred_at": {"type": "string", "format": "date-time"},
        "subject": {
            "type": "object",
            "properties": {
                "type": {"type": "string", "const": event_type.subject},
                "id": {"type": "string", "format": "uuid"},
            },
            "required": ["type", "id"],
            "additionalProperties": False,
        },
        "data": {"$ref": f"{REFERENCE}{event_type.data.__name__}"},
        "request_id": {"type": ["string", "null"]},
        "traceparent": {"type": ["string", "null"]},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
