import os
import uuid
from typing import TypeVar

from branch_loans_client import AuthenticatedClient
from branch_loans_client.api.borrowers import create_borrower
from branch_loans_client.api.loans import apply, approve, disburse
from branch_loans_client.api.products import list_products
from branch_loans_client.api.servicing import pay_off
from branch_loans_client.models import (
    ApplicationIn,
    BorrowerIn,
    DecisionIn,
    DisbursementIn,
    PayoffIn,
    Problem,
)

api = AuthenticatedClient(base_url=os.environ.get("API", "http://127.0.0.1:8000"), token=os.environ["KEY"])


T = TypeVar("T")


def done(answer: T | Problem | None) -> T:
    if answer is None or isinstance(answer, Problem):
        raise SystemExit(answer and answer.detail)
    return answer


def key() -> str:
    return str(uuid.uuid4())


borrower = done(
    create_borrower.sync(
        client=api, idempotency_key=key(), body=BorrowerIn(first_name="Amina", last_name="Odhiambo")
    )
)
(product,) = done(list_products.sync(client=api, code="demo-salary-advance")).data
application = ApplicationIn(
    borrower_id=borrower.id, product_id=product.id, principal="12000.00", currency="KES", installments=6
)
loan = done(apply.sync(client=api, idempotency_key=key(), body=application))
done(approve.sync(loan.id, client=api, idempotency_key=key(), body=DecisionIn()))
done(disburse.sync(loan.id, client=api, idempotency_key=key(), body=DisbursementIn()))
print(done(pay_off.sync(loan.id, client=api, idempotency_key=key(), body=PayoffIn())).amount)
