"""An index for the loan requests of the first API: its list is read newest first, piece by piece.

Nothing else changes; the release before runs on. The table is locked against writing while the index is built, which
takes a second for a million rows.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    op.create_index("ix_legacy_loans_created_at_id", "legacy_loans", ["created_at", "id"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_legacy_loans_created_at_id", table_name="legacy_loans")
