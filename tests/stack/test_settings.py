"""The settings of the service in the stack: each can be set there, and means what it means elsewhere."""

import re

import yaml

from loans.config import SETTINGS, Settings
from tests.conftest import ROOT


def given_to_the_api():
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["services"]["api"]["environment"]


class TestSettings:
    def test_of_the_service_all_reach_it_in_the_stack(self):
        given = given_to_the_api()
        # Secrets come in files, and there is no embedded PostgreSQL.
        other = {"SECRET_KEY", "JWT_KEYS", "DATA_DIR"}

        assert {name for name in SETTINGS if name not in given} == other
        assert {"SECRET_KEY_FILE", "JWT_KEYS_FILE", "DATABASE_URL_FILE"} <= given.keys()

    def test_mean_what_they_mean_without_the_stack(self):
        given = given_to_the_api()
        defaults = {
            name: found[1]
            for name in SETTINGS
            if (found := re.fullmatch(r"\$\{\w+:-(\d[\d.]*)\}", given.get(name, "")))
        }

        assert len(defaults) == 12
        assert Settings.from_env(defaults) == Settings.from_env({})
