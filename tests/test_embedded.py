"""The embedded PostgreSQL: shared while it is used, stopped by its last user, and unimpressed by kills."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from loans import embedded
from loans.embedded import EmbeddedPostgresError

ROOT = Path(__file__).parent.parent
# Another program that uses the server until its standard input ends.
USER = """
import sys
from pathlib import Path
from loans import embedded
print(embedded.ensure_running(Path(sys.argv[1]), durable=False), flush=True)
sys.stdin.read()
"""
FORKING_USER = """
import os, sys
from pathlib import Path
from loans import embedded
embedded.ensure_running(Path(sys.argv[1]), durable=False)
child = os.fork()
if child == 0:
    sys.exit()
os.waitpid(child, 0)
print((Path(sys.argv[1]) / "data" / "postmaster.pid").exists())
"""

# The same without the right to look into processes of other accounts, as root has it in a container.
CONTAINED_USER = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_SYS_PTRACE = 24, 19
assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, "-c", sys.argv[2], sys.argv[1]])
"""

only_for_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder with a space in its name, which the account that runs the server for root can reach."""
    parent = Path(tempfile.mkdtemp(prefix="branch loans "))
    parent.chmod(0o755)
    folder = parent / "postgres"
    yield folder
    embedded.release(folder)
    shutil.rmtree(parent)


@pytest.fixture
def another_user(data_dir: Path) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Start another process that uses the server; it has it when this returns."""
    users = []

    def start() -> "subprocess.Popen[str]":
        user = subprocess.Popen(
            [sys.executable, "-c", USER, str(data_dir)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        users.append(user)
        assert user.stdout.readline().startswith("postgresql+psycopg2://")
        return user

    yield start
    for user in users:
        user.communicate()


def ask(url: str, statement: str) -> object:
    """Run a statement and give the first value, if it gives one."""
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    with contextlib.closing(connection), connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def server_pid(data_dir: Path) -> int:
    return int((data_dir / "data" / "postmaster.pid").read_text().splitlines()[0])


def is_stopped(data_dir: Path) -> bool:
    return not (data_dir / "data" / "postmaster.pid").exists()


class TestEnsureRunning:
    def test_starts_postgresql_18_with_its_database(self, data_dir):
        url = embedded.ensure_running(data_dir, durable=False)

        assert ask(url, "SHOW server_version").startswith("18.")
        assert ask(url, "SELECT current_database()") == "branchloans"
        assert ask(url, "SHOW TimeZone") == "UTC"
        assert ask(url, "SHOW data_checksums") == "on"
        assert ask(url, "SHOW fsync") == "off"
        assert ask(url, "SHOW max_connections") == "300"

    def test_listens_on_nothing_but_a_socket_in_a_private_folder(self, data_dir):
        url = embedded.ensure_running(data_dir, durable=False)

        (folder,) = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["host"]
        assert ask(url, "SHOW listen_addresses") == ""
        assert Path(folder).stat().st_mode & 0o777 == 0o700

    def test_keeps_the_server_that_runs(self, data_dir):
        url = embedded.ensure_running(data_dir, durable=False)
        pid = server_pid(data_dir)

        again = embedded.ensure_running(data_dir, durable=False)

        assert again == url
        assert server_pid(data_dir) == pid

    def test_shares_the_server_with_another_process(self, data_dir, another_user):
        another_user()
        pid = server_pid(data_dir)

        url = embedded.ensure_running(data_dir, durable=False)

        assert server_pid(data_dir) == pid
        assert ask(url, "SELECT 1") == 1

    @only_for_root
    def test_finds_the_server_also_where_it_may_not_look_into_its_process(self, data_dir):
        embedded.ensure_running(data_dir, durable=False)
        running = server_pid(data_dir)

        contained = subprocess.run(
            [sys.executable, "-c", CONTAINED_USER, str(data_dir), USER],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

        assert (contained.returncode, contained.stderr) == (0, "")
        assert server_pid(data_dir) == running

    def test_starts_one_server_for_two_that_come_at_once(self, data_dir, another_user):
        late_user = subprocess.Popen(
            [sys.executable, "-c", USER, str(data_dir)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        url = embedded.ensure_running(data_dir, durable=False)

        printed, _ = late_user.communicate()

        assert printed.strip() == url
        assert ask(url, "SELECT 1") == 1

    def test_finds_the_server_whose_user_was_killed(self, data_dir, another_user):
        user = another_user()
        pid = server_pid(data_dir)
        user.kill()
        user.wait()

        embedded.ensure_running(data_dir, durable=False)

        assert server_pid(data_dir) == pid

    def test_recovers_the_data_after_the_server_was_killed(self, data_dir):
        url = embedded.ensure_running(data_dir)
        ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server_pid(data_dir), signal.SIGKILL)

        again = embedded.ensure_running(data_dir)

        assert ask(again, "SELECT answer FROM kept") == 42

    def test_starts_although_another_program_has_the_number_of_the_old_server(self, data_dir):
        embedded.ensure_running(data_dir, durable=False)
        embedded.release(data_dir)
        (data_dir / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")

        url = embedded.ensure_running(data_dir, durable=False)

        assert ask(url, "SELECT 1") == 1

    def test_clears_away_what_an_interrupted_installation_left(self, data_dir):
        leftover = data_dir / "data.new-abandoned"
        leftover.mkdir(parents=True)
        (leftover / "PG_VERSION").write_text("18\n")

        url = embedded.ensure_running(data_dir, durable=False)

        assert ask(url, "SELECT 1") == 1
        assert not leftover.exists()

    def test_makes_a_server_durable_for_one_who_needs_it(self, data_dir, another_user):
        another_user()

        url = embedded.ensure_running(data_dir)

        # The server reads its settings again in its own time; each question waits for an answer.
        assert any(ask(url, "SHOW fsync") == "on" for _ in range(1000))

    @pytest.mark.parametrize("name", ["x" * 120, "a,b", "it's"])
    def test_puts_the_socket_elsewhere_where_its_path_would_not_do(self, data_dir, name):
        folder = data_dir / name

        url = embedded.ensure_running(folder, durable=False)

        (host,) = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["host"]
        assert Path(host).parent == Path(tempfile.gettempdir())
        assert ask(url, "SELECT 1") == 1
        embedded.release(folder)
        Path(host).rmdir()

    def test_refuses_data_of_another_version(self, data_dir):
        (data_dir / "data").mkdir(parents=True)
        (data_dir / "data" / "PG_VERSION").write_text("17\n")

        with pytest.raises(
            EmbeddedPostgresError, match="was made by PostgreSQL 17 and this is PostgreSQL 18"
        ):
            embedded.ensure_running(data_dir)

    def test_names_the_reason_and_the_log_where_the_server_does_not_start(self, data_dir):
        embedded.ensure_running(data_dir, durable=False)
        embedded.release(data_dir)
        shutil.rmtree(data_dir / "data" / "global")

        with pytest.raises(
            EmbeddedPostgresError, match=r"did not start: .*global.*\(its log is .*postgres\.log\)\."
        ):
            embedded.ensure_running(data_dir, durable=False)

    def test_says_what_to_install_where_the_binaries_are_missing(self, data_dir, monkeypatch):
        monkeypatch.setattr(embedded, "PACKAGE", "no-such-package")

        with pytest.raises(EmbeddedPostgresError, match="set DATABASE_URL, or install"):
            embedded.ensure_running(data_dir)

    def test_says_that_the_folder_cannot_be_made(self, data_dir):
        data_dir.write_text("a file in the way")

        with pytest.raises(EmbeddedPostgresError, match=r"cannot use .* or set DATA_DIR to another folder"):
            embedded.ensure_running(data_dir)

    def test_says_that_the_disk_is_full(self):
        sentence = embedded._sentence_of(OSError(errno.ENOSPC, "No space left on device"), Path("/srv/data"))

        assert sentence == "The disk that holds /srv/data is full: free some space and try again."

    @only_for_root
    def test_refuses_a_folder_of_somebody_else(self, data_dir):
        data_dir.mkdir()
        os.chown(data_dir, 54_321, 54_321)

        with pytest.raises(EmbeddedPostgresError, match="belongs to user 54321, not to you"):
            embedded.ensure_running(data_dir)

    @only_for_root
    def test_lives_elsewhere_where_the_account_cannot_reach_it(self, data_dir, monkeypatch):
        elsewhere = data_dir / "elsewhere"
        private = data_dir / "private"
        private.mkdir(parents=True, mode=0o700)
        monkeypatch.setattr(embedded, "ROOT_HOME", elsewhere)

        url = embedded.ensure_running(private / "postgres", durable=False)

        assert ask(url, "SHOW data_directory").startswith(str(elsewhere))
        assert private.stat().st_mode & 0o777 == 0o700
        assert not list(private.iterdir())
        embedded.release(private / "postgres")


class TestRelease:
    def test_stops_the_server(self, data_dir):
        embedded.ensure_running(data_dir, durable=False)

        embedded.release(data_dir)

        assert is_stopped(data_dir)

    def test_leaves_the_server_to_another_process(self, data_dir, another_user):
        another_user()
        url = embedded.ensure_running(data_dir, durable=False)

        embedded.release(data_dir)

        assert ask(url, "SELECT 1") == 1

    def test_is_done_by_the_last_process_to_end(self, data_dir, another_user):
        first, last = another_user(), another_user()

        first.communicate()
        stopped_after_the_first = is_stopped(data_dir)
        last.communicate()

        assert not stopped_after_the_first
        assert is_stopped(data_dir)

    def test_is_not_done_by_a_fork(self, data_dir):
        shown = subprocess.run(
            [sys.executable, "-c", FORKING_USER, str(data_dir)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )

        assert shown.stdout.strip() == "True"
        assert is_stopped(data_dir)

    def test_does_nothing_the_second_time(self, data_dir):
        embedded.ensure_running(data_dir, durable=False)

        embedded.release(data_dir)
        embedded.release(data_dir)

        assert is_stopped(data_dir)
