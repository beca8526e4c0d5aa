"""Limits under gunicorn: two workers, one count."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from loans import clock
from loans.app import create_app
from loans.db import db, transaction
from loans.services import api_keys
from loans.services.api_keys import Secret
from tests.conftest import SECRET_KEY, make_settings

pytestmark = pytest.mark.e2e

LIMIT, CLIENTS, TIMES = 90, 6, 30


@pytest.fixture
def key(database_url):
    app = create_app(make_settings(database_url))
    secret = Secret(environment="test", pepper=SECRET_KEY)
    with app.app_context():
        issued = transaction(
            lambda session: api_keys.issue(
                session, name="many", scopes=["borrowers:read"], secret=secret, now=clock.now()
            )
        )
        db.engine.dispose()
    return issued


class TestWorkers:
    def test_together_let_in_as_many_as_the_limit_says(self, start_server, database_url, key):
        server = start_server(DATABASE_URL=database_url, RATE_LIMIT_DEFAULT=str(LIMIT))
        server.wait_for_line("Booting worker with pid", count=2)

        def ask(_):
            headers = {"Authorization": f"Bearer {key}"}
            return [server.get("/api/v1/borrowers?limit=1", headers=headers).status for _ in range(TIMES)]

        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = [status for each in clients.map(ask, range(CLIENTS)) for status in each]

        assert set(answers) == {200, 429}
        # What one worker has on lease is at most four tokens, which the other cannot give away.
        assert LIMIT - 4 <= answers.count(200) <= LIMIT
