"""What the service remembers about itself: the figures of the book for /metrics, and runs of the verification.

Two new tables that the release before does not know: it runs on unchanged.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "portfolio_figures",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_portfolio_figures_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portfolio_figures")),
    )
    op.create_table(
        "verification_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("loans", sa.BigInteger(), nullable=False),
        sa.Column("faults", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "loans >= 0 AND faults >= 0", name=op.f("ck_verification_runs_counts_not_negative")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification_runs")),
    )


def downgrade() -> None:
    """Take both away, with what they hold."""
    op.drop_table("verification_runs")
    op.drop_table("portfolio_figures")
