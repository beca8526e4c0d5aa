"""The figures of the book at /metrics, against books whose figures were worked by hand.

A loan of 1,200.00 over 12 months at 12 % costs 106.62 a month. Its interest is 12.00, 11.05, 10.10, 9.13, 8.16, 7.17,
6.18, 5.17, 4.16, 3.14, 2.10 and 1.06: 79.42 in all; the principal of the first four is 94.62, 95.57, 96.52 and 97.49.
"""

import re
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans import clock
from loans.api.figures import Watch
from loans.core.lifecycle import Status
from loans.db import db, transaction
from loans.queries import portfolio as queries
from loans.services import portfolio
from tests.conftest import administration
from tests.factories import (
    make_approved_loan,
    make_disbursed_loan,
    make_pending_loan,
    make_product,
    make_repayment,
)
from tests.services.bank import opened
from tests.services.small_loan import FIRST_DUE, SECOND_DUE, THIRD_DUE, make_small_loan, reverse

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def now(monkeypatch):
    """The instant on everybody's clock, noon of 15 June 2026 until `now(seconds=61)` moves it on."""
    instants = [NOON]
    monkeypatch.setattr(clock, "now", lambda: instants[0])

    def advance(**given):
        instants[0] += timedelta(**given)

    return advance


@pytest.fixture
def url(make_database, now):
    """An empty book."""
    return make_database()


@pytest.fixture
def book(url):
    """An application on it."""
    with opened(url) as app:
        yield app


def add(app, make, **given):
    with app.app_context():
        return transaction(lambda session: make(session, **given))


def execute(app, statement):
    """Change rows behind the service's back, past triggers and keys."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text(statement))


def scrape(app):
    """Read /metrics as series and figures; labels in the order of their names."""
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    rows = [line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#")]
    return {series: float(figure) for series, figure in rows}


def figures(app, name):
    """Read one metric: {its label values in the order of the label names: figure}, zeros left out."""
    found = {}
    for series, figure in scrape(app).items():
        if series.partition("{")[0] == f"branchloans_{name}" and figure:
            labels = dict(re.findall(r'(\w+)="([^"]*)"', series))
            found[tuple(labels[label] for label in sorted(labels))] = figure
    return found


def fill(session):
    """The hand-made book of 15 June 2026, in shillings unless said otherwise.

    unpaid:    nothing of 1,200.00 paid; due since 15 February, 120 days; four installments overdue
    punctual:  the four until 15 May paid; the fifth is due today, which is not late
    late:      three paid; due since 15 May, 31 days; one overdue
    reversed:  1,000.00 US dollars over three months, all paid, the last payment of 340.03 (336.66 of it principal)
               reversed; due since 15 April, 61 days
    recent:    1,200.00 US dollars paid out on 20 April; due since 20 May, 26 days
    yen:       100,000 yen, which have no decimals, paid out on 15 May; first due today
    """
    shillings, dollars = make_product(session), make_product(session, currency="USD")
    make_pending_loan(session, product=shillings)
    make_approved_loan(session, product=shillings)
    make_disbursed_loan(session, product=shillings)
    for payments in (4, 3):
        loan = make_disbursed_loan(session, product=shillings)
        for _ in range(payments):
            make_repayment(session, loan=loan, amount="106.62")
    reversed_loan = make_small_loan(session, product=dollars)
    for amount, on in (("340.02", FIRST_DUE), ("340.02", SECOND_DUE), ("340.03", THIRD_DUE)):
        last = make_repayment(session, loan=reversed_loan, amount=amount, on=on)
    reverse(session, last)
    make_disbursed_loan(session, product=dollars, on=date(2026, 4, 20))
    make_disbursed_loan(
        session, product=make_product(session, currency="JPY"), amount="100000", on=date(2026, 5, 15)
    )


@pytest.fixture
def filled_book(book):
    """An application on the hand-made book."""
    add(book, fill)
    return book


class TestLoans:
    def test_are_counted_by_status_and_currency(self, filled_book):
        assert figures(filled_book, "loans") == {
            ("KES", "pending"): 1,
            ("KES", "approved"): 1,
            ("KES", "disbursed"): 3,
            ("USD", "disbursed"): 2,
            ("JPY", "disbursed"): 1,
        }

    def test_show_every_status_of_every_currency(self, filled_book):
        shown = [series for series in scrape(filled_book) if series.startswith("branchloans_loans{")]

        assert len(shown) == 3 * len(Status)

    def test_of_an_empty_book_are_none(self, book):
        shown = [series for series in scrape(book) if series.startswith("branchloans_")]

        assert not [series for series in shown if "currency=" in series]


class TestAmounts:
    def test_paid_out_count_in_major_units(self, filled_book):
        assert figures(filled_book, "disbursed_amount") == {
            ("KES",): 3600.00,
            ("USD",): 2200.00,
            ("JPY",): 100000,
        }

    def test_repaid_leave_reversed_payments_out(self, filled_book):
        # Seven payments of 106.62; two of 340.02.
        assert figures(filled_book, "repaid_amount") == {("KES",): 746.34, ("USD",): 680.04}

    def test_outstanding_are_principal_and_interest_to_come(self, filled_book):
        found = figures(filled_book, "outstanding_amount")

        # Principal 1,200.00 + 815.80 + 913.29; interest 79.42 + 37.14 + 46.27.
        assert found["principal", "KES"] == 2929.09
        assert found["interest", "KES"] == 162.83
        # Principal 336.66 + 1,200.00; interest 3.37 + 79.42.
        assert found["principal", "USD"] == 1536.66
        assert found["interest", "USD"] == 82.79
        assert found["principal", "JPY"] == 100000


class TestArrears:
    def test_put_each_loan_into_the_bucket_of_its_oldest_unpaid_installment(self, filled_book):
        assert figures(filled_book, "arrears_loans") == {
            ("over 90", "KES"): 1,
            ("31-60", "KES"): 1,
            ("61-90", "USD"): 1,
            ("1-30", "USD"): 1,
        }

    def test_amount_to_what_was_due_before_today(self, filled_book):
        # Of the unpaid loan four times 106.62: the fifth is due today.
        assert figures(filled_book, "arrears_amount") == {
            ("over 90", "KES"): 426.48,
            ("31-60", "KES"): 106.62,
            ("61-90", "USD"): 340.03,
            ("1-30", "USD"): 106.62,
        }

    def test_put_all_principal_of_these_loans_at_risk(self, filled_book):
        assert figures(filled_book, "at_risk_amount") == {
            ("over 90", "KES"): 1200.00,
            ("31-60", "KES"): 913.29,
            ("61-90", "USD"): 336.66,
            ("1-30", "USD"): 1200.00,
        }

    @pytest.mark.parametrize(
        ("days", "bucket"),
        [
            (0, None),
            (1, "1-30"),
            (30, "1-30"),
            (31, "31-60"),
            (60, "31-60"),
            (61, "61-90"),
            (90, "61-90"),
            (91, "over 90"),
        ],
    )
    def test_change_buckets_after_the_last_day_of_each(self, book, days, bucket):
        add(book, make_disbursed_loan, on=date(2026, 1, 1))

        with book.app_context():
            found = queries.arrears(db.session(), on=date(2026, 2, 1) + timedelta(days=days))

        assert [each.bucket for each in found] == ([] if bucket is None else [bucket])


class TestJournal:
    def test_of_sound_books_sums_to_nothing(self, filled_book):
        found = scrape(filled_book)

        for currency in ("KES", "USD", "JPY"):
            assert found[f'branchloans_ledger_imbalance_amount{{currency="{currency}"}}'] == 0

    def test_out_of_balance_shows_by_how_much(self, filled_book):
        execute(
            filled_book,
            "UPDATE journal_lines SET amount = amount - 5 WHERE currency = 'USD' AND sequence = 3 AND account = '1100'",
        )

        # Both loans in dollars were paid out by their third event: 5 cents each.
        assert figures(filled_book, "ledger_imbalance_amount") == {("USD",): -0.10}


class TestVerification:
    def test_that_never_ran_is_not_shown(self, book):
        assert not [series for series in scrape(book) if "verification" in series]

    def test_that_found_nothing_shows_when(self, book):
        book.test_cli_runner().invoke(args=["verify"])

        found = scrape(book)

        assert found["branchloans_verification_faults"] == 0
        assert found["branchloans_verification_timestamp_seconds"] == NOON.timestamp()

    def test_shows_the_differences_of_the_newest_run(self, filled_book):
        filled_book.test_cli_runner().invoke(args=["verify"])
        execute(filled_book, "UPDATE loans SET interest_paid = interest_paid + 1")

        filled_book.test_cli_runner().invoke(args=["verify"])

        # Every loan differs in that one column.
        assert scrape(filled_book)["branchloans_verification_faults"] == 8

    def test_counts_though_it_cannot_be_recorded(self, book):
        execute(book, "DROP TABLE verification_runs")

        result = book.test_cli_runner().invoke(args=["verify"])

        assert result.exit_code == 0
        assert "0 loans verified: no differences" in result.stdout
        assert "This run could not be recorded" in result.stderr


class TestOutbox:
    def test_is_as_old_as_its_oldest_event(self, filled_book, now):
        now(seconds=90)

        assert scrape(filled_book)["branchloans_outbox_age_seconds"] == 90

    def test_that_is_empty_has_no_age(self, book):
        assert scrape(book)["branchloans_outbox_age_seconds"] == 0


class TestComputation:
    def test_happens_once_a_minute_whoever_asks(self, url, book, now):
        add(book, make_pending_loan)
        first = figures(book, "loans")
        add(book, make_pending_loan)
        with opened(url) as other_worker:
            now(seconds=59)
            soon = figures(other_worker, "loans"), figures(book, "loans")
            now(seconds=2)
            later = figures(other_worker, "loans"), figures(book, "loans")

        assert first == {("KES", "pending"): 1}
        assert soon == (first, first)
        assert later == ({("KES", "pending"): 2}, {("KES", "pending"): 2})

    def test_tells_when_it_happened(self, book, now):
        scrape(book)
        now(seconds=30)

        assert scrape(book)["branchloans_portfolio_timestamp_seconds"] == NOON.timestamp()

    def test_is_taken_on_by_one_of_many(self, url, book):
        taken, start = [], threading.Barrier(8)

        def attempt():
            with book.app_context():
                start.wait(timeout=30)
                taken.append(transaction(portfolio.claim))

        threads = [threading.Thread(target=attempt) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(taken) == [False] * 7 + [True]

    def test_that_takes_long_is_repeated_the_less_often(self, book, monkeypatch):
        ticks = iter([100.0, 110.0])
        with book.app_context():
            transaction(portfolio.claim)
            monkeypatch.setattr(clock, "monotonic", lambda: next(ticks))
            transaction(lambda session: portfolio.refresh(session, business_date=NOON.date()))

            due_at, taken_at, _ = queries.stored(db.session())

        # Ten seconds of computing, a sixtieth of the time.
        assert (due_at, taken_at) == (NOON + timedelta(seconds=600), NOON)

    def test_that_died_is_taken_on_by_another_after_five_minutes(self, book, now):
        with book.app_context():
            transaction(portfolio.claim)
            now(seconds=299)
            early = transaction(portfolio.claim)
            now(seconds=1)

            assert (early, transaction(portfolio.claim)) == (False, True)

    def test_leaves_figures_in_an_unknown_layout_alone(self, book):
        scrape(book)
        execute(book, """UPDATE portfolio_figures SET figures = '{"layout": 99}'""")

        assert "branchloans_portfolio_timestamp_seconds" not in scrape(book)


class TestTrouble:
    def test_without_a_database_leaves_the_other_metrics(self, now):
        with opened("postgresql+psycopg2://nobody@127.0.0.1:1/nothing") as app:
            found = scrape(app)

        assert not [series for series in found if "portfolio" in series or "outbox" in series]
        assert "branchloans_db_pool_in_use" in found

    def test_before_the_migration_leaves_the_other_metrics(self, book):
        execute(book, "DROP TABLE portfolio_figures")

        assert "branchloans_db_pool_in_use" in scrape(book)

    def test_shows_the_last_figures_when_the_database_goes_away(self, url, book, server_url, now, capsys):
        add(book, make_pending_loan)
        before = figures(book, "loans")
        with administration(server_url) as connection:
            name = sa.make_url(url).database
            connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
            try:
                now(seconds=600)

                found = scrape(book)
            finally:
                connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))

        assert found['branchloans_loans{currency="KES",status="pending"}'] == before["KES", "pending"] == 1
        assert found["branchloans_portfolio_timestamp_seconds"] == NOON.timestamp()
        assert "Figures not read" in capsys.readouterr().out

    def test_does_not_wait_for_a_slow_database(self, url, book, now):
        add(book, make_pending_loan)
        watch = Watch(url, business_timezone="UTC", wait_seconds=30)
        before = {reading.name for reading in watch()}
        now(seconds=61)
        impatient = Watch(url, business_timezone="UTC", wait_seconds=0.0)

        with book.app_context(), Session(db.engine) as session, session.begin():
            session.execute(sa.text("LOCK TABLE loans IN ACCESS EXCLUSIVE MODE"))
            nothing_yet = impatient()

        assert "branchloans_loans" in before
        assert nothing_yet == ()


class TestCardinality:
    def test_does_not_grow_with_the_book(self, book, now):
        add(book, make_pending_loan)
        before = scrape(book).keys()
        for _ in range(5):
            add(book, make_pending_loan)
        now(seconds=61)

        assert scrape(book).keys() == before
