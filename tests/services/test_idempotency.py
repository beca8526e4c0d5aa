import dataclasses
import uuid
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans.db import db
from loans.models.idempotency import IdempotencyKey
from loans.services import api_keys, idempotency
from loans.services.api_keys import Secret
from loans.services.idempotency import Answer, Claim, IdempotencyKeyInUse, IdempotencyKeyReused
from tests.factories import make_context

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
ANSWER = Answer(status=201, location="/api/v1/loans/1", body='{"name":"Łódź"}\n'.encode())


@pytest.fixture
def client_id(session):
    return make_client(session)


@pytest.fixture
def other_session(session):
    """A second session of the same application: another request at the same time."""
    with Session(db.engine) as other:
        yield other
        other.rollback()


def make_client(session):
    secret = Secret(environment="test", pepper="a-pepper-of-thirty-two-characters")
    token = api_keys.issue(session, name="client", scopes=["loans:read"], secret=secret, now=NOW)
    return uuid.UUID(hex=token.split("_")[2])


def make_claim(client_id, *, key="pay-1", fingerprint=b"asked"):
    return Claim(client_id=client_id, key=key, fingerprint=fingerprint)


def claim_and_store(session, wanted):
    assert idempotency.claim(session, wanted=wanted) is None
    idempotency.store(session, claimed=wanted, answer=ANSWER, context=make_context())


class TestClaim:
    def test_lets_a_new_key_through(self, session, client_id):
        assert idempotency.claim(session, wanted=make_claim(client_id)) is None

    def test_gives_the_stored_answer_to_the_byte(self, session, client_id):
        claim_and_store(session, make_claim(client_id))

        assert idempotency.claim(session, wanted=make_claim(client_id)) == ANSWER

    def test_refuses_a_key_that_answered_another_request(self, session, client_id):
        claim_and_store(session, make_claim(client_id))

        with pytest.raises(IdempotencyKeyReused):
            idempotency.claim(session, wanted=make_claim(client_id, fingerprint=b"asked for more"))

    def test_keeps_the_keys_of_two_clients_apart(self, session, client_id):
        claim_and_store(session, make_claim(client_id))

        assert idempotency.claim(session, wanted=make_claim(make_client(session))) is None

    def test_lets_two_clients_run_with_one_key_at_once(self, session, other_session, client_id):
        idempotency.claim(other_session, wanted=make_claim(make_client(other_session)))

        assert idempotency.claim(session, wanted=make_claim(client_id)) is None

    @pytest.mark.parametrize("key", ["pay-2", "PAY-1", "pay-1 "])
    def test_takes_keys_to_the_letter(self, session, client_id, key):
        claim_and_store(session, make_claim(client_id))

        assert idempotency.claim(session, wanted=make_claim(client_id, key=key)) is None

    def test_refuses_a_key_while_another_request_holds_it(self, session, other_session, client_id):
        idempotency.claim(other_session, wanted=make_claim(client_id))

        with pytest.raises(IdempotencyKeyInUse):
            idempotency.claim(session, wanted=make_claim(client_id))

    def test_refuses_a_held_key_at_once_whatever_is_asked(self, session, other_session, client_id):
        idempotency.claim(other_session, wanted=make_claim(client_id))

        with pytest.raises(IdempotencyKeyInUse):
            idempotency.claim(session, wanted=make_claim(client_id, fingerprint=b"asked for more"))

    def test_is_given_up_when_the_transaction_fails(self, session, other_session, client_id):
        idempotency.claim(other_session, wanted=make_claim(client_id))
        other_session.rollback()

        assert idempotency.claim(session, wanted=make_claim(client_id)) is None


class TestStore:
    def test_keeps_nothing_of_a_transaction_that_fails(self, session, client_id):
        failing = session.begin_nested()
        claim_and_store(session, make_claim(client_id))

        failing.rollback()

        table = IdempotencyKey.__table__
        query = sa.select(sa.func.count()).where(table.c.client_id == client_id)
        assert session.execute(query).scalar_one() == 0


class TestLateLookUp:
    """The look-up of a key may miss an answer that is committed before the key's lock is taken."""

    def test_ends_with_the_answer_that_was_first(self, committed):
        wanted = make_claim(committed(make_client))
        first = dataclasses.replace(ANSWER, body=b"first\n")
        attempts = []

        def answer_meanwhile():
            with Session(db.engine) as other:
                idempotency.store(other, claimed=wanted, answer=first, context=make_context())
                other.commit()

        def work(session):
            attempts.append(1)
            stored = idempotency.claim(session, wanted=wanted)
            if stored is not None:
                return stored
            answer_meanwhile()
            idempotency.store(session, claimed=wanted, answer=ANSWER, context=make_context())
            return ANSWER

        assert committed(work) == first
        assert len(attempts) == 2
