"""Fixtures: the real application under traffic, watched by a real Prometheus through real exporters."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from loans import clock
from loans.app import create_app
from loans.db import db, transaction
from loans.services import api_keys
from loans.services.api_keys import Secret
from tests.conftest import SECRET_KEY, make_settings
from tests.stack.dashboards import traffic
from tests.stack.dashboards.prometheus import Prometheus
from tests.stack.nginx import edge as nginx
from tests.stack.nginx.backends import NameServer, free_ports
from tests.stack.nginx.edge import Edge
from tests.stack.nginx.process import Program

HERE = Path(__file__).parent
LISTENING = r"Listening at: http://127\.0\.0\.1:(\d+)"
# The first exporter that gives by itself all that the panels read; older ones are given queries.yml.
EXPORTER_COMPLETE = (0, 13)
# A control group in the layout of cgroup v2, as a container with 512 MiB and one core has.
CONTROL_GROUP = {
    "cgroup.controllers": "cpu memory\n",
    "memory.current": "201326592\n",
    "memory.max": "536870912\n",
    "memory.stat": "anon 150000000\ninactive_file 20000000\n",
    "cpu.max": "100000 100000\n",
    "cpu.stat": "usage_usec 48000000\nnr_throttled 3\nthrottled_usec 120000\n",
}


def program(name: str) -> str:
    """Find an exporter: Debian puts the family's name before it."""
    found = shutil.which(name) or shutil.which(f"prometheus-{name.replace('_', '-')}")
    assert found, f"{name} is not installed: make check-stack installs it"
    return found


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A private folder; its path has no blanks, which Debian's exporter of PostgreSQL could not read."""
    with tempfile.TemporaryDirectory(prefix="branch-loans-dashboards-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def book(make_database: Callable[..., str]) -> str:
    """A database with the demo's loans, some of them late, and a verification that came to its end."""
    url = make_database()
    for command in ("seed-demo", "verify"):
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", command],
            cwd=nginx.ROOT,
            env=settings(url) | {"FLASK_SKIP_DOTENV": "1"},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return url


@pytest.fixture(scope="session")
def prometheus(folder: Path, book: str) -> Iterator[Prometheus]:
    """Prometheus, which scrapes the application under traffic and what is beside it, each second."""
    with ExitStack() as started:

        def start(command: list[str], **options: object) -> Program:
            running = Program(command, **options)
            started.callback(running.stop)
            return running

        api = start_application(start, folder, url=book)
        edge = start_edge(started, folder, api=api)
        ports = {
            "flask-api": api,
            "postgres": start_postgres_exporter(start, folder, url=book),
            "nginx": start_nginx_exporter(start, edge),
            "node": start_node_exporter(start, folder),
            # Debian has no Grafana, and no panel shows Alertmanager's own figures.
            "grafana": None,
            "alertmanager": None,
        }
        client = traffic.Client(edge, key=issue_key(book))
        (port,) = free_ports(1)
        watching = Prometheus(folder / "prometheus", port=port, ports=ports)
        started.callback(watching.stop)
        running = traffic.Traffic(client)
        started.callback(running.stop)
        traffic.deadlock(client, database_url=book)
        yield watching


def settings(url: str) -> dict[str, str]:
    """The environment of the application on a database."""
    steering = {"HOST", "PORT", "PROMETHEUS_MULTIPROC_DIR", "FLASK_ENV", "WEB_CONCURRENCY"}
    kept = {name: value for name, value in os.environ.items() if name not in steering}
    given = {"ENVIRONMENT": "test", "SECRET_KEY": SECRET_KEY, "DATABASE_URL": url, "TRUSTED_PROXIES": "1"}
    return kept | given | {"RATE_LIMIT_DEFAULT": "0"}


def issue_key(url: str) -> str:
    app = create_app(make_settings(url))
    secret = Secret(environment="test", pepper=SECRET_KEY)
    with app.app_context():
        key = transaction(
            lambda session: api_keys.issue(
                session, name="traffic", scopes=api_keys.SCOPES, secret=secret, now=clock.now()
            )
        )
        db.engine.dispose()
    return key


def start_application(start: Callable[..., Program], folder: Path, *, url: str) -> int:
    """Start gunicorn and give its port."""
    group = folder / "cgroup"
    group.mkdir()
    for name, text in CONTROL_GROUP.items():
        (group / name).write_text(text)
    gunicorn = start(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "-w",
            "2",
            "-b",
            "127.0.0.1:0",
            "tests.stack.dashboards.limited:app",
        ],
        cwd=nginx.ROOT,
        env=settings(url) | {"CONTROL_GROUP": str(group)},
    )
    return int(re.search(LISTENING, gunicorn.out.wait_for(LISTENING))[1])


def start_edge(started: ExitStack, folder: Path, *, api: int) -> Edge:
    """Start nginx before it, with the project's own configuration."""
    names = NameServer(api="127.0.0.1")
    started.callback(names.stop)
    unused, other = free_ports(2)
    edge = Edge(
        folder / "nginx", nginx.choose_ports(names=names.port, api=api, prometheus=unused, grafana=other)
    )
    started.callback(edge.stop)
    return edge


def start_postgres_exporter(start: Callable[..., Program], folder: Path, *, url: str) -> int:
    """Start it on the embedded PostgreSQL's socket; give its port."""
    (port,) = free_ports(1)
    database = sa.make_url(url)
    sockets = folder / "sockets"
    sockets.symlink_to(database.query["host"])
    said = subprocess.run(
        [program("postgres_exporter"), "--version"], capture_output=True, text=True, check=True
    )
    version = re.search(r"version (\d+)\.(\d+)", said.stdout + said.stderr)
    more = (
        [f"--extend.query-path={HERE / 'queries.yml'}"]
        if tuple(map(int, version.groups())) < EXPORTER_COMPLETE
        else []
    )
    exporter = start(
        [program("postgres_exporter"), f"--web.listen-address=127.0.0.1:{port}", *more],
        env=os.environ
        | {
            "DATA_SOURCE_NAME": f"user={database.username or 'postgres'} host={sockets} "
            f"port={database.query['port']} dbname={database.database} sslmode=disable"
        },
    )
    exporter.err.wait_for("Listening on")
    return port


def start_nginx_exporter(start: Callable[..., Program], edge: Edge) -> int:
    """Start it on nginx' own status page; give its port."""
    (port,) = free_ports(1)
    start(
        [
            program("nginx_exporter"),
            f"--nginx.scrape-uri=http://127.0.0.1:{edge.ports.status}/stub_status",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
    )
    return port


def start_node_exporter(start: Callable[..., Program], folder: Path) -> int:
    """Start it with what the backup service writes for it, as deploy/backup/run.sh does; give its port."""
    (port,) = free_ports(1)
    textfile = folder / "textfile"
    textfile.mkdir()
    now = int(time.time())  # noqa: TID251 - the exporter's figures are of this moment
    figures = {
        "backup_timestamp_seconds": now - 3600,
        "backup_size_bytes": 48_000_000,
        "backups_kept": 1,
        "restore_drill_timestamp_seconds": now - 86400,
        "wal_archive_timestamp_seconds": now - 60,
        "certificate_expiry_timestamp_seconds": now + 90 * 86400,
    }
    lines = [
        f"# TYPE branchloans_{name} gauge\nbranchloans_{name} {value}\n" for name, value in figures.items()
    ]
    (textfile / "backup.prom").write_text("".join(lines))
    exporter = start(
        [
            program("node_exporter"),
            f"--web.listen-address=127.0.0.1:{port}",
            f"--collector.textfile.directory={textfile}",
        ]
    )
    exporter.err.wait_for("(?i)listening on")
    return port
