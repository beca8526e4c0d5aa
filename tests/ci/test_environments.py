"""Which environment a branch is built for: the table of the README, written out."""

import pytest

COLUMNS = (
    "ENVIRONMENT",
    "HEALTHCHECK_INTERVAL",
    "HEALTHCHECK_TIMEOUT",
    "HEALTHCHECK_RETRIES",
    "APP_CPU_LIMIT",
    "APP_MEMORY_LIMIT",
    "DB_CPU_LIMIT",
    "DB_MEMORY_LIMIT",
)


class TestBranch:
    @pytest.mark.parametrize(
        ("branch", "row"),
        [
            ("development", ("development", "30s", "5s", "3", "1", "512m", "1", "512m")),
            ("main", ("development", "30s", "5s", "3", "1", "512m", "1", "512m")),
            ("staging", ("staging", "20s", "4s", "4", "2", "1g", "2", "1g")),
            ("production", ("production", "15s", "3s", "5", "4", "2g", "4", "2g")),
            ("master", ("production", "15s", "3s", "5", "4", "2g", "4", "2g")),
        ],
    )
    def test_is_built_with_the_values_of_its_environment(self, run, branch, row):
        ended = run("environments.py", branch)

        assert ended.code == 0
        assert ended.values == {"FLASK_ENV": "production", **dict(zip(COLUMNS, row, strict=True))}

    @pytest.mark.parametrize(
        "branch", ["feature/x", "Main", "main ", "refs/heads/main", "prod", "-main", "a\nb=c"]
    )
    def test_of_any_other_name_is_refused(self, run, branch):
        ended = run("environments.py", "--", branch)

        assert (ended.code, ended.out) == (1, "")
        assert "No environment is built from the branch" in ended.err


class TestVariable:
    def test_of_the_repository_wins_over_the_value_of_the_table(self, run):
        ended = run(
            "environments.py", "staging", APP_CPU_LIMIT_STAGING="3", HEALTHCHECK_INTERVAL_STAGING="10s"
        )

        assert ended.values["APP_CPU_LIMIT"] == "3"
        assert ended.values["HEALTHCHECK_INTERVAL"] == "10s"
        assert ended.values["HEALTHCHECK_TIMEOUT"] == "4s"

    def test_of_another_environment_changes_nothing(self, run):
        ended = run("environments.py", "staging", APP_CPU_LIMIT_PRODUCTION="8")

        assert ended.values["APP_CPU_LIMIT"] == "2"

    def test_that_is_not_set_arrives_empty_and_leaves_the_value(self, run):
        ended = run("environments.py", "--environment", "production", APP_MEMORY_LIMIT_PRODUCTION="")

        assert ended.values["APP_MEMORY_LIMIT"] == "2g"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("HEALTHCHECK_INTERVAL_STAGING", "30"),
            ("HEALTHCHECK_INTERVAL_STAGING", "0s"),
            ("HEALTHCHECK_RETRIES_STAGING", "three"),
            ("APP_MEMORY_LIMIT_STAGING", "1 GB"),
            ("APP_CPU_LIMIT_STAGING", "2\nENVIRONMENT=production"),
        ],
    )
    def test_that_docker_would_not_understand_is_refused(self, run, name, value):
        ended = run("environments.py", "staging", **{name: value})

        assert (ended.code, ended.out) == (1, "")
        assert name in ended.err
