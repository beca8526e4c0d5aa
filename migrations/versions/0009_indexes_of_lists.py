"""Indexes for what lists are filtered and sorted by, and for the answers that expire.

Made without locking the tables, hence outside of a transaction: one that was interrupted is made anew. Those of loans
begin with the status, so that a page in any order is read from a few places of an index, however rare its loans are.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NEVER = "'9999-12-31'::date"
OUTSTANDING = "principal_outstanding + interest_outstanding + fee_outstanding + penalty_outstanding"
INDEXES = {
    "ix_loans_principal": "loans (status, currency, principal, id)",
    "ix_loans_outstanding": f"loans (status, currency, ({OUTSTANDING}), id)",
    "ix_loans_next_due_date": f"loans (status, (coalesce(next_due_date, {NEVER})), id)",
    "ix_loans_created_at": "loans (status, created_at, id)",
    "ix_loans_applied_on": "loans (status, applied_on, id)",
    "ix_loans_disbursed_on": f"loans (status, (coalesce(disbursed_on, {NEVER})), id)",
    "ix_loans_maturity_date": f"loans (status, (coalesce(maturity_date, {NEVER})), id)",
    "ix_borrowers_words": (
        "borrowers USING gin (borrower_words(first_name, last_name, external_id, email, phone))"
    ),
    "ix_idempotency_keys_answered": "idempotency_keys (created_at) WHERE body IS NOT NULL",
}


def upgrade() -> None:
    """Make the indexes."""
    with op.get_context().autocommit_block():
        for name, of in INDEXES.items():
            # One that was interrupted is there and invalid.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {of}")


def downgrade() -> None:
    """Drop the indexes."""
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
