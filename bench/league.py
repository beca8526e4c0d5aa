"""league: over the same random loans, how many schedules of each library have a fault?"""

import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import click

from bench import cases, judge, measure, peers
from bench.cases import Case
from bench.judge import Fault
from bench.peers import Peer

# What a library raises when it refuses a loan or stumbles over it; QuantLib knows RuntimeError only.
STUMBLES = (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError)
NOT_GIVEN = "-"


@dataclass(slots=True)
class Tally:
    """What was found about one library, in loans, and the farthest that each thing was off."""

    judged: int = 0
    not_offered: int = 0
    stumbled: int = 0
    not_in_cents: int = 0
    faulty: int = 0
    found: Counter[Fault] = field(default_factory=Counter)
    worst: dict[Fault, int] = field(default_factory=dict)

    def add(self, case: Case, *, peer: Peer) -> None:
        """Judge one more loan."""
        if not peer.offers(case):
            self.not_offered += 1
            return
        try:
            rows = list(peer.rows(peer.make(case)))
        except STUMBLES:
            self.stumbled += 1
            return
        verdict = judge.judge(rows, case=case)
        self.judged += 1
        self.not_in_cents += not verdict.is_in_cents
        self.faulty += any(verdict.off.values())
        for fault, off in verdict.off.items():
            self.found[fault] += off > 0
            self.worst[fault] = max(off, self.worst.get(fault, 0))

    def counts(self) -> Sequence[str]:
        """Write the numbers of loans."""
        counts = (self.not_offered, self.stumbled, self.judged, self.faulty, self.not_in_cents)
        return [f"{count:,}" for count in counts]

    def show(self, fault: Fault) -> str:
        """Write how many loans have a fault, and how bad it is in the worst of them."""
        if fault not in self.worst:
            return NOT_GIVEN
        return f"{self.found[fault]:,} ({self.worst[fault]:,})" if self.found[fault] else "0"


def run(*, loans: int) -> None:
    """Judge every library over so many random loans and print the tables."""
    drawn = cases.drawn(loans)
    tallies = [(peer, _tally(peer, drawn=drawn)) for peer in peers.ALL]
    click.echo(f"\nLoans, of {loans:,} random ones (seed {cases.SEED}):\n")
    headers = ("library", "not offered", "stumbled over", "judged", "with a fault", "not in whole cents")
    rows = [(peers.title(peer), *tally.counts()) for peer, tally in tallies]
    click.echo(measure.table(headers, rows))
    click.echo("\nLoans with each fault, and the worst of them in cents, installments or dates:\n")
    rows = [(peers.title(peer), *(tally.show(fault) for fault in Fault)) for peer, tally in tallies]
    click.echo(measure.table(("library", *Fault), rows))


def _tally(peer: Peer, *, drawn: Sequence[Case]) -> Tally:
    tally = Tally()
    # A library may warn of a rate of zero; what it makes of it is judged like the rest.
    with (
        warnings.catch_warnings(action="ignore"),
        click.progressbar(drawn, label=f"League: {peer.name}", file=sys.stderr) as bar,
    ):
        for case in bar:
            tally.add(case, peer=peer)
    return tally
