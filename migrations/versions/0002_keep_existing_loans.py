"""Set the loans of the earlier service aside, under the name legacy_loans.

Their amounts are decimals and their borrowers free text, so that they cannot simply become rows of the new table;
nothing is lost meanwhile.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename the table; its constraints keep their names."""
    op.rename_table("loans", "legacy_loans")


def downgrade() -> None:
    """Give the table its name back."""
    op.rename_table("legacy_loans", "loans")
