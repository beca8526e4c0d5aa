"""Fill in the documents and columns of 0006 for what exists, and let the database hold the new rules.

A loan of an earlier release keeps its terms to the letter, on a cash basis, so that its journal goes on to agree with
it. Its schedule loses the rows at its end that ask for nothing, which are no longer laid out.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COMPONENTS = ("principal", "interest", "fee", "penalty")
# Nothing waives principal.
WAIVED = {component: f" + {component}_waived" for component in COMPONENTS[1:]}
MONEY = (
    "disbursed",
    "fee",
    "late_fee",
    "goodwill_credit",
    "repayment",
    "payoff",
    "chargeback",
    "refund",
    "recovery",
)
OTHER_KINDS = (
    "applied",
    "approved",
    "rejected",
    "cancelled",
    "rate_change",
    "interest_pause",
    "reschedule",
    "re_age",
    "fee_waiver",
    "interest_waiver",
    "charge_off",
    "write_off",
    "reversal",
)
METHODS = "method IN ('equal_installments', 'equal_principal', 'flat', 'interest_only', 'bullet')"


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _not_negative(names: tuple[str, ...]) -> str:
    return f"least({', '.join(names)}) >= 0"


LOAN_AMOUNTS = (
    "disbursed",
    "credit_balance",
    *(f"{component}_{what}" for what in ("paid", "written_off", "outstanding") for component in COMPONENTS),
    *(f"{component}_waived" for component in WAIVED),
)
INSTALLMENT_AMOUNTS = (
    *COMPONENTS,
    *(f"{component}_{what}" for what in ("paid", "written_off") for component in COMPONENTS),
    *(f"{component}_waived" for component in WAIVED),
)
CHECKS = {
    "loans": {
        "method_known": METHODS,
        "terms_object": "jsonb_typeof(terms) = 'object'",
        "as_of_not_before_events": "as_of >= last_event_on",
        "balances_not_negative": _not_negative(LOAN_AMOUNTS),
        # What was charged back is principal once more, beyond what was disbursed.
        "principal_adds_up": "disbursed <= principal_paid + principal_written_off + principal_outstanding",
        "repaid_owes_nothing": "status <> 'repaid' OR principal_outstanding + interest_outstanding"
        " + fee_outstanding + penalty_outstanding = 0",
    },
    "product_versions": {
        "method_known": METHODS,
        "terms_object": "jsonb_typeof(terms) = 'object'",
    },
    "installments": {
        "kind_known": "kind IN ('down_payment', 'installment', 'extra')",
        "dates_increase": "from_date <= to_date AND from_date <= due_date",
        "amounts_not_negative": _not_negative(INSTALLMENT_AMOUNTS),
        "not_oversettled": " AND ".join(
            f"{each}_paid{WAIVED.get(each, '')} + {each}_written_off <= {each}" for each in COMPONENTS
        ),
    },
    "loan_events": {
        "kind_known": f"kind IN ({_listed((*MONEY, *OTHER_KINDS))})",
        "amount_fits_kind": f"CASE WHEN kind IN ({_listed(MONEY)}) THEN amount > 0 ELSE amount >= 0 END",
        "details_object": "jsonb_typeof(details) = 'object'",
    },
}
LOAN_TERMS = (
    "earlier_terms(principal, currency, annual_rate, method, installments, frequency_every, frequency_unit, day_count,"
    " rounding, allocation)"
)
PRODUCT_TERMS = (
    "earlier_terms(NULL, products.currency, annual_rate, method, NULL, frequency_every, frequency_unit, day_count,"
    " rounding, allocation)"
)
# What the earlier columns held, read out of the document. What does not fit them shows when they are put together.
EARLIER_COLUMNS = """
    frequency_every = (terms #>> '{frequency,every}')::integer,
    frequency_unit = terms #>> '{frequency,unit}',
    day_count = terms ->> 'day_count',
    rounding = terms ->> 'rounding',
    allocation = ARRAY(
        SELECT component
        FROM jsonb_array_elements_text(terms #> '{allocation,order}') WITH ORDINALITY AS listed(component, at)
        WHERE component IN ('interest', 'principal') ORDER BY at
    )
"""
# An application that was never paid out posted nothing: on which basis it would have done so does not matter.
ON_CASH_BASIS = """terms || '{"accounting": "cash"}'"""
UNKNOWN_EARLIER = {
    "product versions": f"""
        SELECT 1 FROM product_versions JOIN products ON products.id = product_id
        WHERE {ON_CASH_BASIS} <> {PRODUCT_TERMS}
    """,  # noqa: S608 - no value comes from outside
    "loans": f"""
        SELECT 1 FROM loans
        WHERE CASE WHEN disbursed_on IS NULL THEN {ON_CASH_BASIS} ELSE terms END <> {LOAN_TERMS}
    """,  # noqa: S608 - no value comes from outside
    "events": """
        SELECT 1 FROM loan_events LEFT JOIN loan_events AS target
        ON target.loan_id = loan_events.loan_id AND target.id = loan_events.reverses
        WHERE loan_events.kind NOT IN
            ('applied', 'approved', 'rejected', 'cancelled', 'disbursed', 'repayment', 'reversal')
        OR target.kind <> 'repayment'
    """,
    "credit balances": "SELECT 1 FROM loans WHERE credit_balance > 0",
}


def upgrade() -> None:
    """Fill in, then forbid what must not be."""
    _fill_products()
    op.execute(
        f"UPDATE loans SET terms = coalesce(terms, {LOAN_TERMS}), as_of = greatest(as_of, last_event_on)"  # noqa: S608
    )
    op.execute("UPDATE installments SET to_date = due_date WHERE to_date IS NULL")
    op.execute("""
        DELETE FROM installments USING (
            SELECT loan_id, max(number) FILTER (WHERE principal + interest > 0 OR number = 1) AS last
            FROM installments GROUP BY loan_id
        ) AS asking
        WHERE installments.loan_id = asking.loan_id AND installments.number > asking.last
    """)
    op.execute("""
        UPDATE loans SET maturity_date = last.due_date FROM (
            SELECT DISTINCT ON (loan_id) loan_id, due_date FROM installments ORDER BY loan_id, number DESC
        ) AS last
        WHERE last.loan_id = loans.id AND loans.maturity_date <> last.due_date
    """)
    for table, column in (
        ("loans", "terms"),
        ("loans", "as_of"),
        ("product_versions", "terms"),
        ("installments", "to_date"),
    ):
        op.alter_column(table, column, nullable=False)
    for table, checks in CHECKS.items():
        for name, check in checks.items():
            op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, check)


def downgrade() -> None:
    """Fill the earlier columns again; refused while anything is stored that the earlier release would misread."""
    for table, checks in CHECKS.items():
        for name in checks:
            op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    for table, column in (
        ("loans", "terms"),
        ("loans", "as_of"),
        ("product_versions", "terms"),
        ("installments", "to_date"),
    ):
        op.alter_column(table, column, nullable=True)
    op.execute(f"UPDATE loans SET {EARLIER_COLUMNS}")  # noqa: S608 - no value comes from outside
    op.execute("ALTER TABLE product_versions DISABLE TRIGGER product_versions_insert_only")
    op.execute(f"UPDATE product_versions SET {EARLIER_COLUMNS}")  # noqa: S608 - no value comes from outside
    op.execute("ALTER TABLE product_versions ENABLE TRIGGER product_versions_insert_only")
    for what, query in UNKNOWN_EARLIER.items():
        if op.get_bind().execute(sa.text(f"{query} LIMIT 1")).scalar():
            raise SystemExit(
                f"There are {what} that the earlier release does not know, so the schema cannot go back:"
                " go forward, or restore the backup from before the upgrade."
            )


def _fill_products() -> None:
    """Write the documents of the versions that exist, which nothing but a migration may change."""
    op.execute("ALTER TABLE product_versions DISABLE TRIGGER product_versions_insert_only")
    op.execute(
        f"UPDATE product_versions SET terms = {PRODUCT_TERMS} FROM products"  # noqa: S608
        " WHERE products.id = product_id AND terms IS NULL"
    )
    op.execute("ALTER TABLE product_versions ENABLE TRIGGER product_versions_insert_only")
