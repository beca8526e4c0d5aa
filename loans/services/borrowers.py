"""Borrowers: register, change."""

import dataclasses
import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from loans import clock, db
from loans.core.errors import LendingError
from loans.models.borrower import Borrower
from loans.queries import borrowers, ownership
from loans.queries.borrowers import BorrowerRecord
from loans.services import audit, outbox
from loans.services.context import Context

BORROWERS = Borrower.__table__
AGE_YEARS_MAX = 130


class BorrowerNotFound(LendingError):
    """There is no borrower with the identifier in the path."""

    code = "borrower_not_found"
    title = "Borrower not found"


class DuplicateBorrower(LendingError):
    """Another borrower has the same external_id."""

    code = "duplicate_borrower"
    title = "Duplicate borrower"


class InvalidDateOfBirth(LendingError):
    """The date of birth is in the future or more than 130 years ago."""

    code = "invalid_date_of_birth"
    title = "Invalid date of birth"


def register(  # noqa: PLR0913 - one argument a column
    session: Session,
    *,
    first_name: str,
    last_name: str,
    context: Context,
    external_id: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    date_of_birth: date | None = None,
) -> BorrowerRecord:
    """Register a borrower.

    :raises DuplicateBorrower: if another one has the same external_id.
    :raises InvalidDateOfBirth: if nobody alive can have been born then.
    """
    _check_age(date_of_birth, on=context.business_date)
    record = BorrowerRecord(
        id=clock.uuid7(),
        external_id=external_id,
        first_name=first_name,
        last_name=last_name,
        email=email,
        phone=phone,
        date_of_birth=date_of_birth,
        created_at=context.now,
        owner_id=context.owner_id,
    )
    if not _insert(session, record):
        raise DuplicateBorrower(f"a borrower with external_id {external_id!r} exists", field="external_id")
    # Names and contacts stay out of both: an outbox event travels, an audit record never dies.
    facts = {"borrower_id": str(record.id), "external_id": external_id}
    db.execute_together(
        session,
        outbox.announce(("borrower.registered",), subject_id=record.id, payload=facts, context=context),
        audit.record(
            "borrower.register",
            subject_type="borrower",
            subject_id=record.id,
            before=None,
            after=facts,
            context=context,
        ),
    )
    return record


def change(
    session: Session, *, borrower_id: uuid.UUID, fields: Mapping[str, Any], context: Context
) -> BorrowerRecord:
    """Give some fields of a borrower new values, and the borrower its next version.

    :raises BorrowerNotFound: if there is none.
    :raises DuplicateBorrower: if another one has the same external_id.
    :raises InvalidDateOfBirth: if nobody alive can have been born then.
    """
    _check_age(fields.get("date_of_birth"), on=context.business_date)
    version = lock_version(session, borrower_id=borrower_id)
    external_id = fields.get("external_id")
    taken = sa.exists().where(BORROWERS.c.external_id == external_id, BORROWERS.c.id != borrower_id)
    if external_id is not None and session.execute(ownership.of_whole_book(sa.select(taken))).scalar_one():
        raise DuplicateBorrower(f"a borrower with external_id {external_id!r} exists", field="external_id")
    row = session.execute(
        sa.update(BORROWERS)
        .where(BORROWERS.c.id == borrower_id)
        .values(**fields, version=version + 1)
        .returning(*borrowers.COLUMNS)
    ).one()
    record = BorrowerRecord(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    # Which fields, and not what they said: see register.
    facts = {"borrower_id": str(borrower_id), "version": record.version, "fields": sorted(fields)}
    db.execute_together(
        session,
        outbox.announce(("borrower.changed",), subject_id=borrower_id, payload=facts, context=context),
        audit.record(
            "borrower.change",
            subject_type="borrower",
            subject_id=borrower_id,
            before={"version": version},
            after=facts,
            context=context,
        ),
    )
    return record


def lock_version(session: Session, *, borrower_id: uuid.UUID) -> int:
    """Keep others from changing a borrower until the transaction ends, and give its version.

    :raises BorrowerNotFound: if there is none.
    """
    version = borrowers.lock_version(session, borrower_id=borrower_id)
    if version is None:
        raise BorrowerNotFound(f"there is no borrower {borrower_id}")
    return version


def get(session: Session, *, borrower_id: uuid.UUID) -> BorrowerRecord:
    """Give a borrower.

    :raises BorrowerNotFound: if there is none.
    """
    record = borrowers.find(session, borrower_id=borrower_id)
    if record is None:
        raise BorrowerNotFound(f"there is no borrower {borrower_id}")
    return record


def _insert(session: Session, record: BorrowerRecord) -> bool:
    """Write a new borrower, unless another one has the same external_id; tell which."""
    inserted = session.execute(
        insert(BORROWERS)
        .values(dataclasses.asdict(record))
        .on_conflict_do_nothing(index_elements=["external_id"])
        .returning(sa.literal(1))
    ).scalar_one_or_none()
    return inserted is not None


def _check_age(date_of_birth: date | None, *, on: date) -> None:
    if date_of_birth is None:
        return
    if date_of_birth > on or on.year - date_of_birth.year > AGE_YEARS_MAX:
        raise InvalidDateOfBirth(
            f"date_of_birth must lie in the past, at most {AGE_YEARS_MAX} years ago", field="date_of_birth"
        )
