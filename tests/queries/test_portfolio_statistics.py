"""What the statistics cost on a book of 100,000 loans: four sums, each one walk, and nothing once they are kept."""

import contextlib

import psycopg2
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bench import book
from bench.stage import Client
from loans import clock
from loans.app import create_app
from loans.core import portfolio
from loans.db import db
from loans.services import portfolio_statistics as statistics
from tests.conftest import make_settings
from tests.queries.test_loan_list_plans import nodes

LOANS, INSTALLMENTS = 100_000, 3
# Months, buckets and statuses of two currencies, however many loans there are.
GROUPS_MAX = 400


@pytest.fixture(scope="module")
def large_book(make_database):
    """The application on the large book, and a key."""
    url = make_database()
    client = Client(url)
    with contextlib.closing(psycopg2.connect(url.replace("postgresql+psycopg2", "postgresql"))) as connection:
        connection.autocommit = True
        book.fill(connection, client=client, loans=LOANS)
        book.lay_out(connection, installments=INSTALLMENTS)
    client.close()
    app = create_app(make_settings(url))
    with app.app_context():
        yield client
        db.engine.dispose()


@pytest.fixture(scope="module")
def computed(large_book):
    """The groups, and the statements that they were computed by."""
    with recorded(db.engine) as sent, Session(db.engine) as session, session.begin():
        groups = statistics.compute(session, business_date=clock.business_date("UTC"))
    return groups, sent


@contextlib.contextmanager
def recorded(engine):
    sent = []

    def note(_connection, _cursor, statement, parameters, *_):
        sent.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def plans(statements):
    with Session(db.engine) as session, session.begin():
        session.execute(sa.text("SET LOCAL max_parallel_workers_per_gather = 0"))
        for statement, parameters in statements:
            rows = session.connection().exec_driver_sql(
                "EXPLAIN (ANALYZE, FORMAT JSON) " + statement, parameters
            )
            yield rows.scalar_one()[0]["Plan"]


class TestComputation:
    def test_takes_four_sums_after_opening_the_snapshot(self, computed):
        _, sent = computed

        assert sent[0][0].startswith("SET TRANSACTION")
        assert len(sent) == 5

    def test_walks_through_each_table_and_never_loan_by_loan(self, computed):
        walks = [
            {(node["Relation Name"], node["Actual Loops"]) for node in nodes(plan) if "Relation Name" in node}
            for plan in plans(computed[1][1:])
        ]

        assert walks == [
            {("loans", 1)},
            {("loans", 1), ("loan_events", 1)},
            {("loans", 1), ("installments", 1)},
            {("journal_lines", 1), ("ledger_accounts", 1)},
        ]

    def test_gives_few_groups(self, computed):
        groups, _ = computed

        assert sum(group.loans for group in groups.loans) == LOANS
        assert len(groups.loans) + len(groups.moved) + len(groups.due) + len(groups.receivable) < GROUPS_MAX

    def test_agrees_with_itself(self, computed):
        groups, _ = computed
        kes, ugx = portfolio.statistics(groups, on=clock.business_date("UTC"), months=12)

        for found in (kes, ugx):
            expected = [found.overdue, *(each.amounts for each in found.expected), found.expected_later]
            assert found.outstanding == tuple(map(sum, zip(*expected, strict=True)))
            assert found.outstanding.principal == found.receivable.principal
            assert found.outstanding == tuple(
                map(sum, zip(*(each.outstanding for each in found.buckets), strict=True))
            )
        # 37,000 loans are paid out and owe everything.
        assert kes.outstanding == (0, 0, 37_000 * 7942, 37_000 * 120_000)


class TestAnswer:
    def test_reads_one_row_beside_the_caller(self, large_book):
        large_book.get("/api/v1/portfolio")

        with recorded(large_book.engine) as sent:
            large_book.get("/api/v1/portfolio")

        assert [statement.split("FROM ")[1].split()[0] for statement, _ in sent] == [
            "api_keys",
            "portfolio_figures",
        ]
