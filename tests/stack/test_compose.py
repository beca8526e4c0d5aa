"""The compose files, the environment files and the Dockerfile: what they must say, whatever else changes."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$\{([A-Z_]+)(:?[-?+])?")
# The documented variables; each must take effect.
DOCUMENTED = (
    "FLASK_ENV",
    "FLASK_APP",
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_DB",
    "DATABASE_URL",
    "APP_CPU_LIMIT",
    "APP_MEMORY_LIMIT",
    "DB_CPU_LIMIT",
    "DB_MEMORY_LIMIT",
    "HEALTHCHECK_INTERVAL",
    "HEALTHCHECK_TIMEOUT",
    "HEALTHCHECK_RETRIES",
    "DB_VOLUME_PATH",
)
ENVIRONMENTS = {
    "development": (
        "production",
        "app.py",
        "dev_user",
        "dev_password",
        "branchloans_dev",
        "postgresql+psycopg2://dev_user:dev_password@db:5432/branchloans_dev",
        *("1", "512m", "1", "512m"),
        *("30s", "5s", "3"),
        "./postgres_data_dev",
    ),
    "staging": (
        "production",
        "app.py",
        "staging_user",
        "staging_password",
        "branchloans_staging",
        "postgresql+psycopg2://staging_user:staging_password@db:5432/branchloans_staging",
        *("2", "1g", "2", "1g"),
        *("20s", "4s", "4"),
        "./postgres_data_staging",
    ),
    "production": (
        "production",
        "app.py",
        "prod_user",
        "<strong-secure-password>",
        "branchloans_prod",
        "postgresql+psycopg2://prod_user:<strong-secure-password>@db:5432/branchloans_prod",
        *("4", "2g", "4", "2g"),
        *("15s", "3s", "5"),
        "/var/lib/postgresql/data",
    ),
}
NEEDS_COMPOSE = pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0,
    reason="docker compose is not here; it works out what the files mean together",
)


def compose_file(name="docker-compose.yml"):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def environment_file(environment):
    lines = (ROOT / f".env.{environment}").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def configuration(environment=None, **variables):
    """What Compose makes of the files, with variables of the shell over those of the environment file."""
    arguments = ["--env-file", f".env.{environment}"] if environment else ["--env-file", os.devnull]
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | variables
    output = subprocess.run(
        ["docker", "compose", *arguments, "--profile", "green", "config", "--format", "json"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return json.loads(output)["services"]


class TestServices:
    def test_are_the_documented_ones_and_the_helpers(self):
        services = compose_file()["services"]

        assert sorted(services) == [
            "alertmanager",
            "api",
            "api-green",
            "backup",
            "db",
            "grafana",
            "migrate",
            "nginx",
            "nginx-exporter",
            "node-exporter",
            "postgres-exporter",
            "prometheus",
            "verify",
        ]

    def test_have_containers_of_the_same_name(self):
        services = compose_file()["services"]

        assert {name: service["container_name"] for name, service in services.items()} == {
            name: name for name in services
        }

    @pytest.mark.parametrize("name", sorted(compose_file()["services"]))
    def test_are_hardened_limited_and_log_within_bounds(self, name):
        service = compose_file()["services"][name]

        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}

    def test_get_back_only_the_capabilities_that_are_named_here(self):
        services = compose_file()["services"]
        given_back = {name: service["cap_add"] for name, service in services.items() if "cap_add" in service}

        assert given_back == {
            "nginx": ["CHOWN", "DAC_OVERRIDE", "KILL", "SETGID", "SETUID"],
            "db": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"],
            "backup": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"],
        }

    def test_are_never_privileged_nor_given_the_engine(self):
        text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")

        assert "privileged" not in text
        assert "docker.sock" not in text

    def test_start_the_api_after_the_database_and_the_migrations(self):
        conditions = compose_file()["services"]["api"]["depends_on"]

        assert conditions == {
            "db": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }

    def test_verify_the_books_and_forget_old_answers_every_hour(self):
        service = compose_file()["services"]["verify"]

        assert service["command"][:2] == ["sh", "-c"]
        assert service["command"][2].split("; ") == [
            "while :",
            "do flask --app wsgi verify",
            "flask --app wsgi purge-idempotency-keys",
            "sleep 3600",
            "done",
        ]
        assert service["environment"]["IDEMPOTENCY_RETENTION_DAYS"] == "${IDEMPOTENCY_RETENTION_DAYS:-30}"

    def test_let_nginx_start_on_its_own(self):
        assert "depends_on" not in compose_file()["services"]["nginx"]

    def test_use_public_images_by_a_literal_version(self):
        images = [service["image"] for service in compose_file()["services"].values()]
        public = [image for image in images if "branchloans-api" not in image]

        assert len(public) == 9
        assert all(re.fullmatch(r"[a-z./-]+:v?\d[\d.]*", image) for image in public)

    def test_keep_the_database_and_the_monitors_on_networks_without_a_way_out(self):
        compose = compose_file()

        assert [name for name, network in compose["networks"].items() if (network or {}).get("internal")] == [
            "data",
            "mon",
        ]
        assert compose["services"]["db"]["networks"] == ["data"]
        assert compose["services"]["postgres-exporter"]["networks"] == ["data", "mon"]


class TestPorts:
    def test_are_published_by_nginx_alone(self):
        services = compose_file()["services"]
        published = {name: service["ports"] for name, service in services.items() if "ports" in service}

        assert published == {"nginx": ["${HTTP_PORT:-80}:80", "${HTTPS_PORT:-443}:443"]}

    def test_of_development_are_on_the_loopback_and_can_be_moved(self):
        services = compose_file("docker-compose.development.yml")["services"]

        assert {name: service["ports"] for name, service in services.items()} == {
            "api": ["127.0.0.1:${API_PORT:-8000}:8000"],
            "db": ["127.0.0.1:${DB_PORT:-5432}:5432"],
            "prometheus": ["127.0.0.1:${PROMETHEUS_PORT:-9090}:9090"],
            "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"],
        }

    @pytest.mark.parametrize(
        ("environment", "files"),
        [
            ("development", "docker-compose.yml:docker-compose.development.yml"),
            ("staging", "docker-compose.yml"),
            ("production", "docker-compose.yml"),
        ],
    )
    def test_of_development_are_in_no_other_environment(self, environment, files):
        assert environment_file(environment)["COMPOSE_FILE"] == files


class TestEnvironmentFiles:
    @pytest.mark.parametrize("environment", sorted(ENVIRONMENTS))
    def test_hold_the_documented_values(self, environment):
        values = environment_file(environment)

        assert tuple(values[name] for name in DOCUMENTED) == ENVIRONMENTS[environment]

    @pytest.mark.parametrize("environment", sorted(ENVIRONMENTS))
    def test_say_which_environment_they_are(self, environment):
        assert environment_file(environment)["ENVIRONMENT"] == environment

    @pytest.mark.parametrize("environment", ["staging", "production"])
    def test_take_every_secret_from_a_file_where_others_depend_on_it(self, environment):
        values = environment_file(environment)

        assert values["SECRETS_DIR"] == f"./secrets/{environment}"
        assert values["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres_password"  # noqa: S105 - a path
        assert values["DATABASE_URL_FILE"] == "/run/secrets/database_url"
        assert values["DATABASE_URL_OWNER_FILE"] == "/run/secrets/database_url_owner"

    def test_are_not_needed_by_bare_commands(self):
        for name in ("docker-compose.yml", "docker-compose.development.yml"):
            text = (ROOT / name).read_text(encoding="utf-8")
            text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))

            assert [variable for variable, default in VARIABLE.findall(text) if default != ":-"] == []

    def test_of_the_host_are_not_in_git(self):
        ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()

        assert {"secrets/", ".env", ".deploy/", "postgres_data_*/", "backups_*/", "ssl/*.key"} <= set(ignored)


@NEEDS_COMPOSE
class TestWhatComposeMakesOfThem:
    @pytest.mark.parametrize("environment", [None, *sorted(ENVIRONMENTS)])
    def test_is_valid(self, environment):
        assert "api" in configuration(environment)

    @pytest.mark.parametrize(
        ("environment", "published"),
        [
            ("development", {"api", "db", "grafana", "nginx", "prometheus"}),
            ("staging", {"nginx"}),
            ("production", {"nginx"}),
        ],
    )
    def test_publishes_only_nginx_where_others_depend_on_it(self, environment, published):
        services = configuration(environment)

        assert {name for name, service in services.items() if service.get("ports")} == published

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("FLASK_ENV", "staging"),
            ("FLASK_APP", "other.py"),
            ("POSTGRES_USER", "somebody"),
            ("POSTGRES_PASSWORD", "something"),
            ("POSTGRES_DB", "elsewhere"),
            ("DATABASE_URL", "postgresql+psycopg2://a:b@c:1/d"),
            ("APP_CPU_LIMIT", "1.5"),
            ("APP_MEMORY_LIMIT", "600m"),
            ("DB_CPU_LIMIT", "1.5"),
            ("DB_MEMORY_LIMIT", "600m"),
            ("HEALTHCHECK_INTERVAL", "7s"),
            ("HEALTHCHECK_TIMEOUT", "2s"),
            ("HEALTHCHECK_RETRIES", "9"),
            ("DB_VOLUME_PATH", "/somewhere"),
        ],
    )
    def test_changes_with_every_documented_variable(self, variable, value):
        assert configuration("development", **{variable: value}) != configuration("development")

    def test_limits_the_api_and_the_database(self):
        services = configuration("production")

        for name in ("api", "api-green", "db"):
            limits = services[name]["deploy"]["resources"]["limits"]
            assert (limits["cpus"], limits["memory"]) == (4, str(2 * 1024**3))

    def test_probes_the_api_and_the_database_at_the_pace_of_the_environment(self):
        services = configuration("staging")

        for name in ("api", "api-green", "db"):
            check = services[name]["healthcheck"]
            assert (check["interval"], check["timeout"], check["retries"]) == ("20s", "4s", 4)

    def test_builds_the_url_of_the_database_where_none_is_given(self):
        services = configuration(None, POSTGRES_USER="u", POSTGRES_PASSWORD="p", POSTGRES_DB="d")

        assert services["api"]["environment"]["DATABASE_URL"] == "postgresql+psycopg2://u:p@db:5432/d"

    def test_gives_each_service_only_the_secrets_it_needs(self):
        services = configuration("production")
        secrets = {
            name: sorted(each["source"] for each in service["secrets"])
            for name, service in services.items()
            if service.get("secrets")
        }

        assert secrets == {
            "api": ["database_url", "jwt_keys", "secret_key"],
            "api-green": ["database_url", "jwt_keys", "secret_key"],
            "backup": ["backup_password"],
            "db": ["postgres_password"],
            "grafana": ["grafana_admin_password"],
            "migrate": [
                "app_password",
                "backup_password",
                "database_url_owner",
                "jwt_keys",
                "metrics_password",
                "secret_key",
            ],
            "nginx": ["prometheus_htpasswd"],
            "postgres-exporter": ["metrics_password"],
            "verify": ["database_url", "jwt_keys", "secret_key"],
        }


class TestDockerfile:
    def test_has_a_runtime_that_takes_over_only_what_was_installed(self):
        text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

        assert re.findall(r"^FROM (.*)$", text, re.MULTILINE) == [
            "python:3.13-slim AS builder",
            "python:3.13-slim AS runtime",
        ]
        assert re.findall(r"^COPY --from=builder (.*)$", text, re.MULTILINE) == ["/install /usr/local"]
        assert "--require-hashes" in text

    def test_runs_as_a_numbered_user_and_as_documented(self):
        text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

        assert "\nUSER 10001:10001\n" in text
        assert '\nCMD ["gunicorn", "-w", "2", "-b", "0.0.0.0:8000", "wsgi:app"]\n' in text

    def test_sends_the_builder_nothing_but_what_it_copies(self):
        allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

        assert [line for line in allowed if line and not line.startswith("#")] == [
            "*",
            "!requirements.txt",
            "!wsgi.py",
            "!app.py",
            "!gunicorn.conf.py",
            "!migrations/",
            "!loans/",
            "!docs/migrating-from-the-first-api.md",
            "!scripts/seed.py",
            "**/__pycache__/",
            "**/*.pyc",
        ]


class TestRoles:
    def test_keep_insert_only_what_the_database_keeps_insert_only(self):
        migration = load(ROOT / "migrations/versions/0004_journal_rules.py")
        later = ("approval_policies",)
        roles = load(ROOT / "deploy/db/roles.py")

        assert sorted(roles.INSERT_ONLY) == sorted([*migration.INSERT_ONLY, *later])


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
