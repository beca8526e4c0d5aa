"""API clients and their keys as they are stored: find and page. Never a secret, not even its hash."""

import uuid
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from loans.models.api_client import ApiClient
from loans.models.api_key import ApiKey
from loans.queries import newest, paging

CLIENTS = ApiClient.__table__
KEYS = ApiKey.__table__
# A client has two valid keys at most; the others are history, of which the newest are worth a look.
KEYS_SHOWN_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRecord:
    """A row of `api_clients`."""

    id: uuid.UUID
    name: str
    scopes: list[str]
    allowed_addresses: list[str] | None
    own_loans_only: bool
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A row of `api_keys`, without what could be used."""

    id: uuid.UUID
    client_id: uuid.UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDetail(ClientRecord):
    """A client with its newest keys."""

    keys: tuple[KeyRecord, ...]


COLUMNS = tuple(
    # psycopg2 reads an array of text, not one of cidr.
    sa.cast(column, ARRAY(sa.Text)).label(column.name) if column.name == "allowed_addresses" else column
    for column in (CLIENTS.c[field.name] for field in fields(ClientRecord))
)
KEY_COLUMNS = tuple(KEYS.c[field.name] for field in fields(KeyRecord))


def find(session: Session, *, client_id: uuid.UUID) -> ClientDetail | None:
    """Give a client with its keys, newest first, or None."""
    row = session.execute(sa.select(*COLUMNS).where(CLIENTS.c.id == client_id)).mappings().one_or_none()
    if row is None:
        return None
    keys = session.execute(
        sa.select(*KEY_COLUMNS)
        .where(KEYS.c.client_id == client_id)
        .order_by(KEYS.c.id.desc())
        .limit(KEYS_SHOWN_MAX)
    ).mappings()
    return ClientDetail(**row, keys=tuple(KeyRecord(**key) for key in keys))


def page(session: Session, *, cursor: str | None, limit: int) -> paging.Page[ClientRecord]:
    """Give a page of clients, newest first.

    :raises InvalidCursor: if the cursor is not one of this list.
    """
    tag = paging.tag("clients", {})
    return newest.page(
        session, COLUMNS, by=CLIENTS.c.id, makes=ClientRecord, tag=tag, cursor=cursor, limit=limit
    )


def all_keys(session: Session) -> list[tuple[str, KeyRecord]]:
    """Give every key that is not revoked, with its client's name, oldest first."""
    rows = session.execute(
        sa.select(CLIENTS.c.name.label("client_name"), *KEY_COLUMNS)
        .join(KEYS, KEYS.c.client_id == CLIENTS.c.id)
        .where(KEYS.c.revoked_at.is_(None), CLIENTS.c.disabled_at.is_(None))
        .order_by(KEYS.c.id)
    ).mappings()
    found = [dict(row) for row in rows]
    return [(str(row.pop("client_name")), KeyRecord(**row)) for row in found]
