"""Health: is the process up, is the database within reach."""

import json
import re
import socket

import pytest
import sqlalchemy as sa

from loans.app import create_app
from loans.config import Settings
from tests.conftest import administration, make_settings

DURATION = re.compile(r"[0-9]+\.[0-9]{4}s")
CONNECTED = re.compile(r"Connection Successfully Established with the Database in [0-9]+\.[0-9]{4} seconds")
DOWN = b'{"status":"Database connection error"}\n'
NOWHERE = "postgresql+psycopg2://nobody:hunter2@127.0.0.1:1/nowhere"


def lines_of(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def statements():
    """Everything that this process says to a database, as it says it."""
    said = []

    def note(connection, cursor, statement, *_):
        said.append(statement)

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", note)
    yield said
    sa.event.remove(sa.engine.Engine, "before_cursor_execute", note)


@pytest.fixture
def silent_url():
    """A database that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql+psycopg2://nobody@127.0.0.1:{server.getsockname()[1]}/nowhere"


class TestHealth:
    def test_answers_without_a_word_to_the_database(self, app, statements):
        response = app.test_client().get("/health")

        assert response.status_code == 200
        assert response.data == b'{"status":"healthy"}\n'
        assert response.content_type == "application/json"
        assert statements == []

    def test_answers_where_there_is_no_database(self):
        response = create_app(make_settings(NOWHERE)).test_client().get("/health")

        assert response.status_code == 200

    def test_logs_one_line(self, app, capsys):
        capsys.readouterr()

        app.test_client().get("/health", headers={"X-Request-ID": "probe-1"})

        (line,) = lines_of(capsys)
        assert (line["message"], line["level"], line["request_id"]) == ("Health check", "info", "probe-1")

    def test_answers_head_too(self, app):
        assert app.test_client().head("/health").status_code == 200


class TestHealthDb:
    def test_tells_how_long_the_database_took(self, app, statements):
        response = app.test_client().get("/health-db")

        assert response.status_code == 200
        assert list(response.get_json()) == ["status"]
        assert CONNECTED.fullmatch(response.get_json()["status"])
        assert statements.count("SELECT 1") == 1

    def test_logs_one_line_with_the_duration(self, app, capsys):
        capsys.readouterr()

        response = app.test_client().get("/health-db", headers={"X-Request-ID": "probe-2"})

        (line,) = lines_of(capsys)
        assert (line["message"], line["level"], line["request_id"]) == (
            "DB health check success",
            "info",
            "probe-2",
        )
        assert DURATION.fullmatch(line["duration"])
        assert line["duration"][:-1] in response.text

    def test_says_so_where_nothing_listens(self, capsys):
        client = create_app(make_settings(NOWHERE)).test_client()
        capsys.readouterr()

        response = client.get("/health-db")

        assert response.status_code == 500
        assert response.data == DOWN
        (line,) = lines_of(capsys)
        assert (line["message"], line["level"]) == ("DB health check failed", "error")
        assert "refused" in line["error"]
        assert re.fullmatch(r"\d+\.\d{4}s", line["duration"])
        assert "hunter2" not in json.dumps(line)

    def test_says_so_where_the_socket_does_not_exist(self, tmp_path):
        url = f"postgresql+psycopg2://nobody@/nowhere?host={tmp_path}"

        response = create_app(make_settings(url)).test_client().get("/health-db")

        assert (response.status_code, response.data) == (500, DOWN)

    def test_waits_no_longer_than_told_where_the_database_hangs(self, silent_url, capsys):
        app = create_app(make_settings(silent_url, health_db_timeout_seconds=0.1))

        response = app.test_client().get("/health-db")

        assert (response.status_code, response.data) == (500, DOWN)
        assert lines_of(capsys)[-1]["error"] == "no answer within 0.1 s"

    def test_waits_less_than_two_seconds_unless_told_otherwise(self):
        assert Settings().health_db_timeout_seconds == 1.5

    def test_recovers_by_itself(self, make_database, server_url):
        url = make_database()
        name = sa.make_url(url).database
        client = create_app(make_settings(url)).test_client()
        answers = []

        with administration(server_url) as connection:
            for reachable in ("true", "false", "true"):
                connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {reachable}'))
                answers.append(client.get("/health-db").status_code)

        assert answers == [200, 500, 200]


class TestHealthStatus:
    @pytest.mark.parametrize("word", ["healthy", "ok"])
    def test_is_the_word_that_was_chosen(self, word):
        client = create_app(make_settings(NOWHERE, health_status=word)).test_client()

        assert client.get("/health").data == f'{{"status":"{word}"}}\n'.encode()
