"""`python -m fuzz`: schemathesis against the service as it is deployed, phase by phase, with a seed that is told.

Every check is on. It fails on any failure, and where fewer cases than CASES_MIN were made.
"""

import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

from scripts import live

ROOT = Path(__file__).resolve().parent.parent
SCHEMATHESIS = ROOT / ".venv" / "fuzz" / "bin" / "schemathesis"
# It ends a hang; a phase takes minutes.
PHASE_SECONDS_MAX = 1800
CASES_MIN = 20_000
SERVER_ERROR, SUCCESS_END = 500, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a phase."""

    phase: str
    cases: int
    failures: int
    filtered: int
    seconds: float


@click.command()
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--examples", type=click.IntRange(1), default=200, show_default=True, help="Cases a route when fuzzing."
)
@click.option(
    "--stories", type=click.IntRange(1), default=150, show_default=True, help="Walks along the links."
)
@click.option("--cases-min", type=click.IntRange(0), default=CASES_MIN, show_default=True)
@click.option("--report", type=click.Path(path_type=Path), help="Keep the reports and the server's log here.")
def fuzz(seed: int, examples: int, stories: int, cases_min: int, report: Path | None) -> None:
    """Try to break the API: examples, coverage, fuzzing and stateful, on a database of its own."""
    # Ended from outside like by Ctrl-C: the service and its folder go too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="branch-loans-fuzz-") as folder, live.service() as service:
        kept = report or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        phases = {"examples": 1, "coverage": 1, "fuzzing": examples, "stateful": stories}
        results = [_run(service, phase, count=count, seed=seed, kept=kept) for phase, count in phases.items()]
        log = service.log.read_text(encoding="utf-8")
        (kept / "server.log").write_text(log, encoding="utf-8")
    click.echo(_told(results, log=log, seed=seed))
    cases, failures = sum(each.cases for each in results), sum(each.failures for each in results)
    if failures or cases < cases_min or _errors(log):
        sys.exit(1)


def _run(service: live.Service, phase: str, *, count: int, seed: int, kept: Path) -> Result:
    """Run one phase and read its report."""
    started = time.monotonic()
    file = kept / f"{phase}.json"
    command = [
        str(SCHEMATHESIS),
        "--config-file",
        str(ROOT / "fuzz" / "schemathesis.toml"),
        "--no-color",
        "run",
    ]
    chosen = [f"--phases={phase}", f"--max-examples={count}", f"--seed={seed}", "--warnings=off"]
    ended = subprocess.run(
        [*command, f"{service.url}/openapi.json", *chosen, "--report=json", f"--report-json-path={file}"],
        cwd=ROOT,
        env=os.environ | {"API": service.url, "KEY": service.key},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PHASE_SECONDS_MAX,
    )
    if ended.returncode != 0:
        click.echo(ended.stdout)
    if not file.exists():
        raise click.ClickException(f"schemathesis made no report of the phase {phase}")
    told = json.loads(file.read_text(encoding="utf-8"))
    return Result(
        phase=phase,
        cases=told["test_cases"]["generated"],
        failures=told["test_cases"]["unique_failures"] + sum(each["count"] for each in told["errors"]),
        filtered=told["filtered"],
        seconds=time.monotonic() - started,
    )


def _requests(log: str) -> "list[dict[str, object]]":
    """Read the lines of requests from the server's log."""
    lines = (json.loads(line) for line in log.splitlines() if line.startswith("{"))
    return [line for line in lines if line.get("message") == "request"]


def _errors(log: str) -> int:
    return sum(int(str(line["status"])) >= SERVER_ERROR for line in _requests(log))


def _told(results: list[Result], *, log: str, seed: int) -> str:
    requests = _requests(log)
    statuses = collections.Counter(str(line["status"]) for line in requests)
    done = {
        (line["method"], line["route"])
        for line in requests
        if int(str(line["status"])) < SUCCESS_END and line["method"] in {"GET", "POST", "PATCH"}
    }
    lines = [f"{'phase':10}{'cases':>8}{'failures':>10}{'excused':>9}{'seconds':>9}"]
    lines += [
        f"{each.phase:10}{each.cases:8,}{each.failures:10}{each.filtered:9,}{each.seconds:9.0f}"
        for each in results
    ]
    lines += [
        f"{'all':10}{sum(each.cases for each in results):8,}{sum(each.failures for each in results):10}"
    ]
    lines += [f"seed {seed}; statuses " + ", ".join(f"{k}: {v:,}" for k, v in sorted(statuses.items()))]
    lines += [f"{len(done)} operations succeeded at least once; {_errors(log)} server errors"]
    return "\n".join(lines)


if __name__ == "__main__":
    fuzz(prog_name="python -m fuzz")
