"""Things to measure on: a book of loans written by a few large INSERTs, and single loans made through the API."""

import uuid
from datetime import date, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - a class with the name of a variable

from bench.stage import Client
from loans import clock

LOANS_PER_BORROWER = 100
# Every so many-th loan of the oldest tenth was cancelled, none since: a status that is rare and far back.
CANCELLED_EVERY = 100
RARE_CURRENCY, RARE_LOANS = "UGX", 10

BORROWERS = """
INSERT INTO borrowers (id, external_id, first_name, last_name, created_at)
SELECT uuidv7(), 'bench-' || n, 'Amina', 'Odhiambo', now() FROM generate_series(1, %(borrowers)s) AS n
"""

# Ids and dates advance five minutes a loan and end now, in the order in which an application would have made them.
LOANS = """
WITH borrower AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM borrowers),
numbered AS (
    SELECT n, make_interval(mins => (n - %(loans)s) * 5) AS age,
        CASE
            WHEN n <= %(loans)s / 10 AND n %% %(cancelled_every)s = 0 THEN 'cancelled'
            WHEN n <= %(loans)s * 0.6 AND n %% 10 = 0 THEN 'rejected'
            WHEN n <= %(loans)s * 0.6 THEN 'repaid'
            WHEN n > %(loans)s * 0.98 THEN 'pending'
            WHEN n > %(loans)s * 0.97 THEN 'approved'
            ELSE 'disbursed'
        END AS status
    FROM generate_series(1, %(loans)s) AS n
)
INSERT INTO loans (
    id, borrower_id, product_id, product_version, principal, currency, annual_rate, method, installments,
    frequency_every, frequency_unit, day_count, rounding, allocation, status, applied_on, approved_on, disbursed_on,
    closed_on, maturity_date, disbursed, principal_paid, interest_paid, principal_outstanding, interest_outstanding,
    next_due_date, next_due_amount, event_count, last_event_on, created_at, updated_at
)
SELECT
    uuidv7(age), borrower.id,
    CASE WHEN n <= %(rare_loans)s THEN %(rare_product)s ELSE %(product)s END, 1, 120000,
    CASE WHEN n <= %(rare_loans)s THEN %(rare_currency)s ELSE 'KES' END, 12, 'equal_installments', 12,
    1, 'month', 'EQUAL_PERIODS', 'half_even', '{interest,principal}', status, (now() + age)::date,
    CASE WHEN status IN ('approved', 'disbursed', 'repaid') THEN (now() + age)::date END,
    CASE WHEN status IN ('disbursed', 'repaid') THEN (now() + age)::date END,
    CASE WHEN status IN ('repaid', 'rejected', 'cancelled') THEN (now() + age)::date END,
    CASE WHEN status IN ('disbursed', 'repaid') THEN (now() + age)::date + 365 END,
    CASE WHEN status IN ('disbursed', 'repaid') THEN 120000 ELSE 0 END,
    CASE WHEN status = 'repaid' THEN 120000 ELSE 0 END,
    CASE WHEN status = 'repaid' THEN 7942 ELSE 0 END,
    CASE WHEN status = 'disbursed' THEN 120000 ELSE 0 END,
    CASE WHEN status = 'disbursed' THEN 7942 ELSE 0 END,
    CASE WHEN status = 'disbursed' THEN (now() + age)::date + 30 END,
    CASE WHEN status = 'disbursed' THEN 10662 ELSE 0 END,
    CASE status WHEN 'pending' THEN 1 WHEN 'disbursed' THEN 3 WHEN 'repaid' THEN 15 ELSE 2 END,
    (now() + age)::date, now() + age, now() + age
FROM numbered JOIN borrower ON borrower.place = n %% %(borrowers)s
ORDER BY n
"""

# What follows takes a book as `LOANS` wrote it and gives every loan paid out the rest: equal installments of principal
# every thirty days, their interest, and for those repaid a payment of each. Interest is income when it is paid.
SCHEDULES = """
INSERT INTO installments (
    loan_id, number, from_date, to_date, due_date, principal, interest, principal_paid, interest_paid, settled_on
)
SELECT
    loans.id, n, disbursed_on + 30 * (n - 1), disbursed_on + 30 * n, disbursed_on + 30 * n, asked.principal,
    asked.interest, CASE WHEN status = 'repaid' THEN asked.principal ELSE 0 END,
    CASE WHEN status = 'repaid' THEN asked.interest ELSE 0 END,
    CASE WHEN status = 'repaid' THEN disbursed_on + 30 * n END
FROM loans
CROSS JOIN generate_series(1, %(installments)s) AS n
CROSS JOIN LATERAL (
    SELECT disbursed * n / %(installments)s - disbursed * (n - 1) / %(installments)s AS principal,
        interest * n / %(installments)s - interest * (n - 1) / %(installments)s AS interest
    FROM (SELECT interest_paid + interest_outstanding AS interest) AS whole
) AS asked
WHERE disbursed_on IS NOT NULL
"""
EVENTS = """
INSERT INTO loan_events (loan_id, sequence, id, kind, effective_date, amount, actor, recorded_at)
SELECT id, 1, uuidv7(), 'disbursed', disbursed_on, disbursed, 'bench', created_at
FROM loans WHERE disbursed_on IS NOT NULL
UNION ALL
SELECT loan_id, number + 1, uuidv7(), 'repayment', due_date, principal + interest, 'bench', now()
FROM installments WHERE settled_on IS NOT NULL
"""
ENTRIES = """
INSERT INTO journal_entries (loan_id, sequence, effective_date, posted_on, recorded_at)
SELECT loan_id, sequence, effective_date, effective_date, recorded_at FROM loan_events
"""
LINES = """
INSERT INTO journal_lines (loan_id, sequence, line_number, account, currency, amount)
SELECT loan_id, sequence, line_number, account, currency, line.amount
FROM loan_events
JOIN loans ON loans.id = loan_id
LEFT JOIN installments USING (loan_id)
CROSS JOIN LATERAL (
    VALUES (1, '1000', CASE WHEN sequence = 1 THEN -loan_events.amount ELSE loan_events.amount END),
        (2, '1100', CASE WHEN sequence = 1 THEN loan_events.amount ELSE -installments.principal END),
        (3, '4000', CASE WHEN sequence = 1 THEN 0 ELSE -installments.interest END)
) AS line (line_number, account, amount)
WHERE installments.number = greatest(sequence - 1, 1) AND line.amount <> 0
"""
# The tables that hold a loan, and the column of each that names it.
OF_LOAN = {
    "loans": "id",
    "loan_events": "loan_id",
    "installments": "loan_id",
    "journal_entries": "loan_id",
    "journal_lines": "loan_id",
}


def fill(connection: Connection, *, client: Client, loans: int) -> None:
    """This will write a book of so many loans: the rows that lists read, without events or installments.

    60 % of the loans are repaid or rejected, 37 % disbursed, the newest 3 % approved or pending; a few of the
    oldest are cancelled, and ten are in another currency. Each borrower has a hundred.
    """
    wanted = {
        "loans": loans,
        "borrowers": max(loans // LOANS_PER_BORROWER, 1),
        "cancelled_every": CANCELLED_EVERY,
        "product": product(client, currency="KES"),
        "rare_product": product(client, currency=RARE_CURRENCY),
        "rare_currency": RARE_CURRENCY,
        "rare_loans": RARE_LOANS,
    }
    with connection.cursor() as cursor:
        cursor.execute(BORROWERS, wanted)
        cursor.execute(LOANS, wanted)
        cursor.execute("VACUUM (ANALYZE)")


def lay_out(connection: Connection, *, installments: int) -> None:
    """This will give each loan that `fill` wrote as paid out its schedule, its events of money and their entries."""
    with connection.cursor() as cursor:
        # Past keys and triggers, which would look at each row.
        cursor.execute("SET session_replication_role = replica")
        for statement in (SCHEDULES, EVENTS, ENTRIES, LINES):
            cursor.execute(statement, {"installments": installments})
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM (ANALYZE)")


def product(client: Client, *, currency: str, **terms: object) -> uuid.UUID:
    """This will publish a product: 24 % a year, up to 60 equal monthly installments."""
    body = {
        "code": f"bench-{uuid.uuid4().hex[:12]}",
        "name": "Bench",
        "currency": currency,
        "principal_min": "1000",
        "principal_max": "1000000",
        "installments_min": 1,
        "installments_max": 60,
        "annual_rate": "24",
        "method": "equal_installments",
        "frequency": {"every": 1, "unit": "month"},
        "day_count": "EQUAL_PERIODS",
        **terms,
    }
    return uuid.UUID(_json(client.post("/api/v1/products", body))["id"])


def borrower(client: Client) -> uuid.UUID:
    """This will register a borrower."""
    body = {"first_name": "Amina", "last_name": "Odhiambo"}
    return uuid.UUID(_json(client.post("/api/v1/borrowers", body))["id"])


def disbursed_loan(client: Client, *, borrower_id: uuid.UUID, product_id: uuid.UUID, on: date) -> str:
    """This will pay out 36,000.00 KES over 36 months on a date and give the path of the loan."""
    body: dict[str, object] = {
        "borrower_id": str(borrower_id),
        "product_id": str(product_id),
        "principal": "36000.00",
        "currency": "KES",
        "installments": 36,
        "date": on.isoformat(),
    }
    path = f"/api/v1/loans/{_json(client.post('/api/v1/loans', body))['id']}"
    for step in ("approve", "disburse"):
        client.post(f"{path}/{step}", {"date": on.isoformat()})
    return path


def copies(connection: Connection, *, loan: str, count: int) -> list[uuid.UUID]:
    """This will copy a loan by SQL until there are so many, and give the ids of all."""
    connection.autocommit = False
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE copies AS SELECT uuidv7() AS id FROM generate_series(1, %s)", (count - 1,)
        )
        for table, column in OF_LOAN.items():
            cursor.execute(
                f"INSERT INTO {table} SELECT made.* FROM {table} AS old CROSS JOIN copies"  # noqa: S608 - names above
                f" CROSS JOIN LATERAL jsonb_populate_record(old, jsonb_build_object('{column}', copies.id)) AS made"
                f" WHERE old.{column} = %s",
                (loan,),
            )
        cursor.execute("SELECT id FROM loans ORDER BY id")
        found: list[uuid.UUID] = [row[0] for row in cursor.fetchall()]
    connection.commit()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    return found


def schedule(client: Client, *, loan: str) -> list[dict[str, Any]]:
    """This will read a loan's installments."""
    rows: list[dict[str, Any]] = _json(client.get(f"{loan}/schedule"))["installments"]
    return rows


def repay(client: Client, *, loan: str, amount: str, on: str, key: str | None = None) -> str:
    """This will record a repayment in KES and give its path."""
    body = {"amount": amount, "currency": "KES", "date": on}
    made = _json(client.post(f"{loan}/repayments", body, key=key))
    return f"{loan}/repayments/{made['id']}"


def long_ago() -> date:
    """This will give a date 1,110 days back: from then, 36 monthly installments have all fallen due."""
    return clock.business_date("UTC") - timedelta(days=1110)


def _json(response: Any) -> dict[str, Any]:
    body: dict[str, Any] = response.get_json()
    return body
