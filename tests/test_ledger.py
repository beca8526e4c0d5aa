import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from loans import ledger
from loans.core import money
from loans.core.postings import ACCOUNTS, Line
from loans.db import db
from loans.ledger import Entry
from loans.models.journal import JournalEntry, JournalLine
from loans.queries import loans as stored_loans
from loans.services import repayments, verification
from tests.factories import (
    BUSINESS_DATE,
    make_approved_loan,
    make_cash_product,
    make_context,
    make_disbursed_loan,
    make_repayment,
)
from tests.services import rows
from tests.services.bank import opened
from tests.services.small_loan import FIRST_DUE, SECOND_DUE, make_small_loan, reverse

ENTRIES, LINES = JournalEntry.__table__, JournalLine.__table__
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
CASH, PRINCIPAL, INTEREST = "1000", "1100", "4000"


@pytest.fixture(scope="module")
def book(make_database):
    """An application on a book in which no loan is ever committed."""
    with opened(make_database()) as app:
        yield app


@pytest.fixture
def empty_book(book):
    """A session on a book without any loan; what a test leaves is rolled back."""
    with book.app_context():
        yield db.session()
        db.session.rollback()


@pytest.fixture
def free_event(committed):
    """The loan and sequence of a committed event that has no journal entry: an approval."""
    return committed(make_approved_loan).id, 2


def make_entry(loan_id, *amounts, sequence=2):
    accounts = (CASH, PRINCIPAL, INTEREST)
    return Entry(
        loan_id=loan_id,
        sequence=sequence,
        effective_date=date(2026, 6, 14),
        posted_on=BUSINESS_DATE,
        recorded_at=NOW,
        currency="KES",
        lines=tuple(Line(account, amount) for account, amount in zip(accounts, amounts, strict=False)),
    )


def post(session, entry):
    for statement in ledger.post(entry):
        session.execute(statement)


def write(session, event, *lines):
    """Write an entry past `ledger.post`, which would not write it: lines are (account, currency, amount)."""
    loan_id, sequence = event
    key = {"loan_id": loan_id, "sequence": sequence}
    header = {"effective_date": BUSINESS_DATE, "posted_on": BUSINESS_DATE, "recorded_at": NOW}
    session.execute(sa.insert(ENTRIES).values(key | header))
    for number, (account, currency, amount) in enumerate(lines, start=1):
        line = {"line_number": number, "account": account, "currency": currency, "amount": amount}
        session.execute(sa.insert(LINES).values(key | line))


class TestPost:
    def test_writes_an_entry_with_its_lines(self, session):
        loan = make_approved_loan(session)

        post(session, make_entry(loan.id, 34002, -33002, -1000))

        assert rows.journal(session, loan) == {2: {CASH: 34002, PRINCIPAL: -33002, INTEREST: -1000}}
        assert rows.entry_dates(session, loan) == {2: (date(2026, 6, 14), BUSINESS_DATE)}

    def test_writes_nothing_for_an_event_that_moves_nothing(self, session):
        assert ledger.post(make_entry(uuid.uuid4())) == ()

    def test_does_not_write_what_does_not_balance(self):
        with pytest.raises(AssertionError, match="does not balance by 1"):
            ledger.post(make_entry(uuid.uuid4(), 34002, -33002, -999))

    def test_keeps_large_amounts_exactly(self, session):
        loan = make_approved_loan(session)
        amount = 2**62 + 1

        post(session, make_entry(loan.id, amount, -amount))

        (entry,) = ledger.entries_of_loan(session, loan_id=loan.id, after=0, limit=10)
        assert entry.lines == (Line(CASH, amount), Line(PRINCIPAL, -amount))


class TestEntriesOfLoan:
    @pytest.fixture
    def loan(self, session):
        loan = make_small_loan(session, product=make_cash_product(session))
        for on in (FIRST_DUE, SECOND_DUE):
            make_repayment(session, loan=loan, amount="340.02", on=on)
        return loan

    def test_gives_entries_with_their_lines(self, session, loan):
        disbursement, first, second = ledger.entries_of_loan(session, loan_id=loan.id, after=0, limit=10)

        assert disbursement.lines == (Line(CASH, -100000), Line(PRINCIPAL, 100000))
        assert first.lines == (Line(CASH, 34002), Line(PRINCIPAL, -33002), Line(INTEREST, -1000))
        assert second == Entry(
            loan_id=loan.id,
            sequence=5,
            effective_date=SECOND_DUE,
            posted_on=BUSINESS_DATE,
            recorded_at=NOW,
            currency="KES",
            lines=(Line(CASH, 34002), Line(PRINCIPAL, -33332), Line(INTEREST, -670)),
        )

    @pytest.mark.parametrize(
        ("after", "limit", "sequences"), [(0, 2, [3, 4]), (3, 2, [4, 5]), (4, 2, [5]), (5, 2, [])]
    )
    def test_gives_a_page(self, session, loan, after, limit, sequences):
        entries = ledger.entries_of_loan(session, loan_id=loan.id, after=after, limit=limit)

        assert [entry.sequence for entry in entries] == sequences


class TestTrialBalance:
    def test_of_an_empty_book_is_empty(self, empty_book):
        assert ledger.trial_balance(empty_book) == ()

    def test_sums_each_account_in_each_currency(self, empty_book):
        loan = make_small_loan(empty_book, product=make_cash_product(empty_book))
        repayment = make_repayment(empty_book, loan=loan, amount="340.02", on=FIRST_DUE)
        make_repayment(empty_book, loan=loan, amount="340.02", on=SECOND_DUE)
        reverse(empty_book, repayment)
        make_disbursed_loan(
            empty_book,
            product=make_cash_product(empty_book, currency="JPY"),
            amount="120000",
            installments=3,
        )

        balances = ledger.trial_balance(empty_book)

        # In KES 1,000.00 goes out, 340.02 comes in twice. The reversal takes the second installment's 340.02 off
        # again: what is left of the payments has settled the first, so 333.32 and 6.70 go back.
        assert [(row.account, row.currency, row.debit, row.credit) for row in balances] == [
            ("1000", "JPY", 0, 120000),
            ("1000", "KES", 68004, 134002),
            ("1100", "JPY", 120000, 0),
            ("1100", "KES", 133332, 66334),
            ("4000", "KES", 670, 1670),
        ]
        assert [(row.name, row.kind) for row in balances[::2]] == [
            ("Cash and bank", "asset"),
            ("Loan principal receivable", "asset"),
            ("Interest income", "income"),
        ]
        assert [row.balance for row in balances] == [-120000, -65998, 120000, 66998, -1000]

    def test_comes_to_zero_in_each_currency(self, session):
        make_repayment(session, loan=make_small_loan(session), amount="340.02")
        totals = Counter()

        for row in ledger.trial_balance(session):
            totals[row.currency] += row.balance

        assert totals["KES"] == 0
        assert set(totals.values()) == {0}


class TestBalancesOfLoans:
    def test_sums_each_loan_and_leaves_out_what_comes_to_nothing(self, session):
        product = make_cash_product(session)
        paid_loan, returned_loan = (make_small_loan(session, product=product) for _ in "ab")
        make_repayment(session, loan=paid_loan, amount="340.02", on=FIRST_DUE)
        reverse(session, make_repayment(session, loan=returned_loan, amount="340.02", on=FIRST_DUE))

        balances = ledger.balances_of_loans(session, loan_ids=[paid_loan.id, returned_loan.id, uuid.uuid4()])

        assert balances == {
            paid_loan.id: {(CASH, "KES"): -65998, (PRINCIPAL, "KES"): 66998, (INTEREST, "KES"): -1000},
            returned_loan.id: {(CASH, "KES"): -100000, (PRINCIPAL, "KES"): 100000},
        }


class TestTheDatabase:
    """The journal is right without our code too: triggers refuse what `ledger.post` would not write."""

    @pytest.mark.parametrize(
        ("lines", "reason"),
        [
            ([], "has no lines"),
            ([("1000", "KES", 100)], "does not balance: KES 100"),
            ([("1000", "KES", 100), ("1100", "KES", -99)], "does not balance: KES 1"),
            ([("1000", "KES", 100), ("1100", "USD", -100)], "does not balance: KES 100, USD -100"),
        ],
    )
    def test_refuses_an_entry_that_does_not_balance_at_commit(
        self, session, committed, free_event, lines, reason
    ):
        with pytest.raises(IntegrityError, match=reason):
            committed(lambda writing: write(writing, free_event, *lines))

        query = sa.select(sa.func.count()).where(ENTRIES.c.loan_id == free_event[0])
        assert session.execute(query).scalar_one() == 0

    def test_takes_one_that_balances_in_each_currency(self, session, committed, free_event):
        lines = [
            ("1000", "KES", 100),
            ("1100", "KES", -100),
            ("1000", "USD", -7),
            ("1100", "USD", 7),
        ]

        with pytest.raises(Rollback):
            committed(lambda writing: check_and_roll_back(writing, free_event, lines))

    def test_refuses_a_line_added_to_an_entry_later(self, session, committed):
        loan = committed(lambda writing: make_disbursed_loan(writing, product=make_cash_product(writing)))
        line = {"loan_id": loan.id, "sequence": 3, "line_number": 3, "account": "4000", "currency": "KES"}

        with pytest.raises(IntegrityError, match="does not balance: KES 5"):
            committed(lambda writing: writing.execute(sa.insert(LINES).values(line | {"amount": 5})))

        assert rows.journal_sums(session, loan) == {"1000": -120000, "1100": 120000}

    def test_refuses_a_line_of_nothing(self, committed, free_event):
        with pytest.raises(IntegrityError, match="ck_journal_lines_amount_not_zero"):
            committed(lambda writing: write(writing, free_event, ("1000", "KES", 0)))

    def test_refuses_an_account_that_is_not_in_the_chart(self, committed, free_event):
        with pytest.raises(IntegrityError, match="fk_journal_lines_account_ledger_accounts"):
            committed(lambda writing: write(writing, free_event, ("9999", "KES", 5), ("1000", "KES", -5)))

    def test_holds_the_chart_of_accounts(self, session):
        stored = session.execute(sa.text("SELECT code, name, kind FROM ledger_accounts ORDER BY code"))

        assert [tuple(row) for row in stored] == [
            (account.code, account.name, account.kind.value) for account in ACCOUNTS
        ]

    @pytest.mark.parametrize(
        "table", ["journal_entries", "journal_lines", "loan_events", "product_versions", "audit_records"]
    )
    @pytest.mark.parametrize(
        "statement",
        ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "TRUNCATE {table} CASCADE"],
    )
    def test_lets_nobody_change_what_is_recorded(self, session, committed, table, statement):
        committed(make_disbursed_loan)
        column = "created_at" if table == "product_versions" else "recorded_at"
        column = "amount" if table == "journal_lines" else column

        with pytest.raises(IntegrityError, match="is insert-only: correct it by a further row"):
            session.execute(sa.text(statement.format(table=table, column=column)))


class Rollback(Exception):
    """Everything was as it should be; leave nothing behind."""


def check_and_roll_back(session, event, lines):
    write(session, event, *lines)
    session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
    raise Rollback


class TestEveryHistory:
    """I2, I3, I4, I11: whatever happens to a loan, on whatever day, what is stored is the fold.

    A command writes the difference between two folds; verification folds from scratch and reads all that is stored.
    """

    acts = st.lists(
        st.fixed_dictionaries(
            {
                "days_forward": st.integers(0, 45),
                "days_back": st.sampled_from([0, 0, 0, 1, 30, 400]),
                "permille": st.integers(1, 1000),
                "reverses": st.sampled_from([False, False, False, True]),
                "place": st.integers(0, 100),
            }
        ),
        min_size=1,
        max_size=8,
    )

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(acts=acts)
    def test_is_stored_as_it_folds(self, book, acts):
        with book.app_context():
            session, day = db.session(), date(2026, 1, 15)
            loan, paid = make_small_loan(session), []

            for act in acts:
                day += timedelta(days=act["days_forward"])
                take(session, loan, paid, act, make_context(day))

            assert list(verification.verify(session, progress=lambda _: None)) == []


def take(session, loan, paid, act, context):
    """Pay a share of what is owed, or reverse one of the payments so far."""
    owed = stored_loans.find(session, loan_id=loan.id).total_outstanding
    if paid and (act["reverses"] or not owed):
        event = paid.pop(act["place"] % len(paid)).event
        repayments.reverse(session, loan_id=loan.id, repayment_id=event.id, context=context)
        return
    on = max(context.business_date - timedelta(days=act["days_back"]), loan.disbursed_on)
    amount = money.format_amount(-(-owed * act["permille"] // 1000), loan.currency)
    paid.append(make_repayment(session, loan=loan, amount=amount, on=on, context=context))
