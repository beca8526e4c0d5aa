"""A second person for what the lender says, and clients that see only what is their own.

Events and audit records name who approved them in a column of their own, so that `actor` stays who asked. Loans and
borrowers name their owner where that is a restricted client; nobody's have NULL, and no place in the indexes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

APPROVED = ("loan_events", "audit_records")
OWNED = ("loans", "borrowers")


def upgrade() -> None:
    """Create the tables, and the columns that name who approved."""
    op.create_table(
        "approval_policies",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_approval_policies_version_positive")),
        sa.CheckConstraint("jsonb_typeof(rules) = 'array'", name=op.f("ck_approval_policies_rules_array")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_approval_policies")),
    )
    op.execute(
        "CREATE TRIGGER approval_policies_insert_only BEFORE UPDATE OR DELETE ON approval_policies"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER approval_policies_no_truncate BEFORE TRUNCATE ON approval_policies"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    _create_approvals()
    for table in APPROVED:
        op.add_column(table, sa.Column("approved_by", sa.Text(), nullable=True))
    op.add_column(
        "api_clients", sa.Column("own_loans_only", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    for table in OWNED:
        op.add_column(table, sa.Column("owner_id", sa.Uuid(), nullable=True))
    with op.get_context().autocommit_block():
        for table in OWNED:
            # One that was interrupted is there and invalid.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS ix_{table}_owner_id_id")
            op.execute(
                f"CREATE INDEX CONCURRENTLY ix_{table}_owner_id_id ON {table} (owner_id, id)"
                " WHERE owner_id IS NOT NULL"
            )


def _create_approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("payload_sha256", sa.Text(), nullable=False),
        sa.Column("loan_id", sa.Uuid(), nullable=True),
        sa.Column("loan_version", sa.Integer(), nullable=True),
        sa.Column("is_conditional", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.CHAR(3), nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'withdrawn')",
            name=op.f("ck_approvals_status_known"),
        ),
        sa.CheckConstraint(
            "(amount IS NULL) = (currency IS NULL)", name=op.f("ck_approvals_amount_has_currency")
        ),
        sa.CheckConstraint(
            "(loan_id IS NULL) = (loan_version IS NULL)", name=op.f("ck_approvals_loan_has_version")
        ),
        sa.CheckConstraint(
            "(status = 'pending') = (decided_by IS NULL) AND (status = 'pending') = (decided_at IS NULL)",
            name=op.f("ck_approvals_decided_by_somebody"),
        ),
        sa.CheckConstraint(
            "CASE WHEN status IN ('approved', 'rejected') THEN decided_by <> maker"
            " WHEN status = 'withdrawn' THEN decided_by = maker ELSE true END",
            name=op.f("ck_approvals_decided_by_another"),
        ),
        sa.CheckConstraint(
            "payload_sha256 = encode(sha256(convert_to(request, 'UTF8')), 'hex')",
            name=op.f("ck_approvals_payload_is_hashed"),
        ),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_approvals_loan_id_loans")),
        sa.ForeignKeyConstraint(
            ["policy_version"],
            ["approval_policies.version"],
            name=op.f("fk_approvals_policy_version_approval_policies"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index("ix_approvals_loan_id_id", "approvals", ["loan_id", "id"])
    op.create_index("ix_approvals_maker_id", "approvals", ["maker", "id"])
    op.create_index(
        "ix_approvals_pending", "approvals", ["id"], postgresql_where=sa.text("status = 'pending'")
    )


def downgrade() -> None:
    """Take it all away, and with it what is waiting, who approved what, and what is whose."""
    for table in OWNED:
        op.drop_column(table, "owner_id")
    op.drop_column("api_clients", "own_loans_only")
    for table in APPROVED:
        op.drop_column(table, "approved_by")
    op.drop_table("approvals")
    op.drop_table("approval_policies")
