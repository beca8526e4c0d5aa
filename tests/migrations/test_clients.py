"""The release before knew keys only: each becomes a client, and what names the key names the client."""

import uuid

import pytest

KEY, LATER_KEY = uuid.UUID(int=1), uuid.UUID(int=2)
INSERT = """
INSERT INTO api_keys (id, name, secret_hash, scopes, created_at)
VALUES ('{id}', 'till', '\\x00', ARRAY['loans:read'], '2026-06-15T12:00:00Z')
"""
ANSWER = """
INSERT INTO idempotency_keys (client_id, key, fingerprint, status, body, created_at)
VALUES ('{id}', 'k', '\\x00', 201, '\\x00', '2026-06-15T12:00:00Z')
"""
CLIENTS = (
    "SELECT c.id, c.name, c.scopes, c.allowed_addresses, c.disabled_at, k.id FROM api_clients c"
    " JOIN api_keys k ON k.client_id = c.id ORDER BY c.id"
)


def client(number):
    return (number, "till", ["loans:read"], None, None, number)


@pytest.fixture
def earlier(empty):
    """A database of the release before, with a key and an answer that it got."""
    empty.upgrade("0010")
    empty.rows(INSERT.format(id=KEY))
    empty.rows(ANSWER.format(id=KEY))
    return empty


class TestUpgrade:
    def test_makes_a_client_with_the_id_of_each_key(self, earlier):
        earlier.upgrade("0011")

        assert earlier.rows(CLIENTS) == [client(KEY)]
        assert earlier.rows("SELECT client_id FROM idempotency_keys") == [(KEY,)]

    def test_lets_the_release_before_go_on(self, earlier):
        earlier.upgrade("0011")

        earlier.rows(INSERT.format(id=LATER_KEY))
        earlier.rows(ANSWER.format(id=LATER_KEY))

        assert earlier.rows(CLIENTS) == [client(KEY), client(LATER_KEY)]
        assert earlier.rows("SELECT name, scopes FROM api_keys") == [("till", ["loans:read"])] * 2


class TestDowngrade:
    def test_keeps_keys_and_their_answers_and_no_others(self, earlier):
        earlier.upgrade("0011")
        earlier.rows(ANSWER.format(id=uuid.UUID(int=3)))

        earlier.downgrade("0010")

        assert earlier.rows("SELECT id, name, scopes FROM api_keys") == [(KEY, "till", ["loans:read"])]
        assert earlier.rows("SELECT client_id FROM idempotency_keys") == [(KEY,)]
