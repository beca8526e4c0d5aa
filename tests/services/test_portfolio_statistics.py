"""The statistics of a book are those of its loans one by one, as of one instant, in a few statements."""

import random
from collections import defaultdict
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loans import ledger
from loans.core import fold, portfolio
from loans.core.errors import LendingError
from loans.core.events import RECEIPTS, EventKind
from loans.core.state import Amounts
from loans.db import db, transaction
from loans.queries import loans as stored_loans
from loans.services import demo
from loans.services import portfolio_statistics as statistics
from tests.factories import (
    BUSINESS_DATE,
    make_borrower,
    make_context,
    make_disbursed_loan,
    make_limits,
    make_product,
    make_repayment,
)
from tests.services.bank import opened
from tests.services.small_loan import make_small_loan
from tests.services.test_every_history import AMOUNTS, COMMANDS, PRODUCTS

SEED, LOANS, COMMANDS_MAX = 20261121, 90, 6
LONG_AGO = 6 * 365


def make_random_book(session):
    """Loans of all kinds of terms in two currencies, each with a few commands on days of its life."""
    hand = random.Random(SEED)
    context = make_context()
    borrower = make_borrower(session)
    products = [
        make_product(session, currency=currency, limits=make_limits(installments_min=3), **terms)
        for currency in ("KES", "USD")
        for terms in PRODUCTS.values()
    ]
    for _ in range(LOANS):
        started = BUSINESS_DATE - timedelta(days=hand.randrange(LONG_AGO))
        product = hand.choice(products)
        loan = make_disbursed_loan(
            session,
            product=product,
            borrower_id=borrower.id,
            amount="5000",
            installments=hand.choice((3, 12, 36)),
            on=started,
        )
        days = sorted(hand.randrange((BUSINESS_DATE - started).days + 1) for _ in range(COMMANDS_MAX))
        for day in days[: hand.randrange(COMMANDS_MAX + 1)]:
            amount = hand.choice(AMOUNTS)
            command, given = COMMANDS[hand.choice(list(COMMANDS))](amount)
            try:
                with session.begin_nested():
                    command(
                        session,
                        loan_id=loan.id,
                        on=started + timedelta(days=day),
                        context=context,
                        **given,
                    )
            except LendingError:
                continue


@pytest.fixture(scope="module")
def random_book(make_database):
    """An application on the random book with the demo portfolio, a loan for every event, beside it."""
    with opened(make_database()) as app:
        with app.app_context():
            transaction(make_random_book)
            for step in demo.steps(make_context()):
                transaction(step)
        yield app


@pytest.fixture
def book(make_database):
    with opened(make_database()) as app:
        yield app


def compute(engine):
    with Session(engine) as session, session.begin():
        return statistics.compute(session, business_date=BUSINESS_DATE)


def figures(app, *, months):
    with app.app_context():
        groups = compute(db.engine)
    found = portfolio.statistics(groups, on=BUSINESS_DATE, months=months)
    return {each.currency: each for each in found}


@pytest.fixture(scope="module")
def folded(random_book):
    """Every loan folded from its events: (record, state, events that stand)."""
    with random_book.app_context():
        session = db.session()
        batch = stored_loans.batch_after(session, loan_id=None, size=1000)
        events = stored_loans.events_of_loans(session, loan_ids=[each.id for each in batch])
        session.rollback()
    loans = []
    for record in batch:
        told = [stored_loans.event(each, currency=record.currency) for each in events[record.id]]
        state = fold.fold(stored_loans.terms(record), told, as_of=record.as_of)
        gone = {event.reverses for event in told}
        loans.append((record, state, [event for event in told if event.id not in gone]))
    return loans


@pytest.fixture(scope="module", params=["KES", "USD"])
def currency(request):
    return request.param


@pytest.fixture(scope="module")
def found(random_book, currency):
    return figures(random_book, months=24)[currency]


@pytest.fixture(scope="module")
def loans(folded, currency):
    return [each for each in folded if each[0].currency == currency]


@pytest.fixture(scope="module")
def owing(loans):
    return [state for _, state, _ in loans if state.status == "disbursed" and not state.charged_off_on]


def added(amounts):
    return tuple(map(sum, zip(*amounts, (0, 0, 0, 0), strict=True)))


class TestFigures:
    """Each figure once more, loan by loan, by its definition in the glossary."""

    def test_are_of_a_book_that_has_everything(self, loans):
        statuses = {state.status for _, state, _ in loans}

        assert {"disbursed", "repaid", "defaulted"} <= statuses
        assert any(state.charged_off_on and state.status == "disbursed" for _, state, _ in loans)
        assert len(loans) > 30

    def test_count_loans(self, found, loans):
        counts = defaultdict(int)
        for _, state, _ in loans:
            counts[state.status] += 1

        assert {status: count for status, count in found.statuses if count} == counts

    def test_sum_what_is_outstanding(self, found, loans, owing):
        off = [s.outstanding for _, s, _ in loans if s.status == "disbursed" and s.charged_off_on]

        assert found.outstanding == added(state.outstanding for state in owing)
        assert found.charged_off == added(off)
        assert found.charged_off_loans == len(off)

    def test_sum_what_the_ledger_holds(self, found, loans):
        balances = [dict(state.balances) for _, state, _ in loans]
        accounts = ("1130", "1120", "1110", "1100")

        assert found.receivable == tuple(sum(each.get(code, 0) for each in balances) for code in accounts)
        assert found.receivable.principal == found.outstanding.principal

    def test_sort_into_buckets_and_share(self, found, owing):
        buckets = defaultdict(list)
        for state in owing:
            days = state.days_past_due(BUSINESS_DATE)
            ends = ((0, "0"), (30, "1-30"), (60, "31-60"), (90, "61-90"), (99_999, "over 90"))
            buckets[next(name for most, name in ends if days <= most)].append(state.outstanding)
        late = {
            days: sum(s.outstanding.principal for s in owing if s.days_past_due(BUSINESS_DATE) > days)
            for days in (30, 60, 90)
        }

        assert {bucket: (count, sums) for bucket, count, sums in found.buckets if count} == {
            name: (len(inside), added(inside)) for name, inside in buckets.items()
        }
        assert {each.days: each.principal for each in found.at_risk} == late

    def test_sum_what_moved(self, found, loans):
        moved = defaultdict(lambda: [0, 0])
        for _, _, events in loans:
            for event in events:
                sums = moved[event.date.replace(day=1)]
                if event.kind is EventKind.DISBURSED:
                    sums[0] += event.amount
                elif event.kind in RECEIPTS:
                    sums[1] += event.amount
                elif event.kind is EventKind.CHARGEBACK:
                    sums[1] -= event.amount

        assert len(found.moved) == 24
        assert [[each.disbursed, each.repaid] for each in found.moved] == [
            moved[each.month] for each in found.moved
        ]

    def test_follow_vintages(self, found, loans):
        first = date(2024, 7, 1)
        vintages = defaultdict(lambda: [0, 0, 0, 0, 0, 0])
        for _, state, _ in loans:
            if state.disbursed_on is not None:
                month = state.disbursed_on.replace(day=1)
                sums = vintages[month if month >= first else None]
                off = bool(state.charged_off_on)
                principal = state.outstanding.principal if state.status == "disbursed" else 0
                for at, figure in enumerate(
                    (
                        1,
                        state.disbursed,
                        state.paid.principal,
                        0 if off else principal,
                        principal if off else 0,
                        state.written_off.principal,
                    )
                ):
                    sums[at] += figure

        assert [list(each[1:-1]) for each in found.vintages] == [
            vintages[each.month] for each in found.vintages
        ]
        assert list(found.earlier_vintages[1:-1]) == vintages[None]
        assert found.earlier_vintages.loans > 5

    def test_expect_what_installments_still_ask_for(self, found, owing):
        rows = [row for state in owing for row in state.installments]
        months = defaultdict(list)
        for row in rows:
            if row.due_date >= BUSINESS_DATE:
                months[row.due_date.replace(day=1)].append(row.outstanding)

        assert found.overdue == added(row.outstanding for row in rows if row.due_date < BUSINESS_DATE)
        assert {each.month: each.amounts for each in found.expected if any(each.amounts)} == {
            month: added(asked)
            for month, asked in months.items()
            if month <= date(2028, 5, 1) and any(added(asked))
        }

    @pytest.mark.parametrize("months", [1, 24, 60])
    def test_agree_with_one_another(self, random_book, currency, months):
        assert_agreement(figures(random_book, months=months)[currency])


def assert_agreement(found):
    """Buckets, installments and books each come to what is outstanding, whatever months are shown."""
    expected = [found.overdue, *(each.amounts for each in found.expected), found.expected_later]
    vintages = (*found.vintages, found.earlier_vintages)
    assert found.outstanding == added(each.outstanding for each in found.buckets)
    assert found.outstanding == added(expected)
    assert found.outstanding.principal == found.receivable.principal
    assert found.outstanding.principal == sum(each.principal_outstanding for each in vintages)
    assert found.charged_off.principal == sum(each.principal_charged_off for each in vintages)


class TestSnapshot:
    @pytest.mark.parametrize("after", [1, 2, 3])
    def test_sees_nothing_of_what_is_recorded_meanwhile(self, book, after):
        with book.app_context():
            loan = transaction(make_small_loan)
            before = compute(db.engine)
            seen = []

            def repay(*_):
                seen.append(True)
                if len(seen) == after + 1:
                    with book.app_context():
                        transaction(lambda session: make_repayment(session, loan=loan, amount="100.00"))

            reader = sa.create_engine(db.engine.url, poolclass=sa.NullPool)
            # After the statement that opens the snapshot and so many sums.
            sa.event.listen(reader, "after_cursor_execute", repay)
            during = compute(reader)
            after_all = compute(db.engine)

        (found,) = portfolio.statistics(during, on=BUSINESS_DATE, months=12)
        assert_agreement(found)
        assert during == before
        assert after_all != before

    def test_is_for_reading_only(self, book):
        with book.app_context(), Session(db.engine) as session, session.begin():
            statistics.compute(session, business_date=BUSINESS_DATE)

            shown = [
                session.execute(sa.text(f"SHOW {name}")).scalar_one()
                for name in ("transaction_isolation", "transaction_read_only")
            ]

        assert shown == ["repeatable read", "on"]


class TestMonths:
    def test_beyond_sixty_are_one(self, book):
        with book.app_context():
            for years in (5, 6, 7, 8):
                on = BUSINESS_DATE.replace(year=BUSINESS_DATE.year - years, month=6)
                transaction(lambda session, on=on: make_disbursed_loan(session, on=on))
            groups = compute(db.engine)

        assert {group.month for group in groups.loans} == {date(2021, 6, 1)}
        assert sum(group.loans for group in groups.loans) == 4
        assert groups.moved == ()
        (found,) = portfolio.statistics(groups, on=BUSINESS_DATE, months=60)
        assert (found.earlier_vintages.loans, found.earlier_vintages.disbursed) == (4, 480000)
        assert found.outstanding == Amounts(principal=480000, interest=4 * 7942)


class TestLedger:
    def test_and_statistics_name_the_same_accounts(self, random_book):
        with random_book.app_context():
            held = {row.account: row.name for row in ledger.trial_balance(db.session())}

        assert {held[code]: component for code, component in statistics.RECEIVABLES.items()} == {
            "Loan principal receivable": "principal",
            "Interest receivable": "interest",
            "Fee receivable": "fee",
            "Penalty receivable": "penalty",
        }
