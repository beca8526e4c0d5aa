"""limits: what it costs a request to be counted."""

import click

from bench import measure, recording
from bench.stage import Client, Server
from loans.api.limits import Policy

PATH = "/api/v1/borrowers?limit=1"
# High enough that nobody is refused meanwhile.
LIMIT = 6_000
REQUESTS = 120


def run(server: Server, *, rounds: int) -> None:
    """This will ask for the same page without limits, with leases, and with a statement for each request."""
    url = server.create("limits")
    unlimited = Client(url)
    leasing, asking = Client(url, rate_limit=LIMIT), Client(url, rate_limit=LIMIT)
    limiter = asking.app.extensions["limiter"]
    limiter.default = Policy(name="default", limit=LIMIT, is_leased=False)
    usual = Client(url, rate_limit=600)
    usual.get(PATH)
    with recording.recording(usual) as taken:
        for _ in range(REQUESTS - 1):
            usual.get(PATH)
    leases = sum("rate_limits" in statement.sql for statement in taken.statements)
    measured = measure.interleave(
        {
            "no limit": lambda: unlimited.get(PATH),
            "no limit, again": lambda: unlimited.get(PATH),
            "tokens on lease": lambda: leasing.get(PATH),
            "one token a request": lambda: asking.get(PATH),
        },
        rounds=rounds,
        label="Limits",
    )
    click.echo(f"\nOf 600 requests a minute allowed, {REQUESTS} in a row asked for {leases + 1} leases.\n")
    rows = [
        (name, measure.milliseconds(values), measure.ratio(values, measured["no limit"]).show())
        for name, values in measured.items()
    ]
    click.echo(measure.table(("page of one borrower", "time", "ratio to no limit"), rows))
