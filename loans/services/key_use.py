"""The use of API keys: from which addresses, and when last (ADR 30)."""

import ipaddress
import uuid
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.core.errors import LendingError
from loans.models.api_key import ApiKey
from loans.services.api_keys import Recognised

KEYS = ApiKey.__table__
# Often enough to see a key fall silent, and one write a minute however busy it is.
USE_NOTED_EVERY = timedelta(minutes=1)


class AddressNotAllowed(LendingError):
    """The key is valid, and its client may not call from this address."""

    code = "address_not_allowed"
    title = "Address not allowed"


def check_address(key: Recognised, *, address: str | None) -> None:
    """Refuse a key that is used from where its client does not call.

    :raises AddressNotAllowed: if the client has a list of addresses and this one, or what stands for it, is not in it.
    """
    if key.allowed_addresses is None:
        return
    try:
        caller = ipaddress.ip_address(address or "")
    except ValueError:
        caller = None
    if isinstance(caller, ipaddress.IPv6Address) and caller.ipv4_mapped is not None:
        caller = caller.ipv4_mapped
    if caller is None or not any(
        caller in ipaddress.ip_network(network) for network in key.allowed_addresses
    ):
        raise AddressNotAllowed("this client may not call from the address that the request came from")


def is_to_be_noted(key: Recognised, *, now: datetime) -> bool:
    """Tell whether the note of a key's last use is a minute old."""
    return key.last_used_at is None or key.last_used_at <= now - USE_NOTED_EVERY


def note(session: Session, *, key_id: uuid.UUID, now: datetime) -> None:
    """Note that a key was used, unless another request is doing so or has just done so."""
    noted = sa.select(KEYS.c.id).where(
        KEYS.c.id == key_id,
        sa.or_(KEYS.c.last_used_at.is_(None), KEYS.c.last_used_at <= now - USE_NOTED_EVERY),
    )
    # Never wait for the row: the one who has it writes the same.
    session.execute(
        sa.update(KEYS).where(KEYS.c.id.in_(noted.with_for_update(skip_locked=True))).values(last_used_at=now)
    )
