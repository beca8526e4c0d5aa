"""Let portfolio_figures keep a second row: the statistics of the book, beside what /metrics shows.

The release before reads and writes row 1 alone: it runs on unchanged.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLE = "portfolio_figures"


def upgrade() -> None:
    """Admit row 2; the table has one row, so the check costs nothing."""
    op.drop_constraint(op.f("ck_portfolio_figures_single_row"), TABLE, type_="check")
    op.create_check_constraint(op.f("ck_portfolio_figures_row_known"), TABLE, "id IN (1, 2)")


def downgrade() -> None:
    """Forget row 2, which can be computed again."""
    op.execute("DELETE FROM portfolio_figures WHERE id = 2")
    op.drop_constraint(op.f("ck_portfolio_figures_row_known"), TABLE, type_="check")
    op.create_check_constraint(op.f("ck_portfolio_figures_single_row"), TABLE, "id = 1")
