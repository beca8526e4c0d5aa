"""The connections in use at /metrics: each counted while it is held, however it ends."""

import pytest

from loans.db import db
from tests.services.bank import opened


@pytest.fixture
def book(database_url):
    """An application with a pool of its own."""
    with opened(database_url) as app:
        yield app


def in_use(app):
    """Read how many connections requests hold."""
    lines = app.test_client().get("/metrics").text.splitlines()
    (line,) = [line for line in lines if line.startswith("branchloans_db_pool_in_use ")]
    return float(line.split()[1])


class TestPool:
    def test_counts_the_connections_in_use(self, book):
        before = in_use(book)
        with book.app_context(), db.engine.connect(), db.engine.connect():
            during = in_use(book)

        assert (during - before, in_use(book)) == (2, before)

    def test_is_right_again_after_connections_that_died(self, book):
        before = in_use(book)
        with book.app_context():
            with db.engine.connect() as connection:
                connection.invalidate()
            with db.engine.connect() as connection:
                connection.detach()

        assert in_use(book) == before
