"""What `make run` does, and how it refuses."""

import ast
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.e2e.conftest import ROOT, environment

pytestmark = pytest.mark.e2e


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def start(**settings: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "scripts/dev.py", "run"],
        cwd=ROOT,
        env=environment(ENVIRONMENT="development", **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_banner(process: "subprocess.Popen[str]") -> str:
    """Read until the banner's last line."""
    shown = []
    for line in process.stdout:
        shown.append(line)
        if line.startswith("Ctrl-C stops it"):
            break
    return "".join(shown)


class TestRun:
    @pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM])
    def test_serves_the_demo_until_it_is_told_to_stop(self, private_data_dir, free_port, wish):
        process = start(DATA_DIR=str(private_data_dir), PORT=str(free_port))
        banner = read_banner(process)
        key = re.search(r"Key +(\S+)", banner)[1]
        url = f"http://127.0.0.1:{free_port}/api/v1/loans?limit=3"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})

        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own
            status = answer.status
        login = re.search(r"-d '(.+)' .+/sessions$", banner, re.MULTILINE)[1].encode()
        session = urllib.request.Request(  # noqa: S310 - our own
            url.partition("/loans")[0] + "/sessions", login, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(session) as answer:  # noqa: S310 - our own
            role = json.load(answer)["role"]
        process.send_signal(wish)
        rest, _ = process.communicate()

        assert (status, role) == (200, "admin")
        assert len(re.findall(r"^  curl ", banner, re.MULTILINE)) == 4
        assert rest.strip().startswith("Stopping: requests in flight are being answered ... done")
        assert process.returncode == 0
        for name in ("demo-key", "demo-staff"):
            assert (private_data_dir / name).stat().st_mode & 0o777 == 0o600
        assert not (private_data_dir / "postgres" / "data" / "postmaster.pid").exists()

    def test_shows_the_same_key_at_the_second_start(self, private_data_dir, free_port):
        keys = []
        for _ in range(2):
            process = start(DATA_DIR=str(private_data_dir), PORT=str(free_port))
            keys.append(re.search(r"Key +(\S+)", read_banner(process))[1])
            process.send_signal(signal.SIGTERM)
            process.communicate()

        assert keys[0] == keys[1]

    def test_names_who_has_the_port(self, private_data_dir):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            said, _ = start(DATA_DIR=str(private_data_dir), PORT=str(port)).communicate()

        by_whom = r"( \(by pid \d+\))?"
        assert re.fullmatch(
            rf"Port {port} is taken{by_whom}: stop that program or run `make run PORT={port + 1}`\.\n", said
        )

    @pytest.mark.parametrize("port", ["x", "0", "65536", "-1"])
    def test_refuses_what_is_not_a_port(self, port):
        process = start(PORT=port)

        said, _ = process.communicate()

        assert process.returncode == 1
        assert said == f"PORT is {port!r}, which is not a port: use `make run PORT=8001`.\n"


class TestBootstrap:
    def test_can_be_read_by_python_3_8(self):
        source = (ROOT / "scripts" / "bootstrap.py").read_text()

        tree = ast.parse(source, feature_version=(3, 8))

        assert tree.body
