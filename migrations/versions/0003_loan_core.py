"""The tables of the loan core: borrowers, products, loans with their events and installments, journal, keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cardinality(scopes) > 0", name=op.f("ck_api_keys_scopes_not_empty")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "audit_records",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "id", name=op.f("pk_audit_records")),
    )
    op.create_table(
        "borrowers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("date_of_birth", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "length(first_name) BETWEEN 1 AND 100", name=op.f("ck_borrowers_first_name_length")
        ),
        sa.CheckConstraint("length(last_name) BETWEEN 1 AND 100", name=op.f("ck_borrowers_last_name_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_borrowers")),
        sa.UniqueConstraint("external_id", name=op.f("uq_borrowers_external_id")),
    )
    op.create_table(
        "ledger_accounts",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('asset', 'liability', 'equity', 'income', 'expense')",
            name=op.f("ck_ledger_accounts_kind_known"),
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_ledger_accounts")),
    )
    op.create_table(
        "outbox_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_events")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_events_event_id")),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_products_currency_iso_4217")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_products_version_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("code", name=op.f("uq_products_code")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 255", name=op.f("ck_idempotency_keys_key_length")),
        sa.ForeignKeyConstraint(
            ["client_id"], ["api_keys.id"], name=op.f("fk_idempotency_keys_client_id_api_keys")
        ),
        sa.PrimaryKeyConstraint("client_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "product_versions",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("principal_min", sa.BigInteger(), nullable=False),
        sa.Column("principal_max", sa.BigInteger(), nullable=False),
        sa.Column("installments_min", sa.Integer(), nullable=False),
        sa.Column("installments_max", sa.Integer(), nullable=False),
        sa.Column("annual_rate", sa.Numeric(precision=10, scale=6), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("frequency_every", sa.Integer(), nullable=False),
        sa.Column("frequency_unit", sa.Text(), nullable=False),
        sa.Column("day_count", sa.Text(), nullable=False),
        sa.Column("rounding", sa.Text(), nullable=False),
        sa.Column("allocation", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "day_count IN ('30/360', 'ACT/365F', 'EQUAL_PERIODS')",
            name=op.f("ck_product_versions_day_count_known"),
        ),
        sa.CheckConstraint(
            "frequency_unit IN ('week', 'month')", name=op.f("ck_product_versions_frequency_unit_known")
        ),
        sa.CheckConstraint(
            "method IN ('equal_installments', 'equal_principal')",
            name=op.f("ck_product_versions_method_known"),
        ),
        sa.CheckConstraint(
            "rounding IN ('half_even', 'half_up', 'up', 'down')",
            name=op.f("ck_product_versions_rounding_known"),
        ),
        sa.CheckConstraint("annual_rate >= 0", name=op.f("ck_product_versions_annual_rate_not_negative")),
        sa.CheckConstraint("frequency_every >= 1", name=op.f("ck_product_versions_frequency_every_positive")),
        sa.CheckConstraint(
            "installments_min BETWEEN 1 AND installments_max",
            name=op.f("ck_product_versions_installments_limits"),
        ),
        sa.CheckConstraint(
            "principal_min BETWEEN 1 AND principal_max", name=op.f("ck_product_versions_principal_limits")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_product_versions_product_id_products")
        ),
        sa.PrimaryKeyConstraint("product_id", "version", name=op.f("pk_product_versions")),
    )
    op.create_table(
        "loans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("borrower_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("product_version", sa.Integer(), nullable=False),
        sa.Column("principal", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("annual_rate", sa.Numeric(precision=10, scale=6), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("installments", sa.Integer(), nullable=False),
        sa.Column("frequency_every", sa.Integer(), nullable=False),
        sa.Column("frequency_unit", sa.Text(), nullable=False),
        sa.Column("day_count", sa.Text(), nullable=False),
        sa.Column("rounding", sa.Text(), nullable=False),
        sa.Column("allocation", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("applied_on", sa.Date(), nullable=False),
        sa.Column("approved_on", sa.Date(), nullable=True),
        sa.Column("disbursed_on", sa.Date(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("maturity_date", sa.Date(), nullable=True),
        sa.Column("disbursed", sa.BigInteger(), nullable=False),
        sa.Column("principal_paid", sa.BigInteger(), nullable=False),
        sa.Column("interest_paid", sa.BigInteger(), nullable=False),
        sa.Column("principal_outstanding", sa.BigInteger(), nullable=False),
        sa.Column("interest_outstanding", sa.BigInteger(), nullable=False),
        sa.Column("next_due_date", sa.Date(), nullable=True),
        sa.Column("next_due_amount", sa.BigInteger(), nullable=False),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("last_event_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_loans_currency_iso_4217")),
        sa.CheckConstraint(
            "day_count IN ('30/360', 'ACT/365F', 'EQUAL_PERIODS')", name=op.f("ck_loans_day_count_known")
        ),
        sa.CheckConstraint("frequency_unit IN ('week', 'month')", name=op.f("ck_loans_frequency_unit_known")),
        sa.CheckConstraint(
            "method IN ('equal_installments', 'equal_principal')", name=op.f("ck_loans_method_known")
        ),
        sa.CheckConstraint(
            "rounding IN ('half_even', 'half_up', 'up', 'down')", name=op.f("ck_loans_rounding_known")
        ),
        sa.CheckConstraint(
            "status <> 'repaid' OR principal_outstanding + interest_outstanding = 0",
            name=op.f("ck_loans_repaid_owes_nothing"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'cancelled', 'disbursed', 'repaid', 'defaulted')",
            name=op.f("ck_loans_status_known"),
        ),
        sa.CheckConstraint("annual_rate >= 0", name=op.f("ck_loans_annual_rate_not_negative")),
        sa.CheckConstraint(
            "disbursed = principal_paid + principal_outstanding", name=op.f("ck_loans_principal_adds_up")
        ),
        sa.CheckConstraint("disbursed IN (0, principal)", name=op.f("ck_loans_disbursed_in_full")),
        sa.CheckConstraint("frequency_every >= 1", name=op.f("ck_loans_frequency_every_positive")),
        sa.CheckConstraint("installments BETWEEN 1 AND 600", name=op.f("ck_loans_installments_limits")),
        sa.CheckConstraint("principal > 0", name=op.f("ck_loans_principal_positive")),
        sa.CheckConstraint(
            "principal_outstanding >= 0 AND interest_outstanding >= 0 AND principal_paid >= 0 AND interest_paid >= 0",
            name=op.f("ck_loans_balances_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["borrower_id"], ["borrowers.id"], name=op.f("fk_loans_borrower_id_borrowers")
        ),
        sa.ForeignKeyConstraint(
            ["product_id", "product_version"],
            ["product_versions.product_id", "product_versions.version"],
            name=op.f("fk_loans_product_id_product_version_product_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loans")),
        sa.UniqueConstraint("external_id", name=op.f("uq_loans_external_id")),
    )
    op.create_index("ix_loans_borrower_id_id", "loans", ["borrower_id", "id"], unique=False)
    op.create_index("ix_loans_currency_id", "loans", ["currency", "id"], unique=False)
    op.create_index("ix_loans_product_id_id", "loans", ["product_id", "id"], unique=False)
    op.create_index("ix_loans_status_id", "loans", ["status", "id"], unique=False)
    op.create_table(
        "installments",
        sa.Column("loan_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("principal", sa.BigInteger(), nullable=False),
        sa.Column("interest", sa.BigInteger(), nullable=False),
        sa.Column("principal_paid", sa.BigInteger(), nullable=False),
        sa.Column("interest_paid", sa.BigInteger(), nullable=False),
        sa.Column("settled_on", sa.Date(), nullable=True),
        sa.CheckConstraint("from_date < due_date", name=op.f("ck_installments_dates_increase")),
        sa.CheckConstraint(
            "interest_paid BETWEEN 0 AND interest", name=op.f("ck_installments_interest_not_overpaid")
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_installments_number_positive")),
        sa.CheckConstraint(
            "principal >= 0 AND interest >= 0", name=op.f("ck_installments_amounts_not_negative")
        ),
        sa.CheckConstraint(
            "principal_paid BETWEEN 0 AND principal", name=op.f("ck_installments_principal_not_overpaid")
        ),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_installments_loan_id_loans")),
        sa.PrimaryKeyConstraint("loan_id", "number", name=op.f("pk_installments")),
    )
    op.create_table(
        "loan_events",
        sa.Column("loan_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reverses", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'reversal') = (reverses IS NOT NULL)",
            name=op.f("ck_loan_events_reversal_names_an_event"),
        ),
        sa.CheckConstraint(
            "CASE WHEN kind IN ('disbursed', 'repayment') THEN amount > 0 ELSE amount = 0 END",
            name=op.f("ck_loan_events_amount_fits_kind"),
        ),
        sa.CheckConstraint(
            "kind IN ('applied', 'approved', 'rejected', 'cancelled', 'disbursed', 'repayment', 'reversal')",
            name=op.f("ck_loan_events_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["loan_id", "reverses"], ["loan_events.loan_id", "loan_events.id"], name="fk_loan_events_reverses"
        ),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_loan_events_loan_id_loans")),
        sa.PrimaryKeyConstraint("loan_id", "sequence", name=op.f("pk_loan_events")),
        sa.UniqueConstraint("loan_id", "id", name=op.f("uq_loan_events_loan_id_id")),
        sa.UniqueConstraint("loan_id", "reverses", name="uq_loan_events_reversed_once"),
    )
    op.create_table(
        "journal_entries",
        sa.Column("loan_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("posted_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["loan_id", "sequence"],
            ["loan_events.loan_id", "loan_events.sequence"],
            name=op.f("fk_journal_entries_loan_id_sequence_loan_events"),
        ),
        sa.PrimaryKeyConstraint("loan_id", "sequence", name=op.f("pk_journal_entries")),
    )
    op.create_table(
        "journal_lines",
        sa.Column("loan_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_journal_lines_currency_iso_4217")),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_journal_lines_amount_not_zero")),
        sa.ForeignKeyConstraint(
            ["account"], ["ledger_accounts.code"], name=op.f("fk_journal_lines_account_ledger_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["loan_id", "sequence"],
            ["journal_entries.loan_id", "journal_entries.sequence"],
            name=op.f("fk_journal_lines_loan_id_sequence_journal_entries"),
        ),
        sa.PrimaryKeyConstraint("loan_id", "sequence", "line_number", name=op.f("pk_journal_lines")),
    )


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("journal_lines")
    op.drop_table("journal_entries")
    op.drop_table("loan_events")
    op.drop_table("installments")
    op.drop_index("ix_loans_status_id", table_name="loans")
    op.drop_index("ix_loans_product_id_id", table_name="loans")
    op.drop_index("ix_loans_currency_id", table_name="loans")
    op.drop_index("ix_loans_borrower_id_id", table_name="loans")
    op.drop_table("loans")
    op.drop_table("product_versions")
    op.drop_table("idempotency_keys")
    op.drop_table("products")
    op.drop_table("outbox_events")
    op.drop_table("ledger_accounts")
    op.drop_table("borrowers")
    op.drop_table("audit_records")
    op.drop_table("api_keys")
