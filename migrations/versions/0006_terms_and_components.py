"""Room for every term and every event: documents of terms, four components, details of events, a longer chart.

Loans and products keep what was agreed as one JSON document, `terms`. The columns that held it, all but principal,
currency, annual rate, method and number of installments, stay and may be empty; a later release drops them, and with
them the triggers below. Those fill in what the release before this one, while it still runs, leaves out.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The chart as it is at this revision; 1000, 1100 and 4000 have been there since 0004.
ACCOUNTS = (
    ("1110", "Interest receivable", "asset"),
    ("1120", "Fee receivable", "asset"),
    ("1130", "Penalty receivable", "asset"),
    ("2000", "Customer credit balances", "liability"),
    ("2100", "Unearned interest", "liability"),
    ("2110", "Interest in suspense", "liability"),
    ("4100", "Fee income", "income"),
    ("4200", "Penalty income", "income"),
    ("4300", "Recoveries", "income"),
    ("5000", "Credit losses", "expense"),
    ("5100", "Waivers", "expense"),
    ("5110", "Fees refunded", "expense"),
    ("5200", "Goodwill credits", "expense"),
)

# Terms as the releases up to this one knew them, in the form in which they are kept from now on. Their loans had
# interest as income when it was paid, and keep it. Arguments that are null leave their values out: a product has
# neither principal nor installments.
EARLIER_TERMS = """
CREATE FUNCTION earlier_terms(
    principal bigint, currency text, annual_rate numeric, method text, installments integer, every integer,
    unit text, day_count text, rounding text, allocation text[]
) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'principal', round(principal / power(10::numeric, minor.units), minor.units)::text,
        'currency', currency,
        'annual_rate', round(annual_rate, greatest(scale(trim_scale(annual_rate)), 2))::text,
        'method', method,
        'installments', installments,
        'frequency', jsonb_build_object('every', every, 'unit', unit),
        'day_count', day_count,
        'business_day_convention', 'unadjusted',
        'grace', '{"principal": 0, "interest": 0, "interest_free": 0}'::jsonb,
        'pauses', '[]'::jsonb,
        'balloon', round(0::numeric, minor.units)::text,
        'installment_multiple', round(1 / power(10::numeric, minor.units), minor.units)::text,
        'rounding', rounding,
        'interest_mode', 'scheduled',
        'allocation', jsonb_build_object(
            'order', to_jsonb(ARRAY['penalty', 'fee'] || allocation), 'across', 'horizontal'
        ),
        'early_payment', 'next_installments',
        'fees', '[]'::jsonb,
        'penalty_rate', '0.00',
        'tranches_max', 1,
        'suspend_after_days', 90,
        'accounting', 'cash'
    ))
    FROM (
        SELECT CASE
            WHEN currency IN (
                'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF',
                'XOF', 'XPF'
            ) THEN 0
            WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
            WHEN currency = 'CLF' THEN 4
            ELSE 2
        END AS units
    ) AS minor
$$
"""
FILL_LOAN = """
CREATE FUNCTION fill_loan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.terms IS NULL THEN
        NEW.terms := earlier_terms(
            NEW.principal, NEW.currency, NEW.annual_rate, NEW.method, NEW.installments, NEW.frequency_every,
            NEW.frequency_unit, NEW.day_count, NEW.rounding, NEW.allocation
        );
    END IF;
    NEW.as_of := greatest(NEW.as_of, NEW.last_event_on);
    RETURN NEW;
END
$$
"""
FILL_PRODUCT_VERSION = """
CREATE FUNCTION fill_product_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT earlier_terms(
        NULL, products.currency, NEW.annual_rate, NEW.method, NULL, NEW.frequency_every, NEW.frequency_unit,
        NEW.day_count, NEW.rounding, NEW.allocation
    ) INTO NEW.terms FROM products WHERE products.id = NEW.product_id;
    RETURN NEW;
END
$$
"""
FILL_INSTALLMENT = """
CREATE FUNCTION fill_installment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.to_date := NEW.due_date;
    RETURN NEW;
END
$$
"""
TRIGGERS = (
    """
    CREATE TRIGGER loans_of_earlier_release BEFORE INSERT OR UPDATE ON loans FOR EACH ROW
    WHEN (NEW.terms IS NULL OR NEW.as_of IS NULL OR NEW.as_of < NEW.last_event_on)
    EXECUTE FUNCTION fill_loan()
    """,
    """
    CREATE TRIGGER product_versions_of_earlier_release BEFORE INSERT ON product_versions FOR EACH ROW
    WHEN (NEW.terms IS NULL) EXECUTE FUNCTION fill_product_version()
    """,
    """
    CREATE TRIGGER installments_of_earlier_release BEFORE INSERT ON installments FOR EACH ROW
    WHEN (NEW.to_date IS NULL) EXECUTE FUNCTION fill_installment()
    """,
)
EARLIER_TERM_COLUMNS = ("frequency_every", "frequency_unit", "day_count", "rounding", "allocation")
EARLIER_TERM_CHECKS = {
    "method_known": "method IN ('equal_installments', 'equal_principal')",
    "frequency_unit_known": "frequency_unit IN ('week', 'month')",
    "frequency_every_positive": "frequency_every >= 1",
    "day_count_known": "day_count IN ('30/360', 'ACT/365F', 'EQUAL_PERIODS')",
    "rounding_known": "rounding IN ('half_even', 'half_up', 'up', 'down')",
}
EARLIER_CHECKS = {
    "loans": EARLIER_TERM_CHECKS
    | {
        "repaid_owes_nothing": "status <> 'repaid' OR principal_outstanding + interest_outstanding = 0",
        "principal_adds_up": "disbursed = principal_paid + principal_outstanding",
        "disbursed_in_full": "disbursed IN (0, principal)",
        "balances_not_negative": "principal_outstanding >= 0 AND interest_outstanding >= 0"
        " AND principal_paid >= 0 AND interest_paid >= 0",
    },
    "product_versions": EARLIER_TERM_CHECKS,
    "installments": {
        "dates_increase": "from_date < due_date",
        "amounts_not_negative": "principal >= 0 AND interest >= 0",
        "principal_not_overpaid": "principal_paid BETWEEN 0 AND principal",
        "interest_not_overpaid": "interest_paid BETWEEN 0 AND interest",
    },
    "loan_events": {
        "kind_known": "kind IN ('applied', 'approved', 'rejected', 'cancelled', 'disbursed', 'repayment',"
        " 'reversal')",
        "amount_fits_kind": "CASE WHEN kind IN ('disbursed', 'repayment') THEN amount > 0 ELSE amount = 0 END",
    },
}
# Of each component what its columns are called; the earlier release has those of principal and interest.
LOAN_AMOUNTS = (
    "fee_paid",
    "penalty_paid",
    "interest_waived",
    "fee_waived",
    "penalty_waived",
    "principal_written_off",
    "interest_written_off",
    "fee_written_off",
    "penalty_written_off",
    "fee_outstanding",
    "penalty_outstanding",
    "credit_balance",
)
INSTALLMENT_AMOUNTS = (
    "fee",
    "penalty",
    "fee_paid",
    "penalty_paid",
    "interest_waived",
    "fee_waived",
    "penalty_waived",
    "principal_written_off",
    "interest_written_off",
    "fee_written_off",
    "penalty_written_off",
)


def upgrade() -> None:
    """Add columns, take away what would refuse new values, and let triggers fill in for the earlier release."""
    for table in ("loans", "product_versions"):
        op.add_column(table, sa.Column("terms", postgresql.JSONB(astext_type=sa.Text())))
        for column in EARLIER_TERM_COLUMNS:
            op.alter_column(table, column, nullable=True)
    op.add_column("loans", sa.Column("as_of", sa.Date()))
    op.add_column("loans", sa.Column("charged_off_on", sa.Date()))
    op.add_column("installments", sa.Column("to_date", sa.Date()))
    op.add_column("installments", sa.Column("kind", sa.Text(), server_default="installment", nullable=False))
    op.add_column(
        "loan_events",
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
    )
    for table, names in (("loans", LOAN_AMOUNTS), ("installments", INSTALLMENT_AMOUNTS)):
        for name in names:
            op.add_column(table, sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    for table, checks in EARLIER_CHECKS.items():
        for name in checks:
            op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    for statement in (EARLIER_TERMS, FILL_LOAN, FILL_PRODUCT_VERSION, FILL_INSTALLMENT, *TRIGGERS):
        op.execute(statement)
    for code, name, kind in ACCOUNTS:
        op.execute(
            sa.text(
                "INSERT INTO ledger_accounts (code, name, kind) VALUES (:code, :name, :kind)"
                " ON CONFLICT (code) DO NOTHING"
            ).bindparams(code=code, name=name, kind=kind)
        )


def downgrade() -> None:
    """Take the columns away; 0007 has filled the earlier ones again, or refused."""
    for table, columns in (
        ("loans", ("terms", "as_of", "charged_off_on", *LOAN_AMOUNTS)),
        ("product_versions", ("terms",)),
        ("installments", ("to_date", "kind", *INSTALLMENT_AMOUNTS)),
        ("loan_events", ("details",)),
    ):
        if table != "loan_events":
            op.execute(f"DROP TRIGGER {table}_of_earlier_release ON {table}")
        for column in columns:
            op.drop_column(table, column)
        for name, check in EARLIER_CHECKS[table].items():
            op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, check)
    for table in ("loans", "product_versions"):
        for column in EARLIER_TERM_COLUMNS:
            op.alter_column(table, column, nullable=False)
    for function in ("fill_loan", "fill_product_version", "fill_installment", "earlier_terms"):
        op.execute(f"DROP FUNCTION {function}")
    codes = ", ".join(f"'{code}'" for code, _, _ in ACCOUNTS)
    op.execute(f"DELETE FROM ledger_accounts WHERE code IN ({codes})")  # noqa: S608 - the codes stand above
