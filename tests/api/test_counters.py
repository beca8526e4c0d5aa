"""What the counters of the business count: each act once, when it is committed, and nothing that was refused."""

import uuid

import pytest

from tests import factories
from tests.api import samples

SERIES = {
    'loans_applied_total{currency="KES"}',
    'loans_disbursed_total{currency="KES"}',
    'repayments_total{currency="KES"}',
    'repayments_reversed_total{currency="KES"}',
    "idempotent_replays_total",
    'refusals_total{code="overpayment"}',
}


@pytest.fixture
def counted(api):
    """Tell by how much each of our series grew since the last time it was asked."""

    def figures():
        rows = [line.rsplit(" ", 1) for line in api.client.get("/metrics").text.splitlines()]
        return {row[0]: float(row[1]) for row in rows if row[0] in SERIES}

    before = figures()

    def grown():
        after = figures()
        grew = {name: after[name] - before.get(name, 0) for name in after}
        before.update(after)
        return {name.split("_total")[0]: by for name, by in grew.items() if by}

    return grown


class TestCounters:
    def test_count_each_step_of_a_loan(self, api, borrower, product, counted):
        path = api.post("/api/v1/loans", samples.application(borrower.id, product.id)).headers["Location"]
        applied = counted()
        api.post(f"{path}/approve")
        api.post(f"{path}/disburse")
        disbursed = counted()
        repayment = api.post(f"{path}/repayments", samples.repayment("100.00")).headers["Location"]
        repaid = counted()
        api.post(f"{repayment}/reverse")
        reversed_ = counted()

        assert applied == {"loans_applied": 1}
        assert disbursed == {"loans_disbursed": 1}
        assert repaid == {"repayments": 1}
        assert reversed_ == {"repayments_reversed": 1}

    def test_count_a_loan_that_is_paid_out_in_parts_once(self, api, borrower, committed, counted):
        product = committed(lambda session: factories.make_product(session, tranches_max=2))
        path = api.post("/api/v1/loans", samples.application(borrower.id, product.id)).headers["Location"]
        api.post(f"{path}/approve")
        counted()

        api.post(f"{path}/disburse", {"amount": "600.00"})
        first = counted()
        api.post(f"{path}/disburse")

        assert first == {"loans_disbursed": 1}
        assert counted() == {}

    def test_count_a_repetition_as_a_replay_and_not_again(self, api, disbursed_loan, counted):
        path, key = f"/api/v1/loans/{disbursed_loan.id}/repayments", {"Idempotency-Key": str(uuid.uuid4())}

        for _ in range(3):
            api.post(path, samples.repayment("100.00"), headers=key)

        assert counted() == {"repayments": 1, "idempotent_replays": 2}

    def test_count_a_refusal_by_its_code(self, api, disbursed_loan, counted):
        api.post(f"/api/v1/loans/{disbursed_loan.id}/repayments", samples.repayment("1224.09"))

        assert counted() == {"refusals": 1}
