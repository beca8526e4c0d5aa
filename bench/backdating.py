"""backdating: a payment that is recorded three years late, through the whole application."""

import sys
from datetime import date, timedelta

import click

from bench import book, measure
from bench.stage import Client, Server
from loans import clock

ROUNDS = 30
DAY = 30


def run(server: Server) -> None:
    """This will time repayments dated on day 30 of a three-year daily-interest loan, and on time for comparison."""
    client = Client(server.create("backdating"))
    owner = book.borrower(client)
    product_id = book.product(client, currency="KES", interest_mode="daily", day_count="ACT/365F")
    start = book.long_ago()
    loan = book.disbursed_loan(client, borrower_id=owner, product_id=product_id, on=start)
    for row in book.schedule(client, loan=loan)[:35]:
        book.repay(client, loan=loan, amount="1400.00", on=row["due_date"])
    days = {"late": start + timedelta(days=DAY), "timely": clock.business_date("UTC")}
    times: dict[str, list[float]] = {"late": [], "timely": [], "reversed": []}
    with click.progressbar(range(ROUNDS), label="Back-dated", file=sys.stderr) as bar:
        for _ in bar:
            for name, on in days.items():
                recorded, reversed_ = _once(client, loan=loan, on=on)
                times[name].append(recorded)
                times["reversed"].append(reversed_)
    click.echo(f"\nA loan of 36 months with daily interest and 35 repayments, {ROUNDS} rounds over HTTP.\n")
    rows = [
        (
            "repayment dated on day 30 of the loan",
            measure.milliseconds(times["late"]),
            measure.ratio(times["late"], times["timely"]).show(),
        ),
        ("repayment dated today", measure.milliseconds(times["timely"]), "1"),
        ("reversal of either", measure.milliseconds(times["reversed"]), ""),
    ]
    click.echo(measure.table(("request", "time", "ratio"), rows))


def _once(client: Client, *, loan: str, on: date) -> tuple[float, float]:
    """This will record a repayment and reverse it, and give the seconds of each."""
    started = clock.monotonic()
    path = book.repay(client, loan=loan, amount="10.00", on=on.isoformat())
    recorded = clock.monotonic() - started
    return recorded, measure.seconds_of(lambda: client.post(f"{path}/reverse", {}))
