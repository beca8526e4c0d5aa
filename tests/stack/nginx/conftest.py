"""Fixtures: nginx in front of the real application, and nginx in front of recorders."""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SECRET_KEY
from tests.stack.nginx import edge as nginx
from tests.stack.nginx.backends import NameServer, Recorder, free_ports
from tests.stack.nginx.edge import Edge
from tests.stack.nginx.process import Program, until

LISTENING = r"Listening at: http://127\.0\.0\.1:(\d+)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without nginx there is nothing to see here; make check-stack, which installs it, takes that for a failure."""
    if nginx.NGINX is None and "PROGRAMS_REQUIRED" in os.environ:
        raise pytest.UsageError(
            "there is no nginx, and PROGRAMS_REQUIRED says that nothing may be skipped for that"
        )
    reason = (
        "there is no nginx on this machine (Debian: apt install nginx-light); make check-stack installs it"
    )
    for item in items:
        if nginx.NGINX is None and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass
class Stack:
    """nginx with everything behind it in the test's hands; `api` may be stopped and come back elsewhere."""

    edge: Edge
    api: Recorder
    prometheus: Recorder
    grafana: Recorder
    names: NameServer


@pytest.fixture(scope="session")
def application(database_url: str) -> Iterator[int]:
    """The real application under gunicorn, told that there is one proxy before it; gives its port."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"HOST", "PORT", "PROMETHEUS_MULTIPROC_DIR", "FLASK_ENV", "WEB_CONCURRENCY"}
    }
    settings = {
        "ENVIRONMENT": "test",
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": database_url,
        "TRUSTED_PROXIES": "1",
        "RATE_LIMIT_DEFAULT": "0",
    }
    program = Program(
        [sys.executable, "-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:0", "wsgi:app"],
        cwd=nginx.ROOT,
        env=kept | settings,
    )
    line = program.out.wait_for(LISTENING)
    yield int(re.search(LISTENING, line)[1])
    program.stop()


@pytest.fixture(scope="session")
def make_edge() -> Iterator[Callable[..., Edge]]:
    """Start nginx: `make_edge(ports, pool=True)`."""
    started = []
    with tempfile.TemporaryDirectory(prefix="branch-loans-nginx-") as folder:

        def make(ports: nginx.Ports, **options: Any) -> Edge:
            started.append(Edge(Path(folder) / str(len(started)), ports, **options))
            return started[-1]

        yield make
        for each in started:
            each.stop()


@pytest.fixture(scope="session")
def edge(make_edge: Callable[..., Edge], application: int) -> Iterator[Edge]:
    """nginx before the real application; neither Prometheus nor Grafana runs."""
    names = NameServer(api="127.0.0.1", prometheus="127.0.0.1", grafana="127.0.0.1")
    prometheus, grafana = free_ports(2)
    yield make_edge(
        nginx.choose_ports(names=names.port, api=application, prometheus=prometheus, grafana=grafana)
    )
    names.stop()


@pytest.fixture
def make_stack(make_edge: Callable[..., Edge]) -> Iterator[Callable[..., Stack]]:
    """Start nginx before recorders, for a test that stops or counts something: `make_stack(pool=True)`."""
    stacks = []

    def make(**options: Any) -> Stack:
        stacks.append(start_stack(make_edge, **options))
        return stacks[-1]

    yield make
    for stack in stacks:
        stop_stack(stack)


@pytest.fixture(scope="session")
def shared_stack(make_edge: Callable[..., Edge]) -> Iterator[Stack]:
    """nginx before recorders, for tests that leave everything as it is."""
    stack = start_stack(make_edge)
    yield stack
    stop_stack(stack)


def start_stack(
    make_edge: Callable[..., Edge], *, padding: str = "", unknown: bool = False, **options: Any
) -> Stack:
    """Start it; with `unknown` the name server knows nobody."""
    api, prometheus, grafana = (Recorder(padding=padding) for _ in range(3))
    known = dict.fromkeys(() if unknown else ("api", "prometheus", "grafana"), "127.0.0.1")
    names = NameServer(**known)
    ports = nginx.choose_ports(
        names=names.port, api=api.port, prometheus=prometheus.port, grafana=grafana.port
    )
    edge = make_edge(ports, **options)
    if options.get("pool"):
        # The pool learns its addresses just after the start; until then it is empty.
        until(lambda: edge.get("/health").status == 200)
        api.requests.clear()
    return Stack(edge, api, prometheus, grafana, names)


def stop_stack(stack: Stack) -> None:
    stack.edge.stop()
    for each in (stack.api, stack.prometheus, stack.grafana, stack.names):
        each.stop()
