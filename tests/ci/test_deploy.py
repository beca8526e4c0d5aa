"""A deployment from the pipeline: what is refused, what is tried, and the way back."""

import stat

import pytest

from tests.ci.conftest import ROOT

DIGEST = "@sha256:" + "a1" * 32
IMAGE = f"dockeruser/branchloans-staging{DIGEST}"
OPTIONS = "-o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=10"
RELEASE = "dockeruser/branchloans:v1.2.3"


@pytest.fixture
def installation(tmp_path, stand_ins):
    """A host's folder, with stand-ins for make (which fails on the targets in MAKE_FAILS) and the network."""
    folder = tmp_path / "host"
    folder.mkdir()
    stand_ins.add("make", 'case " $MAKE_FAILS " in *" $1 "*) exit 1 ;; esac')
    stand_ins.add("ssh", 'while [ $# -gt 1 ]; do shift; done; sh -c "$1"')
    return folder


@pytest.fixture
def deploy(run, stand_ins, installation, tmp_path):
    """Run a copy of ci/deploy.py beside a smoke test that answers as told."""
    project = tmp_path / "project"
    (project / "deploy").mkdir(parents=True)
    (project / "ci").mkdir()
    for name in ("deploy.py", "environments.py"):
        (project / "ci" / name).write_text((ROOT / "ci" / name).read_text())
    smoke = project / "deploy" / "smoke.sh"
    smoke.write_text(
        f'#!/bin/sh\necho "smoke $*" >>"{stand_ins.log}"\n'
        f'tried=$(grep -c ^smoke "{stand_ins.log}")\n'
        '[ "$(printf %s "$SMOKE" | cut -c "$tried")" = y ]\n'
    )
    smoke.chmod(0o755)

    def call(*args, smoke="yyy", **environment):
        output = tmp_path / "output"
        output.touch()
        ended = run(
            str(project / "ci" / "deploy.py"),
            *args,
            "--folder",
            str(installation),
            "--url",
            "https://staging.example",
            PATH=stand_ins.path,
            SMOKE=smoke,
            GITHUB_OUTPUT=str(output),
            **environment,
        )
        return ended.code, output.read_text().strip(), ended

    return call


class TestDeploy:
    def test_deploys_on_the_host_and_tries_it_from_outside(self, deploy, stand_ins):
        code, outcome, _ = deploy("--environment", "staging", "--image", IMAGE)

        assert (code, outcome) == (0, "outcome=deployed")
        assert stand_ins.calls == [f"make deploy ENV=staging IMAGE={IMAGE}", "smoke https://staging.example"]

    def test_takes_a_release_into_any_environment(self, deploy):
        code, outcome, _ = deploy("--environment", "production", "--image", RELEASE)

        assert (code, outcome) == (0, "outcome=deployed")

    def test_stops_when_the_host_refuses_the_image(self, deploy, stand_ins):
        code, outcome, _ = deploy("--environment", "staging", "--image", IMAGE, MAKE_FAILS="deploy")

        assert (code, outcome) == (1, "outcome=refused")
        assert stand_ins.calls == [f"make deploy ENV=staging IMAGE={IMAGE}"]

    def test_rolls_back_by_itself_when_it_does_not_work_from_outside(self, deploy, stand_ins):
        code, outcome, _ = deploy("--environment", "staging", "--image", IMAGE, smoke="ny")

        assert (code, outcome) == (1, "outcome=rolled-back")
        assert stand_ins.calls[2:] == ["make rollback ENV=staging", "smoke https://staging.example"]

    @pytest.mark.parametrize(("fails", "smoke"), [("rollback", "ny"), ("", "nn")])
    def test_says_so_when_the_way_back_fails_too(self, deploy, fails, smoke):
        code, outcome, _ = deploy("--environment", "staging", "--image", IMAGE, smoke=smoke, MAKE_FAILS=fails)

        assert (code, outcome) == (1, "outcome=broken")

    def test_goes_over_ssh_without_asking_questions(self, deploy, stand_ins):
        code, outcome, _ = deploy(
            "--environment", "staging", "--image", IMAGE, "--host", "loans@host.example"
        )

        assert (code, outcome) == (0, "outcome=deployed")
        assert all(
            call.startswith(f"ssh {OPTIONS} loans@host.example ")
            for call in stand_ins.calls
            if call.startswith("ssh")
        )
        assert f"make deploy ENV=staging IMAGE={IMAGE}" in stand_ins.calls

    def test_does_not_claim_to_know_what_became_of_a_lost_connection(self, deploy, stand_ins):
        stand_ins.add("ssh", "exit 255")

        code, outcome, _ = deploy("--environment", "staging", "--image", IMAGE, "--host", "host.example")

        assert (code, outcome) == (1, "outcome=unknown")

    @pytest.mark.parametrize(
        ("image", "reason"),
        [
            ("dockeruser/branchloans-staging:latest", "cannot be deployed"),
            ("dockeruser/branchloans-staging", "cannot be deployed"),
            ("dockeruser/branchloans-staging:a1b2c3d", "cannot be deployed"),
            ("someone/else:v1.2.3", "cannot be deployed"),
            ("dockeruser/branchloans-staging:v1.2.3; rm -rf /", "cannot be deployed"),
            ("dockeruser/branchloans:v1.2.3 ENV=production", "cannot be deployed"),
            ("", "one of the arguments"),
            (f"dockeruser/branchloans-production{DIGEST}", "was built for production, not for staging"),
        ],
    )
    def test_refuses_an_image_that_nobody_could_name_later_or_of_another_environment(
        self, deploy, stand_ins, image, reason
    ):
        code, outcome, ended = deploy("--environment", "staging", *(["--image", image] if image else []))

        assert code != 0
        assert reason in ended.err
        assert (outcome, stand_ins.calls) == ("", [])

    @pytest.mark.parametrize("host", ["-oProxyCommand=evil", "a b", "x;y", "user@"])
    def test_refuses_a_host_that_ssh_would_take_for_an_option(self, deploy, stand_ins, host):
        code, _, ended = deploy("--environment", "staging", "--image", IMAGE, f"--host={host}")

        assert code == 1
        assert "is no host" in ended.err
        assert stand_ins.calls == []


class TestRollback:
    def test_goes_back_and_tries_it(self, deploy, stand_ins):
        code, outcome, _ = deploy("--environment", "production", "--rollback")

        assert (code, outcome) == (0, "outcome=reverted")
        assert stand_ins.calls == ["make rollback ENV=production", "smoke https://staging.example"]

    def test_fails_when_there_is_nothing_to_go_back_to(self, deploy):
        code, outcome, _ = deploy("--environment", "production", "--rollback", MAKE_FAILS="rollback")

        assert (code, outcome) == (1, "outcome=broken")


class TestSettings:
    def test_reach_the_host_before_the_image_does(self, deploy, installation):
        deploy(
            "--environment",
            "staging",
            "--image",
            IMAGE,
            POSTGRES_USER="staging_user",
            POSTGRES_DB="branchloans_staging",
            DB_VOLUME_PATH="./postgres_data_staging",
            APP_CPU_LIMIT_STAGING="3",
        )

        settings = installation / "secrets" / "staging" / "settings.env"
        assert settings.read_text().splitlines() == [
            "HEALTHCHECK_INTERVAL=20s",
            "HEALTHCHECK_TIMEOUT=4s",
            "HEALTHCHECK_RETRIES=4",
            "APP_CPU_LIMIT=3",
            "APP_MEMORY_LIMIT=1g",
            "DB_CPU_LIMIT=2",
            "DB_MEMORY_LIMIT=1g",
            "POSTGRES_USER=staging_user",
            "POSTGRES_DB=branchloans_staging",
            "DB_VOLUME_PATH=./postgres_data_staging",
        ]
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600

    def test_hold_no_password_which_has_a_file_of_its_own(self, deploy, installation, stand_ins):
        _, _, ended = deploy(
            "--environment", "staging", "--image", IMAGE, POSTGRES_PASSWORD="made up $(for) 'a test'"
        )

        folder = installation / "secrets" / "staging"
        assert (folder / "postgres_password").read_text() == "made up $(for) 'a test'"
        assert "made up" not in (folder / "settings.env").read_text() + ended.out + ended.err
        assert not any("made up" in call for call in stand_ins.calls)

    def test_leave_the_password_alone_that_the_database_was_made_with(self, deploy, installation):
        folder = installation / "secrets" / "staging"
        folder.mkdir(parents=True)
        (folder / "postgres_password").write_text("the first one")

        deploy("--environment", "staging", "--image", IMAGE, POSTGRES_PASSWORD="another one")

        assert (folder / "postgres_password").read_text() == "the first one"

    def test_that_do_not_arrive_stop_the_deployment(self, deploy, installation, stand_ins):
        (installation / "secrets").write_text("a file where a folder should be")

        code, outcome, _ = deploy("--environment", "staging", "--image", IMAGE)

        assert (code, outcome) == (1, "outcome=failed")
        assert stand_ins.calls == []

    def test_cannot_break_out_of_their_line(self, deploy, stand_ins):
        code, _, ended = deploy(
            "--environment", "staging", "--image", IMAGE, POSTGRES_DB="x\nPOSTGRES_USER=root"
        )

        assert code == 1
        assert "POSTGRES_DB holds a character" in ended.err
        assert stand_ins.calls == []
