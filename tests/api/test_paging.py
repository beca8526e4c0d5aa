"""Lists, page by page."""

import base64
import uuid
from urllib.parse import urlsplit

import pytest

from loans.queries import paging
from tests import factories
from tests.api import samples
from tests.api.samples import UNKNOWN_ID, assert_refused

BORROWERS = "/api/v1/borrowers"
LISTS = ("/api/v1/borrowers", "/api/v1/products", "/api/v1/loans")


def encoded(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def walk(api, path, *, limit, between=lambda: None, **filters):
    """Follow next_cursor from the first page to the last and give the items of all."""
    items, cursor = [], {}
    while True:
        page = api.get(path, query_string={"limit": limit} | filters | cursor).get_json()
        assert len(page["data"]) <= limit
        items += page["data"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}
        between()


@pytest.fixture
def busy_loan(api, disbursed_loan):
    """A loan with three repayments of 1.00, 2.00 and 3.00: six events, four journal entries."""
    for amount in ("1.00", "2.00", "3.00"):
        api.post(f"/api/v1/loans/{disbursed_loan.id}/repayments", samples.repayment(amount))
    return disbursed_loan


class TestWalk:
    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
    def test_gives_every_row_once_while_others_are_inserted(self, empty_api, limit):
        there = [empty_api.post(BORROWERS, samples.borrower()).get_json()["id"] for _ in range(5)]

        found = walk(
            empty_api, BORROWERS, limit=limit, between=lambda: empty_api.post(BORROWERS, samples.borrower())
        )

        assert [borrower["id"] for borrower in found] == there[::-1]

    def test_of_events_reaches_those_recorded_meanwhile(self, api, busy_loan):
        path = f"/api/v1/loans/{busy_loan.id}"

        found = walk(
            api,
            f"{path}/events",
            limit=5,
            between=lambda: api.post(f"{path}/repayments", samples.repayment("4.00")),
        )

        assert [event["sequence"] for event in found] == [1, 2, 3, 4, 5, 6, 7]

    @pytest.mark.parametrize("limit", [1, 3, 4])
    def test_of_journal_entries_gives_each_once(self, api, busy_loan, limit):
        found = walk(api, f"/api/v1/loans/{busy_loan.id}/journal-entries", limit=limit)

        assert [entry["sequence"] for entry in found] == [3, 4, 5, 6]

    def test_keeps_to_its_filters(self, api, committed):
        def make(session):
            product, loans = factories.make_product(session), []
            for _ in range(3):
                loans.append(factories.make_pending_loan(session, product=product))
                factories.make_pending_loan(session)
                factories.make_approved_loan(session, product=product)
            return loans

        wanted = committed(make)

        found = walk(api, "/api/v1/loans", limit=1, product_id=str(wanted[0].product_id), status="pending")

        assert [loan["id"] for loan in found] == [str(loan.id) for loan in reversed(wanted)]


class TestLink:
    def test_leads_to_the_next_page_with_the_same_filters(self, api, committed):
        def make(session):
            product = factories.make_product(session)
            return [factories.make_pending_loan(session, product=product) for _ in range(3)]

        loans = committed(make)
        first = api.get(f"/api/v1/loans?limit=2&status=pending&product_id={loans[0].product_id}")

        address, relation = first.headers["Link"].split("; ")
        second = api.get(address.strip("<>"))

        assert relation == 'rel="next"'
        assert urlsplit(address.strip("<>")).path == "/api/v1/loans"
        assert [loan["id"] for loan in second.get_json()["data"]] == [str(loans[0].id)]
        assert second.get_json()["next_cursor"] is None
        assert "Link" not in second.headers

    def test_of_a_later_page_carries_one_cursor(self, empty_api):
        for _ in range(3):
            empty_api.post(BORROWERS, samples.borrower())
        first = empty_api.get(f"{BORROWERS}?limit=1").get_json()

        second = empty_api.get(f"{BORROWERS}?limit=1&cursor={first['next_cursor']}")

        assert second.headers["Link"].count("cursor=") == 1
        assert second.get_json()["next_cursor"] in second.headers["Link"]
        assert second.get_json()["next_cursor"] != first["next_cursor"]


class TestLimit:
    def test_is_fifty_unless_given(self, empty_api):
        for _ in range(51):
            empty_api.post(BORROWERS, samples.borrower())

        page = empty_api.get(BORROWERS).get_json()

        assert len(page["data"]) == 50
        assert page["next_cursor"] is not None
        assert len(empty_api.get(f"{BORROWERS}?limit=51").get_json()["data"]) == 51
        assert empty_api.get(f"{BORROWERS}?limit=51").get_json()["next_cursor"] is None

    @pytest.mark.parametrize("path", LISTS)
    @pytest.mark.parametrize("limit", ["1", "200", "007"])
    def test_may_be_from_one_to_two_hundred(self, api, path, limit):
        assert api.get(f"{path}?limit={limit}").status_code == 200

    @pytest.mark.parametrize(
        "limit",
        ["0", "201", "-1", "+1", "1.0", "1e2", "ten", "", "%20", "1_0", "%D9%A3", "99999999999999999999"],
    )
    def test_is_refused_beyond_that(self, api, limit):
        response = api.get(f"{BORROWERS}?limit={limit}")

        assert_refused(response, 422, "invalid_request", pointers=["query:/limit"])


class TestCursor:
    @pytest.mark.parametrize("path", LISTS)
    @pytest.mark.parametrize(
        "cursor",
        [
            "x",
            "!!!",
            "%E2%82%AC",
            encoded("nonsense"),
            encoded("7"),
            encoded("1' OR '1'='1"),
            "_-_-",
            "====",
            "%FF",
        ],
    )
    def test_that_no_list_made_is_refused(self, api, path, cursor):
        response = api.get(f"{path}?cursor={cursor}")

        assert_refused(response, 422, "invalid_cursor", pointers=["query:/cursor"])

    @pytest.mark.parametrize("rest", ["events", "journal-entries"])
    @pytest.mark.parametrize("text", [UNKNOWN_ID, "-1", "1.5", "99999999999", "٣", ""])
    def test_that_no_list_of_a_loan_made_is_refused(self, api, pending_loan, rest, text):
        path = f"/api/v1/loans/{pending_loan.id}/{rest}?cursor={encoded(text) or '===='}"

        assert_refused(api.get(path), 422, "invalid_cursor", pointers=["query:/cursor"])

    def test_of_another_kind_of_list_is_refused(self, api, busy_loan):
        events = f"/api/v1/loans/{busy_loan.id}/events"
        of_loans = api.get("/api/v1/loans?limit=1").get_json()["next_cursor"] or encoded(str(uuid.uuid4()))
        of_events = api.get(f"{events}?limit=1").get_json()["next_cursor"]

        assert_refused(
            api.get(f"{events}?cursor={of_loans}"), 422, "invalid_cursor", pointers=["query:/cursor"]
        )
        assert_refused(
            api.get(f"/api/v1/loans?cursor={of_events}"), 422, "invalid_cursor", pointers=["query:/cursor"]
        )

    @pytest.mark.parametrize("cursor", ["", "x" * 201, "%00"])
    def test_is_refused_where_malformed(self, api, cursor):
        response = api.get(f"{BORROWERS}?cursor={cursor}")

        assert_refused(response, 422, "invalid_request", pointers=["query:/cursor"])

    def test_of_a_list_with_other_filters_or_another_order_is_refused(self, api, committed):
        committed(lambda session: [factories.make_pending_loan(session) for _ in range(2)])
        loans = "/api/v1/loans?limit=1&status=pending"
        cursor = api.get(f"{loans}&sort=-applied_on").get_json()["next_cursor"]

        for other in ("&sort=applied_on", "&sort=-disbursed_on", "", "&sort=-applied_on&currency=KES"):
            response = api.get(f"{loans}{other}&cursor={cursor}")

            assert_refused(response, 422, "invalid_cursor", pointers=["query:/cursor"])
        assert api.get(f"{loans}&sort=-applied_on&cursor={cursor}").status_code == 200

    def test_past_the_last_row_gives_an_empty_page(self, api):
        tag = paging.tag("borrowers", {"external_id": None, "q": None})
        response = api.get(f"{BORROWERS}?cursor={encoded(f'{tag} 00000000-0000-0000-0000-000000000000')}")

        assert response.get_json() == {"data": [], "next_cursor": None}
