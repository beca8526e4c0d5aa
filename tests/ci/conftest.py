"""The scripts behind the workflows: run as programs, the way the workflows run them.

The programs they call (docker, ssh, make, gh, cosign, trivy) are stand-ins that write down how they were called.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """What a program said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def values(self):
        return dict(line.split("=", 1) for line in self.lines)


@pytest.fixture
def run():
    """Run a program of ci/ by its name, with arguments and environment variables."""

    def call(name, *args, stdin="", cwd=ROOT, **environment):
        program = ROOT / "ci" / name
        command = [sys.executable, str(program)] if name.endswith(".py") else [str(program)]
        ended = subprocess.run(
            [*command, *args],
            input=stdin,
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Run(ended.returncode, ended.stdout, ended.stderr)

    return call


class StandIns:
    """Programs in a folder at the head of the PATH that write down how they were called."""

    def __init__(self, folder):
        self.folder = folder / "bin"
        self.folder.mkdir()
        self.log = folder / "calls"
        self.log.touch()

    @property
    def path(self):
        return f"{self.folder}:{os.environ['PATH']}"

    @property
    def calls(self):
        return self.log.read_text().splitlines()

    def add(self, name, script="exit 0"):
        """A program that writes its name and arguments down and goes on with a script of sh."""
        program = self.folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.log}"\n{script}\n')
        program.chmod(0o755)


@pytest.fixture
def stand_ins(tmp_path):
    return StandIns(tmp_path)
