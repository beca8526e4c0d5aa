"""Settings: every one is read, every fault is told, secrets stay secret."""

from pathlib import Path

import pytest

from loans.config import DEVELOPMENT_SECRET_KEY, SETTINGS, ConfigurationError, Settings

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - a test's
URL = "postgresql://app:hunter2@db.example.org:5432/loans"
JWT_KEYS = "2026-06:fedcba9876543210fedcba9876543210"
PRODUCTION = {"ENVIRONMENT": "production", "SECRET_KEY": SECRET, "JWT_KEYS": JWT_KEYS, "DATABASE_URL": URL}


def faults_of(environ):
    """The sentence with which the environment is refused."""
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_env(environ)
    return str(refused.value)


# Every setting there is, each other than by default.
ALL = {
    "ENVIRONMENT": "staging",
    "DATABASE_URL": URL,
    "SECRET_KEY": SECRET,
    "JWT_KEYS": f"{JWT_KEYS}, 2026-05:{SECRET}\n",
    "DATA_DIR": "/var/data",
    "BUSINESS_TIMEZONE": "Africa/Nairobi",
    "LOG_LEVEL": "warning",
    "DB_POOL_SIZE": "16",
    "DB_STATEMENT_TIMEOUT_MS": "9000",
    "DB_LOCK_TIMEOUT_MS": "3000",
    "HEALTH_DB_TIMEOUT_SECONDS": "0.5",
    "REQUEST_BODY_BYTES_MAX": "65536",
    "BULK_BYTES_MAX": "1048576",
    "BULK_ROWS_MAX": "500",
    "TRUSTED_PROXIES": "2",
    "CORS_ALLOWED_ORIGINS": "https://desk.example.com, http://localhost:3000,",
    "IDEMPOTENCY_RETENTION_DAYS": "90",
    "APPROVAL_DAYS": "3",
    "LEGACY_API_AUTH": "on",
    "HEALTH_STATUS": "ok",
    "RATE_LIMIT_DEFAULT": "1200",
    "RATE_LIMIT_LOGIN": "20",
    "RATE_LIMIT_LOGIN_ACCOUNT": "0",
}


class TestSettings:
    def test_have_a_default_each(self):
        settings = Settings.from_env({})

        assert settings == Settings(
            environment="development",
            database_url=None,
            secret_key="development-only-secret-key-never-in-production",
            data_dir=Path(".data"),
            business_timezone="UTC",
            log_level="info",
            db_pool_size=8,
            statement_timeout_ms=5000,
            lock_timeout_ms=2000,
            health_db_timeout_seconds=1.5,
            request_body_bytes_max=262_144,
            trusted_proxies=0,
            cors_allowed_origins=(),
            idempotency_retention_days=30,
            approval_days=7,
            legacy_api_auth="auto",
            health_status="healthy",
        )

    def test_are_the_same_from_an_empty_environment_and_from_none(self):
        assert Settings.from_env({}) == Settings()

    def test_are_all_read(self):
        settings = Settings.from_env(ALL)

        assert set(ALL) | {"FLASK_ENV"} == set(SETTINGS)
        assert settings == Settings(
            environment="staging",
            database_url="postgresql+psycopg2://app:hunter2@db.example.org:5432/loans",
            secret_key=SECRET,
            jwt_keys=(("2026-06", "fedcba9876543210fedcba9876543210"), ("2026-05", SECRET)),
            data_dir=Path("/var/data"),
            business_timezone="Africa/Nairobi",
            log_level="warning",
            db_pool_size=16,
            statement_timeout_ms=9000,
            lock_timeout_ms=3000,
            health_db_timeout_seconds=0.5,
            request_body_bytes_max=65_536,
            bulk_bytes_max=1_048_576,
            bulk_rows_max=500,
            trusted_proxies=2,
            cors_allowed_origins=("https://desk.example.com", "http://localhost:3000"),
            idempotency_retention_days=90,
            approval_days=3,
            legacy_api_auth="on",
            health_status="ok",
            rate_limit_default=1200,
            rate_limit_login=20,
            rate_limit_login_account=0,
        )

    @pytest.mark.parametrize("name", SETTINGS)
    def test_count_as_not_given_when_empty(self, name):
        assert Settings.from_env({name: ""}) == Settings()

    def test_cannot_be_changed(self):
        with pytest.raises(AttributeError):
            Settings().environment = "production"

    def test_do_not_show_secrets(self):
        shown = repr(Settings.from_env(PRODUCTION))

        assert SECRET not in shown
        assert JWT_KEYS[8:] not in shown
        assert "hunter2" not in shown
        assert "environment='production'" in shown


class TestOrigins:
    @pytest.mark.parametrize(
        "origin",
        [
            *("*", "https://*.example.com", "desk.example.com", "https://desk.example.com/", "https://a.b/c"),
            *("null", "https://desk.example.com.", "ftp://a.b", r"https://desk\.example\.com", "https://a b"),
        ],
    )
    def test_are_exact_or_refused(self, origin):
        told = faults_of({"CORS_ALLOWED_ORIGINS": f"https://desk.example.com,{origin}"})

        assert told == (
            "cannot start: CORS_ALLOWED_ORIGINS must be origins such as https://desk.example.com,"
            " separated by commas"
        )


class TestFaults:
    def test_are_told_all_at_once(self):
        told = faults_of(
            {
                "ENVIRONMENT": "prod",
                "DATABASE_URL": "mysql://db/loans",
                "SECRET_KEY": "short",
                "BUSINESS_TIMEZONE": "Africa/Atlantis",
                "LOG_LEVEL": "loud",
                "DB_POOL_SIZE": "0",
                "DB_STATEMENT_TIMEOUT_MS": "soon",
                "DB_LOCK_TIMEOUT_MS": "-1",
                "HEALTH_DB_TIMEOUT_SECONDS": "nan",
                "REQUEST_BODY_BYTES_MAX": "1023",
                "TRUSTED_PROXIES": "1.5",
                "LEGACY_API_AUTH": "open",
                "HEALTH_STATUS": "fine",
            }
        )

        assert told == (
            "cannot start: ENVIRONMENT must be one of development, test, staging, production; "
            "SECRET_KEY must have at least 32 characters; "
            "DATABASE_URL must begin with postgresql:// (PostgreSQL is the only database); "
            "BUSINESS_TIMEZONE must be an IANA time zone such as Africa/Nairobi; "
            "LOG_LEVEL must be one of debug, info, warning, error, critical; "
            "DB_POOL_SIZE must be a number of at least 1; "
            "DB_STATEMENT_TIMEOUT_MS must be a number of at least 1; "
            "DB_LOCK_TIMEOUT_MS must be a number of at least 1; "
            "HEALTH_DB_TIMEOUT_SECONDS must be a number of at least 0.1; "
            "REQUEST_BODY_BYTES_MAX must be a number of at least 1024; "
            "TRUSTED_PROXIES must be a number of at least 0; "
            "LEGACY_API_AUTH must be one of auto, on, off; "
            "HEALTH_STATUS must be one of healthy, ok"
        )

    @pytest.mark.parametrize("endless", ["inf", "1e999", "-inf"])
    def test_include_a_time_without_end(self, endless):
        told = faults_of({"HEALTH_DB_TIMEOUT_SECONDS": endless})

        assert told == "cannot start: HEALTH_DB_TIMEOUT_SECONDS must be a number of at least 0.1"

    @pytest.mark.parametrize("zone", ["../etc/passwd", "Africa", "nairobi time", "/UTC"])
    def test_include_what_is_no_time_zone(self, zone):
        told = faults_of({"BUSINESS_TIMEZONE": zone})

        assert told == "cannot start: BUSINESS_TIMEZONE must be an IANA time zone such as Africa/Nairobi"

    @pytest.mark.parametrize("url", ["postgresql://app:hunter2@db:port/loans", "postgres://app:hunter2@[::1"])
    def test_include_a_database_url_that_cannot_be_read_without_showing_it(self, url):
        told = faults_of({"DATABASE_URL": url})

        assert told == "cannot start: DATABASE_URL must read postgresql://user:password@host:port/database"


class TestDatabaseUrl:
    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
    def test_gets_the_driver_whatever_it_was_written_with(self, scheme):
        settings = Settings.from_env({"DATABASE_URL": f"{scheme}://app:p%40ss@db:5432/loans?sslmode=require"})

        assert settings.database_url == ("postgresql+psycopg2://app:p%40ss@db:5432/loans?sslmode=require")

    @pytest.mark.parametrize("url", ["sqlite:///loans.db", "postgresql+asyncpg://db/loans", "db:5432/loans"])
    def test_of_another_database_or_driver_is_refused(self, url):
        assert "DATABASE_URL must begin with postgresql://" in faults_of({"DATABASE_URL": url})


class TestJwtKeys:
    def test_come_from_the_secret_key_where_there_are_none(self):
        default, other = Settings(), Settings(secret_key=SECRET)

        assert [kid for kid, _ in default.signing_keys] == ["derived"]
        assert default.signing_keys != other.signing_keys
        assert SECRET not in other.signing_keys[0][1]

    def test_are_used_as_they_are_given(self):
        settings = Settings.from_env({"JWT_KEYS": JWT_KEYS})

        assert settings.signing_keys == (("2026-06", "fedcba9876543210fedcba9876543210"),)

    @pytest.mark.parametrize(
        "text",
        [
            ",",
            "no-colon",
            f":{SECRET}",
            f"a b:{SECRET}",
            "2026-06:short",
            f"{JWT_KEYS},x",
            f"{'k' * 33}:{SECRET}",
        ],
    )
    def test_are_pairs_and_no_fault_shows_them(self, text):
        told = faults_of({"JWT_KEYS": text})

        assert (
            told == "cannot start: JWT_KEYS must be pairs kid:secret, each secret of at least 32 characters"
        )

    def test_have_a_kid_of_their_own(self):
        told = faults_of({"JWT_KEYS": f"{JWT_KEYS} 2026-06:{SECRET}"})

        assert told == "cannot start: JWT_KEYS must not give two secrets the same kid"


class TestEnvironment:
    @pytest.mark.parametrize(
        ("environ", "environment"),
        [
            ({}, "development"),
            ({"FLASK_ENV": "test"}, "test"),
            ({"ENVIRONMENT": "test"}, "test"),
            ({"ENVIRONMENT": "test", "FLASK_ENV": "development"}, "test"),
            ({"ENVIRONMENT": "", "FLASK_ENV": "test"}, "test"),
            ({"ENVIRONMENT": "Test"}, "test"),
        ],
    )
    def test_is_the_one_named_first(self, environ, environment):
        assert Settings.from_env(environ).environment == environment

    @pytest.mark.parametrize(
        ("environment", "is_deployed"),
        [("development", False), ("test", False), ("staging", True), ("production", True)],
    )
    def test_is_deployed_where_others_depend_on_it(self, environment, is_deployed):
        assert Settings(environment=environment).is_deployed is is_deployed

    def test_of_flask_is_checked_as_well(self):
        assert "ENVIRONMENT must be one of" in faults_of({"FLASK_ENV": "prod"})


@pytest.mark.parametrize("environment", ["staging", "production"])
class TestDeployed:
    def test_starts_with_secrets_and_a_database(self, environment):
        settings = Settings.from_env(PRODUCTION | {"ENVIRONMENT": environment})

        assert settings.secret_key == SECRET
        assert settings.database_url == "postgresql+psycopg2://app:hunter2@db.example.org:5432/loans"

    def test_wants_all_three(self, environment):
        assert faults_of({"ENVIRONMENT": environment}) == (
            "cannot start: SECRET_KEY must be set; SECRET_KEY must have at least 32 characters; "
            "JWT_KEYS must be set; DATABASE_URL must be set"
        )

    def test_wants_them_when_flask_env_says_so(self, environment):
        assert "DATABASE_URL must be set" in faults_of({"FLASK_ENV": environment})

    def test_refuses_the_secret_of_development(self, environment):
        told = faults_of(PRODUCTION | {"ENVIRONMENT": environment, "SECRET_KEY": DEVELOPMENT_SECRET_KEY})

        assert told == "cannot start: SECRET_KEY must not be the one used in development"

    @pytest.mark.parametrize(("length", "is_accepted"), [(31, False), (32, True)])
    def test_wants_a_secret_of_32_characters(self, environment, length, is_accepted):
        environ = PRODUCTION | {"ENVIRONMENT": environment, "SECRET_KEY": "x" * length}

        if is_accepted:
            assert Settings.from_env(environ).secret_key == "x" * 32
        else:
            assert faults_of(environ) == "cannot start: SECRET_KEY must have at least 32 characters"


class TestSecretFiles:
    def test_hold_what_the_variable_would(self, tmp_path):
        secret, url, keys = (tmp_path / name for name in ("secret", "url", "keys"))
        secret.write_text(f"{SECRET}\n")
        keys.write_text(f"{JWT_KEYS}\n2026-05:{SECRET}\n")
        url.write_text(f"{URL}\n")

        settings = Settings.from_env(
            {
                "ENVIRONMENT": "production",
                "SECRET_KEY_FILE": str(secret),
                "JWT_KEYS_FILE": str(keys),
                "DATABASE_URL_FILE": str(url),
            }
        )

        assert settings.secret_key == SECRET
        assert [kid for kid, _ in settings.jwt_keys] == ["2026-06", "2026-05"]
        assert settings.database_url == "postgresql+psycopg2://app:hunter2@db.example.org:5432/loans"

    def test_win_over_the_variable(self, tmp_path):
        file = tmp_path / "secret"
        file.write_text(SECRET)

        settings = Settings.from_env({"SECRET_KEY": "y" * 32, "SECRET_KEY_FILE": str(file)})

        assert settings.secret_key == SECRET

    def test_that_are_missing_are_named(self, tmp_path):
        told = faults_of(PRODUCTION | {"DATABASE_URL_FILE": str(tmp_path / "absent")})

        assert told == "cannot start: DATABASE_URL_FILE cannot be read: No such file or directory"

    def test_that_are_not_text_are_named(self, tmp_path):
        file = tmp_path / "secret"
        file.write_bytes(b"\xff" * 40)

        assert "SECRET_KEY_FILE cannot be read: it is not UTF-8 text" in faults_of(
            PRODUCTION | {"SECRET_KEY_FILE": str(file)}
        )

    @pytest.mark.parametrize("name", ["SECRET_KEY_FILE", "JWT_KEYS_FILE", "DATABASE_URL_FILE"])
    def test_that_hold_nothing_but_a_line_end_are_named(self, tmp_path, name):
        file = tmp_path / "empty"
        file.write_text("\n")

        assert f"{name} names an empty file" in faults_of(PRODUCTION | {name: str(file)})
