"""Run Branch Loans on this machine, or open its database: what `make run` and `make psql` do.

scripts/dev.py run     migrate, seed the demo, serve on HOST:PORT (127.0.0.1:8000) until Ctrl-C
scripts/dev.py psql    a prompt on the database
"""

import contextlib
import errno
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from loans import embedded  # noqa: E402 - run by path, so the project's folder has to be made known first
from loans.config import ConfigurationError, Settings  # noqa: E402

DISK_BYTES_MIN = 300_000_000
LOG_BYTES_MAX = 10_000_000
READY_SECONDS_MAX = 60
# gunicorn gives requests 20 seconds to end; past that it does not wait itself.
DRAIN_SECONDS_MAX = 30
POLL_SECONDS = 0.1
PORT_MAX = 65_535
LOG_LINES_SHOWN = 15

BANNER = """
Branch Loans is running.

  API    {url}/api/v1
  Docs   {url}/docs
  Key    {key}   (kept in {key_file})
  Staff  {staff}   (an admin; kept in {staff_file})
  Log    {log}

Try it in another terminal:

  curl -H 'Authorization: Bearer {key}' '{url}/api/v1/loans?limit=3'

  curl -H 'Authorization: Bearer {key}' -H 'Idempotency-Key: {unique}' \\
       -H 'Content-Type: application/json' -d '{borrower}' {url}/api/v1/borrowers

  curl -H 'Authorization: Bearer {key}' {url}/api/v1/ledger/trial-balance

  curl -H 'Content-Type: application/json' -d '{login}' {url}/api/v1/sessions

Ctrl-C stops it; the data stays in {data_dir} for the next start.
"""
BORROWER = '{"first_name": "Amina", "last_name": "Odhiambo", "phone": "+254712345678"}'


class CannotRunError(Exception):
    """Something outside of this program stands in the way; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where this server listens and keeps its things."""

    host: str
    port: int
    data_dir: Path

    @property
    def url(self) -> str:
        """What to type into a browser on this machine."""
        return f"http://{'127.0.0.1' if self.host in {'0.0.0.0', '::'} else self.host}:{self.port}"  # noqa: S104

    @property
    def log(self) -> Path:
        """Where the server writes its lines."""
        return self.data_dir / "server.log"

    @property
    def key_file(self) -> Path:
        """Where the demo key is kept."""
        return self.data_dir / "demo-key"

    @property
    def staff_file(self) -> Path:
        """Where password and username of the demo's admin are kept, a line each."""
        return self.data_dir / "demo-staff"


def run(settings: Settings) -> None:
    """Bring everything up, say how to use it, and stay until told to stop."""
    place = Place(os.environ.get("HOST", "127.0.0.1"), port(), settings.data_dir.resolve())
    refuse_taken_port(place)
    make_data_dir(place.data_dir)
    refuse_full_disk(place.data_dir)
    # From here on a wish to stop is granted between two steps, never inside of one.
    stop = stop_signals()
    preparations: dict[str, Callable[[], None]] = {
        "PostgreSQL": lambda: use_database(settings),
        "Migrations": lambda: flask("db", "upgrade"),
        "Demo portfolio": lambda: flask("seed-demo"),
        "Demo key": lambda: flask("create-key", "--name=demo", "--scopes=all", f"--output={place.key_file}"),
        "Demo staff": lambda: employ_admin(place.staff_file),
    }
    for name, prepare in preparations.items():
        with step(name):
            prepare()
        if stop():
            return
    keep_last_log(place.log)
    with place.log.open("a", encoding="utf-8") as log:
        server = start_server(place, log.fileno())
    try:
        with step("Server"):
            wait_until_ready(place, server, stop)
        if not stop():
            say(banner(place) + "\n")
        while not stop():
            if server.poll() is not None:
                raise CannotRunError(f"The server ended by itself; its last lines:\n{last_lines(place.log)}")
            time.sleep(POLL_SECONDS)
    finally:
        if server.poll() is None:
            with step("Stopping: requests in flight are being answered"):
                end(server)


def psql(settings: Settings) -> None:
    """Open a prompt on the database."""
    use_database(settings)
    url = os.environ["DATABASE_URL"].replace("postgresql+psycopg2://", "postgresql://", 1)
    program = embedded.binaries() / "psql"
    # Ctrl-C belongs to the prompt, where it cancels a statement.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    subprocess.run([str(program), url, *sys.argv[2:]], check=False)


def port() -> int:
    """Read the port.

    :raises CannotRunError: if PORT is not one.
    """
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) <= PORT_MAX:
        raise CannotRunError(f"PORT is {text!r}, which is not a port: use `make run PORT=8001`.")
    return int(text)


def refuse_taken_port(place: Place) -> None:
    """Stop before anything is started if another program listens there.

    :raises CannotRunError: if the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((place.host, place.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CannotRunError(
                    f"Cannot listen on {place.host}:{place.port}: {error.strerror}."
                ) from error
            raise CannotRunError(
                f"Port {place.port} is taken{by_whom(place.port)}: "
                f"stop that program or run `make run PORT={place.port + 1}`."
            ) from error


def by_whom(number: int) -> str:
    """Name the process that listens on a port, where the system tells (Linux, and the process is ours)."""
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with contextlib.suppress(OSError):
            rows = [row.split() for row in table.read_text(encoding="ascii").splitlines()[1:]]
            # 0A is the state LISTEN; the port is hexadecimal behind the last colon.
            inodes |= {
                row[9] for row in rows if row[3] == "0A" and int(row[1].rsplit(":", 1)[1], 16) == number
            }
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        with contextlib.suppress(OSError):
            if str(link.readlink()) in {f"socket:[{inode}]" for inode in inodes}:
                return f" (by pid {link.parts[2]})"
    return ""


def make_data_dir(folder: Path) -> None:
    """Make the folder for the data.

    :raises CannotRunError: if it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotRunError(f"Cannot make {folder} for the data: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotRunError(f"Cannot write to {folder}, which holds the data: use a folder of your own.")


def keep_last_log(log: Path) -> None:
    """Set a log that has grown large aside, so that one start's lines are there to explain the next one's."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))


def refuse_full_disk(folder: Path) -> None:
    """Stop before the database would.

    :raises CannotRunError: if there is too little room.
    """
    free = shutil.disk_usage(folder).free
    if free < DISK_BYTES_MIN:
        raise CannotRunError(
            f"The disk that holds {folder} has {free // 1_000_000} MB free and the database wants "
            f"{DISK_BYTES_MIN // 1_000_000}: make room there and try again."
        )


def use_database(settings: Settings) -> None:
    """Start the embedded PostgreSQL where no database is named, and tell our children its address."""
    if settings.database_url is None:
        os.environ["DATABASE_URL"] = embedded.ensure_running(settings.data_dir / "postgres")


def flask(*arguments: str) -> None:
    """Run one of our flask commands.

    :raises CannotRunError: if it fails, with what it said.
    """
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    # A session of its own, so that Ctrl-C does not cut a migration in two.
    ended = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        start_new_session=True,
    )
    if ended.returncode != 0:
        said = "\n".join(ended.stdout.strip().splitlines()[-LOG_LINES_SHOWN:])
        raise CannotRunError(f"`flask {' '.join(arguments)}` failed:\n{said}")


def employ_admin(file: Path) -> None:
    """Make the demo's admin, whose password and username stay in a file for its owner only."""
    if not file.exists():
        file.touch(mode=0o600)
        # A username of its own: an account whose file was lost keeps the one it has.
        file.write_text(f"{secrets.token_urlsafe(18)}\ndemo-{secrets.token_hex(3)}\n", encoding="ascii")
    _, username = file.read_text(encoding="ascii").split()
    account = (f"--username={username}", "--name=Demo", "--role=admin", f"--password-file={file}")
    flask("create-staff", *account, "--if-missing")


def start_server(place: Place, log: int) -> "subprocess.Popen[bytes]":
    """Start gunicorn, out of reach of the terminal's Ctrl-C: it is told to stop by us, once."""
    return subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"],
        env=os.environ | {"HOST": place.host, "PORT": str(place.port)},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def wait_until_ready(place: Place, server: "subprocess.Popen[bytes]", stop: Callable[[], bool]) -> None:
    """Wait until the server answers with its database.

    :raises CannotRunError: if it ends or does not answer in time.
    """
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not stop():
        # Any status but 200 raises too.
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{place.url}/health-db", timeout=3).close()  # noqa: S310 - our own address
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise CannotRunError(f"The server did not start; its last lines:\n{last_lines(place.log)}")
        time.sleep(POLL_SECONDS)


def end(server: "subprocess.Popen[bytes]") -> None:
    """Let the server finish what it is doing, then end it."""
    server.terminate()
    try:
        server.wait(timeout=DRAIN_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def stop_signals() -> Callable[[], bool]:
    """Take Ctrl-C, TERM and the closing of the terminal as a wish; what is returned tells whether it was made."""
    wishes: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        wishes.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, note)
    return lambda: bool(wishes)


def last_lines(log: Path) -> str:
    """Give the end of the server's log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:])


def banner(place: Place) -> str:
    """Say where things are and what to try."""
    password, username = place.staff_file.read_text(encoding="ascii").split()
    return BANNER.format(
        url=place.url,
        key=place.key_file.read_text(encoding="ascii").strip(),
        key_file=place.key_file,
        staff=f"{username} {password}",
        staff_file=place.staff_file,
        login=json.dumps({"username": username, "password": password}),
        log=place.log,
        # New at each start; pasting the same line twice shows the same answer again and makes no second borrower.
        unique=uuid.uuid4(),
        borrower=BORROWER,
        data_dir=place.data_dir,
    )


def say(text: str) -> None:
    """Write for the person at the terminal; one who closed it must not keep us from tidying up."""
    try:
        print(text, end="", flush=True)
    except OSError:
        # Python would try once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Show what happens and how long it took, in one line."""
    say(f"{name} ...")
    started = time.monotonic()
    done = "failed"
    try:
        yield
        done = "done"
    finally:
        say(f" {done} ({time.monotonic() - started:.1f} s)\n")


def main() -> None:
    """Do what the first argument names."""
    os.chdir(ROOT)
    commands = {"run": run, "psql": psql}
    command = commands.get(sys.argv[1] if len(sys.argv) > 1 else "run")
    if command is None:
        sys.exit(__doc__)
    try:
        command(Settings.from_env(os.environ))
    except (CannotRunError, ConfigurationError, embedded.EmbeddedPostgresError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted: run the same command again to go on.")


if __name__ == "__main__":
    main()
