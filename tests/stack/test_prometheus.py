"""Prometheus and Alertmanager: what they are told, checked by their own programs and once for real."""

import http.client
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.stack.nginx.backends import free_ports
from tests.stack.nginx.process import Program

PROMETHEUS = ROOT / "prometheus"
ALERTMANAGER = ROOT / "alertmanager" / "alertmanager.yml"
# It fires always; that is what it is for.
NEVER_SILENT = {"Watchdog"}
WAIT_SECONDS = 60
POLL_SECONDS = 0.2


def program(name):
    """Find a program; Debian puts the family's name before some."""
    found = shutil.which(name) or shutil.which(f"prometheus-{name}")
    assert found, f"{name} is not installed: make check-stack installs it"
    return found


def run(*command):
    """Run a checker and give its verdict with what it said."""
    done = subprocess.run(
        [program(command[0]), *map(str, command[1:])], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(kind):
    """Every alert, or every recording rule."""
    groups = [group for path in (PROMETHEUS / "rules").glob("*.yml") for group in load(path)["groups"]]
    return {rule[kind]: rule for group in groups for rule in group["rules"] if kind in rule}


ALERTS = rules("alert")


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="branch-loans-prometheus-") as name:
        yield Path(name)


class TestConfiguration:
    def test_is_accepted_with_its_rules(self, folder):
        text = (PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8")
        (folder / "checked.yml").write_text(text.replace("/etc/prometheus", str(PROMETHEUS)))

        code, output = run(
            "promtool", "check", "config", "--lint=all", "--lint-fatal", folder / "checked.yml"
        )

        assert code == 0, output
        assert f"SUCCESS: {len(ALERTS)} rules found" in output

    def test_limits_what_every_job_may_show(self):
        jobs = load(PROMETHEUS / "prometheus.yml")["scrape_configs"]

        assert [job["job_name"] for job in jobs if not job.get("sample_limit")] == []

    def test_scrapes_services_of_the_stack(self):
        services = load(ROOT / "docker-compose.yml")["services"].keys() | {"localhost"}
        jobs = load(PROMETHEUS / "prometheus.yml")["scrape_configs"]

        static = [
            target.partition(":")[0]
            for job in jobs
            for each in job.get("static_configs", ())
            for target in each["targets"]
        ]
        found = [name for job in jobs for each in job.get("dns_sd_configs", ()) for name in each["names"]]

        assert set(static) | set(found) <= services

    def test_of_alertmanager_is_accepted(self):
        code, output = run("amtool", "check-config", ALERTMANAGER)

        assert code == 0, output

    @pytest.mark.parametrize(
        ("labels", "receiver"),
        [
            (("severity=page",), "page"),
            (("severity=ticket",), "ticket"),
            (("alertname=Watchdog", "severity=none"), "watchdog"),
            (("severity=unheard-of",), "nobody"),
        ],
    )
    def test_sends_each_severity_where_it_belongs(self, labels, receiver):
        code, output = run("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)

        assert code == 0, output
        assert receiver in output.splitlines()


class TestRules:
    def test_fire_and_stay_silent_as_their_tests_say(self):
        code, output = run("promtool", "test", "rules", *sorted((PROMETHEUS / "tests").glob("*.yml")))

        assert code == 0, output

    @pytest.mark.parametrize("outcome", ["fires", "is silent"])
    def test_have_a_test_of_each_outcome(self, outcome):
        names = [
            test["name"] for path in (PROMETHEUS / "tests").glob("*.yml") for test in load(path)["tests"]
        ]
        shown = {name.partition(f" {outcome} ")[0] for name in names if f" {outcome} " in name}

        assert ALERTS.keys() - shown == (NEVER_SILENT if outcome == "is silent" else set())

    def test_are_tested_for_what_the_name_of_the_test_says(self):
        for path in (PROMETHEUS / "tests").glob("*.yml"):
            for test in load(path)["tests"]:
                alert, fires = test["name"].split()[0], " fires " in test["name"]
                (expected,) = test["promql_expr_test"]
                assert expected["expr"] == f'ALERTS{{alertname="{alert}", alertstate="firing"}}', test["name"]
                assert bool(expected["exp_samples"]) == fires, test["name"]

    @pytest.mark.parametrize("name", ALERTS)
    def test_say_what_it_means_and_what_to_do(self, name):
        alert = ALERTS[name]

        assert alert["labels"]["severity"] in {"page", "ticket", "none"}
        assert alert["annotations"].keys() >= {"summary", "description", "runbook_url"}

    @pytest.mark.parametrize("name", ALERTS)
    def test_have_a_runbook(self, name):
        address, _, anchor = ALERTS[name]["annotations"]["runbook_url"].partition("#")
        text = (ROOT / address.removeprefix("https://branchloans.com/")).read_text(encoding="utf-8")

        assert anchor == name.lower()
        assert f"\n## {name}\n" in text

    def test_have_runbooks_for_alerts_that_exist(self):
        texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs/runbooks/alerts").glob("*.md")]

        assert {
            name for text in texts for name in re.findall(r"^## (\w+)$", text, re.MULTILINE)
        } == ALERTS.keys()

    def test_are_recorded_under_level_metric_operations(self):
        pattern = re.compile(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+")

        assert [name for name in rules("record") if not pattern.fullmatch(name)] == []

    def test_ask_for_metrics_of_ours_that_somebody_writes(self):
        asked = {
            name
            for rule in (*ALERTS.values(), *rules("record").values())
            for name in re.findall(r"(?<![\w:])branchloans_\w+", rule["expr"])
        }
        writers = [*(ROOT / "loans").rglob("*.py"), *(ROOT / "deploy").rglob("*.sh")]
        written = {
            name
            for path in writers
            for name in re.findall(r"branchloans_\w+", path.read_text(encoding="utf-8"))
        }

        assert asked - written == set()

    def test_are_described_where_people_look_for_them(self):
        document = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
        source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "loans").rglob("*.py"))

        assert [
            name for name in set(re.findall(r'"(branchloans_\w+)"', source)) if name not in document
        ] == []


class Target:
    """Something to scrape, until it is stopped."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(b"branchloans_loans 1\n")

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def port(self):
        return self.server.server_address[1]

    def stop(self):
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def until(ask):
    """Ask again until there is an answer, and give it."""
    deadline = time.monotonic() + WAIT_SECONDS  # noqa: TID251 - a test's patience
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"nothing after {WAIT_SECONDS} s"  # noqa: TID251
        time.sleep(POLL_SECONDS)
    return answer


def write_configuration(folder, *, api, alertmanager):
    """Write the project's rules and routes for two programs here: each second, and without patience."""
    configuration = load(PROMETHEUS / "prometheus.yml")
    configuration["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = ["rules.yml"]
    configuration["alerting"]["alertmanagers"][0]["static_configs"] = [
        {"targets": [f"127.0.0.1:{alertmanager}"]}
    ]
    configuration["scrape_configs"] = [
        {"job_name": "flask-api", "static_configs": [{"targets": [f"127.0.0.1:{api}"]}]}
    ]
    groups = load(PROMETHEUS / "rules" / "alerts.yml")["groups"]
    for group in groups:
        for rule in group["rules"]:
            rule["for"] = "0s"
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))


class TestKilledTarget:
    @pytest.fixture
    def start(self):
        programs = []

        def start(name, *arguments, ready):
            programs.append(Program([program(name), *arguments]))
            programs[-1].err.wait_for(ready)

        yield start
        for each in reversed(programs):
            each.stop()

    @pytest.fixture
    def target(self):
        target = Target()
        yield target
        target.stop()

    def test_is_an_alert_in_alertmanager_and_one_only(self, folder, start, target):
        watching, telling = free_ports(2)
        write_configuration(folder, api=target.port, alertmanager=telling)
        start(
            "alertmanager",
            f"--config.file={ALERTMANAGER}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{telling}",
            "--cluster.listen-address=",
            ready="Listening on",
        )
        start(
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{watching}",
            # What fired before Alertmanager was found is told again after a minute, otherwise.
            "--rules.alert.resend-delay=1s",
            ready="Server is ready",
        )

        def alerts():
            return {each["labels"]["alertname"]: each for each in get(telling, "/api/v2/alerts")}

        def is_up():
            result = get(watching, "/api/v1/query?query=up==1")["data"]["result"]
            return result and "Watchdog" in alerts() and "ApiDown" not in alerts()

        until(is_up)

        target.stop()

        down = until(lambda: alerts().get("ApiDown"))
        silenced = until(
            lambda: (each := alerts().get("TargetDown")) and each["status"]["inhibitedBy"] and each
        )
        assert down["labels"]["severity"] == "page"
        assert [each["name"] for each in down["receivers"]] == ["page"]
        assert silenced["status"]["state"] == "suppressed"
