"""What a page of loans costs on a book of 20,000: few rows read, wherever it lies and whatever it is filtered by."""

import contextlib
from datetime import date, timedelta

import psycopg2
import pytest
import sqlalchemy as sa

from bench import book
from bench.stage import Client
from loans.app import create_app
from loans.db import db
from loans.queries import borrowers, loan_list
from loans.queries.loan_list import ORDERS, Wanted
from tests.conftest import make_settings

LOANS, LIMIT = 20_000, 20
# A page reads one row more than it shows of each of the seven statuses, and fetches those it shows.
ROWS_MAX = 7 * (LIMIT + 1) + (LIMIT + 1)
TODAY = date(2026, 6, 15)


@pytest.fixture(scope="module")
def full_book(make_database):
    url = make_database()
    with contextlib.closing(psycopg2.connect(url.replace("postgresql+psycopg2", "postgresql"))) as connection:
        connection.autocommit = True
        client = Client(url)
        book.fill(connection, client=client, loans=LOANS)
        client.close()
        spread(connection)
    app = create_app(make_settings(url))
    with app.app_context():
        yield db.session()
        db.session.remove()
        db.engine.dispose()


def spread(connection):
    """Give the loans amounts and due dates of many values, and the borrowers names of their own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE loans SET principal = 100000 + place * 613 % 900000, next_due_date = CASE WHEN status = 'disbursed'"
            " THEN DATE '2026-06-15' + 30 - (place % 200)::int END"
            " FROM (SELECT id AS loan, row_number() OVER (ORDER BY id) AS place FROM loans) AS numbered WHERE id = loan"
        )
        cursor.execute(
            "INSERT INTO borrowers (id, first_name, last_name, created_at)"
            " SELECT uuidv7(), 'First' || n, 'Last' || n % 997, now() FROM generate_series(1, 20000) AS n"
        )
        cursor.execute("VACUUM (ANALYZE)")


def explained(session, ask):
    """Run what a query sends and give its plans."""
    sent = []

    def note(_connection, _cursor, statement, parameters, *_):
        sent.append((statement, parameters))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        given = ask()
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    plans = []
    for statement, parameters in sent:
        rows = session.connection().exec_driver_sql(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, parameters
        )
        plans.append(rows.scalar_one()[0]["Plan"])
    return given, plans


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def rows_read(plan):
    """Rows that the scans of a plan gave or threw away."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(plan)
        if "Relation Name" in node and node["Node Type"] != "Bitmap Index Scan"
    )


def blocks(plan):
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def tables_scanned(plan):
    return {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}


LISTS = {
    "everything": {},
    "one status": {"statuses": ("disbursed",)},
    "rare status": {"statuses": ("cancelled",)},
    "statuses": {"statuses": ("cancelled", "disbursed", "rejected")},
    "rare currency": {"currency": book.RARE_CURRENCY},
}
RANGES = {
    "principal": (500_000, 600_000),
    "outstanding": (1, 200_000),
    "days_past_due": (30, 90),
    "created": None,
    "applied_on": None,
    "disbursed_on": None,
    "maturity_date": None,
}


def range_of(session, name):
    """A range of the order: a twentieth of the book's time, long ago, unless it is written above."""
    if RANGES[name]:
        return RANGES[name]
    column = {"created": "created_at"}.get(name, name)
    first, last = session.execute(sa.text(f"SELECT min({column}), max({column}) FROM loans")).one()
    return first + (last - first) / 10, first + (last - first) / 10 + (last - first) / 20


class TestPage:
    @pytest.mark.parametrize("is_descending", [False, True])
    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("name", LISTS)
    @pytest.mark.parametrize("pages", [0, 3])
    def test_reads_few_rows_wherever_it_lies(self, full_book, name, order, is_descending, pages):
        given = {"currency": "KES"} | LISTS[name] if ORDERS[order].of_money else LISTS[name]
        wanted = Wanted(**given, order=order, is_descending=is_descending, on=TODAY)
        cursor = None
        for _ in range(pages):
            cursor = loan_list.page(full_book, wanted=wanted, cursor=cursor, limit=200).next_cursor or cursor

        _, (plan,) = explained(
            full_book, lambda: loan_list.page(full_book, wanted=wanted, cursor=cursor, limit=LIMIT)
        )

        assert tables_scanned(plan) == set()
        # A rare currency is spread over the orders that do not begin with one.
        if name != "rare currency" or ORDERS[order].of_money or order == "created":
            assert rows_read(plan) <= ROWS_MAX

    @pytest.mark.parametrize("is_descending", [False, True])
    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("statuses", [(), ("disbursed",)])
    def test_at_the_end_touches_few_blocks(self, full_book, order, is_descending, statuses):
        # What an index is walked through without giving a row is in no count of rows.
        currency = "KES" if ORDERS[order].of_money else None
        wanted = Wanted(
            statuses=statuses, currency=currency, order=order, is_descending=is_descending, on=TODAY
        )
        _, (first,) = explained(
            full_book, lambda: loan_list.page(full_book, wanted=wanted, cursor=None, limit=LIMIT)
        )
        cursor, last = None, None
        while cursor is not None or last is None:
            page = loan_list.page(full_book, wanted=wanted, cursor=cursor, limit=2_000)
            last, cursor = cursor, page.next_cursor

        _, (plan,) = explained(
            full_book, lambda: loan_list.page(full_book, wanted=wanted, cursor=last, limit=LIMIT)
        )

        assert last is not None
        assert blocks(plan) <= blocks(first) + 2 * LIMIT

    @pytest.mark.parametrize("is_descending", [False, True])
    @pytest.mark.parametrize("order", ORDERS)
    def test_of_a_range_reads_few_rows(self, full_book, order, is_descending):
        wanted = Wanted(
            currency="KES" if ORDERS[order].of_money else None,
            ranges={order: range_of(full_book, order)},
            order=order,
            is_descending=is_descending,
            on=TODAY,
        )

        page, (plan,) = explained(
            full_book, lambda: loan_list.page(full_book, wanted=wanted, cursor=None, limit=LIMIT)
        )

        assert len(page.items) == LIMIT
        assert tables_scanned(plan) == set()
        assert rows_read(plan) <= ROWS_MAX

    def test_of_a_borrower_reads_that_ones_loans(self, full_book):
        borrower = full_book.execute(sa.text("SELECT borrower_id FROM loans LIMIT 1")).scalar_one()
        wanted = Wanted(borrower_id=borrower, order="disbursed_on")

        page, (plan,) = explained(
            full_book, lambda: loan_list.page(full_book, wanted=wanted, cursor=None, limit=LIMIT)
        )

        assert len(page.items) == LIMIT
        assert tables_scanned(plan) == set()
        assert rows_read(plan) <= book.LOANS_PER_BORROWER


class TestNewestOfBorrowers:
    def test_reads_only_what_it_gives(self, full_book):
        ids = full_book.execute(sa.text("SELECT DISTINCT borrower_id FROM loans LIMIT 50")).scalars().all()

        found, (plan,) = explained(
            full_book,
            lambda: loan_list.newest_of_borrowers(full_book, borrower_ids=ids, at_most=10),
        )

        assert {len(loans) for loans in found.values()} == {10}
        assert tables_scanned(plan) == set()
        assert rows_read(plan) <= 50 * 10


class TestSearch:
    def test_reads_the_borrowers_that_have_the_words(self, full_book):
        page, (plan,) = explained(
            full_book, lambda: borrowers.page(full_book, cursor=None, limit=LIMIT, q="first123 last")
        )

        # First123, First1230 to First1239, First12300 to First12399.
        assert len(page.items) == LIMIT
        assert tables_scanned(plan) == set()
        assert rows_read(plan) <= 2 * (1 + 10 + 100)

    def test_is_refused_where_too_many_have_them(self, full_book):
        with pytest.raises(borrowers.SearchTooBroad) as refusal:
            borrowers.page(full_book, cursor=None, limit=LIMIT, q="first")

        assert refusal.value.field == "q"


def test_the_range_of_days_past_due_is_one_of_due_dates():
    wanted = Wanted(ranges={"days_past_due": (0, 90)}, on=TODAY)

    assert wanted.bounds("days_past_due") == (TODAY - timedelta(days=90), None)
