"""The three roles beside the owner, and what each may do: run by the migrate service after the migrations.

branchloans_app      the API: reads and writes rows, changes no table, never changes what is insert-only
branchloans_monitor  the exporter: reads the statistics
branchloans_backup   the backup: copies the cluster, reads no table

Their passwords are files, so that running this again after a change of a file changes the password.
"""

import os
from pathlib import Path

import psycopg2
from psycopg2 import extensions, sql

from loans.config import Settings

SECRETS = Path("/run/secrets")
# What the API may add to and never change; the database's triggers refuse it, too.
INSERT_ONLY = (
    "journal_entries",
    "journal_lines",
    "loan_events",
    "product_versions",
    "audit_records",
    "approval_policies",
)
ROLES = {
    "branchloans_app": ("app_password", "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"),
    "branchloans_monitor": (
        "metrics_password",
        "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 5",
    ),
    "branchloans_backup": (
        "backup_password",
        "NOSUPERUSER NOCREATEDB NOCREATEROLE REPLICATION CONNECTION LIMIT 5",
    ),
}
GRANTS = (
    "GRANT USAGE ON SCHEMA public TO branchloans_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO branchloans_app",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO branchloans_app",
    # For what later migrations create while an older release still runs.
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO branchloans_app",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO branchloans_app",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM branchloans_app",
    "GRANT pg_monitor TO branchloans_monitor",
    "ALTER ROLE branchloans_monitor SET statement_timeout = '5s'",
)


def main() -> None:
    """Bring the roles and their rights to what is written above."""
    settings = Settings.from_env(os.environ)
    if settings.database_url is None:
        raise SystemExit("roles: DATABASE_URL is not set")
    url = settings.database_url.replace("postgresql+psycopg2://", "postgresql://", 1)
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        # Two of these at once would both try to create a role.
        cursor.execute("SELECT pg_advisory_xact_lock(20260002)")
        for role, (file, attributes) in ROLES.items():
            create_or_alter(cursor, role=role, password=read(file), attributes=attributes)
        for grant in GRANTS:
            cursor.execute(grant)
        for table in INSERT_ONLY:
            cursor.execute(
                sql.SQL("REVOKE UPDATE, DELETE ON {} FROM branchloans_app").format(sql.Identifier(table))
            )
        # Its trigger alone writes it, with the owner's rights.
        cursor.execute("REVOKE INSERT, UPDATE, DELETE ON audit_heads FROM branchloans_app")
        cursor.execute("SELECT 1 FROM pg_settings WHERE name = 'pg_stat_statements.max'")
        if cursor.fetchone():
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    connection.close()
    print("roles: branchloans_app, branchloans_monitor and branchloans_backup are as they should be")


def create_or_alter(cursor: extensions.cursor, *, role: str, password: str, attributes: str) -> None:
    """Give the role its attributes and its password, which leaves this process only as a SCRAM verifier."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    verifier = extensions.encrypt_password(password, role, cursor.connection, "scram-sha-256")
    statement = sql.SQL("{} ROLE {} LOGIN {} PASSWORD {}").format(
        sql.SQL(verb), sql.Identifier(role), sql.SQL(attributes), sql.Literal(verifier)
    )
    cursor.execute(statement)


def read(file: str) -> str:
    """Read one secret."""
    return (SECRETS / file).read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    main()
