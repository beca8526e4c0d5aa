import random
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from loans.queries import loan_list
from loans.queries.loan_list import ORDERS, Wanted
from loans.queries.paging import InvalidCursor
from tests.factories import (
    make_approved_loan,
    make_borrower,
    make_pending_loan,
    make_product,
)


def page_of(session, *, cursor, limit, **wanted):
    return loan_list.page(session, wanted=Wanted(**wanted), cursor=cursor, limit=limit)


@pytest.fixture
def borrower(session):
    return make_borrower(session)


def walk(session, *, limit, **filters):
    """Give the identifiers of every page, until the last."""
    pages, cursor = [], None
    while True:
        page = page_of(session, cursor=cursor, limit=limit, **filters)
        pages.append([loan.id for loan in page.items])
        cursor = page.next_cursor
        if cursor is None:
            return pages


class TestPage:
    def test_gives_the_newest_loan_first(self, session, borrower):
        earlier_loan, later_loan = (make_pending_loan(session, borrower_id=borrower.id) for _ in "ab")

        assert walk(session, limit=10, borrower_id=borrower.id) == [[later_loan.id, earlier_loan.id]]

    @pytest.mark.parametrize(("limit", "lengths"), [(1, [1, 1, 1, 1]), (3, [3, 1]), (4, [4]), (5, [4])])
    def test_gives_each_loan_on_one_page(self, session, borrower, limit, lengths):
        made = [make_pending_loan(session, borrower_id=borrower.id).id for _ in range(4)]

        pages = walk(session, limit=limit, borrower_id=borrower.id)

        assert [len(page) for page in pages] == lengths
        assert [loan_id for page in pages for loan_id in page] == made[::-1]

    def test_does_not_repeat_a_loan_when_a_newer_one_comes_in(self, session, borrower):
        made = [make_pending_loan(session, borrower_id=borrower.id).id for _ in range(2)]
        first = page_of(session, cursor=None, limit=1, borrower_id=borrower.id)
        make_pending_loan(session, borrower_id=borrower.id)

        second = page_of(session, cursor=first.next_cursor, limit=1, borrower_id=borrower.id)

        assert [loan.id for loan in second.items] == made[:1]
        assert second.next_cursor is None

    def test_applies_every_filter(self, session, borrower):
        product = make_product(session, currency="USD")
        given = {"borrower_id": borrower.id, "product": product}
        pending_loan = make_pending_loan(session, **given, external_id="F-1")
        approved_loan = make_approved_loan(session, **given)
        make_pending_loan(session, borrower_id=borrower.id)
        make_pending_loan(session, product=product)

        def found(**filters):
            return {loan.id for loan in page_of(session, cursor=None, limit=200, **filters).items}

        both = {"borrower_id": borrower.id, "product_id": product.id}
        assert found(**both) == {pending_loan.id, approved_loan.id}
        assert found(**both, statuses=("approved",)) == {approved_loan.id}
        assert found(**both, statuses=("approved",), currency="KES") == set()
        assert found(borrower_id=borrower.id, currency="USD") == {pending_loan.id, approved_loan.id}
        assert found(external_id="F-1") == {pending_loan.id}

    def test_is_empty_where_nothing_fits(self, session):
        page = page_of(session, cursor=None, limit=10, borrower_id=uuid.uuid4())

        assert (page.items, page.next_cursor) == ((), None)

    def test_refuses_a_foreign_cursor(self, session):
        with pytest.raises(InvalidCursor):
            page_of(session, cursor="MTIz", limit=10)


TODAY = date(2026, 6, 15)
STATUSES = ("pending", "approved", "disbursed", "repaid", "defaulted")


@pytest.fixture
def various_loans(session):
    """Thirty loans of one product with figures thrown by a seeded hand, many of them equal; gone after the test."""
    hand, product = random.Random(5), make_product(session)
    made = [make_pending_loan(session, product=product).id for _ in range(30)]
    days = [None, *(TODAY - timedelta(days=30 * number) for number in range(-2, 5))]
    for loan_id in made:
        session.execute(
            sa.update(loan_list.LOANS)
            .where(loan_list.LOANS.c.id == loan_id)
            .values(
                status=hand.choice([*STATUSES[:3], *STATUSES[4:]]),
                principal=hand.choice([100_000, 120_000, 500_000]),
                interest_outstanding=hand.choice([0, 5, 70_000]),
                created_at=datetime(2026, 6, hand.choice([1, 2, 3]), tzinfo=UTC),
                next_due_date=hand.choice(days),
                disbursed_on=hand.choice(days),
                maturity_date=hand.choice(days),
            )
        )
    return product.id


def stored(session, product_id):
    """What is stored of these loans, by the most direct SELECT there is."""
    return session.execute(
        sa.text(
            "SELECT id, status, principal, created_at, applied_on, disbursed_on, maturity_date,"
            " principal_outstanding + interest_outstanding AS outstanding,"
            " greatest(DATE '2026-06-15' - next_due_date, 0) AS days_past_due, next_due_date"
            " FROM loans WHERE product_id = :product_id"
        ),
        {"product_id": product_id},
    ).all()


def everything(session, *, limit=4, **wanted):
    """The identifiers of all pages, one after the other."""
    found, cursor = [], None
    while True:
        page = page_of(session, cursor=cursor, limit=limit, on=TODAY, **wanted)
        found += [loan.id for loan in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


KEYS = {
    "created": lambda row: (row.id,),
    "principal": lambda row: (row.principal, row.id),
    "outstanding": lambda row: (row.outstanding, row.id),
    # The earlier it was due, the more days past due; what is never due comes before all others.
    "days_past_due": lambda row: (-(row.next_due_date or date.max).toordinal(), -row.id.int),
    "applied_on": lambda row: (row.applied_on, row.id),
    "disbursed_on": lambda row: (row.disbursed_on or date.max, row.id),
    "maturity_date": lambda row: (row.maturity_date or date.max, row.id),
}


class TestOrder:
    @pytest.mark.parametrize("is_descending", [False, True])
    @pytest.mark.parametrize("statuses", [(), ("disbursed",), ("defaulted", "pending")])
    @pytest.mark.parametrize("order", ORDERS)
    def test_gives_every_loan_once_in_its_place(self, session, various_loans, order, statuses, is_descending):
        fitting = [row for row in stored(session, various_loans) if not statuses or row.status in statuses]
        expected = [row.id for row in sorted(fitting, key=KEYS[order], reverse=is_descending)]

        found = everything(
            session,
            product_id=various_loans,
            currency="KES",
            statuses=statuses,
            order=order,
            is_descending=is_descending,
        )

        assert len(found) > 4
        assert found == expected


class TestRange:
    @pytest.mark.parametrize("sort", ["created", "principal", "days_past_due"])
    @pytest.mark.parametrize(
        ("name", "ends", "fits"),
        [
            ("principal", (120_000, None), lambda row: row.principal >= 120_000),
            ("principal", (None, 120_000), lambda row: row.principal <= 120_000),
            ("outstanding", (5, 5), lambda row: row.outstanding == 5),
            ("days_past_due", (30, None), lambda row: (row.days_past_due or 0) >= 30),
            ("days_past_due", (0, 30), lambda row: (row.days_past_due or 0) <= 30),
            ("days_past_due", (30, 60), lambda row: 30 <= (row.days_past_due or 0) <= 60),
            (
                "created",
                (datetime(2026, 6, 2, tzinfo=UTC), datetime(2026, 6, 2, tzinfo=UTC)),
                lambda row: row.created_at.day == 2,
            ),
            (
                "disbursed_on",
                (date(2026, 5, 1), date(2026, 6, 15)),
                lambda row: row.disbursed_on is not None and row.disbursed_on.month in (5, 6),
            ),
            (
                "maturity_date",
                (date(2026, 6, 16), None),
                lambda row: row.maturity_date is not None and row.maturity_date > TODAY,
            ),
        ],
    )
    def test_includes_both_ends_in_any_order(self, session, various_loans, name, ends, fits, sort):
        expected = {row.id for row in stored(session, various_loans) if fits(row)}

        for order in {sort, name}:
            found = everything(
                session, product_id=various_loans, currency="KES", ranges={name: ends}, order=order
            )

            assert 0 < len(found) < 30
            assert set(found) == expected
            assert len(found) == len(expected)
