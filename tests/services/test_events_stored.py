"""What the database takes for an event, whatever the code above it does."""

import dataclasses
import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from loans.models.loan import LoanEvent
from loans.queries import loans
from tests.factories import make_disbursed_loan


@pytest.mark.parametrize(
    ("kind", "amount", "is_taken"),
    [
        ("repayment", 1, True),
        ("repayment", 0, False),
        ("fee_waiver", 1, True),
        ("interest_waiver", 1, True),
        ("interest_waiver", 0, False),
        ("rate_change", 0, True),
        ("rate_change", 1, False),
        ("write_off", 0, True),
        ("write_off", 1, False),
    ],
)
def test_an_amount_goes_with_kinds_that_come_with_one(session, kind, amount, is_taken):
    loan = make_disbursed_loan(session)
    last = loans.events(session, loan_id=loan.id)[-1]
    event = dataclasses.replace(last, id=uuid.uuid4(), sequence=4, kind=kind, amount=amount)
    insert = sa.insert(LoanEvent.__table__).values(dataclasses.asdict(event))

    try:
        with session.begin_nested():
            session.execute(insert)
    except IntegrityError as error:
        found = "ck_loan_events_amount_fits_kind" in str(error)
    else:
        found = None

    assert found is (None if is_taken else True)
