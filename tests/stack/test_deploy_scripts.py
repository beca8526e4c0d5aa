"""The deployment and the rollback, run as an operator runs them, on stand-ins for docker and curl."""

import subprocess

import pytest

from tests.stack.installation import Installation


@pytest.fixture
def install(tmp_path):
    return lambda **scenario: Installation(tmp_path, **scenario)


GREEN = 'set $api_backend "http://api-green:8000";'
BLUE = 'set $api_backend "http://api:8000";'


class TestDeploy:
    def test_switches_to_the_new_image_and_keeps_the_old_colour_up(self, install):
        host = install()

        done = host.run("deploy/deploy.sh", "branchloans-api:new")

        assert done.returncode == 0, done.stderr
        assert host.active == GREEN
        assert host.history == ("deploy", "branchloans-api:new", "api-green", "deployed")
        assert not [call for call in host.calls if call.startswith("stop")]

    def test_migrates_before_it_starts_the_new_colour_and_reloads_nginx_last(self, install):
        host = install()

        host.run("deploy/deploy.sh", "branchloans-api:new")

        steps = [
            next(number for number, call in enumerate(host.calls) if part in call)
            for part in (" run --rm", " up --detach", "python - ready", "nginx -t", "nginx -s reload")
        ]
        assert steps == sorted(steps)

    def test_remembers_what_runs_for_bare_commands(self, install):
        host = install()

        host.run("deploy/deploy.sh", "branchloans-api:new")

        lines = (host.folder / ".env").read_text().splitlines()
        assert "POSTGRES_USER=dev_user" in lines
        assert "API_IMAGE=branchloans-api:old" in lines
        assert "API_GREEN_IMAGE=branchloans-api:new" in lines
        assert "MIGRATE_IMAGE=branchloans-api:new" in lines
        assert "COMPOSE_PROFILES=green" in lines

    @pytest.mark.parametrize(
        ("scenario", "reason"),
        [
            ({"migrate": 1}, "the migrations failed"),
            ({"health": "unhealthy"}, "it is unhealthy"),
            ({"health": "starting"}, "it was not healthy within 1 s"),
            ({"ready": False}, "it does not answer as it should"),
            ({"nginx": 1}, "nginx refuses the configuration"),
            ({"edge": "502"}, "nginx answers 502 for /health"),
            ({"counts": "100 2"}, "2 of 100 requests failed"),
        ],
    )
    def test_leaves_the_old_colour_serving_when(self, install, scenario, reason):
        host = install(**scenario)

        done = host.run("deploy/deploy.sh", "branchloans-api:new", HEALTHY_SECONDS_MAX="1")

        assert done.returncode == 1
        assert f"REFUSED: {reason}" in done.stdout
        assert host.active == BLUE
        assert host.history[3].startswith(f"refused: {reason}")
        assert "stop --time 30 api" not in host.calls

    def test_deploys_an_older_image_on_a_database_that_is_ahead_of_it(self, install):
        host = install(migrate=1, said="Can't locate revision identified by '0005'")

        done = host.run("deploy/deploy.sh", "branchloans-api:older")

        assert done.returncode == 0, done.stdout
        assert host.active == GREEN
        assert "MIGRATE_IMAGE" not in (host.folder / ".env").read_text()

    @pytest.mark.parametrize("counts", ["100 1", "10 10"])
    def test_bears_few_errors_and_judges_by_no_fewer_than_twenty_requests(self, install, counts):
        host = install(counts=counts)

        done = host.run("deploy/deploy.sh", "branchloans-api:new")

        assert done.returncode == 0, done.stdout

    def test_refuses_an_image_that_is_nowhere_and_touches_nothing(self, install):
        host = install()

        done = host.run("deploy/deploy.sh", "branchloans-api:missing")

        assert done.returncode == 1
        assert "no such image" in done.stdout
        assert not [call for call in host.calls if call.startswith(("compose", "stop"))]

    def test_is_refused_while_another_one_runs(self, install):
        host = install()
        lock = host.folder / ".deploy/lock"
        lock.touch()
        with subprocess.Popen(
            ["flock", str(lock), "sh", "-c", "echo held; read -r _"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder:
            holder.stdout.readline()

            done = host.run("deploy/deploy.sh", "branchloans-api:new")

            holder.communicate("\n")
        assert done.returncode == 1
        assert "Another deployment or rollback is running" in done.stderr


class TestRollback:
    def test_switches_back_at_once(self, install):
        host = install()
        host.run("deploy/deploy.sh", "branchloans-api:new")

        done = host.run("deploy/rollback.sh")

        assert done.returncode == 0, done.stderr
        assert host.active == BLUE
        assert host.history == ("rollback", "branchloans-api:old", "api", "rolled back")

    def test_says_that_there_is_nothing_to_go_back_to(self, install):
        host = install()

        done = host.run("deploy/rollback.sh")

        assert done.returncode == 1
        assert "nothing to go back to" in done.stderr
        assert host.active == BLUE
