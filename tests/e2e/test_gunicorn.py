"""The service as it is deployed: two workers behind one address."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from loans import embedded
from tests.blocking import wait_for_blocked
from tests.e2e.conftest import PATIENCE_SECONDS, ROOT, environment

pytestmark = pytest.mark.e2e

BORROWER = {"first_name": "Amina", "last_name": "Odhiambo"}
REQUESTS_UNTIL_BOTH_WORKERS_SERVED_MAX = 500


@contextlib.contextmanager
def database(url: str):
    """Open a connection of our own to the service's database."""
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        yield connection


def answered(server, status: int) -> float:
    """Read how many GET requests the workers counted with a status."""
    series = f'flask_http_request_total{{method="GET",status="{status}"}} '
    (line,) = [line for line in server.get("/metrics").text.splitlines() if line.startswith(series)]
    return float(line.removeprefix(series))


class TestMetrics:
    def test_counts_every_request_of_both_workers_at_each_scrape(self, start_server, database_url, tmp_path):
        server = start_server(DATABASE_URL=database_url, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
        sent = 0
        with ThreadPoolExecutor(4) as clients:
            while sent < 100 or len(list(tmp_path.glob("counter_*.db"))) < 2:
                list(clients.map(lambda _: server.get("/openapi.json"), range(20)))
                sent += 20
                assert sent <= REQUESTS_UNTIL_BOTH_WORKERS_SERVED_MAX

        scrapes = [answered(server, 200) for _ in range(10)]

        assert scrapes == [sent] * 10
        assert "pid=" not in server.get("/metrics").text

    def test_keeps_what_a_killed_worker_counted(self, start_server, database_url):
        server = start_server(DATABASE_URL=database_url)
        for _ in range(10):
            server.get("/no-such-page")
        worker = int(server.wait_for_line(r"Booting worker with pid: (\d+)")[1])

        os.kill(worker, signal.SIGKILL)
        server.wait_for_line(r"Booting worker with pid: (\d+)", count=3)

        assert answered(server, 404) == 10

    def test_starts_from_nothing_in_a_folder_of_an_earlier_run(self, start_server, database_url, tmp_path):
        settings = {"DATABASE_URL": database_url, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        earlier_server = start_server(**settings)
        earlier_server.get("/no-such-page")
        earlier_server.stop()

        server = start_server(**settings)
        server.get("/no-such-page")

        assert answered(server, 404) == 1


class TestLog:
    def test_is_json_from_the_first_line_to_the_last(self, start_server, database_url):
        server = start_server(DATABASE_URL=database_url)
        for path in ("/health", "/health-db", "/no-such-page", "/api/v1/loans"):
            server.get(path, headers={"X-Request-ID": "t-1"})

        server.stop()
        server.wait_for_line("Shutting down: Master")

        lines = [json.loads(line) for line in server.lines]
        assert all(line.keys() >= {"timestamp", "level", "request_id", "message"} for line in lines)
        assert {line["message"] for line in lines if line["request_id"] == "t-1"} >= {
            "Health check",
            "DB health check success",
        }

    def test_shares_its_request_id_with_the_client(self, start_server, database_url):
        server = start_server(DATABASE_URL=database_url)
        paths = ("/health", "/health-db", "/metrics", "/no-such-page", "/api/v1/loans")

        given = [server.get(path, headers={"X-Request-ID": "t-1"}).headers["X-Request-ID"] for path in paths]
        made = server.get("/health", headers={"X-Request-ID": "not well formed"}).headers["X-Request-ID"]

        assert given == ["t-1"] * 5
        assert uuid.UUID(made).version == 4


class TestTerm:
    def test_answers_what_is_in_flight_before_it_ends(self, start_server, database_url, issue_key):
        server = start_server(
            DATABASE_URL=database_url, DB_LOCK_TIMEOUT_MS="15000", DB_STATEMENT_TIMEOUT_MS="15000"
        )
        headers = {"Authorization": f"Bearer {issue_key()}", "Idempotency-Key": str(uuid.uuid4())}

        with ThreadPoolExecutor(1) as client, database(database_url) as holder:
            holder.execute(sa.text("LOCK TABLE borrowers IN ACCESS EXCLUSIVE MODE"))
            pending = client.submit(server.call, "POST", "/api/v1/borrowers", headers=headers, body=BORROWER)
            wait_for_blocked(holder)
            server.process.send_signal(signal.SIGTERM)
            server.wait_for_line("Handling signal: term")
            holder.commit()
            answer = pending.result()

        assert answer.status == 201
        assert answer.body["first_name"] == "Amina"
        assert server.process.wait(timeout=PATIENCE_SECONDS) == 0


class TestSilence:
    def test_of_a_client_does_not_keep_a_thread(self, start_server, database_url):
        server = start_server(DATABASE_URL=database_url, CLIENT_SILENCE_SECONDS="1", WEB_THREADS="2")
        server.get("/health")
        address = ("127.0.0.1", server.port)

        with contextlib.ExitStack() as connections:
            silent = [
                connections.enter_context(socket.create_connection(address, PATIENCE_SECONDS))
                for _ in range(5)
            ]
            for each in silent:
                each.sendall(b"GET /health HTTP/1.1\r\nX: ")
            answer = server.get("/health")
            leftovers = [each.recv(1024) for each in silent]

        assert answer.status == 200
        assert leftovers == [b""] * 5

    def test_in_the_middle_of_a_body_is_answered(self, start_server, database_url, issue_key):
        server = start_server(DATABASE_URL=database_url, CLIENT_SILENCE_SECONDS="1")
        head = (
            "POST /api/v1/borrowers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {issue_key()}\r\nIdempotency-Key: 1\r\nContent-Length: 100\r\n\r\n{{"
        )

        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as connection:
            connection.sendall(head.encode())
            answer = connection.recv(4096)

        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"Content-Type: application/problem+json" in answer


class TestHealth:
    def test_stays_up_without_the_database_and_finds_it_again(self, start_server, private_data_dir):
        folder = private_data_dir / "postgres"
        server = start_server(DATABASE_URL=embedded.ensure_running(folder, durable=False))
        before = server.get("/health-db")

        embedded.release(folder)
        # A client that gives up after two seconds: longer than that is as bad as no answer.
        alone = server.get("/health", timeout_seconds=2)
        without = server.get("/health-db", timeout_seconds=2)
        embedded.ensure_running(folder, durable=False)
        after = server.get("/health-db")

        assert (before.status, after.status) == (200, 200)
        assert before.body["status"].startswith("Connection Successfully Established with the Database in 0.")
        assert (alone.status, alone.body) == (200, {"status": "healthy"})
        assert (without.status, without.body) == (500, {"status": "Database connection error"})

    def test_does_not_wait_for_a_database_that_hangs(self, start_server, private_data_dir):
        folder = private_data_dir / "postgres"
        server = start_server(DATABASE_URL=embedded.ensure_running(folder, durable=False))
        server.get("/health-db")
        postgres = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])

        os.kill(postgres, signal.SIGSTOP)
        try:
            hanging = server.get("/health-db", timeout_seconds=2)
        finally:
            os.kill(postgres, signal.SIGCONT)

        assert (hanging.status, hanging.body) == (500, {"status": "Database connection error"})
        assert server.get("/health-db").status == 200


class TestStart:
    def test_brings_its_own_database_where_none_is_named(self, start_server, private_data_dir):
        server = start_server(DATA_DIR=str(private_data_dir), ENVIRONMENT="development")
        postmaster = private_data_dir / "postgres" / "data" / "postmaster.pid"

        answer = server.get("/health-db")
        running = postmaster.exists()
        server.stop()

        assert answer.status == 200
        assert running
        assert not postmaster.exists()

    def test_refuses_in_one_sentence_to_be_deployed_without_a_database(self):
        settings = {"ENVIRONMENT": "production", "SECRET_KEY": "x" * 40, "JWT_KEYS": "k:" + "x" * 40}

        ended = subprocess.run(
            [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "wsgi:app"],
            cwd=ROOT,
            env=environment(**settings),
            capture_output=True,
            text=True,
            check=False,
        )

        assert ended.returncode == 1
        assert ended.stderr.strip() == "cannot start: DATABASE_URL must be set"
