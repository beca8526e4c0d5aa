"""One command for all benchmarks: `python -m bench`, or one of them by its name."""

import contextlib
import os
import platform
import signal

import click

from bench import (
    backdating,
    bulk,
    folding,
    league,
    limits,
    load,
    paging,
    portfolio,
    rate,
    repayment,
    schedules,
    stage,
)
from bench.stage import Server

LOANS, SMALL, ROUNDS, SECONDS = 100_000, 1_000, 60, 20.0
DRAWN = 10_000
CLIENTS, LOAD_SECONDS = 32, 10.0
BULK_ROUNDS, IMPORTED = 10, 100_000
# Fewer rounds than this say nothing about the spread.
ROUNDS_MIN = 30


@click.group(invoke_without_command=True)
@click.pass_context
def bench(context: click.Context) -> None:
    """Measure Branch Loans, requests on a PostgreSQL of its own, which is removed at the end. Without a name: all."""
    # Ended from outside like by Ctrl-C: the server and its folder go too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.echo(_surroundings())
    if context.invoked_subcommand is None:
        schedules.run(rounds=ROUNDS)
        league.run(loans=DRAWN)
        folding.run(rounds=ROUNDS)
        running = _server(context)
        paging.run(running, loans=LOANS, small=SMALL, rounds=ROUNDS)
        portfolio.run(running, loans=LOANS, rounds=ROUNDS)
        limits.run(running, rounds=ROUNDS)
        repayment.run(running)
        backdating.run(running)
        rate.run(running, seconds=SECONDS)
        load.run(running, loans=LOANS, clients=CLIENTS, seconds=LOAD_SECONDS)
        bulk.run(running, rounds=BULK_ROUNDS, imported=IMPORTED)


@bench.command("schedules")
@click.option("--rounds", type=click.IntRange(ROUNDS_MIN), default=ROUNDS, show_default=True)
def schedules_command(rounds: int) -> None:
    """Schedules of 12, 36 and 360 installments a second, ours and those of other libraries."""
    schedules.run(rounds=rounds)


@bench.command("league")
@click.option("--loans", type=click.IntRange(1), default=DRAWN, show_default=True, help="Random loans.")
def league_command(loans: int) -> None:
    """Faults in the schedules of random loans, ours and those of other libraries."""
    league.run(loans=loans)


@bench.command("folding")
@click.option("--rounds", type=click.IntRange(ROUNDS_MIN), default=ROUNDS, show_default=True)
def folding_command(rounds: int) -> None:
    """The time to compute a loan from its events, on time, back-dated, with notes for explanations."""
    folding.run(rounds=rounds)


@bench.command("paging")
@click.option("--loans", type=click.IntRange(1_000), default=LOANS, show_default=True, help="Large book.")
@click.option("--small", type=click.IntRange(1_000), default=SMALL, show_default=True, help="Small book.")
@click.option("--rounds", type=click.IntRange(ROUNDS_MIN), default=ROUNDS, show_default=True)
@click.pass_context
def paging_command(context: click.Context, loans: int, small: int, rounds: int) -> None:
    """Pages of a list: first, middle, last, filtered; a small book; OFFSET as the peer."""
    paging.run(_server(context), loans=loans, small=small, rounds=rounds)


@bench.command("portfolio")
@click.option("--loans", type=click.IntRange(1_000), default=LOANS, show_default=True)
@click.option("--rounds", type=click.IntRange(ROUNDS_MIN), default=ROUNDS, show_default=True)
@click.pass_context
def portfolio_command(context: click.Context, loans: int, rounds: int) -> None:
    """Statistics of a book with all its installments: computed anew, and served."""
    portfolio.run(_server(context), loans=loans, rounds=rounds)


@bench.command("limits")
@click.option("--rounds", type=click.IntRange(ROUNDS_MIN), default=ROUNDS, show_default=True)
@click.pass_context
def limits_command(context: click.Context, rounds: int) -> None:
    """What it costs a request to be counted towards a limit."""
    limits.run(_server(context), rounds=rounds)


@bench.command("load")
@click.option("--loans", type=click.IntRange(1_000), default=LOANS, show_default=True)
@click.option("--clients", type=click.IntRange(1), default=CLIENTS, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(1, 600), default=LOAD_SECONDS, show_default=True, help="A route."
)
@click.pass_context
def load_command(context: click.Context, loans: int, clients: int, seconds: float) -> None:
    """The ten busiest routes under many clients, on gunicorn as deployed, against a route that does nothing."""
    load.run(_server(context), loans=loans, clients=clients, seconds=seconds)


@bench.command("repayment")
@click.pass_context
def repayment_command(context: click.Context) -> None:
    """Statements, round trips and rows of one repayment, and why each is needed."""
    repayment.run(_server(context))


@bench.command("backdating")
@click.pass_context
def backdating_command(context: click.Context) -> None:
    """A repayment dated on day 30 of a three-year loan of daily interest, over HTTP."""
    backdating.run(_server(context))


@bench.command("repayment-rate")
@click.option("--seconds", type=click.FloatRange(2, 600), default=SECONDS, show_default=True)
@click.pass_context
def rate_command(context: click.Context, seconds: float) -> None:
    """Repayments a second, against the same SQL sent by hand."""
    rate.run(_server(context), seconds=seconds)


@bench.command("bulk")
@click.option("--rounds", type=click.IntRange(4), default=BULK_ROUNDS, show_default=True)
@click.option("--rows", type=click.IntRange(1_000), default=IMPORTED, show_default=True, help="To import.")
@click.pass_context
def bulk_command(context: click.Context, rounds: int, rows: int) -> None:
    """Rows of files a second, against single requests and the same SQL by hand; an import that is killed."""
    bulk.run(_server(context), rounds=rounds, imported=rows)


def _surroundings() -> str:
    """This will say where the figures come from."""
    load = " ".join(f"{each:.2f}" for each in os.getloadavg())
    return f"{os.cpu_count()} cores, load {load}; Python {platform.python_version()}."


def _server(context: click.Context) -> Server:
    """This will start a server that goes when the command is done, and say what it is."""
    running = context.with_resource(stage.server())
    with contextlib.closing(running.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
        cursor.execute("SHOW fsync")
        fsync = cursor.fetchone()[0]
    click.echo(f"\nPostgreSQL {version}, fsync {fsync}.")
    return running


if __name__ == "__main__":
    bench(prog_name="python -m bench")
