"""schedules: full schedules a second of processor time, of ours and of other libraries."""

import functools
import math
from collections.abc import Callable, Sequence

import click

from bench import cases, measure, peers
from bench.cases import Case
from bench.measure import Measured
from bench.peers import Peer

# Seconds of one measurement: long enough to outweigh the clock, short enough for many rounds.
BATCH_SECONDS = 0.005


def run(*, rounds: int) -> None:
    """Time every library on the same loans in interleaved rounds; print rates and ratios to ours."""
    measured = {case.installments: _timed(case, rounds=rounds) for case in cases.TIMED}
    counts = [f"{count} installments" for count in measured]
    click.echo(f"\nSchedules per CPU-second, {rounds} interleaved rounds, median (quartiles):\n")
    rows = [
        (peers.title(peer), peer.dates, *(_rate(times[peer.name]) for times in measured.values()))
        for peer in peers.TIMED
    ]
    click.echo(measure.table(("library", "due dates", *counts), rows))
    click.echo("\nTime of a schedule as a multiple of ours in the same round:\n")
    rows = [
        (
            peers.title(peer),
            peer.dates,
            *(measure.ratio(times[peer.name], times[peers.OURS]).show() for times in measured.values()),
        )
        for peer in peers.TIMED
        if peer.name != peers.OURS
    ]
    click.echo(measure.table(("library", "due dates", *counts), rows))


def _timed(case: Case, *, rounds: int) -> Measured:
    """Give the seconds of processor time of one schedule, of each library and each round."""
    batches = {peer.name: _batch(peer, case=case) for peer in peers.TIMED}
    measured = measure.interleave(
        {name: work for name, (work, _) in batches.items()},
        rounds=rounds,
        label=f"{case.installments} installments",
        timer=measure.cpu_seconds_of,
    )
    return {name: [each / batches[name][1] for each in times] for name, times in measured.items()}


def _batch(peer: Peer, *, case: Case) -> tuple[Callable[[], object], int]:
    """Choose how many schedules make up one measurement, and the work of making them."""
    once = functools.partial(peer.make, case)
    # The first call also computes what is computed once.
    once()
    size = math.ceil(BATCH_SECONDS / measure.cpu_seconds_of(once))
    return functools.partial(_repeat, once, times=size), size


def _repeat(work: Callable[[], object], *, times: int) -> None:
    for _ in range(times):
        work()


def _rate(times: Sequence[float]) -> str:
    found = measure.spread([1 / each for each in times])
    return f"{found.median:,.0f} ({found.low:,.0f} to {found.high:,.0f})"
