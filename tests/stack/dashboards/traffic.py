"""Clients of the service while a test looks at its figures: loans through their life, and all that is refused."""

import itertools
import json
import threading
import uuid
from typing import Any

import psycopg2
import sqlalchemy as sa

from tests.stack.nginx.edge import Answer, Edge

PAUSE_SECONDS = 0.3
ATTEMPTS_MAX = 5
PRODUCT = {
    "name": "Market loan",
    "currency": "KES",
    "principal_min": "1000.00",
    "principal_max": "100000.00",
    "installments_min": 1,
    "installments_max": 24,
    "annual_rate": "12.00",
    "method": "equal_installments",
    "frequency": {"every": 1, "unit": "month"},
    "day_count": "EQUAL_PERIODS",
}
OVERPAID = "9999.00"


class Client:
    """Speaks to the service through nginx, with a key."""

    def __init__(self, edge: Edge, *, key: str) -> None:
        self.edge = edge
        self.key = key
        self.product = self.post("/products", {"code": f"market-{uuid.uuid4().hex[:8]}", **PRODUCT}, 201)[
            "id"
        ]
        self.borrower = self.post("/borrowers", {"first_name": "Amina", "last_name": "Odhiambo"}, 201)["id"]

    def ask(self, method: str, path: str, *, body: object = None, **headers: str) -> Answer:
        """Make a request, whatever comes back."""
        given = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        text = None if body is None else json.dumps(body)
        return self.edge.call(method, path, headers=given, body=text)

    def call(self, method: str, path: str, expected: int, **kwargs: Any) -> Any:
        """Make a request that has to be answered so."""
        answer = self.ask(method, path, **kwargs)
        assert answer.status == expected, (method, path, answer.status, answer.content)
        return answer.body

    def get(self, path: str, expected: int = 200, **headers: str) -> Any:
        return self.call("GET", f"/api/v1{path}", expected, **headers)

    def post(self, path: str, body: object, expected: int, *, again: str | None = None) -> Any:
        return self.call(
            "POST", f"/api/v1{path}", expected, body=body, Idempotency_Key=again or str(uuid.uuid4())
        )

    def apply(self) -> str:
        """Apply for a loan of 1,200.00 and give its path."""
        terms = {"principal": "1200.00", "currency": "KES", "installments": 12}
        loan = self.post("/loans", {"borrower_id": self.borrower, "product_id": self.product, **terms}, 201)
        return f"/loans/{loan['id']}"

    def disburse(self) -> str:
        loan = self.apply()
        self.post(f"{loan}/approve", {}, 200)
        self.post(f"{loan}/disburse", {}, 200)
        return loan


def one_round(client: Client) -> None:
    """Lend, collect, reverse, refuse, read, and be asked for what there is not."""
    loan = client.disburse()
    payment, key = {"amount": "106.62", "currency": "KES"}, str(uuid.uuid4())
    repayment = client.post(f"{loan}/repayments", payment, 201, again=key)
    client.post(f"{loan}/repayments", payment, 201, again=key)
    client.post(f"{loan}/repayments", {"amount": OVERPAID, "currency": "KES"}, 422)
    client.post(f"{loan}/repayments/{repayment['id']}/reverse", {"note": "Bounced"}, 200)
    client.post(f"{client.apply()}/reject", {"note": "Income too low"}, 200)
    client.post(f"{client.apply()}/cancel", {}, 200)
    for path in (
        loan,
        f"{loan}/schedule",
        f"{loan}/events",
        "/loans?status=disbursed",
        "/ledger/trial-balance",
    ):
        client.get(path)
    client.get(f"/loans/{uuid.uuid4()}", 404)
    client.call("GET", f"/no/such/{uuid.uuid4().hex}", 404)
    client.get("/loans", 401, Authorization="Bearer nobody")


def deadlock(client: Client, *, database_url: str) -> None:
    """Have one repayment meet a deadlock: it is rolled back, tried again and recorded."""
    url = sa.make_url(database_url)
    connection = psycopg2.connect(dbname=url.database, user=url.username, password=url.password, **url.query)
    try:
        # On a busy machine we may come too late, and the repayment gives up waiting for the row.
        assert any(_repaid_after_deadlock(client, connection) for _ in range(ATTEMPTS_MAX))
    finally:
        connection.close()


def _repaid_after_deadlock(client: Client, connection: Any) -> bool:
    """Try it once, and tell whether the repayment was recorded, which then was its second attempt.

    We hold the loan's row; when the repayment waits for it we ask for a table that the repayment has read. Its
    deadlock_timeout is PostgreSQL's second, ours is longer, so that the victim is the repayment and not we.
    """
    loan = client.disburse()
    statuses: list[int] = []

    def pay() -> None:
        body, key = {"amount": "106.62", "currency": "KES"}, str(uuid.uuid4())
        statuses.append(
            client.ask("POST", f"/api/v1{loan}/repayments", body=body, Idempotency_Key=key).status
        )

    paying = threading.Thread(target=pay)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL deadlock_timeout = '30s'")
        cursor.execute(
            "SELECT pg_backend_pid() FROM loans WHERE id = %s FOR UPDATE", (loan.rpartition("/")[2],)
        )
        (ours,) = cursor.fetchone()
        paying.start()
        # pg_locks shows this moment; pg_stat_activity would show the same one for the whole transaction.
        blocked = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))"
        while paying.is_alive():
            cursor.execute(blocked, (ours,))
            if cursor.fetchone() == (True,):
                break
        cursor.execute("LOCK TABLE idempotency_keys IN ACCESS EXCLUSIVE MODE")
    connection.rollback()
    paying.join()
    return statuses == [201]


class Traffic:
    """Rounds of requests on a thread of its own until it is stopped."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.failure: Exception | None = None
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            for _ in itertools.takewhile(lambda _: not self._enough.wait(PAUSE_SECONDS), itertools.count()):
                one_round(self.client)
        except Exception as failure:  # noqa: BLE001 - shown to the test by stop()
            self.failure = failure

    def stop(self) -> None:
        """End it, and fail with what failed."""
        self._enough.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure
