"""Approvals on the wire: commands that wait for a second person, and what is decided of them."""

import re

import marshmallow as ma
from marshmallow import validate

from loans.schemas.common import PageArgs
from loans.schemas.fields import Amount, Currency, Identifier, Instant, Strict, Text

NOTE_LENGTH_MAX = 500
STATUSES = ("pending", "approved", "rejected", "withdrawn", "expired")
HASH_PATTERN = "^[0-9a-f]{64}$"
MAKER_PATTERN = "^(staff|api_client):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
MAKER = validate.Regexp(
    re.compile(r"(staff|api_client):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII),
    error="Must be staff: or api_client: and an id.",
)


class PayloadOut(ma.Schema):
    """A command as it was asked for, with the date and the amount that it was tried with."""

    method = ma.fields.String(required=True)
    path = ma.fields.String(required=True)
    body = ma.fields.Dict(required=True)


class ApprovalOut(ma.Schema):
    """A command that waits for a second person, or what became of it."""

    id = ma.fields.UUID(required=True)
    command = ma.fields.String(required=True, metadata={"example": "loans.write_off"})
    status = ma.fields.String(required=True, metadata={"enum": list(STATUSES)})
    payload = ma.fields.Nested(PayloadOut, required=True)
    payload_sha256 = ma.fields.String(
        required=True,
        metadata={
            "description": "SHA-256 of `payload` as JSON: names in order, no blanks, UTF-8. Whoever decides sends it.",
            "pattern": HASH_PATTERN,
        },
    )
    required_scopes = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "What whoever approves must hold."}
    )
    loan_id = ma.fields.UUID(required=True, allow_none=True)
    loan_version = ma.fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "How many events the loan had when it was tried."},
    )
    amount = Amount(
        required=True, allow_none=True, metadata={"description": "What the policy's line was compared with."}
    )
    currency = Currency(required=True, allow_none=True)
    policy_version = ma.fields.Integer(required=True)
    maker = ma.fields.String(required=True)
    requested_at = Instant(required=True)
    expires_at = Instant(required=True)
    decided_by = ma.fields.String(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)
    note = ma.fields.String(required=True, allow_none=True)
    location = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "The path of what approval created."}
    )


class ApprovedOut(ApprovalOut):
    """An approval with what the command answered."""

    result = ma.fields.Dict(
        required=True, metadata={"description": "The body with which the command itself would have answered."}
    )


class ApprovalIn(Strict):
    """The decision to have a command done."""

    payload_sha256 = ma.fields.String(
        required=True,
        validate=validate.Regexp(
            re.compile(r"[0-9a-f]{64}\Z", re.ASCII), error="Must be 64 hexadecimal digits."
        ),
        metadata={"description": "The hash of what you have seen.", "pattern": HASH_PATTERN},
    )
    note = Text(longest=NOTE_LENGTH_MAX, lines=True, load_default=None)


class RejectionIn(ApprovalIn):
    """The decision not to have a command done, and why."""

    note = Text(longest=NOTE_LENGTH_MAX, lines=True, required=True)


class WithdrawalIn(Strict):
    """That a command is not wanted any more."""

    note = Text(longest=NOTE_LENGTH_MAX, lines=True, load_default=None)


class ApprovalArgs(PageArgs):
    """The query parameters of the list of approvals."""

    status = ma.fields.String(load_default=None, validate=validate.OneOf(STATUSES))
    maker = ma.fields.String(load_default=None, validate=MAKER, metadata={"pattern": MAKER_PATTERN})
    loan_id = Identifier(load_default=None)


class ApprovalPage(ma.Schema):
    """A page of approvals, newest first."""

    data = ma.fields.List(ma.fields.Nested(ApprovalOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)
