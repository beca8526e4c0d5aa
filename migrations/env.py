"""How migrations run: on the application's database, one at a time, never waiting long for a lock."""

from alembic import context
from flask import current_app, has_app_context
from sqlalchemy import Connection, MetaData, text

from loans import clock
from loans.app import create_app
from loans.models import (  # noqa: F401 - importing them fills the metadata
    api_client,
    api_key,
    audit,
    borrower,
    idempotency,
    journal,
    legacy_loan,
    loan,
    monitoring,
    outbox,
    product,
    staff,
)

# A migration that waits for a lock makes every later query on that table wait behind it: better to fail and retry.
LOCK_TIMEOUT = "5s"
# Two deployments at once: the second waits here and then finds nothing left to do.
ADVISORY_LOCK = 20_260_001
PAUSE_SECONDS = 0.2


def run_migrations() -> None:
    """Bring the database to the revision asked for, in one transaction for each migration."""
    database = current_app.extensions["migrate"].db
    with database.engine.connect() as connection:
        try:
            _run_alone(connection, metadata=database.metadata)
        finally:
            # Not back into the pool: to close it for good ends its lock and what is set on it.
            connection.invalidate()


def _run_alone(connection: Connection, *, metadata: MetaData) -> None:
    connection.execute(text("SET statement_timeout = 0"))
    connection.execute(text("SET idle_in_transaction_session_timeout = 0"))
    connection.execute(text("SET lock_timeout = 0"))
    # Asked for again and again: whoever waits for it in a statement would keep the other, which has it, from making an
    # index without a lock, since that waits for every statement that began before.
    while not connection.execute(text(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})")).scalar_one():
        connection.rollback()
        clock.sleep(PAUSE_SECONDS)
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        process_revision_directives=_number,
    )
    with context.begin_transaction():
        context.run_migrations()
    _begin_era(connection)


def _begin_era(connection: Connection) -> None:
    """Begin the era of the events to come where a restore made one necessary (ADR 38).

    The first command would do so, too, and the others would wait until it ends.
    """
    if connection.execute(text("SELECT to_regproc('outbox_era')")).scalar_one() is not None:
        connection.execute(text("SELECT outbox_era()"))
    connection.commit()


def _number(migration_context, _revision, directives):  # noqa: ANN001, ANN202 - the signature is Alembic's
    """Number a new revision after the newest one, and leave out one that would be empty."""
    if not directives:
        return
    script = directives[0]
    is_automatic = getattr(context.config.cmd_opts, "autogenerate", False)
    if is_automatic and script.upgrade_ops is not None and script.upgrade_ops.is_empty():
        directives[:] = []
        return
    newest = migration_context.script.get_current_head() if migration_context.script else None
    script.rev_id = f"{int(newest or 0) + 1:04d}"


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database: set DATABASE_URL and leave out --sql.")
if has_app_context():
    run_migrations()
else:
    # `alembic upgrade head`, as the earlier service is used to, instead of `flask db upgrade`.
    with create_app().app_context():
        run_migrations()
