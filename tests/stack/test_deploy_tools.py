"""What a deployment stands on: secrets, certificate, image, and the check of a backup."""

import hashlib
import re
import shutil
import stat
import subprocess

import pytest

from tests.stack.installation import Installation


@pytest.fixture
def install(tmp_path):
    return lambda **scenario: Installation(tmp_path, **scenario)


class TestSecrets:
    def test_makes_each_file_once_and_never_again(self, install):
        host = install()
        folder = host.folder / "secrets/staging"

        host.run("deploy/secrets.sh", "staging")
        first = {path.name: path.read_text() for path in folder.iterdir()}
        host.run("deploy/secrets.sh", "staging")
        second = {path.name: path.read_text() for path in folder.iterdir()}

        assert second == first
        assert sorted(first) == [
            "app_password",
            "backup_password",
            "database_url",
            "database_url_owner",
            "grafana_admin_password",
            "jwt_keys",
            "metrics_password",
            "postgres_password",
            "prometheus_htpasswd",
            "prometheus_password",
            "secret_key",
        ]

    def test_makes_passwords_of_their_own_and_urls_that_hold_them(self, install):
        host = install()
        folder = host.folder / "secrets/production"

        host.run("deploy/secrets.sh", "production")

        passwords = [path.read_text() for path in folder.glob("*_password")]
        assert len(set(passwords)) == 6
        assert all(len(password) == 32 and password.isalnum() for password in passwords)
        assert len((folder / "secret_key").read_text()) == 64
        assert re.fullmatch(r"\d{4}-\d\d:[A-Za-z0-9]{64}\n", (folder / "jwt_keys").read_text())
        assert (folder / "database_url").read_text() == (
            f"postgresql+psycopg2://branchloans_app:{(folder / 'app_password').read_text()}@db:5432/branchloans_prod\n"
        )
        assert (folder / "prometheus_htpasswd").read_text().startswith(("ops:$2b$08$", "ops:$6$"))

    def test_keeps_a_password_that_a_pipeline_sent_and_follows_its_settings(self, install):
        host = install()
        folder = host.folder / "secrets/staging"
        folder.mkdir(parents=True)
        (folder / "postgres_password").write_text("sent")
        (folder / "settings.env").write_text("POSTGRES_USER=other\nPOSTGRES_DB=books\n")

        host.run("deploy/secrets.sh", "staging")

        assert (
            folder / "database_url_owner"
        ).read_text() == "postgresql+psycopg2://other:sent@db:5432/books\n"

    def test_closes_the_folder_and_lets_the_containers_read_the_files(self, install):
        host = install()

        host.run("deploy/secrets.sh", "staging")

        folder = host.folder / "secrets/staging"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}

    def test_makes_nothing_for_development(self, install):
        host = install()

        done = host.run("deploy/secrets.sh", "development")

        assert done.returncode == 0
        assert not (host.folder / "secrets").exists()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here; make certs calls it")
class TestCertificate:
    def test_is_made_for_the_name_with_a_key_that_only_its_owner_reads(self, install):
        host = install()

        done = host.run("deploy/certs.sh")

        text = subprocess.run(
            ["openssl", "x509", "-in", host.folder / "ssl/branchloans.crt", "-noout", "-text"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        assert done.returncode == 0
        assert "DNS:branchloans.com" in text
        assert "CN = branchloans.com" in text.replace("CN=", "CN = ")
        assert stat.S_IMODE((host.folder / "ssl/branchloans.key").stat().st_mode) == 0o600

    def test_is_kept_and_set_aside_only_when_told(self, install):
        host = install()
        key = host.folder / "ssl/branchloans.key"
        host.run("deploy/certs.sh")
        first = key.read_text()

        host.run("deploy/certs.sh")
        kept = key.read_text()
        host.run("deploy/certs.sh", FORCE="1")

        assert kept == first
        assert key.read_text() != first
        assert [path.read_text() for path in (host.folder / "ssl").glob("branchloans-*.key")] == [first]


class TestBuildImage:
    def test_writes_the_pace_of_the_health_check_into_the_dockerfile(self, install):
        host = install()
        builder = host.fake / "bin/docker"
        builder.write_text(
            '#!/bin/sh\nif [ "$1" = build ]; then cat >"$FAKE/Dockerfile"; echo "$*" >"$FAKE/args"; '
            "else echo 15s 3s 5; fi\n"
        )
        pace = {"HEALTHCHECK_INTERVAL": "15s", "HEALTHCHECK_TIMEOUT": "3s", "HEALTHCHECK_RETRIES": "5"}

        done = host.run("deploy/build-image.sh", "ours:1", **pace)

        assert done.returncode == 0, done.stderr
        lines = (host.fake / "Dockerfile").read_text().splitlines()
        assert "HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=5 \\" in lines
        assert "--build-arg HEALTHCHECK_RETRIES=5" in (host.fake / "args").read_text()

    def test_fails_when_the_image_says_otherwise(self, install):
        host = install()
        (host.fake / "bin/docker").write_text(
            '#!/bin/sh\nif [ "$1" = build ]; then cat >/dev/null; else echo 30s 5s 3; fi\n'
        )

        done = host.run("deploy/build-image.sh", "ours:1", HEALTHCHECK_INTERVAL="15s")

        assert done.returncode == 1
        assert "health check is 30s 5s 3, not 15s 5s 3" in done.stderr

    @pytest.mark.parametrize("interval", ["", "15", "15s; rm -rf /", "1h"])
    def test_refuses_what_is_no_time(self, install, interval):
        host = install()

        done = host.run("deploy/build-image.sh", "ours:1", HEALTHCHECK_INTERVAL=interval or " ")

        assert done.returncode == 2


class TestBackupVerification:
    @pytest.fixture
    def backup(self, install):
        """A base backup of two files with its manifest, and the exit code of pg_verifybackup."""
        host = install()
        folder = host.folder / "base"
        folder.mkdir()
        contents = {"PG_VERSION": b"18\n", "global/1": b"rows"}
        lines = ['{ "PostgreSQL-Backup-Manifest-Version": 2,', '"Files": [']
        for name, content in contents.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
            checksum = hashlib.sha256(content).hexdigest()
            lines.append(
                f'{{ "Path": "{name}", "Size": {len(content)}, "Last-Modified": "2026-11-20 02:00:00 GMT", '
                f'"Checksum-Algorithm": "SHA256", "Checksum": "{checksum}" }},'
            )
        text = "\n".join([*lines, "],", ""])
        text += f'"Manifest-Checksum": "{hashlib.sha256(text.encode()).hexdigest()}"}}\n'
        (folder / "backup_manifest").write_text(text)

        def verify(code):
            # The shell of the stand-in, not Python, so that it can die of a signal.
            program = host.fake / "bin/pg_verifybackup"
            program.write_text(f"#!/bin/sh\n{'kill -SEGV $$' if code == 139 else f'exit {code}'}\n")
            program.chmod(0o755)
            return host.run("deploy/backup/verify.sh", str(folder)).returncode

        return folder, verify

    @pytest.mark.parametrize("code", [0, 1])
    def test_is_that_of_postgresql(self, backup, code):
        _, verify = backup

        assert verify(code) == code

    def test_is_done_by_checksum_where_that_program_crashes(self, backup):
        _, verify = backup

        assert verify(139) == 0

    @pytest.mark.parametrize("name", ["global/1", "backup_manifest"])
    def test_notices_a_changed_file(self, backup, name):
        folder, verify = backup
        (folder / name).write_bytes((folder / name).read_bytes().replace(b"r", b"R", 1))

        assert verify(139) != 0

    def test_notices_a_missing_file(self, backup):
        folder, verify = backup
        (folder / "PG_VERSION").unlink()

        assert verify(139) != 0
