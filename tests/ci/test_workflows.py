"""What the workflows promise: read from their YAML, since only GitHub can run them."""

import re
import subprocess

import pytest
import yaml

from tests.ci.conftest import ROOT

NAMES = ("ci", "cd", "release", "deploy")
FIVE_BRANCHES = {"main", "development", "master", "production", "staging"}
ENVIRONMENTS = ("DEVELOPMENT", "STAGING", "PRODUCTION")


def text(name):
    return (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()


def workflow(name):
    return yaml.safe_load(text(name))


def triggers(name):
    # YAML 1.1 reads the key `on` as true.
    return workflow(name)[True]


def jobs(name):
    return workflow(name)["jobs"]


def steps(name):
    return [step for job in jobs(name).values() for step in job["steps"]]


def gates(name):
    """What each step that runs Trivy is told, without its target."""
    given = [step["with"] for step in steps(name) if "trivy-action" in step.get("uses", "")]
    targets = {"scan-type", "input", "scan-ref"}
    return [{key: value for key, value in told.items() if key not in targets} for told in given]


class TestEveryWorkflow:
    @pytest.mark.parametrize("name", NAMES)
    def test_names_its_actions_by_commit_and_says_which_version_that_is(self, name):
        uses = re.findall(r"uses: (.*)", text(name))

        assert uses
        assert [use for use in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == []

    @pytest.mark.parametrize("name", NAMES)
    def test_grants_nothing_but_what_a_job_asks_for(self, name):
        assert workflow(name)["permissions"] == {}
        assert all("permissions" in job for job in jobs(name).values())

    @pytest.mark.parametrize("name", NAMES)
    def test_ends_some_time(self, name):
        assert all(0 < job["timeout-minutes"] <= 30 for job in jobs(name).values())

    @pytest.mark.parametrize("name", NAMES)
    def test_leaves_no_credentials_in_the_checkout(self, name):
        checkouts = [step for step in steps(name) if "actions/checkout" in step.get("uses", "")]

        assert checkouts
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)

    @pytest.mark.parametrize("name", NAMES)
    def test_puts_nothing_that_others_write_into_a_script(self, name):
        scripts = [step["run"] for step in steps(name) if "run" in step]

        assert [script for script in scripts if "${{" in script] == []

    @pytest.mark.parametrize(
        ("name", "cut_off"), [("ci", True), ("cd", False), ("release", False), ("deploy", False)]
    )
    def test_is_cut_off_by_a_newer_run_only_where_that_leaves_nothing_half_done(self, name, cut_off):
        assert workflow(name)["concurrency"]["cancel-in-progress"] is cut_off

    @pytest.mark.parametrize("name", NAMES)
    def test_calls_only_scripts_and_targets_that_exist(self, name):
        called = "\n".join(step.get("run", "") for step in steps(name))
        makefiles = "".join(
            (ROOT / path).read_text() for path in ("Makefile", "ci/check.mk", "deploy/stack.mk")
        )
        targets = set(re.findall(r"^([a-z][\w-]*):(?!=)", makefiles, re.MULTILINE))
        made = {word for line in re.findall(r"\bmake ([a-z -]+)", called) for word in line.split()}

        assert [path for path in re.findall(r"\bci/[\w-]+\.\w+", called) if not (ROOT / path).is_file()] == []
        assert made - targets == set()


class TestCi:
    def test_starts_for_pull_requests_to_the_five_branches(self):
        assert set(triggers("ci")) == {"pull_request"}
        assert set(triggers("ci")["pull_request"]["branches"]) == FIVE_BRANCHES

    def test_goes_from_build_and_test_to_lint_to_docker_build(self):
        chain = {job["name"]: job.get("needs") for job in jobs("ci").values()}

        assert chain == {"Build & Test": None, "Lint": "build-and-test", "Docker Build": "lint"}

    def test_runs_tests_and_linters_and_not_echoes(self):
        called = "\n".join(step.get("run", "") for step in steps("ci"))

        assert {"make test", "make check", "make check-stack", "make smoke ENV=development"} <= {
            line.strip() for line in called.splitlines()
        }

    def test_pushes_nothing_and_knows_no_secret(self):
        assert "secrets." not in text("ci")
        assert "push" not in " ".join(step.get("run", "") for step in steps("ci"))


class TestCd:
    def test_starts_for_pushes_to_the_five_branches(self):
        assert set(triggers("cd")) == {"push"}
        assert set(triggers("cd")["push"]["branches"]) == FIVE_BRANCHES

    def test_chains_its_four_jobs(self):
        assert {name: job.get("needs") for name, job in jobs("cd").items()} == {
            "Test-and-build": None,
            "Dockerimg-Build": "Test-and-build",
            "Security-Scan": "Dockerimg-Build",
            "Push-to-Docker-Hub": "Security-Scan",
        }
        assert all(job["name"] == name for name, job in jobs("cd").items())

    def test_pushes_nothing_when_the_scan_fails(self):
        assert "if" not in jobs("cd")["Push-to-Docker-Hub"]
        assert not any("continue-on-error" in step for step in steps("cd"))

    def test_pushes_the_image_that_was_scanned(self):
        scanned = jobs("cd")["Security-Scan"]
        pushed = "\n".join(step.get("run", "") for step in jobs("cd")["Push-to-Docker-Hub"]["steps"])

        assert scanned["outputs"]["sha256"] == "${{ needs.Dockerimg-Build.outputs.sha256 }}"
        assert 'gh run download "$GITHUB_RUN_ID" --name image\nci/image.sh verify image.tar' in pushed
        assert 'ci/image.sh push image.tar "$SHA256"' in pushed
        assert "build" not in pushed

    def test_builds_with_the_four_build_arguments(self):
        [build] = [step for step in steps("cd") if step.get("id") == "build"]

        assert {"FLASK_ENV", "HEALTHCHECK_INTERVAL", "HEALTHCHECK_TIMEOUT", "HEALTHCHECK_RETRIES"} < set(
            build["env"]
        )


class TestScan:
    GATE = (
        ("scanners", "vuln,misconfig,secret"),
        ("severity", "CRITICAL,HIGH"),
        ("ignore-unfixed", True),
        ("format", "table"),
        ("exit-code", "1"),
    )

    @pytest.mark.parametrize("name", ["cd", "release"])
    def test_gates_on_the_image_and_on_the_files(self, name):
        assert gates(name)[:2] == [dict(self.GATE), dict(self.GATE)]

    def test_asks_for_the_same_as_the_script_for_people(self):
        script = (ROOT / "ci" / "scan.sh").read_text().replace('"', "")

        assert (
            "--severity CRITICAL,HIGH --ignore-unfixed --scanners vuln,misconfig,secret --format table --exit-code 1"
            in script
        )

    def test_reports_the_same_findings_to_the_security_tab(self):
        assert gates("cd")[2] == {
            "scanners": "vuln,misconfig,secret",
            "severity": "CRITICAL,HIGH",
            "ignore-unfixed": True,
            "limit-severities-for-sarif": True,
            "format": "sarif",
            "output": "trivy.sarif",
            "exit-code": "0",
        }

    @pytest.mark.parametrize("name", ["cd", "release"])
    def test_is_handed_no_secret(self, name):
        job = jobs(name)["Security-Scan"]

        assert "secrets." not in str(job)
        assert "environment" not in job
        assert set(job["permissions"]) <= {"actions", "contents", "security-events"}


class TestRelease:
    def test_starts_for_version_tags(self):
        assert triggers("release") == {"push": {"tags": ["v*"]}}

    def test_publishes_last_what_was_checked_tested_built_and_scanned(self):
        assert {name: job.get("needs") for name, job in jobs("release").items()} == {
            "Check-Version": None,
            "Test": "Check-Version",
            "Build": "Test",
            "Security-Scan": "Build",
            "Publish": "Security-Scan",
            "GitHub-Release": "Publish",
        }

    def test_signs_the_image_lists_what_is_in_it_and_attests_where_it_was_built(self):
        told = text("release")

        assert "cosign sign --yes" in told
        assert "cosign attest --yes --type spdxjson --predicate sbom.spdx.json" in told
        assert "actions/attest-build-provenance@" in told

    def test_writes_to_the_repository_only_where_the_release_is_made(self):
        writers = [
            name for name, job in jobs("release").items() if job["permissions"].get("contents") == "write"
        ]

        assert writers == ["GitHub-Release"]


class TestDeploy:
    def test_is_started_by_hand_with_an_environment_and_an_image_or_a_rollback(self):
        inputs = triggers("deploy")["workflow_dispatch"]["inputs"]

        assert set(inputs) == {"environment", "image", "rollback"}
        assert inputs["environment"]["options"] == ["development", "staging", "production"]

    def test_waits_for_the_reviewers_of_its_environment(self):
        assert jobs("deploy")["Deploy"]["environment"] == "${{ inputs.environment }}"

    def test_never_runs_twice_at_once_in_one_environment(self):
        assert workflow("deploy")["concurrency"]["group"] == "deploy-${{ inputs.environment }}"

    def test_deploys_only_what_a_pipeline_signed(self):
        ids = [step.get("id") for step in jobs("deploy")["Deploy"]["steps"]]
        [deploy] = [step for step in steps("deploy") if step.get("id") == "deploy"]

        assert ids.index("image") < ids.index("deploy")
        assert deploy["env"]["IMAGE"] == "${{ steps.image.outputs.reference }}"

    def test_tells_how_it_ended_whatever_happened(self):
        assert jobs("deploy")["Notify"]["if"] == "always()"
        assert jobs("deploy")["Notify"]["needs"] == "Deploy"

    def test_gives_an_environment_no_secret_of_another(self):
        [deploy] = [step for step in steps("deploy") if step.get("id") == "deploy"]
        chosen = [value for value in deploy["env"].values() if "secrets." in value]

        assert len(chosen) == 4
        for value in chosen:
            assert re.findall(r"inputs.environment == '(\w+)' && secrets\.\w+_(\w+)\)", value) == [
                ("development", "DEVELOPMENT"),
                ("staging", "STAGING"),
                ("production", "PRODUCTION"),
            ]
            assert value.endswith("|| '' }}")


class TestSecretsAndVariables:
    def test_of_the_readme_are_used_and_described(self):
        secrets = {"DOCKER_USERNAME", "DOCKER_PASSWORD"} | {
            f"{name}_{environment}"
            for name in ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "DB_VOLUME_PATH")
            for environment in ENVIRONMENTS
        }
        variables = {
            f"{name}_{environment}"
            for name in (
                "HEALTHCHECK_INTERVAL",
                "HEALTHCHECK_TIMEOUT",
                "HEALTHCHECK_RETRIES",
                "APP_CPU_LIMIT",
                "APP_MEMORY_LIMIT",
                "DB_CPU_LIMIT",
                "DB_MEMORY_LIMIT",
            )
            for environment in ENVIRONMENTS
        }
        everything = "".join(text(name) for name in NAMES)
        document = (ROOT / "docs" / "pipelines.md").read_text()

        assert (len(secrets), len(variables)) == (14, 21)
        assert secrets <= set(re.findall(r"secrets\.([A-Z_]+)", everything))
        assert variables <= set(re.findall(r"vars\.([A-Z_]+)", everything))
        assert [name for name in sorted(secrets | variables) if f"`{name}" not in document] == []

    def test_that_the_workflows_use_are_all_described(self):
        everything = "".join(text(name) for name in NAMES)
        document = (ROOT / "docs" / "pipelines.md").read_text()

        used = set(re.findall(r"(?:secrets|vars)\.([A-Z_]+)", everything))
        assert [name for name in sorted(used) if f"`{name}" not in document] == []


class TestDependabot:
    def test_waits_a_week_before_it_offers_a_new_version(self):
        updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]

        assert {update["package-ecosystem"] for update in updates} == {
            "pip",
            "npm",
            "github-actions",
            "docker",
            "docker-compose",
        }
        assert all(update["cooldown"]["default-days"] >= 7 for update in updates)


class TestLocks:
    def test_of_the_npm_linters_hold_a_hash_and_no_address(self):
        lock = yaml.safe_load((ROOT / "ci" / "node" / "package-lock.json").read_text())
        packages = {name: package for name, package in lock["packages"].items() if name}

        assert packages
        assert all(package["integrity"].startswith("sha512-") for package in packages.values())
        assert not any("resolved" in package for package in packages.values())

    def test_of_the_pypi_linters_hold_exact_versions_with_hashes(self):
        locked = (ROOT / "requirements-check.txt").read_text()
        wanted = [
            line for line in (ROOT / "requirements-check.in").read_text().split("\n") if line[:1].isalpha()
        ]

        assert wanted
        assert [
            name
            for name in wanted
            if not re.search(rf"^{name}==\S+ \\\n    --hash=sha256:", locked, re.MULTILINE)
        ] == []


class TestShellScripts:
    def test_can_be_run_and_stop_at_the_first_mistake(self):
        scripts = sorted((ROOT / "ci").glob("*.sh"))

        assert scripts
        for script in scripts:
            assert script.stat().st_mode & 0o111, f"{script.name} cannot be run"
            assert re.search(r"^set -e?uo pipefail$", script.read_text(), re.MULTILINE), script.name
            assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
