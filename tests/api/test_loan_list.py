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
            ("status=", "query:/status"),
            ("status=approved,approved", "query:/status"),
            ("principal_min=100.00", "query:/currency"),
            ("sort=-outstanding", "query:/currency"),
            ("currency=KES&principal_min=100", None),
            ("currency=KES&principal_min=1,000", "query:/principal_min"),
            ("currency=JPY&principal_max=1.5", "query:/principal_max"),
            ("days_past_due_min=-1", "query:/days_past_due_min"),
            ("days_past_due_max=100000", "query:/days_past_due_max"),
            ("applied_from=15.06.2026", "query:/applied_from"),
            ("created_to=2026-06-15", "query:/created_to"),
            ("sort=balance", "query:/sort"),
            ("sort=created,principal", "query:/sort"),
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

        if pointer is None:
            assert response.status_code == 200, response.text
            return
        code = "invalid_amount" if "JPY" in query else "invalid_request"
        assert_refused(response, 422, code, pointers=[pointer])

    def test_names_every_fault_of_the_query_at_once(self, api):
        response = api.get(f"{PATH}?status=x&limit=0&colour=blue&currency=")

        pointers = ["query:/status", "query:/limit", "query:/colour", "query:/currency"]
        assert_refused(response, 422, "invalid_request", pointers=pointers)


class TestRange:
    @pytest.fixture
    def borrower_id(self, committed):
        """One who has borrowed 1,000.00 and 5,000.00 KES, overdue since 15 February, and asked for 3,000.00."""

        def make(session):
            borrower = factories.make_borrower(session).id
            for amount in ("1000.00", "5000.00"):
                factories.make_disbursed_loan(session, borrower_id=borrower, amount=amount)
            factories.make_pending_loan(session, borrower_id=borrower, amount="3000.00")
            return borrower

        return str(committed(make))

    def principals(self, api, borrower_id, **query):
        given = {"borrower_id": borrower_id, "currency": "KES"} | query
        response = api.get(PATH, query_string=given)
        assert response.status_code == 200, response.text
        return [loan["principal"] for loan in response.get_json()["data"]]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"principal_min": "3000"}, ["5000.00", "3000.00"]),
            ({"principal_min": "3000.01", "principal_max": "9999"}, ["5000.00"]),
            ({"sort": "principal"}, ["1000.00", "3000.00", "5000.00"]),
            ({"sort": "-principal", "status": "disbursed,pending"}, ["5000.00", "3000.00", "1000.00"]),
            ({"outstanding_min": "0.01", "sort": "outstanding"}, ["1000.00", "5000.00"]),
            # 120 days from 15 February to 15 June.
            ({"days_past_due_min": "120", "sort": "principal"}, ["1000.00", "5000.00"]),
            ({"days_past_due_min": "121"}, []),
            ({"days_past_due_max": "119"}, ["3000.00"]),
            (
                {"applied_from": "2026-01-15", "applied_to": "2026-01-15", "sort": "principal"},
                ["1000.00", "3000.00", "5000.00"],
            ),
            ({"applied_from": "2026-01-16"}, []),
            ({"disbursed_to": "2026-06-15", "sort": "-principal"}, ["5000.00", "1000.00"]),
            (
                {"maturity_from": "2027-01-15", "maturity_to": "2027-01-15", "sort": "principal"},
                ["1000.00", "5000.00"],
            ),
            ({"created_from": "2027-01-01T00:00:00Z"}, []),
            ({"created_to": "2027-01-01T00:00:00Z", "sort": "principal"}, ["1000.00", "3000.00", "5000.00"]),
        ],
    )
    def test_finds_what_lies_within(self, api, borrower_id, query, expected):
        assert self.principals(api, borrower_id, **query) == expected

    def test_gives_the_list_its_order_unless_another_is_asked_for(self, api, borrower_id):
        by_range = self.principals(api, borrower_id, principal_min="1")
        newest_first = self.principals(api, borrower_id, principal_min="1", sort="-created")

        assert by_range == ["5000.00", "3000.00", "1000.00"]
        assert newest_first == ["3000.00", "5000.00", "1000.00"]
