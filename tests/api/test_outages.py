"""A database that is busy, restarted or killed under a request: 503, nothing left behind, and the next one works."""

import pytest
import sqlalchemy as sa

from loans.api import errors
from loans.app import create_app
from loans.db import db, transaction
from loans.services import api_keys
from loans.services.api_keys import Secret
from tests.conftest import SECRET_KEY, Api, make_settings
from tests.factories import make_context


@pytest.fixture
def narrow_api(make_database, today):
    """The API on a database of its own, with a single connection in its pool."""
    app = create_app(make_settings(make_database(), db_pool_size=1))
    secret = Secret(environment="test", pepper=SECRET_KEY)
    with app.app_context():
        key = transaction(
            lambda session: api_keys.issue(
                session, name="test", scopes=api_keys.SCOPES, secret=secret, now=make_context().now
            )
        )
    return Api(client=app.test_client(), key=key)


class TestExhaustedPool:
    def test_answers_503_and_recovers(self, narrow_api):
        app = narrow_api.client.application
        with app.app_context():
            with db.engine.connect():
                while_taken = narrow_api.get("/api/v1/loans")
            after = narrow_api.get("/api/v1/loans")

        assert while_taken.status_code == 503
        assert while_taken.json["code"] == "unavailable"
        assert while_taken.headers["Retry-After"] == str(errors.RETRY_AFTER_SECONDS)
        assert after.status_code == 200

    def test_does_not_hide_a_healthy_database(self, narrow_api):
        app = narrow_api.client.application
        with app.app_context(), db.engine.connect():
            response = narrow_api.get("/health-db")

        assert response.status_code == 200


def terminate(url, pid):
    """Kill a backend, as an operator or a failover would."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


class TestLostConnection:
    def test_while_idle_is_not_noticed_by_the_next_request(self, narrow_api):
        app = narrow_api.client.application
        with app.app_context(), db.engine.connect() as connection:
            pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
            url = db.engine.url
        terminate(url, pid)

        response = narrow_api.get("/api/v1/loans")

        assert response.status_code == 200

    def test_in_the_middle_of_a_request_is_a_503_and_the_next_one_works(self, narrow_api):
        app = narrow_api.client.application
        killed = []

        def kill(connection, _cursor, statement, *_):
            if "FROM loans" in statement and not killed:
                killed.append(connection.connection.dbapi_connection.info.backend_pid)
                terminate(connection.engine.url, killed[0])

        with app.app_context():
            engine = db.engine
        sa.event.listen(engine, "before_cursor_execute", kill)

        responses = [narrow_api.get("/api/v1/loans"), narrow_api.get("/api/v1/loans")]

        assert len(killed) == 1
        assert [response.status_code for response in responses] == [503, 200]
        assert responses[0].json["code"] == "unavailable"

    def test_after_the_answer_is_made_does_not_spoil_it(self, narrow_api, caplog):
        app = narrow_api.client.application
        killed = []

        def kill(connection, _cursor, statement, *_):
            if "FROM borrowers" in statement and not killed:
                killed.append(connection.connection.dbapi_connection.info.backend_pid)
                terminate(connection.engine.url, killed[0])

        with app.app_context():
            sa.event.listen(db.engine, "after_cursor_execute", kill)

        responses = [narrow_api.get("/api/v1/borrowers"), narrow_api.get("/api/v1/borrowers")]

        assert len(killed) == 1
        assert [response.status_code for response in responses] == [200, 200]
        assert [record.message for record in caplog.records if record.message == "session lost"]

    def test_in_the_middle_of_a_command_leaves_nothing_behind(self, narrow_api):
        app = narrow_api.client.application
        # The first request of a key commits a note of its use, too.
        narrow_api.get("/api/v1/borrowers")
        killed = []

        def kill(connection):
            if not killed:
                killed.append(connection.connection.dbapi_connection.info.backend_pid)
                terminate(connection.engine.url, killed[0])

        with app.app_context():
            sa.event.listen(db.engine, "commit", kill)
        body, key = {"first_name": "Amina", "last_name": "Odhiambo"}, {"Idempotency-Key": "the-only-one"}

        lost = narrow_api.post("/api/v1/borrowers", body, headers=key)
        again = narrow_api.post("/api/v1/borrowers", body, headers=key)

        listed = narrow_api.get("/api/v1/borrowers").json["data"]
        assert (lost.status_code, again.status_code) == (503, 201)
        assert "Idempotent-Replayed" not in again.headers
        assert [borrower["id"] for borrower in listed] == [again.json["id"]]
