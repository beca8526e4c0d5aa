"""An installation of the service that this one replaces is upgraded in place and loses nothing."""

from decimal import Decimal

import pytest

from loans.app import create_app
from loans.db import db, transaction
from loans.services import demo
from tests.conftest import make_settings
from tests.factories import make_context
from tests.migrations.revisions import NEWEST

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
        assert installation.rows("SELECT version_num FROM alembic_version") == [(NEWEST,)]

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


class TestFirstApi:
    """What a client of that service reads before and after the upgrade."""

    # As that service answered for these rows, newest first.
    ADDED = """
        INSERT INTO loans (id, borrower_id, amount, currency, status, term_months, interest_rate_apr,
                           created_at, updated_at) VALUES
        ('6e2b7a51-93c4-4d0e-8a77-2f6c1d90b3e4', 'usr_india_999', 12000.50, 'INR', 'pending', NULL, NULL,
         '2027-01-02T03:04:05.678901+00:00', '2027-01-02T03:04:05.678901+00:00'),
        ('c0a8d3f2-5b16-4e79-9d40-7a1e8b5c2f63', ' ', 0.01, 'US$', 'defaulted', 2147483647, 100,
         '2019-12-31T23:30:00-01:00', '2020-02-29T12:00:00+00:00')
    """
    ANSWER = (
        '[{"amount":"12000.50","borrower_id":"usr_india_999","created_at":"Sat, 02 Jan 2027 03:04:05 GMT",'
        '"currency":"INR","id":"6e2b7a51-93c4-4d0e-8a77-2f6c1d90b3e4","interest_rate_apr":null,'
        '"status":"pending","term_months":null,"updated_at":"Sat, 02 Jan 2027 03:04:05 GMT"},'
        '{"amount":"0.01","borrower_id":" ","created_at":"Wed, 01 Jan 2020 00:30:00 GMT","currency":"US$",'
        '"id":"c0a8d3f2-5b16-4e79-9d40-7a1e8b5c2f63","interest_rate_apr":"100.00","status":"defaulted",'
        '"term_months":2147483647,"updated_at":"Sat, 29 Feb 2020 12:00:00 GMT"}]\n'
    )

    def test_reads_the_same_of_the_upgraded_database(self, installation):
        installation.rows("DELETE FROM loans")
        installation.rows(self.ADDED)
        installation.upgrade()
        client = create_app(make_settings(installation.url)).test_client()

        answer = client.get("/api/loans").text

        assert answer == self.ANSWER
        assert client.get("/api/stats").text == (
            '{"avg_amount":6000.255,"by_currency":{"INR":1,"US$":1},"by_status":{"defaulted":1,"pending":1},'
            '"total_amount":12000.51,"total_loans":2}\n'
        )

    def test_keeps_its_rows_and_ours_on_the_way_down_and_up(self, installation):
        installation.upgrade()
        client = create_app(make_settings(installation.url)).test_client()
        made = client.post("/api/loans", json={"borrower_id": "b", "amount": 1, "currency": "KES"})
        before = client.get("/api/loans").text

        installation.downgrade("0001")
        count = installation.rows("SELECT count(*) FROM loans")
        installation.upgrade()

        assert made.status_code == 201
        assert count == [(6,)]
        assert client.get("/api/loans").text == before

    def test_finds_its_five_rows_there_and_seeds_nothing(self, installation):
        installation.upgrade()

        with create_app(make_settings(installation.url)).app_context():
            added = sum(transaction(step) for step in demo.legacy_steps(make_context()))
            db.engine.dispose()

        assert added == 0
