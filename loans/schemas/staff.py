"""Staff and their sessions on the wire."""

import re
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.schemas.common import PageArgs
from loans.schemas.fields import Instant, Strict, Text

USERNAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}$"
USERNAME = validate.Regexp(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}\Z", re.ASCII),
    error="Must be 3 to 64 letters, digits or . _ @ + -, beginning with a letter or digit.",
)
ROLES = ("admin", "officer", "teller", "auditor")
SECRET_LENGTH_MAX = 128


class Secret(ma.fields.String):
    """A password or token: taken as it is, never trimmed; the longest one is short enough to hash."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=True,
            validate=validate.Length(min=1, max=SECRET_LENGTH_MAX),
            metadata={"format": "password"},
            **kwargs,
        )

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ma.ValidationError("Must be text that UTF-8 can carry.")
        return text


class StaffIn(Strict):
    """A person to give an account."""

    username = ma.fields.String(
        required=True,
        validate=USERNAME,
        metadata={
            "description": "Unique, in whatever case.",
            "example": "amina.odhiambo",
            "pattern": USERNAME_PATTERN,
        },
    )
    name = Text(longest=100, required=True, metadata={"example": "Amina Odhiambo"})
    role = ma.fields.String(required=True, validate=validate.OneOf(ROLES), metadata={"enum": list(ROLES)})


class StaffOut(ma.Schema):
    """A staff member."""

    id = ma.fields.UUID(required=True)
    username = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    role = ma.fields.String(required=True, metadata={"enum": list(ROLES)})
    password_changed_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "Null until the person has chosen a password."},
    )
    locked_until = Instant(required=True, allow_none=True)
    created_at = Instant(required=True)
    disabled_at = Instant(required=True, allow_none=True)


class AdmittedOut(StaffOut):
    """A staff member with a new first password."""

    password = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The first password, shown this once; null in a replay of the request."},
    )


class StaffArgs(PageArgs):
    """The query parameters of the list of staff."""


class StaffPage(ma.Schema):
    """A page of staff, newest first."""

    data = ma.fields.List(ma.fields.Nested(StaffOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)


class LoginIn(Strict):
    """A username and a password."""

    username = Text(longest=128, required=True)
    password = Secret()


class RefreshTokenIn(Strict):
    """A refresh token."""

    refresh_token = Secret()


class PasswordIn(Strict):
    """A staff member's present password and the next one."""

    old_password = Secret()
    new_password = Secret()


class SessionOut(ma.Schema):
    """What a login or a refresh gives."""

    staff_id = ma.fields.UUID(required=True)
    role = ma.fields.String(required=True, metadata={"enum": list(ROLES)})
    token_type = ma.fields.String(required=True, metadata={"enum": ["Bearer"]})
    access_token = ma.fields.String(required=True, metadata={"description": "A JWT; do not read it."})
    expires_in = ma.fields.Integer(required=True, metadata={"description": "Seconds.", "example": 600})
    refresh_token = ma.fields.String(
        required=True, metadata={"description": "Opens the next access token, once."}
    )
    refresh_expires_at = Instant(required=True)
    password_change_required = ma.fields.Boolean(required=True)


class Done(ma.Schema):
    """That it was done, or had been done already."""

    done = ma.fields.Boolean(required=True)
