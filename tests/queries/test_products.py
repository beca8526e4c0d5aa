import uuid

from loans.queries import products as stored
from loans.services import products
from tests.factories import make_context, make_limits, make_product, make_terms


class TestPage:
    def test_gives_each_product_once_in_its_newest_version(self, session):
        product = make_product(session)
        products.revise(
            session,
            product_id=product.id,
            limits=make_limits(),
            terms=make_terms(annual_rate="30.00"),
            context=make_context(),
        )

        page = stored.page(session, cursor=None, limit=10, code=product.code)

        assert [(each.id, each.version, each.annual_rate) for each in page.items] == [(product.id, 2, 30)]

    def test_gives_the_newest_product_first(self, session):
        earlier, later = make_product(session), make_product(session)

        first = stored.page(session, cursor=None, limit=1)
        second = stored.page(session, cursor=first.next_cursor, limit=1)

        assert [each.id for each in (*first.items, *second.items)] == [later.id, earlier.id]


class TestFind:
    def test_gives_nothing_for_an_unknown_product(self, session):
        assert stored.find(session, product_id=uuid.uuid4()) is None
        assert stored.find_version(session, product_id=uuid.uuid4(), version=1) is None
