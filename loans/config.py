"""Every setting of the service, read once from the environment and frozen.

docs/settings.md describes each of them; a convention test compares the two.
"""

import hashlib
import hmac
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

ENVIRONMENTS = ("development", "test", "staging", "production")
LEGACY_API_AUTH = ("auto", "on", "off")
HEALTH_STATUSES = ("healthy", "ok")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
N = TypeVar("N", int, float)

SECRET_KEY_LENGTH_MIN = 32
JWT_KEY = re.compile(r"([A-Za-z0-9._-]{1,32}):(\S{32,})", re.ASCII)
DEVELOPMENT_SECRET_KEY = "development-only-secret-key-never-in-production"  # noqa: S105 - refused outside development

# Scheme, host and perhaps port, and not a character more: what flask-cors would take for a pattern is none of it.
ORIGIN = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?", re.ASCII)


class ConfigurationError(Exception):
    """The environment does not describe a service that can start; the message lists every fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service was told by its environment.

    Amounts of time carry their unit in the name; `database_url` None means the embedded PostgreSQL.
    """

    environment: str = "development"
    database_url: str | None = field(default=None, repr=False)
    secret_key: str = field(default=DEVELOPMENT_SECRET_KEY, repr=False)
    jwt_keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    data_dir: Path = Path(".data")
    business_timezone: str = "UTC"
    log_level: str = "info"
    db_pool_size: int = 8
    statement_timeout_ms: int = 5000
    lock_timeout_ms: int = 2000
    health_db_timeout_seconds: float = 1.5
    request_body_bytes_max: int = 262_144
    bulk_bytes_max: int = 16_777_216
    bulk_rows_max: int = 10_000
    trusted_proxies: int = 0
    cors_allowed_origins: tuple[str, ...] = ()
    idempotency_retention_days: int = 30
    approval_days: int = 7
    legacy_api_auth: str = "auto"
    health_status: str = "healthy"
    rate_limit_default: int = 600
    rate_limit_login: int = 10
    rate_limit_login_account: int = 5

    @property
    def is_deployed(self) -> bool:
        """Whether this is an installation that others depend on: no defaults for secrets there."""
        return self.environment in {"staging", "production"}

    @property
    def is_legacy_api_open(self) -> bool:
        """Whether /api/loans and /api/stats answer without a key: never by default where others depend on it."""
        return self.legacy_api_auth == "off" or (self.legacy_api_auth == "auto" and not self.is_deployed)

    @property
    def signing_keys(self) -> tuple[tuple[str, str], ...]:
        """Name and secret of each key of access tokens, the one that signs first; without any, one of SECRET_KEY."""
        derived = hmac.new(self.secret_key.encode(), b"access tokens", hashlib.sha256).hexdigest()
        return self.jwt_keys or (("derived", derived),)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read every setting from environment variables.

        :raises ConfigurationError: if any is missing or malformed; the message names all of them.
        """
        reader = _Reader(environ)
        environment = reader.choice(
            "ENVIRONMENT", default=_environment_of_flask(environ), choices=ENVIRONMENTS
        )
        deployed = environment in {"staging", "production"}
        secret_key = _secret_key(reader, deployed=deployed)
        jwt_keys = _jwt_keys(reader.secret("JWT_KEYS", default=None if deployed else ""), reader.faults)
        database_url = reader.secret("DATABASE_URL", default=None if deployed else "") or None
        settings = cls(
            environment=environment,
            database_url=_with_driver(database_url, reader.faults),
            secret_key=secret_key,
            jwt_keys=jwt_keys,
            data_dir=Path(environ.get("DATA_DIR") or ".data"),
            business_timezone=reader.timezone("BUSINESS_TIMEZONE", default="UTC"),
            log_level=reader.choice("LOG_LEVEL", default="info", choices=LOG_LEVELS),
            db_pool_size=reader.number("DB_POOL_SIZE", default=8, at_least=1, cast=int),
            statement_timeout_ms=reader.number("DB_STATEMENT_TIMEOUT_MS", default=5000, at_least=1, cast=int),
            lock_timeout_ms=reader.number("DB_LOCK_TIMEOUT_MS", default=2000, at_least=1, cast=int),
            health_db_timeout_seconds=reader.number(
                "HEALTH_DB_TIMEOUT_SECONDS", default=1.5, at_least=0.1, cast=float
            ),
            request_body_bytes_max=reader.number(
                "REQUEST_BODY_BYTES_MAX", default=262_144, at_least=1024, cast=int
            ),
            bulk_bytes_max=reader.number("BULK_BYTES_MAX", default=16_777_216, at_least=1024, cast=int),
            bulk_rows_max=reader.number("BULK_ROWS_MAX", default=10_000, at_least=1, cast=int),
            trusted_proxies=reader.number("TRUSTED_PROXIES", default=0, at_least=0, cast=int),
            cors_allowed_origins=reader.origins("CORS_ALLOWED_ORIGINS"),
            idempotency_retention_days=reader.number(
                "IDEMPOTENCY_RETENTION_DAYS", default=30, at_least=1, cast=int
            ),
            approval_days=reader.number("APPROVAL_DAYS", default=7, at_least=1, cast=int),
            legacy_api_auth=reader.choice("LEGACY_API_AUTH", default="auto", choices=LEGACY_API_AUTH),
            health_status=reader.choice("HEALTH_STATUS", default="healthy", choices=HEALTH_STATUSES),
            **_rate_limits(reader),
        )
        if reader.faults:
            raise ConfigurationError("cannot start: " + "; ".join(reader.faults))
        return settings


def _rate_limits(reader: "_Reader") -> dict[str, int]:
    """Read how many requests a minute are let in, by the names of the settings."""
    defaults = {"rate_limit_default": 600, "rate_limit_login": 10, "rate_limit_login_account": 5}
    return {
        name: reader.number(name.upper(), default=default, at_least=0, cast=int)
        for name, default in defaults.items()
    }


SETTINGS = (
    "ENVIRONMENT",
    "FLASK_ENV",
    "DATABASE_URL",
    "SECRET_KEY",
    "JWT_KEYS",
    "DATA_DIR",
    "BUSINESS_TIMEZONE",
    "LOG_LEVEL",
    "DB_POOL_SIZE",
    "DB_STATEMENT_TIMEOUT_MS",
    "DB_LOCK_TIMEOUT_MS",
    "HEALTH_DB_TIMEOUT_SECONDS",
    "REQUEST_BODY_BYTES_MAX",
    "BULK_BYTES_MAX",
    "BULK_ROWS_MAX",
    "TRUSTED_PROXIES",
    "CORS_ALLOWED_ORIGINS",
    "IDEMPOTENCY_RETENTION_DAYS",
    "APPROVAL_DAYS",
    "LEGACY_API_AUTH",
    "HEALTH_STATUS",
    "RATE_LIMIT_DEFAULT",
    "RATE_LIMIT_LOGIN",
    "RATE_LIMIT_LOGIN_ACCOUNT",
)


def _environment_of_flask(environ: Mapping[str, str]) -> str:
    # FLASK_ENV is what older installations set; ENVIRONMENT wins over it.
    return environ.get("FLASK_ENV") or "development"


def _secret_key(reader: "_Reader", *, deployed: bool) -> str:
    secret_key = reader.secret("SECRET_KEY", default=None if deployed else DEVELOPMENT_SECRET_KEY)
    if len(secret_key) < SECRET_KEY_LENGTH_MIN:
        reader.faults.append(f"SECRET_KEY must have at least {SECRET_KEY_LENGTH_MIN} characters")
    if deployed and secret_key == DEVELOPMENT_SECRET_KEY:
        reader.faults.append("SECRET_KEY must not be the one used in development")
    return secret_key


def _with_driver(url: str | None, faults: list[str]) -> str | None:
    """Name the driver in a database URL, since a bare postgresql:// means another one."""
    if url is None:
        return None
    for prefix in ("postgresql+psycopg2://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return _readable("postgresql+psycopg2://" + url.removeprefix(prefix), faults)
    faults.append("DATABASE_URL must begin with postgresql:// (PostgreSQL is the only database)")
    return None


def _jwt_keys(text: str, faults: list[str]) -> tuple[tuple[str, str], ...]:
    """Read pairs such as `2026-11:secret`, between commas or white space; a fault shows no secret."""
    pairs = [JWT_KEY.fullmatch(pair) for pair in re.split(r"[\s,]+", text) if pair]
    found = tuple((pair[1], pair[2]) for pair in pairs if pair is not None)
    if len(found) < len(pairs) or (text and not pairs):
        faults.append("JWT_KEYS must be pairs kid:secret, each secret of at least 32 characters")
    if len(dict(found)) < len(found):
        faults.append("JWT_KEYS must not give two secrets the same kid")
    return found


def _readable(url: str, faults: list[str]) -> str | None:
    """Check that a database URL can be read; the fault does not show it, since a password may be in it."""
    try:
        sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        faults.append("DATABASE_URL must read postgresql://user:password@host:port/database")
        return None
    return url


class _Reader:
    """Reads variables one by one and remembers every fault, so that all are reported at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.faults: list[str] = []

    def choice(self, name: str, *, default: str, choices: tuple[str, ...]) -> str:
        value = (self.environ.get(name) or default).lower()
        if value not in choices:
            self.faults.append(f"{name} must be one of {', '.join(choices)}")
        return value

    def secret(self, name: str, *, default: str | None) -> str:
        """Read a secret from `name`, or from the file that `name`_FILE points at."""
        path = self.environ.get(f"{name}_FILE")
        if path:
            return self._file(f"{name}_FILE", path)
        value = self.environ.get(name) or default
        if value is None:
            self.faults.append(f"{name} must be set")
            return ""
        return value

    def _file(self, name: str, path: str) -> str:
        text = ""
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            self.faults.append(f"{name} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self.faults.append(f"{name} cannot be read: it is not UTF-8 text")
        else:
            # An empty DATABASE_URL would mean the embedded PostgreSQL.
            if not text:
                self.faults.append(f"{name} names an empty file")
        return text

    def number(self, name: str, *, default: N, at_least: N, cast: Callable[[str], N]) -> N:
        text = self.environ.get(name)
        if not text:
            return default
        try:
            value = cast(text)
        except ValueError:
            value = at_least - 1
        if not at_least <= value < float("inf"):
            self.faults.append(f"{name} must be a number of at least {at_least}")
            return default
        return value

    def origins(self, name: str) -> tuple[str, ...]:
        """Read origins as a browser names them, separated by commas: no paths, no wildcards."""
        given = tuple(each.strip() for each in (self.environ.get(name) or "").split(",") if each.strip())
        if not all(ORIGIN.fullmatch(each) for each in given):
            self.faults.append(
                f"{name} must be origins such as https://desk.example.com, separated by commas"
            )
        return given

    def timezone(self, name: str, *, default: str) -> str:
        value = self.environ.get(name) or default
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            self.faults.append(f"{name} must be an IANA time zone such as Africa/Nairobi")
        return value
