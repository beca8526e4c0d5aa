"""A real Prometheus with the project's own configuration, on ports of the loopback and at a pace of a second."""

import http.client
import json
import math
import re
import shutil
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.stack.nginx.edge import ROOT
from tests.stack.nginx.process import Program

CONFIGURATION = ROOT / "prometheus"
SERVICE_DISCOVERIES = re.compile(r"\w+_sd_configs|static_configs")
# Until everything was scraped and every rule evaluated; after that there is no more to wait for.
SETTLE_SECONDS = 60
WAIT_SECONDS = 2
POLL_SECONDS = 0.5
WINDOW_SECONDS = 30


def adapt(configuration: Mapping[str, Any], *, ports: Mapping[str, int | None]) -> dict[str, Any]:
    """Give the configuration with its jobs pointed to ports here; a job whose port is None does not run here.

    :raises KeyError: if a job is not in `ports`, which is for a person to decide.
    """
    jobs = []
    for job in configuration["scrape_configs"]:
        port = ports[job["job_name"]]
        if port is None:
            continue
        static = job.get("static_configs", [{}])[0]
        kept = {key: value for key, value in job.items() if not SERVICE_DISCOVERIES.fullmatch(key)}
        kept |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
        kept["static_configs"] = [{**static, "targets": [f"127.0.0.1:{port}"]}]
        jobs.append(kept)
    return {
        "global": {
            **configuration["global"],
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "evaluation_interval": "1s",
        },
        "rule_files": ["rules/*.yml"],
        "scrape_configs": jobs,
    }


def copy_rules(folder: Path) -> None:
    """Copy the rules and have every group evaluated each second."""
    folder.mkdir()
    for file in (CONFIGURATION / "rules").glob("*.yml"):
        rules = yaml.safe_load(file.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            group["interval"] = "1s"
        (folder / file.name).write_text(yaml.safe_dump(rules), encoding="utf-8")


class Prometheus:
    """A running Prometheus and what tests ask of it."""

    def __init__(self, folder: Path, *, port: int, ports: Mapping[str, int | None]) -> None:
        folder.mkdir()
        self.port = port
        configuration = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text(encoding="utf-8"))
        adapted = adapt(configuration, ports={**ports, "prometheus": port})
        self.jobs = [job["job_name"] for job in adapted["scrape_configs"]]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(adapted), encoding="utf-8")
        copy_rules(folder / "rules")
        self.program = Program(
            [
                shutil.which("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ]
        )
        self.program.err.wait_for("Server is ready to receive web requests")
        self.settled_at = time.monotonic() + SETTLE_SECONDS  # noqa: TID251 - a test's patience

    def stop(self) -> None:
        self.program.stop()

    def get(self, path: str, **parameters: str) -> Any:
        """Ask its API; an error is given as what it says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            pairs = {key.replace("match", "match[]"): value for key, value in parameters.items()}
            connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(pairs)}")
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert answer["status"] == "success", answer["error"]
        return answer["data"]

    def instant(self, expr: str) -> list[float]:
        """The figures of an instant query that are numbers."""
        data = self.get("query", query=expr)
        samples = (
            [data["result"]] if data["resultType"] == "scalar" else [one["value"] for one in data["result"]]
        )
        return finite(samples)

    def over_time(self, expr: str) -> list[float]:
        """The figures of a range query over the last half minute that are numbers."""
        end = time.time()  # noqa: TID251 - Prometheus' clock is this machine's
        data = self.get("query_range", query=expr, start=str(end - WINDOW_SECONDS), end=str(end), step="1")
        return finite([sample for series in data["result"] for sample in series["values"]])

    def known(self) -> frozenset[str]:
        """Every metric it ever scraped or recorded."""
        return frozenset(self.get("label/__name__/values"))

    def kinds(self) -> dict[str, str]:
        """The type of every metric that a target declared."""
        return {name: facts[0]["type"] for name, facts in self.get("metadata").items()}

    def label_values(self, selector: str, label: str) -> list[str]:
        return self.get(f"label/{label}/values", match=selector)

    def until(self, ask: Any) -> Any:
        """Ask again until there is an answer, while figures may still come; give the last answer."""
        deadline = max(self.settled_at, time.monotonic() + WAIT_SECONDS)  # noqa: TID251
        while not (answer := ask()) and time.monotonic() < deadline:  # noqa: TID251
            time.sleep(POLL_SECONDS)
        return answer


def finite(samples: list[Any]) -> list[float]:
    return [float(value) for _, value in samples if math.isfinite(float(value))]
