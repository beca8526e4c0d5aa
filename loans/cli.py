"""The flask commands: what an operator types. Long ones show their progress; every one says what to do next."""

import sys
from datetime import datetime, timedelta

import click
import sqlalchemy as sa
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from loans import access_cli, bulk_cli, clock, ledger
from loans.api import security
from loans.core import money
from loans.core.errors import LendingError
from loans.db import db, transaction
from loans.queries import audit, loans
from loans.services import audit_chains, demo, idempotency, verification
from loans.services.context import Context

FAULTS_SHOWN_MAX = 100
# Answers forgotten in one transaction: a moment's work, so that nothing else waits for it.
PURGED_AT_ONCE = 1000


def register(app: Flask) -> None:
    """Give the application its commands."""
    for command in (
        *access_cli.COMMANDS,
        *bulk_cli.COMMANDS,
        purge_idempotency_keys,
        seed_demo,
        trial_balance,
        verify,
    ):
        app.cli.add_command(command)


@click.command("seed-demo")
@with_appcontext
def seed_demo() -> None:
    """Fill in a demo portfolio: a loan for every status, method and event. Adds only what is missing."""
    if security.settings().is_deployed:
        raise click.ClickException("seed-demo is for development: this is " + security.settings().environment)
    steps = demo.steps(_context("cli:seed-demo"))
    try:
        with click.progressbar(steps, label="Demo portfolio", file=sys.stderr, show_pos=True) as bar:
            added = sum(transaction(step) for step in bar)
    except LendingError as error:
        # Another run was quicker between looking and adding.
        raise click.ClickException(
            f"{error.detail}: if seed-demo runs elsewhere too, run it again"
        ) from error
    click.echo(f"Demo portfolio complete: {added} added, {len(steps) - added} there already.")


@click.command("purge-idempotency-keys")
@with_appcontext
def purge_idempotency_keys() -> None:
    """Forget the answers to Idempotency-Keys that are older than IDEMPOTENCY_RETENTION_DAYS; the keys stay used.

    It may run beside requests and beside itself, and may be interrupted: what is left is done the next time.
    """
    days = security.settings().idempotency_retention_days
    before = clock.now() - timedelta(days=days)
    total = transaction(lambda session: idempotency.count_expired(session, before=before))
    purged = 0
    with click.progressbar(length=total, label="Answers purged", file=sys.stderr, show_pos=True) as bar:
        # What another run holds is counted and not found here: it ends with what is left to take.
        while done := transaction(
            lambda session: idempotency.expire(session, before=before, at_most=PURGED_AT_ONCE)
        ):
            purged += done
            bar.update(done)
    click.echo(f"{purged} answers older than {days} days purged; their keys stay used.")


@click.command("trial-balance")
@with_appcontext
def trial_balance() -> None:
    """Print every account's debits, credits and balance; exits 1 if the books do not balance."""
    accounts = ledger.trial_balance(db.session())
    if not accounts:
        click.echo("The journal is empty.")
        return
    click.echo(f"{'account':<36}{'currency':<10}{'debit':>20}{'credit':>20}{'balance':>20}")
    differences: dict[str, int] = {}
    for row in accounts:
        figures = (money.format_amount(value, row.currency) for value in (row.debit, row.credit, row.balance))
        click.echo(
            f"{row.account + ' ' + row.name:<36}{row.currency:<10}"
            + "".join(f"{each:>20}" for each in figures)
        )
        differences[row.currency] = differences.get(row.currency, 0) + row.balance
    for currency, difference in sorted(differences.items()):
        verdict = (
            "balanced"
            if difference == 0
            else f"OUT OF BALANCE by {money.format_amount(difference, currency)}"
        )
        click.echo(f"{currency}: {verdict}")
    if any(differences.values()):
        raise SystemExit(1)


@click.command("verify")
@with_appcontext
def verify() -> None:
    """Fold every loan from scratch, hash every audit record, compare with what is stored; exits 1 on any difference."""
    session, started_at = db.session(), clock.now()
    # One snapshot for the whole run, so that payments coming in meanwhile are not taken for differences.
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    session.execute(sa.text("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = 0"))
    session.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    total = loans.count(session)
    with click.progressbar(length=total, label="Loans verified", file=sys.stderr, show_pos=True) as bar:
        found = list(verification.verify(session, progress=bar.update))
    records = audit.count(session)
    with click.progressbar(length=records, label="Records verified", file=sys.stderr, show_pos=True) as bar:
        found += audit_chains.verify(session, progress=bar.update)
    session.rollback()
    _note_run(started_at, verified=total, faults=len(found))
    for fault in found[:FAULTS_SHOWN_MAX]:
        click.echo(f"{fault.invariant} {fault.subject}: {fault.detail}")
    if len(found) > FAULTS_SHOWN_MAX:
        click.echo(f"... and {len(found) - FAULTS_SHOWN_MAX} more")
    if found:
        click.echo(f"{total} loans verified: {len(found)} differences. See docs/runbooks/verification.md.")
        raise SystemExit(1)
    click.echo(f"{total} loans verified: no differences (I1, I2, I3, I4, I11, I12, I13).")


def _note_run(started_at: datetime, *, verified: int, faults: int) -> None:
    """Record the run; where that fails, such as on a schema from before such records, the verdict still counts."""
    finished_at = clock.now()

    def work(session: Session) -> None:
        verification.record(
            session, started_at=started_at, finished_at=finished_at, verified=verified, faults=faults
        )

    try:
        transaction(work)
    except SQLAlchemyError as error:
        click.echo(f"This run could not be recorded: {error.__cause__ or error}".strip(), err=True)


def _context(actor: str) -> Context:
    return Context(
        actor=actor,
        request_id=None,
        now=clock.now(),
        business_date=clock.business_date(security.settings().business_timezone),
    )
