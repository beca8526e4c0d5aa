"""Installing the programs of the stack: only where that is possible, and in a sentence elsewhere."""

import subprocess

import pytest

from tests.ci.conftest import ROOT

PROGRAMS = ("nginx", "prometheus", "promtool", "alertmanager", "amtool", "openssl", "node", "npm")


@pytest.fixture
def machine(tmp_path, stand_ins):
    """A machine that has some programs and no others; run stack-tools.sh on it."""
    for name in ("dirname", "mktemp", "printf", "sort", "cat", "rm", "chmod", "tail", "bash", "sh", "env"):
        (stand_ins.folder / name).symlink_to(subprocess.check_output(["which", name], text=True).strip())

    def start(*, user):
        stand_ins.add("id", f"echo {user}")
        script = (ROOT / "ci" / "stack-tools.sh").read_text().replace("/usr/sbin", str(tmp_path / "sbin"))
        script = script.replace(":/sbin", "")
        (tmp_path / "sbin").mkdir(exist_ok=True)
        path = tmp_path / "stack-tools.sh"
        path.write_text(script)
        return subprocess.run(
            ["bash", str(path)],
            env={"PATH": str(stand_ins.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return start


def provide(stand_ins, *names):
    for name in names:
        stand_ins.add(name)


class TestStackTools:
    def test_do_nothing_when_everything_is_there(self, machine, stand_ins):
        exporters = ("postgres_exporter", "prometheus-node-exporter", "nginx_exporter")
        provide(stand_ins, *PROGRAMS, *exporters, "apt-get")

        ended = machine(user=0)

        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
        assert not any(call.startswith("apt-get") for call in stand_ins.calls)

    def test_name_what_is_missing_where_they_may_not_install(self, machine, stand_ins):
        provide(stand_ins, *PROGRAMS[1:], "postgres_exporter", "node_exporter", "apt-get")

        ended = machine(user=1000)

        assert ended.returncode == 1
        assert ended.stderr == (
            "make check-stack needs programs that are not here: install nginx-light prometheus-nginx-exporter "
            "(the names are Debian's) and run it again.\n"
        )
        assert not any(call.startswith("apt-get") for call in stand_ins.calls)

    def test_install_each_missing_package_once_within_a_bounded_time(self, machine, stand_ins, tmp_path):
        provide(stand_ins, *PROGRAMS[3:], "postgres_exporter", "node_exporter", "nginx_exporter", "apt-get")
        stand_ins.add("timeout", f'ls "{tmp_path}/sbin" >>"{stand_ins.log}"; exit 0')
        (stand_ins.folder / "ls").symlink_to("/bin/ls")

        ended = machine(user=0)

        assert ended.returncode == 0, ended.stderr
        assert stand_ins.calls[-2:] == [
            "timeout 420 apt-get install -q -y --no-install-recommends nginx-light prometheus",
            "policy-rc.d",
        ]
        assert not (tmp_path / "sbin" / "policy-rc.d").exists()

    def test_say_so_when_the_packages_do_not_come(self, machine, stand_ins):
        provide(stand_ins, "apt-get")
        stand_ins.add("timeout", "exit 124")

        ended = machine(user=0)

        assert ended.returncode == 1
        assert "could not be installed within 420 seconds" in ended.stderr
