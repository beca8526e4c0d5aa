"""What the database itself guarantees: rows that are never changed, entries that balance, the chart of accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSERT_ONLY = ("journal_entries", "journal_lines", "loan_events", "product_versions", "audit_records")

# The chart as it was at this revision; later accounts come with later migrations.
ACCOUNTS = (
    ("1000", "Cash and bank", "asset"),
    ("1100", "Loan principal receivable", "asset"),
    ("4000", "Interest income", "income"),
)

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is insert-only: correct it by a further row', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$
"""

# Runs at commit, when all lines of an entry are there. An entry without lines has no sum that could be zero.
CHECK_ENTRY = """
CREATE FUNCTION check_journal_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lines integer;
    faulty text;
BEGIN
    SELECT sum(counted), string_agg(currency || ' ' || total, ', ') FILTER (WHERE total <> 0)
    INTO lines, faulty
    FROM (
        SELECT currency, count(*) AS counted, sum(amount) AS total
        FROM journal_lines
        WHERE loan_id = NEW.loan_id AND sequence = NEW.sequence
        GROUP BY currency
    ) AS sums;
    IF lines IS NULL THEN
        RAISE EXCEPTION 'journal entry (%, %) has no lines', NEW.loan_id, NEW.sequence
            USING ERRCODE = 'check_violation';
    END IF;
    IF faulty IS NOT NULL THEN
        RAISE EXCEPTION 'journal entry (%, %) does not balance: %', NEW.loan_id, NEW.sequence, faulty
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    """Install the triggers and fill in the chart of accounts."""
    op.execute(REFUSE_CHANGE)
    op.execute(CHECK_ENTRY)
    for table in INSERT_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for table in ("journal_entries", "journal_lines"):
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {table}_balance AFTER INSERT ON {table}"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_journal_entry()"
        )
    for code, name, kind in ACCOUNTS:
        op.execute(
            sa.text(
                "INSERT INTO ledger_accounts (code, name, kind) VALUES (:code, :name, :kind)"
                " ON CONFLICT (code) DO NOTHING"
            ).bindparams(code=code, name=name, kind=kind)
        )


def downgrade() -> None:
    """Take the triggers away; the accounts stay, since lines refer to them."""
    for table in ("journal_entries", "journal_lines"):
        op.execute(f"DROP TRIGGER {table}_balance ON {table}")
    for table in INSERT_ONLY:
        op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
        op.execute(f"DROP TRIGGER {table}_insert_only ON {table}")
    op.execute("DROP FUNCTION check_journal_entry()")
    op.execute("DROP FUNCTION refuse_change()")
