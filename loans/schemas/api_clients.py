"""API clients and their keys on the wire."""

import ipaddress
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import validate

from loans.schemas.common import PageArgs
from loans.schemas.fields import Instant, Strict, Text, Whole

SCOPES_MAX = 100
ADDRESSES_MAX = 50
DAYS_MAX = 3650


class Network(ma.fields.String):
    """An IP address or a network of them, in its canonical form."""

    def __init__(self) -> None:
        super().__init__(metadata={"example": "203.0.113.0/24"})

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            network = str(ipaddress.ip_network(value))
        except ValueError:
            network = "%"
        # A zone (fe80::1%eth0) means something on one machine only.
        if "%" in network:
            raise ma.ValidationError(
                "Must be an IP address or a network such as 203.0.113.0/24, without bits beyond its mask."
            )
        return network


class Flag(ma.fields.Boolean):
    """A JSON boolean and nothing that could be taken for one."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class ClientIn(Strict):
    """A client to register."""

    name = Text(longest=100, required=True, metadata={"example": "till 3"})
    scopes = ma.fields.List(
        ma.fields.String(validate=validate.Length(max=64)),
        required=True,
        validate=validate.Length(min=1, max=SCOPES_MAX),
        metadata={"example": ["repayments:write"]},
    )
    allowed_addresses = ma.fields.List(
        Network(),
        load_default=None,
        allow_none=True,
        validate=validate.Length(min=1, max=ADDRESSES_MAX),
        metadata={"description": "Where it may call from; from anywhere where left out."},
    )
    own_loans_only = Flag(
        load_default=False,
        metadata={"description": "Whether it sees only loans and borrowers that it made itself. For good."},
    )


class KeyIn(Strict):
    """A key to issue."""

    days = Whole(
        least=1,
        most=DAYS_MAX,
        load_default=None,
        allow_none=True,
        metadata={"description": "Days until it expires; never where left out."},
    )


class KeyOut(ma.Schema):
    """An API key, without what could be used."""

    id = ma.fields.UUID(required=True)
    client_id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True, allow_none=True)
    last_used_at = Instant(
        required=True, allow_none=True, metadata={"description": "To the minute; null if never."}
    )
    revoked_at = Instant(required=True, allow_none=True)


class IssuedKeyOut(KeyOut):
    """A new API key."""

    key = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The key itself, shown this once; null in a replay of the request."},
    )


class ClientOut(ma.Schema):
    """An API client."""

    id = ma.fields.UUID(required=True)
    name = ma.fields.String(required=True)
    scopes = ma.fields.List(ma.fields.String(), required=True)
    allowed_addresses = ma.fields.List(ma.fields.String(), required=True, allow_none=True)
    own_loans_only = ma.fields.Boolean(required=True)
    created_at = Instant(required=True)
    disabled_at = Instant(required=True, allow_none=True)


class ClientDetailOut(ClientOut):
    """An API client with its newest keys."""

    keys = ma.fields.List(ma.fields.Nested(KeyOut), required=True)


class ClientArgs(PageArgs):
    """The query parameters of the list of clients."""


class ClientPage(ma.Schema):
    """A page of API clients, newest first."""

    data = ma.fields.List(ma.fields.Nested(ClientOut), required=True, attribute="items")
    next_cursor = ma.fields.String(required=True, allow_none=True)
