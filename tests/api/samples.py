"""What the HTTP tests send and what they expect back."""

import re
import uuid
from collections.abc import Iterable
from typing import Any

from werkzeug.test import TestResponse

from tests.conftest import Api

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSTANT_OF_TESTS = "2026-06-15T12:00:00.000000Z"
UNKNOWN_ID = "0190aaaa-0000-7000-8000-000000000000"

# 1,200.00 at 1 % a month: the installment is 1200 x 0.01 / (1 - 1.01^-3) = 408.0265, so 408.03.
# 1: interest 12.00, principal 396.03, leaves 803.97. 2: interest 8.0397, principal 399.99, leaves 403.98.
# 3: interest 4.0398 and what is left. Interest 24.08 in all, 1,224.08 to pay.
SCHEDULE = (
    # number, from, due, principal, interest, amount
    (1, "2026-01-15", "2026-02-15", "396.03", "12.00", "408.03"),
    (2, "2026-02-15", "2026-03-15", "399.99", "8.04", "408.03"),
    (3, "2026-03-15", "2026-04-15", "403.98", "4.04", "408.02"),
)

# 1,000.00 at 1 % a month over three months: the loan of most examples in docs/lending-rules.md.
LOAN_TERMS = {
    "principal": "1000.00",
    "currency": "KES",
    "annual_rate": "12.00",
    "installments": 3,
    "start_date": "2024-01-15",
}

# What a product sets of its loans, where it says no more than `terms` below; docs/lending-rules.md has the defaults.
POLICY = {
    "annual_rate": "12.00",
    "method": "equal_installments",
    "frequency": {"every": 1, "unit": "month"},
    "day_count": "EQUAL_PERIODS",
    "business_day_convention": "unadjusted",
    "grace": {"principal": 0, "interest": 0, "interest_free": 0},
    "pauses": [],
    "balloon": "0.00",
    "installment_multiple": "0.01",
    "rounding": "half_even",
    "interest_mode": "scheduled",
    "allocation": {"order": ["penalty", "fee", "interest", "principal"], "across": "horizontal"},
    "early_payment": "next_installments",
    "fees": [],
    "penalty_rate": "0.00",
    "tranches_max": 1,
    "suspend_after_days": 90,
    "accounting": "accrual",
}


def borrower(**given: Any) -> dict[str, Any]:
    return {"first_name": "Amina", "last_name": "Odhiambo"} | given


def terms(**given: Any) -> dict[str, Any]:
    return {
        "principal_min": "1000.00",
        "principal_max": "50000.00",
        "installments_min": 1,
        "installments_max": 24,
        "annual_rate": "12.00",
        "method": "equal_installments",
        "frequency": {"every": 1, "unit": "month"},
        "day_count": "EQUAL_PERIODS",
    } | given


def product(**given: Any) -> dict[str, Any]:
    code = f"advance-{uuid.uuid4().hex[:12]}"
    return {"code": code, "name": "Salary advance", "currency": "KES"} | terms(**given)


def application(borrower_id: object, product_id: object, **given: Any) -> dict[str, Any]:
    return {
        "borrower_id": str(borrower_id),
        "product_id": str(product_id),
        "principal": "1200.00",
        "currency": "KES",
        "installments": 3,
    } | given


def part(installment: int, **amounts: str) -> dict[str, Any]:
    """What an event did to one installment: the components not named got nothing."""
    nothing = dict.fromkeys(("penalty", "fee", "interest", "principal"), "0.00")
    return {"installment": installment} | nothing | amounts


def line(account: str, name: str, *, debit: str = "0.00", credit: str = "0.00") -> dict[str, Any]:
    """One leg of a posting."""
    return {"account": account, "name": name, "debit": debit, "credit": credit}


def repayment(amount: str = "408.03", **given: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "KES"} | given


def disbursed(api: Api, **terms: Any) -> str:
    """Take a loan of 1,200.00 KES in three installments to its payout on 15 January 2026; give its path."""
    borrower_id = api.post("/api/v1/borrowers", borrower()).get_json()["id"]
    product_id = api.post("/api/v1/products", product(**terms)).get_json()["id"]
    given = application(borrower_id, product_id, date="2026-01-15")
    path = api.post("/api/v1/loans", given).headers["Location"]
    for step in ("approve", "disburse"):
        assert api.post(f"{path}/{step}", {"date": "2026-01-15"}).status_code == 200
    return path


def done(response: TestResponse) -> dict[str, Any]:
    """Give what a command answered that recorded something."""
    assert response.status_code == 201, response.text
    answered: dict[str, Any] = response.get_json()
    return answered


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def assert_refused(
    response: TestResponse, status: int, code: str, *, pointers: Iterable[str] = ()
) -> dict[str, Any]:
    """Check a problem document and give it."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    problem: dict[str, Any] = response.get_json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/errors/{code}")
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert {fault["pointer"] for fault in problem.get("errors", ())} == set(pointers), problem
    return problem
