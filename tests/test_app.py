"""The composition root: what create_app puts together, and what it refuses to start with."""

import tempfile
from pathlib import Path

import pytest
from flask import request

from loans import embedded
from loans.app import create_app
from loans.config import ConfigurationError
from tests.conftest import make_settings


@pytest.fixture
def clean_environment(monkeypatch):
    """No setting of ours in the environment, whoever runs the tests."""
    for name in ("ENVIRONMENT", "FLASK_ENV", "DATABASE_URL", "SECRET_KEY", "JWT_KEYS", "DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def seen_through_a_proxy(app):
    """What a request says of its caller and of itself after one proxy has passed it on."""
    app.add_url_rule(
        "/seen", view_func=lambda: {"address": request.remote_addr, "url": request.base_url}, endpoint="seen"
    )
    headers = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "branchloans.com",
    }
    return app.test_client().get("/seen", headers=headers).json


class TestCreateApp:
    def test_takes_its_settings_from_the_environment(self, clean_environment, database_url):
        clean_environment.setenv("ENVIRONMENT", "test")
        clean_environment.setenv("DATABASE_URL", database_url)
        clean_environment.setenv("REQUEST_BODY_BYTES_MAX", "2048")

        app = create_app()

        assert app.extensions["settings"].environment == "test"
        assert app.config["MAX_CONTENT_LENGTH"] == 2048
        assert app.test_client().get("/health-db").status_code == 200

    def test_refuses_a_faulty_environment_before_anything_else(self, clean_environment, tmp_path):
        clean_environment.setenv("ENVIRONMENT", "production")
        clean_environment.setenv("DATA_DIR", str(tmp_path / "data"))

        with pytest.raises(ConfigurationError, match="DATABASE_URL must be set"):
            create_app()

        assert not (tmp_path / "data").exists()

    def test_starts_a_database_where_none_is_given(self):
        with tempfile.TemporaryDirectory() as folder:
            # As root the server runs under another account, which must be able to get here.
            Path(folder).chmod(0o755)
            app = create_app(make_settings(None, data_dir=Path(folder)))

            try:
                assert app.test_client().get("/health-db").status_code == 200
            finally:
                embedded.release(Path(folder) / "postgres")

    def test_makes_applications_that_do_not_share_anything(self, make_database):
        with_small_bodies = create_app(make_settings(make_database(), request_body_bytes_max=1024))
        with_large_bodies = create_app(make_settings(make_database()))

        assert with_small_bodies.config["MAX_CONTENT_LENGTH"] == 1024
        assert with_large_bodies.config["MAX_CONTENT_LENGTH"] == 262_144
        assert with_small_bodies.extensions["ping"] is not with_large_bodies.extensions["ping"]

    def test_offers_the_commands(self, app):
        assert {"create-key", "seed-demo", "trial-balance", "verify", "db"} <= set(app.cli.commands)

    def test_does_not_need_the_database_to_be_up(self):
        app = create_app(make_settings("postgresql+psycopg2://nobody@127.0.0.1:1/nowhere"))

        statuses = [app.test_client().get(path).status_code for path in ("/health", "/health-db")]

        assert statuses == [200, 500]

    def test_ignores_a_slash_at_the_end(self, app):
        paths = ("/health", "/health/", "/errors", "/errors/")

        assert [app.test_client().get(path).status_code for path in paths] == [200, 200, 200, 200]


class TestProxies:
    def test_are_not_believed_by_default(self, database_url):
        seen = seen_through_a_proxy(create_app(make_settings(database_url)))

        assert seen == {"address": "127.0.0.1", "url": "http://localhost/seen"}

    def test_are_believed_when_counted(self, database_url):
        seen = seen_through_a_proxy(create_app(make_settings(database_url, trusted_proxies=1)))

        assert seen == {"address": "203.0.113.9", "url": "https://branchloans.com/seen"}
