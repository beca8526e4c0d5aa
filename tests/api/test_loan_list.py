"""The list of loans over HTTP."""

import uuid

import pytest

from tests import factories
from tests.api import samples
from tests.api.samples import assert_refused

PATH = "/api/v1/loans"


class TestListLoans:
    def test_begins_with_the_newest(self, api, committed):
        older, newer = committed(
            lambda session: (factories.make_pending_loan(session), factories.make_approved_loan(session))
        )

        response = api.get(f"{PATH}?limit=2")

        assert [loan["id"] for loan in response.get_json()["data"]] == [str(newer.id), str(older.id)]
        shown = api.get(f"{PATH}/{newer.id}").get_json()
        assert response.get_json()["data"][0] == samples.without(shown, "allowed_actions")

    def test_applies_every_filter_given(self, api, committed):
        def make(session):
            kes, usd = factories.make_product(session), factories.make_product(session, currency="USD")
            owner = factories.make_borrower(session).id
            wanted = factories.make_approved_loan(session, borrower_id=owner, product=kes, external_id=name)
            factories.make_pending_loan(session, borrower_id=owner, product=kes)
            factories.make_approved_loan(session, borrower_id=owner, product=usd)
            factories.make_approved_loan(session, product=kes)
            return wanted

        name = str(uuid.uuid4())
        wanted = committed(make)
        filters = {
            "status": "approved",
            "currency": "KES",
            "borrower_id": str(wanted.borrower_id),
            "product_id": str(wanted.product_id),
        }

        together = api.get(PATH, query_string=filters).get_json()
        by_name = api.get(PATH, query_string={"external_id": name}).get_json()
        counts = {
            left_out: len(
                api.get(PATH, query_string=samples.without(filters, left_out) | {"limit": "200"}).get_json()[
                    "data"
                ]
            )
            for left_out in ("status", "currency", "borrower_id", "product_id")
        }

        assert [loan["id"] for loan in together["data"]] == [str(wanted.id)]
        assert [loan["id"] for loan in by_name["data"]] == [str(wanted.id)]
        # Without its status the pending loan is found too; the product already implies the currency.
        assert counts == {"status": 2, "currency": 1, "borrower_id": 2, "product_id": 1}

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ("status=unheard-of", "query:/status"),
            ("currency=kes", "query:/currency"),
            ("borrower_id=7", "query:/borrower_id"),
            ("product_id=%00", "query:/product_id"),
            ("external_id=a%20b", "query:/external_id"),
            ("external_id=", "query:/external_id"),
            ("colour=blue", "query:/colour"),
        ],
    )
    def test_refuses_a_filter_it_does_not_understand(self, api, query, pointer):
        response = api.get(f"{PATH}?{query}")

        assert_refused(response, 422, "invalid_request", pointers=[pointer])

    def test_names_every_fault_of_the_query_at_once(self, api):
        response = api.get(f"{PATH}?status=x&limit=0&colour=blue&currency=")

        pointers = ["query:/status", "query:/limit", "query:/colour", "query:/currency"]
        assert_refused(response, 422, "invalid_request", pointers=pointers)
