"""One command for all benchmarks: `python -m bench`, or one of them by its name."""

import contextlib
import os
import platform
import signal

import click

from bench import paging, rate, repayment, stage
from bench.stage import Server

LOANS, SMALL, ROUNDS, SECONDS = 100_000, 1_000, 60, 20.0
# Fewer rounds than this say nothing about the spread.
ROUNDS_MIN = 30


@click.group(invoke_without_command=True)
@click.pass_context
def bench(context: click.Context) -> None:
    """Measure Branch Loans on a PostgreSQL of its own, which is removed at the end. Without a name: all of it."""
    # Ended from outside like by Ctrl-C: the server and its folder go too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running = context.with_resource(stage.server())
    context.obj = running
    click.echo(_surroundings(running))
    if context.invoked_subcommand is None:
        paging.run(running, loans=LOANS, small=SMALL, rounds=ROUNDS)
        repayment.run(running)
        rate.run(running, seconds=SECONDS)


@bench.command("paging")
@click.option("--loans", type=click.IntRange(1_000), default=LOANS, show_default=True, help="Large book.")
@click.option("--small", type=click.IntRange(1_000), default=SMALL, show_default=True, help="Small book.")
@click.option("--rounds", type=click.IntRange(ROUNDS_MIN), default=ROUNDS, show_default=True)
@click.pass_obj
def paging_command(running: Server, loans: int, small: int, rounds: int) -> None:
    """Pages of a list: first, middle, last, filtered; a small book; OFFSET as the peer."""
    paging.run(running, loans=loans, small=small, rounds=rounds)


@bench.command("repayment")
@click.pass_obj
def repayment_command(running: Server) -> None:
    """Statements, round trips and rows of one repayment, and why each is needed."""
    repayment.run(running)


@bench.command("repayment-rate")
@click.option("--seconds", type=click.FloatRange(2, 600), default=SECONDS, show_default=True)
@click.pass_obj
def rate_command(running: Server, seconds: float) -> None:
    """Repayments a second, against the same SQL sent by hand."""
    rate.run(running, seconds=seconds)


def _surroundings(running: Server) -> str:
    """This will say where the figures come from."""
    with contextlib.closing(running.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
        cursor.execute("SHOW fsync")
        fsync = cursor.fetchone()[0]
    load = " ".join(f"{each:.2f}" for each in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, load {load}; Python {platform.python_version()};"
        f" PostgreSQL {version}, fsync {fsync}."
    )


if __name__ == "__main__":
    bench(prog_name="python -m bench")
