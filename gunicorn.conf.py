"""How gunicorn runs the service. Options on the command line win over everything here.

Read by gunicorn itself: HOST and PORT (0.0.0.0 and 8000), WEB_CONCURRENCY (2 workers), WEB_THREADS (8 for each),
CLIENT_SILENCE_SECONDS (10).
"""

import atexit
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

sys.path.insert(0, str(Path(__file__).parent))

# Memory, so that workers never wait for a disk to count or to say that they live.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - only private folders are made in it
# Whose the folder of figures is: "own" or "given", and the process id of the master that set it up.
MARK = "BRANCH_LOANS_METRICS"


def set_up_metrics() -> None:
    """Give the workers a folder for their figures that holds nothing of an earlier run.

    A reload (HUP) keeps the folder. A new master beside the old one (USR2) gets a folder of its own, unless the
    operator named one: then the two share it, and their figures add up.
    """
    kind, _, master = os.environ.get(MARK, "").partition(":")
    if master == str(os.getpid()):
        return
    given = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if given and kind != "own":
        folder = Path(given)
        folder.mkdir(parents=True, exist_ok=True)
        if kind != "given":
            for leftover in folder.glob("*.db"):
                leftover.unlink()
        kind = "given"
    else:
        folder = Path(tempfile.mkdtemp(prefix="branch-loans-metrics-", dir=MEMORY))
        kind = "own"
        atexit.register(remove_metrics, folder, os.getpid())
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    os.environ[MARK] = f"{kind}:{os.getpid()}"


def remove_metrics(folder: Path, master: int) -> None:
    """Remove the folder that the master made; its workers, who end with the same duty, leave it alone."""
    if os.getpid() == master:
        shutil.rmtree(folder, ignore_errors=True)


set_up_metrics()

# prometheus_client decides on import whether it counts for one process or for many.
from gunicorn import util  # noqa: E402
from gunicorn.workers.gthread import TConn, ThreadWorker  # noqa: E402
from prometheus_client import multiprocess  # noqa: E402

from loans import embedded  # noqa: E402
from loans.config import ConfigurationError, Settings  # noqa: E402

# How long a client may be silent in the middle of a request. gunicorn has no such limit, and a thread that waits
# serves nobody else. It bounds a silence, not a request that trickles: that is the proxy's to buffer.
SILENCE_SECONDS_MAX = int(os.environ.get("CLIENT_SILENCE_SECONDS", "10"))


# What gunicorn itself refuses, by the code that docs/errors.md explains; the application never sees such requests.
REFUSALS = {
    400: ("bad_request", "Bad request"),
    403: ("bad_request", "Bad request"),
    414: ("uri_too_long", "Address too long"),
    417: ("expectation_failed", "Expectation failed"),
    431: ("headers_too_large", "Headers too large"),
    500: ("internal_error", "Internal error"),
    501: ("not_implemented", "Not implemented"),
}
# What is said repeats what was sent, which may be long.
DETAIL_LENGTH_MAX = 200


def write_problem(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:
    """Answer as the application answers errors, in place of gunicorn's page of HTML."""
    code, title = REFUSALS[status_int]
    problem = {
        "type": f"/errors/{code}",
        "title": title,
        "status": status_int,
        "detail": mesg[:DETAIL_LENGTH_MAX] or title,
        "instance": "",
        "code": code,
        "request_id": None,
    }
    body = json.dumps(problem) + "\n"
    head = (
        f"HTTP/1.1 {status_int} {reason}",
        "Connection: close",
        "Content-Type: application/problem+json",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"Content-Length: {len(body)}",
    )
    util.write_nonblock(sock, ("\r\n".join(head) + "\r\n\r\n" + body).encode("ascii"))


util.write_error = write_problem


class PatientWorker(ThreadWorker):  # type: ignore[misc] # gunicorn is untyped
    """A worker with threads that waits for a client only so long.

    The limit is set on each connection: one inherited from the listening socket would miss those who come in
    between listening and setting it.
    """

    def handle(self, conn: TConn) -> object:
        """Limit the silence of a client before its request is read."""
        limit = struct.pack("ll", SILENCE_SECONDS_MAX, 0)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        return super().handle(conn)


bind = f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"  # noqa: S104 - a proxy stands before it
# Threads, since a request mostly waits for the database, and a slow client must not hold a whole process.
worker_class = PatientWorker
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
backlog = 512
keepalive = 5
# As long as nginx lets one through (8 KiB), so that both refuse the same.
limit_request_line = 8190
# A heartbeat, not a limit for requests: PostgreSQL's time-outs are that.
timeout = 30
# Longer than any request may take, shorter than what an orchestrator waits before it kills.
graceful_timeout = 20
worker_tmp_dir = MEMORY
# A socket in the home folder fails on a read-only file system, and nobody here speaks to it.
control_socket_disable = True
# gunicorn would believe these headers from the same host, whatever TRUSTED_PROXIES says; the application reads them.
forwarded_allow_ips = ""
# The application writes one line for each request itself.
accesslog = None
logconfig_dict = {
    "root": {"level": "INFO", "handlers": ["stdout"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["stdout"], "propagate": False},
        # It names each of its plugins when it is imported.
        "alembic.runtime.plugins": {"level": "WARNING"},
    },
    "handlers": {"stdout": {"()": "loans.logger.stdout_handler"}},
    "formatters": {},
}


def on_starting(server: "Arbiter") -> None:
    """Start the embedded PostgreSQL in the master, where no database was given, so that it outlives any worker."""
    del server
    try:
        settings = Settings.from_env(os.environ)
        if settings.database_url is None:
            os.environ["DATABASE_URL"] = embedded.ensure_running(settings.data_dir / "postgres")
    except (ConfigurationError, embedded.EmbeddedPostgresError) as error:
        sys.exit(str(error))


def child_exit(server: "Arbiter", worker: "Worker") -> None:
    """Forget the gauges of a worker that ended; its counts stay in the sum."""
    del server
    multiprocess.mark_process_dead(worker.pid)
