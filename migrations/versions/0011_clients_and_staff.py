"""Who calls: clients with keys of their own, staff with sessions.

Every key there is becomes a client with the key's id, so that what names the key by its id (idempotency keys, events,
audit records) names the client. The release before goes on: it reads name and scopes at the key, and a key that it
issues gets a client by a trigger, which a later release takes away together with the two columns.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COPY_KEYS = """
INSERT INTO api_clients (id, name, scopes, created_at) SELECT id, name, scopes, created_at FROM api_keys
"""
MAKE_CLIENT = """
CREATE FUNCTION make_api_client() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO api_clients (id, name, scopes, created_at) VALUES (NEW.id, NEW.name, NEW.scopes, NEW.created_at);
    NEW.client_id := NEW.id;
    RETURN NEW;
END
$$
"""
MAKE_CLIENT_WHERE_MISSING = """
CREATE TRIGGER api_keys_make_client BEFORE INSERT ON api_keys
FOR EACH ROW WHEN (NEW.client_id IS NULL) EXECUTE FUNCTION make_api_client()
"""
# The release before knows callers by their keys only, and its foreign key would refuse all others.
FORGET_OTHER_CALLERS = """
DELETE FROM idempotency_keys WHERE NOT EXISTS (SELECT FROM api_keys WHERE api_keys.id = idempotency_keys.client_id)
"""


def upgrade() -> None:
    """Create the tables, and a client for each key."""
    op.create_table(
        "api_clients",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("allowed_addresses", postgresql.ARRAY(postgresql.CIDR()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cardinality(scopes) > 0", name=op.f("ck_api_clients_scopes_not_empty")),
        sa.CheckConstraint(
            "cardinality(allowed_addresses) > 0", name=op.f("ck_api_clients_allowed_addresses_not_empty")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_clients")),
    )
    op.add_column("api_keys", sa.Column("client_id", sa.Uuid(), nullable=True))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(COPY_KEYS)
    op.execute("UPDATE api_keys SET client_id = id")
    op.alter_column("api_keys", "client_id", nullable=False)
    op.create_foreign_key(
        op.f("fk_api_keys_client_id_api_clients"), "api_keys", "api_clients", ["client_id"], ["id"]
    )
    op.create_index(op.f("ix_api_keys_client_id"), "api_keys", ["client_id"])
    op.execute(MAKE_CLIENT)
    op.execute(MAKE_CLIENT_WHERE_MISSING)
    # Its callers are clients and staff now.
    op.drop_constraint(op.f("fk_idempotency_keys_client_id_api_keys"), "idempotency_keys", type_="foreignkey")
    _create_staff()


def _create_staff() -> None:
    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_logins", sa.SmallInteger(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("username = lower(username)", name=op.f("ck_staff_username_in_lower_case")),
        sa.CheckConstraint("length(username) BETWEEN 3 AND 64", name=op.f("ck_staff_username_length")),
        sa.CheckConstraint(
            "role IN ('admin', 'officer', 'teller', 'auditor')", name=op.f("ck_staff_role_known")
        ),
        sa.CheckConstraint("failed_logins >= 0", name=op.f("ck_staff_failed_logins_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("username", name=op.f("uq_staff_username")),
    )
    op.create_table(
        "staff_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_sessions_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_sessions")),
    )
    op.create_index(op.f("ix_staff_sessions_staff_id"), "staff_sessions", ["staff_id"])
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["staff_sessions.id"],
            name=op.f("fk_refresh_tokens_session_id_staff_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_tokens")),
    )
    op.create_index(op.f("ix_refresh_tokens_session_id"), "refresh_tokens", ["session_id"])


def downgrade() -> None:
    """Take it all away, and with it the stored answers to callers whom the release before does not know."""
    for table in ("refresh_tokens", "staff_sessions", "staff"):
        op.drop_table(table)
    op.execute(FORGET_OTHER_CALLERS)
    op.create_foreign_key(
        op.f("fk_idempotency_keys_client_id_api_keys"), "idempotency_keys", "api_keys", ["client_id"], ["id"]
    )
    op.execute("DROP TRIGGER api_keys_make_client ON api_keys")
    op.execute("DROP FUNCTION make_api_client()")
    op.drop_index(op.f("ix_api_keys_client_id"), "api_keys")
    op.drop_column("api_keys", "client_id")
    op.drop_column("api_keys", "last_used_at")
    op.drop_table("api_clients")
