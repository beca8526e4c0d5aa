"""The loans table of the service that this one replaces.

Revision 0001, the first: an installation of that service is at this revision already, so that upgrading it goes on
from here and keeps its rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table as that service has it."""
    op.create_table(
        "loans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("borrower_id", sa.String(), nullable=False),
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("term_months", sa.Integer(), nullable=True),
        sa.Column("interest_rate_apr", sa.Numeric(5, 2), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="loans_pkey"),
        sa.CheckConstraint("amount > 0 AND amount <= 50000", name=op.f("chk_amount_range")),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'disbursed', 'repaid', 'defaulted')",
            name=op.f("chk_status_enum"),
        ),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("loans")
