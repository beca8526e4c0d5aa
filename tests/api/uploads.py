"""Files of rows, and how to send them."""

import json
import uuid

REPAYMENTS, LOANS = "/api/v1/repayments/bulk", "/api/v1/loans/bulk"
NDJSON, CSV = "application/x-ndjson", "text/csv"


def ndjson(*rows):
    """Rows as NDJSON."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def repayment(loan, amount="10.00", **given):
    """A row of a collection file."""
    return {"loan_id": str(loan.id), "amount": amount, "currency": "KES"} | given


def send(api, raw, *, path=REPAYMENTS, key=None, content_type=NDJSON, **given):
    """Send a file once, from a client of its own, and read the whole answer; with a fresh key unless one is given."""
    headers = {"Authorization": f"Bearer {api.key}", "Idempotency-Key": key or str(uuid.uuid4())}
    client = api.client.application.test_client()
    sent = {"data": raw, "content_type": content_type, "headers": headers, "buffered": True}
    return client.post(path + given.pop("query", ""), **sent | given)


def lines(response):
    """The rows of an answer, and its summary."""
    assert response.status_code == 200, response.text
    assert response.content_type == NDJSON
    *rows, last = [json.loads(line) for line in response.text.splitlines()]
    assert list(last) == ["summary"]
    return rows, last["summary"]


def statuses(response):
    """The status of each row."""
    return [row["status"] for row in lines(response)[0]]
