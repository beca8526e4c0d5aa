"""A loan's whole life with the generated client: API and KEY in the environment say where and as whom.

`make check-client` runs it on a service of its own; what it prints is in clients/python/README.md.
"""

import os
import uuid
from datetime import date, timedelta
from typing import TypeVar

from branch_loans_client import AuthenticatedClient
from branch_loans_client.api.borrowers import create_borrower
from branch_loans_client.api.loans import apply, approve, disburse, get_payoff, get_schedule
from branch_loans_client.api.products import create_product
from branch_loans_client.api.repayments import record_repayment, reverse_repayment
from branch_loans_client.api.servicing import pay_off
from branch_loans_client.models import (
    ApplicationIn,
    ApprovalOut,
    BorrowerIn,
    DecisionIn,
    DisbursementIn,
    PayoffIn,
    Problem,
    ProductIn,
    RepaymentIn,
    ReversalIn,
)

T = TypeVar("T")
TODAY = date.today()
START = TODAY - timedelta(days=45)


def done(answer: T | ApprovalOut | Problem | None) -> T:
    """Give what was answered, or say why it was not done."""
    if answer is None or isinstance(answer, Problem):
        raise SystemExit(f"refused: {answer}")
    if isinstance(answer, ApprovalOut):
        raise SystemExit(f"waits for a second person: {answer.id}")
    return answer


def key() -> str:
    """Make an Idempotency-Key; a program that may repeat a request keeps it with the request."""
    return str(uuid.uuid4())


def main() -> None:
    """Lend 1,200.00 KES over three months and see it paid off."""
    client = AuthenticatedClient(base_url=os.environ["API"], token=os.environ["KEY"])

    borrower = done(
        create_borrower.sync(
            client=client,
            idempotency_key=key(),
            body=BorrowerIn(first_name="Amina", last_name="Odhiambo", phone="+254712345678"),
        )
    )
    print(f"borrower    {borrower.first_name} {borrower.last_name}")

    product = done(
        create_product.sync(
            client=client,
            idempotency_key=key(),
            body=ProductIn.from_dict(
                {
                    "code": f"example-{uuid.uuid4().hex[:8]}",
                    "name": "Salary advance",
                    "currency": "KES",
                    "principal_min": "1000.00",
                    "principal_max": "50000.00",
                    "installments_min": 1,
                    "installments_max": 12,
                    "annual_rate": "12.00",
                    "method": "equal_installments",
                    "frequency": {"every": 1, "unit": "month"},
                    "day_count": "EQUAL_PERIODS",
                }
            ),
        )
    )
    print(f"product     {product.name}, {product.annual_rate} % a year")

    loan = done(
        apply.sync(
            client=client,
            idempotency_key=key(),
            body=ApplicationIn(
                borrower_id=borrower.id,
                product_id=product.id,
                principal="1200.00",
                currency="KES",
                installments=3,
                date=START,
            ),
        )
    )
    print(f"applied     {loan.principal} {loan.currency}: {loan.status}")

    loan = done(
        approve.sync(
            loan.id, client=client, idempotency_key=key(), body=DecisionIn(date=START, note="Good record")
        )
    )
    print(f"approved    {loan.status}")

    loan = done(disburse.sync(loan.id, client=client, idempotency_key=key(), body=DisbursementIn(date=START)))
    schedule = done(get_schedule.sync(loan.id, client=client))
    print(f"disbursed   {loan.status}, {len(schedule.installments)} installments")

    paid = done(
        record_repayment.sync(
            loan.id, client=client, idempotency_key=key(), body=RepaymentIn(amount="408.03", currency="KES")
        )
    )
    print(f"repaid      {paid.amount}, {paid.loan.total_outstanding} left")

    earlier = done(
        record_repayment.sync(
            loan.id,
            client=client,
            idempotency_key=key(),
            body=RepaymentIn(amount="100.00", currency="KES", date=START + timedelta(days=20)),
        )
    )
    print(f"back-dated  {earlier.amount} as of day 20, {earlier.loan.total_outstanding} left")

    undone = done(
        reverse_repayment.sync(
            loan.id,
            earlier.id,
            client=client,
            idempotency_key=key(),
            body=ReversalIn(note="Another customer's"),
        )
    )
    print(f"reversed    {undone.amount}, {undone.loan.total_outstanding} left")

    quote = done(get_payoff.sync(loan.id, client=client))
    ended = done(
        pay_off.sync(loan.id, client=client, idempotency_key=key(), body=PayoffIn(amount=quote.amount))
    )
    print(f"paid off    {ended.amount}: {ended.loan.status}, {ended.loan.total_outstanding} left")
    if ended.loan.status != "repaid":
        raise SystemExit("the loan should be repaid")


if __name__ == "__main__":
    main()
