"""Let no event have an amount but those whose kind comes with one.

0007 let every kind have one. A waiver is stored with what it came to, which is more than nothing; a write-off, whose
loss changes with events recorded later, without.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

MONEY = (
    "'disbursed', 'fee', 'late_fee', 'goodwill_credit', 'repayment', 'payoff', 'chargeback', 'refund',"
    " 'recovery'"
)
WAIVERS = "'fee_waiver', 'interest_waiver'"
NAME = "ck_loan_events_amount_fits_kind"


def upgrade() -> None:
    """Replace the check: a look at each event, under a lock that keeps others from writing meanwhile."""
    op.drop_constraint(op.f(NAME), "loan_events", type_="check")
    op.create_check_constraint(
        op.f(NAME),
        "loan_events",
        f"CASE WHEN kind IN ({MONEY}, {WAIVERS}) THEN amount > 0 ELSE amount = 0 END",
    )


def downgrade() -> None:
    """Put the check of 0007 back."""
    op.drop_constraint(op.f(NAME), "loan_events", type_="check")
    op.create_check_constraint(
        op.f(NAME), "loan_events", f"CASE WHEN kind IN ({MONEY}) THEN amount > 0 ELSE amount >= 0 END"
    )
