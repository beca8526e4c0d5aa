"""The flask commands about who may call: keys of API clients, and the first accounts of staff."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click
import marshmallow as ma
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from loans import clock
from loans.api import security
from loans.core.errors import LendingError
from loans.db import db, transaction
from loans.queries import api_clients
from loans.schemas.staff import ROLES, USERNAME
from loans.services import api_keys, passwords, staff
from loans.services.api_keys import Recognised
from loans.services.context import Context
from loans.services.passwords import Password

T = TypeVar("T")


@click.command("create-key")
@click.option("--name", help="Makes a client of this name, for people to read.")
@click.option(
    "--scopes",
    help=f"What that client may do: comma-separated, or `all`. There are: {', '.join(api_keys.SCOPES)}.",
)
@click.option("--client", type=click.UUID, help="Instead of the two above: a client that gets a further key.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires; never where left out.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the key to this file (mode 0600) too; if it holds a key that is still valid, keep that one.",
)
@with_appcontext
def create_key(
    name: str | None, scopes: str | None, client: uuid.UUID | None, days: int | None, output: Path | None
) -> None:
    """Issue an API key and print it; it cannot be shown again."""
    if (client is None) == (name is None) or (client is None) == (scopes is None):
        raise click.UsageError("give either --name and --scopes, or --client")
    if output is not None and output.exists():
        kept = output.read_text(encoding="ascii", errors="replace").strip()
        if _recognised(kept) is not None:
            click.echo(kept)
            return
    now = clock.now()
    expires_at = None if days is None else now + timedelta(days=days)

    def work(session: Session) -> str:
        if client is not None:
            issued = api_keys.issue_further(
                session,
                client_id=client,
                secret=security.secret(),
                context=_context("cli:create-key", now=now),
                expires_at=expires_at,
            )
            return issued.key
        wanted = (
            api_keys.SCOPES if scopes == "all" else tuple(each.strip() for each in (scopes or "").split(","))
        )
        return api_keys.issue(
            session, name=name or "", scopes=wanted, secret=security.secret(), now=now, expires_at=expires_at
        )

    token = _run(work)
    if output is not None:
        _keep(output, token)
    click.echo(token)
    click.echo("Keep it: it is stored only as a hash. Send it as `Authorization: Bearer <key>`.", err=True)


@click.command("list-keys")
@with_appcontext
def list_keys() -> None:
    """List the keys that are not revoked, with client, end and last use."""
    keys = api_clients.all_keys(db.session())
    if not keys:
        click.echo("There are no keys. Make one: flask create-key --name ... --scopes ...")
        return
    click.echo(f"{'key':<38}{'client':<38}{'last used':<18}{'expires':<18}name")
    for name, key in keys:
        used, end = _minute(key.last_used_at), _minute(key.expires_at)
        click.echo(f"{key.id!s:<38}{key.client_id!s:<38}{used:<18}{end:<18}{name}")


@click.command("revoke-key")
@click.argument("key_id", type=click.UUID)
@with_appcontext
def revoke_key(key_id: uuid.UUID) -> None:
    """Revoke the key with this id, the third part of its text; it stops with its next request."""
    context = _context("cli:revoke-key", now=clock.now())
    client_id = _run(lambda session: api_keys.revoke(session, key_id=key_id, context=context))
    click.echo(f"Key {key_id} of client {client_id} is revoked.")


@click.command("create-staff")
@click.option("--username", required=True, help="What to log in with; unique in whatever case.")
@click.option("--name", required=True, help="Whose account it is, for people to read.")
@click.option("--role", required=True, type=click.Choice(ROLES), help="What the account may do.")
@click.option(
    "--generate",
    is_flag=True,
    help="Print a first password, to be changed at the first login, instead of asking.",
)
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the password from the first line of this file instead of asking.",
)
@click.option(
    "--if-missing", is_flag=True, help="Change nothing where the username is taken, and be content."
)
@with_appcontext
def create_staff(
    username: str, name: str, role: str, *, generate: bool, password_file: Path | None, if_missing: bool
) -> None:
    """Make an account for a member of staff. The password is asked for: it is never an argument."""
    if generate and password_file is not None:
        raise click.UsageError("give --generate or --password-file, not both")
    try:
        USERNAME(username)
    except ma.ValidationError as error:
        raise click.ClickException(f"--username: {error.messages[0]}") from error
    password = passwords.generate() if generate else _chosen(username, password_file)
    context = _context("cli:create-staff", now=clock.now())
    try:
        member = transaction(
            lambda session: staff.employ(
                session, username=username, name=name, role=role, password=password, context=context
            )
        )
    except staff.DuplicateUsername as error:
        if if_missing:
            return
        raise click.ClickException(error.detail) from error
    if member.password is not None:
        click.echo(member.password)
        click.echo(
            "That is the first password: it opens nothing but POST /api/v1/staff/me/password.", err=True
        )
    click.echo(f"{member.username} ({member.role}) may log in: POST /api/v1/sessions.", err=True)


COMMANDS = (create_key, list_keys, revoke_key, create_staff)


def _chosen(username: str, file: Path | None) -> Password:
    """Hash the password that a person chose.

    :raises ClickException: if it is guessed soon.
    """
    if file is None:
        text = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        text = (file.read_text(encoding="utf-8").splitlines() or [""])[0]
    try:
        passwords.check(text, username=username)
    except passwords.WeakPassword as error:
        raise click.ClickException(error.detail) from error
    return Password(hashed=passwords.hash_of(text))


def _recognised(token: str) -> Recognised | None:
    try:
        return api_keys.authenticate(db.session(), token=token, secret=security.secret(), now=clock.now())
    except api_keys.NotAuthenticated:
        return None


def _keep(file: Path, token: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(token + "\n", encoding="ascii")


def _minute(moment: datetime | None) -> str:
    return "never" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def _context(actor: str, *, now: datetime) -> Context:
    return Context(
        actor=actor,
        request_id=None,
        now=now,
        business_date=clock.business_date(security.settings().business_timezone),
    )


def _run(work: Callable[[Session], T]) -> T:
    try:
        return transaction(work)
    except LendingError as error:
        raise click.ClickException(error.detail) from error
