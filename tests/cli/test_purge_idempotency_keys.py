"""flask purge-idempotency-keys: answers that are old are forgotten, their keys never."""

import uuid
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loans import cli, clock
from loans.db import db, transaction
from loans.services import api_keys, idempotency
from loans.services.api_keys import Secret
from loans.services.idempotency import Answer, Claim
from tests.factories import make_context

ANSWER = Answer(status=201, location="/api/v1/loans/1", body=b"{}\n")


@pytest.fixture
def stored(book):
    """Store answers of so many days ago; give them as (key, body or None), the oldest first."""

    def store(*days):
        def work(session):
            secret = Secret(environment="test", pepper="a-pepper-of-thirty-two-characters")
            token = api_keys.issue(session, name="x", scopes=["loans:read"], secret=secret, now=clock.now())
            client_id = uuid.UUID(hex=token.split("_")[2])
            for number, age in enumerate(days):
                claimed = Claim(client_id=client_id, key=f"key-{number}", fingerprint=b"asked")
                context = make_context(now=clock.now() - timedelta(days=age))
                idempotency.store(session, claimed=claimed, answer=ANSWER, context=context)

        with book.app_context():
            transaction(work)

    return store


@pytest.fixture
def rows(book):
    def look():
        with book.app_context(), db.engine.connect() as connection:
            return connection.execute(
                sa.text(
                    "SELECT key, body IS NULL, location IS NULL, status FROM idempotency_keys ORDER BY key"
                )
            ).all()

    return look


class TestPurge:
    def test_forgets_answers_beyond_the_days_that_are_set_and_keeps_the_keys(self, flask, stored, rows):
        stored(31, 30.1, 29.9, 0)

        result = flask("purge-idempotency-keys")

        assert (result.exit_code, result.stdout) == (
            0,
            "2 answers older than 30 days purged; their keys stay used.\n",
        )
        assert rows() == [
            ("key-0", True, True, 201),
            ("key-1", True, True, 201),
            ("key-2", False, False, 201),
            ("key-3", False, False, 201),
        ]

    def test_does_nothing_the_second_time(self, flask, stored, rows):
        stored(31)
        flask("purge-idempotency-keys")
        before = rows()

        result = flask("purge-idempotency-keys")

        assert result.stdout == "0 answers older than 30 days purged; their keys stay used.\n"
        assert rows() == before

    def test_goes_on_until_all_batches_are_done(self, flask, stored, rows, monkeypatch):
        monkeypatch.setattr(cli, "PURGED_AT_ONCE", 2)
        stored(*[40] * 5)

        result = flask("purge-idempotency-keys")

        assert result.stdout.startswith("5 answers")
        assert {gone for _, gone, _, _ in rows()} == {True}

    def test_passes_over_what_another_run_holds(self, book, flask, stored, rows):
        stored(40, 40)
        with book.app_context(), db.engine.connect() as other:
            other.execute(sa.text("SELECT 1 FROM idempotency_keys WHERE key = 'key-0' FOR UPDATE"))

            result = flask("purge-idempotency-keys")

        assert result.stdout.startswith("1 answers")
        assert [gone for _, gone, _, _ in rows()] == [False, True]
