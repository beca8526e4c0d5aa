"""Which parts of the configuration an nginx gets that only newer ones understand."""

import os
import subprocess

import pytest

from tests.stack.nginx.edge import CONFIGURATION

SCRIPT = CONFIGURATION / "entrypoint.d" / "40-capabilities.sh"


@pytest.fixture
def given_to(tmp_path):
    """Run the script with an nginx that says this about itself, and name the files that it gets."""

    def run(*, nginx: str, openssl: str) -> list[str]:
        program = tmp_path / "nginx"
        program.write_text(
            f"#!/bin/sh\nprintf 'nginx version: nginx/{nginx}\\nbuilt by gcc\\nbuilt with {openssl}\\n' >&2\n"
        )
        program.chmod(0o755)
        target = tmp_path / "run" / "nginx"
        path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
        subprocess.run([SCRIPT, CONFIGURATION / "capabilities", target], check=True, env={"PATH": path})
        return sorted(each.name for each in target.iterdir())

    return run


class TestPool:
    @pytest.mark.parametrize("version", ["1.22.1", "1.26.3", "1.27.2"])
    def test_is_not_given_to_an_nginx_that_cannot_keep_its_addresses_fresh(self, given_to, version):
        assert given_to(nginx=version, openssl="OpenSSL 3.0.20") == ["groups-classic.conf"]

    @pytest.mark.parametrize("version", ["1.27.3", "1.28.0", "1.30.6", "1.31.0", "2.0.0"])
    def test_is_given_to_one_that_can(self, given_to, version):
        assert {"pool.conf", "pool.map"} <= set(given_to(nginx=version, openssl="OpenSSL 3.0.20"))


class TestReload:
    @pytest.mark.parametrize(
        ("version", "knows"), [("1.26.3", False), ("1.27.3", False), ("1.27.4", True), ("1.30.6", True)]
    )
    def test_keeps_connections_of_clients_where_nginx_can(self, given_to, version, knows):
        assert ("reload.conf" in given_to(nginx=version, openssl="OpenSSL 3.0.20")) is knows


class TestGroups:
    @pytest.mark.parametrize(
        ("library", "groups"),
        [
            ("OpenSSL 3.0.20 7 Apr 2026", "groups-classic.conf"),
            ("OpenSSL 3.4.1", "groups-classic.conf"),
            ("OpenSSL 3.5.0", "groups-hybrid.conf"),
            ("OpenSSL 3.10.0", "groups-hybrid.conf"),
            ("OpenSSL 4.0.0", "groups-hybrid.conf"),
            ("OpenSSL 3.5.6 7 Apr 2026 (running with OpenSSL 3.4.1 9 Jun 2025)", "groups-classic.conf"),
            ("OpenSSL 3.4.1 9 Jun 2025 (running with OpenSSL 3.5.6 7 Apr 2026)", "groups-hybrid.conf"),
        ],
    )
    def test_follow_the_library_at_hand(self, given_to, library, groups):
        assert given_to(nginx="1.26.3", openssl=library) == [groups]


class TestAgain:
    def test_forgets_what_another_version_was_given(self, given_to):
        given_to(nginx="1.30.6", openssl="OpenSSL 3.5.6")

        assert given_to(nginx="1.26.3", openssl="OpenSSL 3.0.20") == ["groups-classic.conf"]
