import uuid

from loans.queries import borrowers
from tests.factories import make_borrower


class TestPage:
    def test_gives_the_newest_borrower_first(self, session):
        earlier, later = make_borrower(session), make_borrower(session)

        first = borrowers.page(session, cursor=None, limit=1)
        second = borrowers.page(session, cursor=first.next_cursor, limit=1)

        assert (first.items, second.items) == ((later,), (earlier,))

    def test_finds_one_by_its_external_id(self, session):
        borrower = make_borrower(session, external_id="crm-77")

        page = borrowers.page(session, cursor=None, limit=10, external_id="crm-77")

        assert (page.items, page.next_cursor) == ((borrower,), None)


class TestFind:
    def test_gives_nothing_for_an_unknown_borrower(self, session):
        assert borrowers.find(session, borrower_id=uuid.uuid4()) is None
