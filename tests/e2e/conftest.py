"""Fixtures: gunicorn in processes of its own, spoken to as a client would."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loans import embedded
from tests.conftest import SECRET_KEY

ROOT = Path(__file__).parent.parent.parent
LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
# Ends a hang, says nothing about speed: gunicorn listens before its workers have started, which on a busy machine
# takes them a quarter of a minute.
PATIENCE_SECONDS = 90


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> object:
        return json.loads(self.text)


@dataclass
class Server:
    """A running gunicorn; its lines are read as they come."""

    process: "subprocess.Popen[str]"
    port: int = 0
    lines: list[str] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def call(
        self, method: str, path: str, *, headers=None, body=None, timeout_seconds: float = PATIENCE_SECONDS
    ) -> Answer:
        """Make one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_seconds)
        try:
            sent = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, body=body and json.dumps(body), headers=sent | (headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def get(self, path: str, **kwargs) -> Answer:
        return self.call("GET", path, **kwargs)

    def wait_for_line(self, pattern: str, *, count: int = 1) -> "re.Match[str]":
        """Wait until so many lines match, and give the last of those."""
        with self._news:

            def found() -> list["re.Match[str]"]:
                return [match for line in self.lines if (match := re.search(pattern, line))]

            assert self._news.wait_for(lambda: len(found()) >= count, timeout=PATIENCE_SECONDS), "\n".join(
                self.lines
            )
            return found()[count - 1]

    def read_lines(self) -> None:
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()

    def stop(self) -> int:
        """Ask it to end, and give its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE_SECONDS)


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """Start gunicorn with two workers and with settings: `start_server(DATABASE_URL=...)`."""
    servers = []

    def start(**settings: str) -> Server:
        # Without -c: gunicorn finds gunicorn.conf.py by itself, and these options win over it.
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:0", "wsgi:app"],
            cwd=ROOT,
            env=environment(**settings),
            stdout=subprocess.PIPE,
            text=True,
        )
        server = Server(process)
        reader = threading.Thread(target=server.read_lines)
        reader.start()
        servers.append((server, reader))
        server.port = int(server.wait_for_line(LISTENING.pattern)[1])
        return server

    yield start
    for server, reader in servers:
        server.stop()
        reader.join()
        server.process.stdout.close()
        # What pytest shows where the test failed.
        sys.stdout.write("\n".join([*server.lines, ""]))


@pytest.fixture
def private_data_dir() -> Iterator[Path]:
    """A data folder for a server that a test may stop and kill."""
    with tempfile.TemporaryDirectory(prefix="branch loans ") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        embedded.release(Path(folder) / "postgres")


def environment(**settings: str) -> dict[str, str]:
    """Our environment without what would steer the service, and with these settings."""
    steering = {
        "DATABASE_URL",
        "DATA_DIR",
        "HOST",
        "PORT",
        "PROMETHEUS_MULTIPROC_DIR",
        "FLASK_ENV",
        "WEB_CONCURRENCY",
    }
    kept = {name: value for name, value in os.environ.items() if name not in steering}
    unlimited = {"RATE_LIMIT_DEFAULT": "0", "RATE_LIMIT_LOGIN": "0"}
    return kept | {"ENVIRONMENT": "test", "SECRET_KEY": SECRET_KEY} | unlimited | settings
