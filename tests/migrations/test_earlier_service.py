"""An installation of the service that this one replaces is upgraded in place and loses nothing."""

from decimal import Decimal

import pytest

# The table and the five rows that such an installation has, as its own migration and seed wrote them.
INSTALLATION = (
    """
    CREATE TABLE loans (
        id UUID NOT NULL,
        borrower_id VARCHAR NOT NULL,
        amount NUMERIC(12, 2) NOT NULL,
        currency VARCHAR(3) NOT NULL,
        status VARCHAR NOT NULL,
        term_months INTEGER,
        interest_rate_apr NUMERIC(5, 2),
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT chk_amount_range CHECK (amount > 0 AND amount <= 50000),
        CONSTRAINT chk_status_enum CHECK (
            status IN ('pending', 'approved', 'rejected', 'disbursed', 'repaid', 'defaulted')
        )
    )
    """,
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('0001')",
    """
    INSERT INTO loans (id, borrower_id, amount, currency, status, term_months, interest_rate_apr) VALUES
    ('00000000-0000-0000-0000-000000000001', 'usr_kenya_001', 12500.00, 'KES', 'pending', 6, 28.00),
    ('00000000-0000-0000-0000-000000000002', 'usr_india_002', 50000.00, 'INR', 'approved', 12, 24.00),
    ('00000000-0000-0000-0000-000000000003', 'usr_nigeria_003', 32000.00, 'NGN', 'rejected', 9, 30.00),
    ('00000000-0000-0000-0000-000000000004', 'usr_vietnam_004', 8400.00, 'VND', 'disbursed', 4, 26.00),
    ('00000000-0000-0000-0000-000000000005', 'usr_philippines_005', 21000.00, 'PHP', 'repaid', 6, 22.00)
    """,
)
ROWS = [
    ("usr_kenya_001", Decimal("12500.00"), "KES", "pending", 6, Decimal("28.00")),
    ("usr_india_002", Decimal("50000.00"), "INR", "approved", 12, Decimal("24.00")),
    ("usr_nigeria_003", Decimal("32000.00"), "NGN", "rejected", 9, Decimal("30.00")),
    ("usr_vietnam_004", Decimal("8400.00"), "VND", "disbursed", 4, Decimal("26.00")),
    ("usr_philippines_005", Decimal("21000.00"), "PHP", "repaid", 6, Decimal("22.00")),
]
BUSINESS_COLUMNS = "borrower_id, amount, currency, status, term_months, interest_rate_apr"


@pytest.fixture
def installation(empty):
    """A database as the earlier service left it."""
    for statement in INSTALLATION:
        empty.rows(statement)
    return empty


class TestEarlierService:
    def test_has_the_schema_of_our_first_revision(self, installation, make_first_revision):
        assert installation.schema() == make_first_revision().schema()

    def test_is_upgraded_in_place_and_keeps_its_rows(self, installation):
        before = installation.rows("SELECT * FROM loans ORDER BY id")

        installation.upgrade()

        assert installation.rows("SELECT * FROM legacy_loans ORDER BY id") == before
        assert installation.rows(f"SELECT {BUSINESS_COLUMNS} FROM legacy_loans ORDER BY id") == ROWS
        assert installation.rows("SELECT count(*) FROM loans") == [(0,)]
        assert installation.rows("SELECT version_num FROM alembic_version") == [("0009",)]

    def test_gets_the_same_schema_as_a_new_installation(self, installation, newest):
        installation.upgrade()

        assert installation.schema() == newest.schema()

    def test_gets_its_rows_back_on_the_way_down(self, installation):
        schema, rows = installation.schema(), installation.rows("SELECT * FROM loans ORDER BY id")
        installation.upgrade()

        installation.downgrade("0001")

        assert installation.rows("SELECT * FROM loans ORDER BY id") == rows
        assert installation.schema() == schema
        assert installation.rows("SELECT version_num FROM alembic_version") == [("0001",)]
