"""A copy of the project's scripts in a folder of its own, with stand-ins for the programs they call.

Docker and curl write down how they were called and answer as a scenario tells them; the runbooks say how the same was
tried on a real engine.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

DOCKER = r"""#!/usr/bin/env python3
import json, os, sys
from pathlib import Path
here = Path(os.environ["FAKE"])
say = json.loads((here / "scenario.json").read_text())
args = sys.argv[1:]
line = " ".join(args)
with (here / "calls").open("a") as calls:
    calls.write(line + "\n")
running = here / "running"
up = set(running.read_text().split()) if running.exists() else {"nginx", "api"}
def answer(text="", code=0):
    if text:
        print(text)
    sys.exit(code)
if args[0] == "inspect":
    name = args[-1]
    if "Mounts" in line:
        answer(str(here.parent / ".deploy/development/active"))
    if "State.Running" in line:
        answer("true" if name in up else "false")
    if "Health" in line:
        answer(say.get("health", "healthy"))
    if "RestartCount" in line:
        answer("0")
    answer("branchloans-api:old" if name == "api" else "branchloans-api:new")
if args[:2] == ["image", "inspect"]:
    answer("sha256:0123456789abcdef", 1 if "missing" in args[-1] else 0)
if args[0] == "pull":
    answer(code=1)
if args[0] == "compose" and " run " in line:
    answer(say.get("said", "Running upgrade"), say.get("migrate", 0))
if args[0] == "compose" and " up " in line:
    running.write_text(" ".join(up | {args[-1]}))
    answer()
if args[0] == "stop":
    running.write_text(" ".join(up - {args[-1]}))
    answer()
if args[0] == "logs":
    answer((here / "requests").read_text() if (here / "requests").exists() else "")
if "ready" in args:
    answer("" if say.get("ready", True) else "/health: 500 instead of 200", 0 if say.get("ready", True) else 1)
if "counts" in args:
    counter = here / "counted"
    first = not counter.exists()
    counter.touch()
    answer("0 0" if first else say.get("counts", "100 0"))
if "create-key" in args:
    answer("a-key")
if "-t" in args:
    answer(code=say.get("nginx", 0))
answer()
"""
CURL = r"""#!/usr/bin/env python3
import json, os, sys
from pathlib import Path
here = Path(os.environ["FAKE"])
for number, word in enumerate(sys.argv):
    if word.startswith("X-Request-ID"):
        with (here / "requests").open("a") as requests:
            requests.write(word + "\n")
print(json.loads((here / "scenario.json").read_text()).get("edge", "200"), end="")
"""


class Installation:
    """A copy of what the scripts need, with stand-ins for the programs they call."""

    def __init__(self, folder, **scenario):
        self.folder = folder
        self.fake = folder / "fake"
        shutil.copytree(ROOT / "deploy", folder / "deploy")
        shutil.copy(ROOT / "Dockerfile", folder)
        for name in ("development", "staging", "production"):
            shutil.copy(ROOT / f".env.{name}", folder)
        active = folder / ".deploy/development/active"
        active.mkdir(parents=True)
        (active / "upstream.conf").write_text('# either colour\nset $api_backend "http://api:8000";\n')
        programs = self.fake / "bin"
        programs.mkdir(parents=True)
        for name, text in (("docker", DOCKER), ("curl", CURL)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        (self.fake / "scenario.json").write_text(json.dumps(scenario))

    def run(self, *command, **variables):
        """Run a script of this copy."""
        path = f"{self.fake / 'bin'}:{os.environ['PATH']}"
        environ = {"PATH": path, "FAKE": str(self.fake), "DRAIN_SECONDS": "0", "WATCH_SECONDS": "1"}
        return subprocess.run(
            [str(self.folder / command[0]), *command[1:]],
            cwd=self.folder,
            env=environ | variables,
            capture_output=True,
            check=False,
            text=True,
        )

    @property
    def calls(self):
        """How docker was called."""
        return (self.fake / "calls").read_text().splitlines()

    @property
    def active(self):
        """The line of nginx that chooses the colour."""
        return (self.folder / ".deploy/development/active/upstream.conf").read_text().splitlines()[-1]

    @property
    def history(self):
        """What the last deployment was recorded as: what, image, colour, result."""
        fields = (self.folder / ".deploy/history.tsv").read_text().splitlines()[-1].split("\t")
        return fields[2], fields[3], fields[5], fields[6]
