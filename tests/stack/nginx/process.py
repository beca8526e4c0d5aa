"""A program that a test runs and whose lines it reads as they come."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from loans import clock

WAIT_SECONDS = 30


def until(condition: Callable[[], bool]) -> None:
    """Try again and again until something is so, where nothing tells when it is."""
    limit = clock.monotonic() + WAIT_SECONDS
    while not condition():
        assert clock.monotonic() < limit
        threading.Event().wait(0.02)


class Lines:
    """The lines of one stream, as they come."""

    def __init__(self, stream) -> None:
        self.all: list[str] = []
        self._news = threading.Condition()
        self._stream = stream
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, pattern: str, *, count: int = 1) -> str:
        """Wait until so many lines match, and give the last of those."""
        with self._news:

            def found() -> list[str]:
                return [line for line in self.all if re.search(pattern, line)]

            assert self._news.wait_for(lambda: len(found()) >= count, timeout=WAIT_SECONDS), "\n".join(
                self.all[-20:]
            )
            return found()[count - 1]

    def _read(self) -> None:
        for line in self._stream:
            with self._news:
                self.all.append(line.rstrip("\n"))
                self._news.notify_all()

    def close(self) -> None:
        self._reader.join(timeout=WAIT_SECONDS)
        self._stream.close()


class Program:
    """A running program with its standard output and standard error."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.out = Lines(self._process.stdout)
        self.err = Lines(self._process.stderr)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def quit(self) -> None:
        """Ask nginx to end when it has answered everything."""
        self.signal(signal.SIGQUIT)

    def stop(self) -> None:
        """Ask it to end, and its whole family if it does not."""
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self.out.close()
        self.err.close()
