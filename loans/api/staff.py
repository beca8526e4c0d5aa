"""Blueprint staff: people with accounts."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from loans.api import guessing, requests, security
from loans.api.endpoint import Blueprint, command, exchange, query
from loans.db import transaction
from loans.queries import staff as stored
from loans.queries.paging import Page
from loans.queries.staff import StaffRecord
from loans.schemas.common import Nothing
from loans.schemas.staff import AdmittedOut, Done, PasswordIn, StaffArgs, StaffIn, StaffOut, StaffPage
from loans.services import passwords, permissions, staff
from loans.services.context import Context
from loans.services.passwords import Password, WrongPassword
from loans.services.staff import Admitted

SCOPE = "staff:manage"

blueprint = Blueprint("staff", __name__, url_prefix="/api/v1/staff", description="People with accounts.")


@command(
    blueprint,
    "",
    scope=SCOPE,
    accepts=StaffIn,
    returns=AdmittedOut,
    status=201,
    location=lambda member: f"/api/v1/staff/{member.id}",
    shown_once="password",
    prepare=lambda: {"first": passwords.generate()},
)
def create_staff(session: Session, context: Context, body: dict[str, Any], first: Password) -> Admitted:
    """Give a person an account with a first password, shown this once and to be changed at the first login."""
    return staff.employ(session, **body, password=first, context=context)


@query(blueprint, "", scope=SCOPE, args=StaffArgs, returns=StaffPage)
def list_staff(session: Session, args: dict[str, Any]) -> Page[StaffRecord]:
    """List staff, newest first."""
    return stored.page(session, **args)


@query(blueprint, "/<uuid:staff_id>", scope=SCOPE, returns=StaffOut)
def get_staff(session: Session, staff_id: uuid.UUID) -> StaffRecord:
    """Get a staff member."""
    return staff.get(session, staff_id=staff_id)


@command(blueprint, "/<uuid:staff_id>/disable", scope=SCOPE, accepts=Nothing, returns=StaffOut)
def disable_staff(session: Session, context: Context, _: dict[str, Any], staff_id: uuid.UUID) -> StaffRecord:
    """Disable an account for good; its sessions end at once."""
    return staff.disable(session, staff_id=staff_id, context=context)


@command(blueprint, "/<uuid:staff_id>/unlock", scope=SCOPE, accepts=Nothing, returns=StaffOut)
def unlock_staff(session: Session, context: Context, _: dict[str, Any], staff_id: uuid.UUID) -> StaffRecord:
    """Unlock an account that wrong passwords locked."""
    return staff.unlock(session, staff_id=staff_id, context=context)


@command(
    blueprint,
    "/<uuid:staff_id>/reset-password",
    scope=SCOPE,
    accepts=Nothing,
    returns=AdmittedOut,
    shown_once="password",
    prepare=lambda: {"first": passwords.generate()},
)
def reset_password(
    session: Session, context: Context, _: dict[str, Any], staff_id: uuid.UUID, first: Password
) -> Admitted:
    """Give a person who forgot the password a new first one, shown this once; sessions end."""
    return staff.reset_password(session, staff_id=staff_id, password=first, context=context)


@exchange(blueprint, "/me/password", scope=permissions.OWN_ACCOUNT, accepts=PasswordIn, returns=Done)
def change_password(body: dict[str, Any]) -> dict[str, bool]:
    """Change your own password; all your other sessions end."""
    context = requests.context()
    staff_id = security.caller().id
    member = transaction(lambda session: staff.get(session, staff_id=staff_id))
    passwords.check(body["new_password"], username=member.username)
    guess = guessing.guess_at(staff_id, password=body["old_password"], context=context)
    new_hash = passwords.hash_of(body["new_password"])
    changed = guess is not None and transaction(
        lambda session: staff.change_password(
            session, staff_id=staff_id, old_hash=guess.password_hash, new_hash=new_hash, context=context
        )
    )
    if not changed:
        raise WrongPassword(
            "the present password is wrong, or too many wrong ones were given", field="old_password"
        )
    return {"done": True}
