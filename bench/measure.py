"""Times: rounds that interleave what is compared, and medians with the quartiles beside them."""

import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import click

from loans import clock

Measured = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A median between the first and the third quartile."""

    low: float
    median: float
    high: float

    def show(self, *, unit: str = "", digits: int = 2) -> str:
        """This will write it as `median unit (low to high)`."""
        return f"{self.median:.{digits}f}{unit} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def spread(values: Sequence[float]) -> Spread:
    """This will give the median and the quartiles of some values."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low=low, median=median, high=high)


def ratio(over: Sequence[float], under: Sequence[float]) -> Spread:
    """This will compare two series round by round, so that what disturbs a round disturbs both sides."""
    return spread([above / below for above, below in zip(over, under, strict=True)])


def milliseconds(values: Sequence[float]) -> str:
    """This will write a series of seconds as its median and quartiles in milliseconds."""
    return spread([value * 1000 for value in values]).show(unit=" ms")


def seconds_of(work: Callable[[], object]) -> float:
    """This will run some work once and give the seconds it took."""
    started = clock.monotonic()
    work()
    return clock.monotonic() - started


def cpu_seconds_of(work: Callable[[], object]) -> float:
    """This will run some work once and give the processor time it took, in seconds: not what others took."""
    started = time.process_time()
    work()
    return time.process_time() - started


def interleave(
    cases: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    label: str,
    timer: Callable[[Callable[[], object]], float] = seconds_of,
) -> Measured:
    """This will time every case once a round, in seconds; two rounds before them are not counted.

    Rounds step through the cases at a stride that changes, so that no case always follows the same other one.
    """
    names = list(cases)
    strides = [stride for stride in range(1, len(names)) if math.gcd(stride, len(names)) == 1] or [1]
    measured: dict[str, list[float]] = {name: [] for name in names}
    for name in names * 2:
        cases[name]()
    with click.progressbar(range(rounds), label=label, file=sys.stderr) as bar:
        for turn in bar:
            for position in range(len(names)):
                name = names[(turn + position * strides[turn % len(strides)]) % len(names)]
                measured[name].append(timer(cases[name]))
    return measured


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """This will write rows as a Markdown table with columns aligned, for the terminal and for documents."""
    text = [list(headers), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in text) for column in range(len(headers))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in text
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
