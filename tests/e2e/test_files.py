"""A collection file over a real connection, sent in pieces, broken off half-way and sent again."""

import http.client
import json

import pytest
import sqlalchemy as sa

from loans import clock
from loans.db import db
from tests.e2e.conftest import PATIENCE_SECONDS
from tests.factories import make_disbursed_loan, make_product

pytestmark = pytest.mark.e2e

LOANS, TURNS = 20, 50
PATH = "/api/v1/repayments/bulk"
STILL_SECONDS = 3.0


@pytest.fixture
def loans(committed):
    """Loans of 1,200.00 KES over three installments."""

    def make(session):
        product = make_product(session)
        return [make_disbursed_loan(session, product=product, installments=3) for _ in range(LOANS)]

    return committed(make)


@pytest.fixture
def repaid(app, loans):
    """How many repayments the loans have."""

    def look():
        query = sa.text("SELECT count(*) FROM loan_events WHERE kind = 'repayment' AND loan_id = ANY(:ids)")
        with app.app_context(), db.engine.connect() as connection:
            return connection.execute(query, {"ids": [loan.id for loan in loans]}).scalar_one()

    return look


def send(server, key, pieces):
    """Begin a request whose body comes in pieces, without a length; give the connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    headers = {
        "Authorization": f"Bearer {key}",
        "Idempotency-Key": "the-collection-of-today",
        "Content-Type": "application/x-ndjson",
    }
    connection.request("POST", PATH, body=iter(pieces), headers=headers, encode_chunked=True)
    return connection


def until_still(look):
    """Look until nothing has changed for a while."""
    seen, since = look(), clock.monotonic()
    while clock.monotonic() - since < STILL_SECONDS:
        clock.sleep(0.1)
        found = look()
        if found != seen:
            seen, since = found, clock.monotonic()
    return seen


class TestFile:
    def test_whose_connection_breaks_is_sent_again_and_done_once(
        self, start_server, database_url, issue_key, loans, repaid
    ):
        server, key = start_server(DATABASE_URL=database_url), issue_key()
        rows = [
            {"loan_id": str(loan.id), "amount": "0.10", "currency": "KES"}
            for _ in range(TURNS)
            for loan in loans
        ]
        pieces = [json.dumps(row).encode() + b"\n" for row in rows]

        broken = send(server, key, pieces)
        begun = broken.getresponse()
        first = json.loads(begun.readline())
        begun.close()
        broken.close()
        half = until_still(repaid)
        again = send(server, key, pieces)
        *lines, last = again.getresponse().read().splitlines()
        again.close()

        assert (begun.status, first["row"], first["status"]) == (200, 1, 201)
        assert 1 <= half <= len(rows)
        assert json.loads(lines[0])["repayment"] == first["repayment"]
        assert [json.loads(line)["status"] for line in lines] == [201] * len(rows)
        assert json.loads(last)["summary"]["replayed"] == half
        assert repaid() == len(rows)
