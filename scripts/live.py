"""Run a command against the real service: gunicorn, a migrated database, the demo portfolio, all gone afterwards.

scripts/live.py COMMAND ...    the command finds API (the address) and KEY (with all scopes) in its environment
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# It ends a hang and says nothing about speed.
READY_SECONDS_MAX = 180
POLL_SECONDS = 0.2
READY = "Branch Loans is running."
# A machine that tries thousands of requests is no client with a budget.
WITHOUT_LIMITS = {"RATE_LIMIT_DEFAULT": "0", "RATE_LIMIT_LOGIN": "0", "RATE_LIMIT_LOGIN_ACCOUNT": "0"}
# What would lead the service away from a database and an address of its own.
STEERING = {"DATABASE_URL", "DATABASE_URL_FILE", "PROMETHEUS_MULTIPROC_DIR", "FLASK_ENV", "ENVIRONMENT"}


class DidNotStartError(Exception):
    """The service ended or did not answer in time; the message is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service: its address, a key with all scopes, and the log of its server."""

    url: str
    key: str
    log: Path


@contextlib.contextmanager
def service() -> Iterator[Service]:
    """Run what `make run` runs, on a port and data of its own, and remove the data at the end.

    :raises DidNotStartError: if it does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="branch-loans-live-"))
    # PostgreSQL may run as another account, which has to pass through here.
    folder.chmod(0o755)
    try:
        port, said = _free_port(), folder / "said"
        kept = {name: value for name, value in os.environ.items() if name not in STEERING}
        with said.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "scripts" / "dev.py"), "run"],
                env=kept | WITHOUT_LIMITS | {"DATA_DIR": str(folder), "PORT": str(port), "HOST": "127.0.0.1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            _wait(process, said)
            key = (folder / "demo-key").read_text(encoding="ascii").strip()
            yield Service(url=f"http://127.0.0.1:{port}", key=key, log=folder / "server.log")
        finally:
            process.terminate()
            # It gives requests in flight 30 seconds, then ends the server itself.
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[bytes]", said: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while READY not in said.read_text(encoding="utf-8"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise DidNotStartError(said.read_text(encoding="utf-8"))
        time.sleep(POLL_SECONDS)


def main() -> int:
    """Run the command of the arguments; give its exit status."""
    if len(sys.argv) == 1:
        sys.exit(__doc__)
    # Ended from outside like by Ctrl-C: the service and its folder go too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with service() as running:
        surroundings = os.environ | {"API": running.url, "KEY": running.key}
        return subprocess.run(sys.argv[1:], env=surroundings, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
