"""How much an answer shows: views, fields, and what is put beside an identifier."""

import contextlib

import pytest
import sqlalchemy as sa

from loans.db import db
from tests import factories
from tests.api import samples
from tests.api.samples import assert_refused
from tests.conftest import Api

MINIMAL = [
    *("id", "external_id", "borrower_id", "status", "principal", "currency"),
    *("total_outstanding", "next_due_date", "days_past_due"),
]


@pytest.fixture
def statements(app):
    """Count the statements that are sent while a block runs."""

    @contextlib.contextmanager
    def counting():
        sent = []

        def note(_connection, _cursor, statement, *_):
            sent.append(statement)

        with app.app_context():
            engine = db.engine
        sa.event.listen(engine, "before_cursor_execute", note)
        try:
            yield sent
        finally:
            sa.event.remove(engine, "before_cursor_execute", note)

    return counting


@pytest.fixture
def loans(committed):
    """Three loans of one borrower, two of them paid out; their list."""

    def make(session):
        borrower = factories.make_borrower(session).id
        factories.make_pending_loan(session, borrower_id=borrower)
        for _ in range(2):
            factories.make_disbursed_loan(session, borrower_id=borrower)
        return f"/api/v1/loans?borrower_id={borrower}"

    return committed(make)


class TestView:
    def test_of_a_loan_is_full_by_default(self, api, disbursed_loan):
        path = f"/api/v1/loans/{disbursed_loan.id}"
        whole = api.get(path)

        assert api.get(f"{path}?view=full").data == whole.data
        summary = api.get(f"{path}?view=summary").get_json()
        assert summary == samples.without(whole.get_json(), "allowed_actions")
        minimal = api.get(f"{path}?view=minimal").get_json()
        assert minimal == {name: whole.get_json()[name] for name in MINIMAL}

    def test_of_the_list_is_a_summary_by_default(self, api, loans):
        by_default = api.get(loans)

        assert api.get(f"{loans}&view=summary").data == by_default.data
        minimal = api.get(f"{loans}&view=minimal").get_json()["data"]
        assert minimal == [{name: loan[name] for name in MINIMAL} for loan in by_default.get_json()["data"]]

    def test_of_the_list_in_full_is_each_loan_as_it_is_got(self, api, loans):
        listed = api.get(f"{loans}&view=full").get_json()["data"]

        assert len(listed) == 3
        assert listed == [api.get(f"/api/v1/loans/{loan['id']}").get_json() for loan in listed]

    def test_of_a_borrower_leaves_out_what_is_not_needed(self, api, borrower):
        path = f"/api/v1/borrowers/{borrower.id}"
        whole = api.get(path).get_json()

        assert api.get(f"{path}?view=summary").get_json() == samples.without(whole, "date_of_birth")
        assert list(api.get(f"{path}?view=minimal").get_json()) == [
            *("id", "external_id", "first_name", "last_name"),
        ]

    @pytest.mark.parametrize("view", ["", "whole", "FULL", "full,minimal"])
    def test_that_there_is_not_is_refused(self, api, view):
        response = api.get(f"/api/v1/loans?view={view}")

        assert_refused(response, 422, "invalid_request", pointers=["query:/view"])


class TestFields:
    def test_are_those_asked_for_in_the_order_of_the_document(self, api, loans):
        page = api.get(f"{loans}&fields=status,id,currency&limit=1").get_json()

        assert [list(loan) for loan in page["data"]] == [["id", "status", "currency"]]
        assert page["next_cursor"]

    @pytest.mark.parametrize("fields", ["", "id,", "id,id", "colour", "terms.method", "borrower", "ID"])
    def test_that_there_are_not_are_refused(self, api, disbursed_loan, fields):
        for path in (f"/api/v1/loans/{disbursed_loan.id}", "/api/v1/loans"):
            response = api.get(f"{path}?fields={fields}")

            assert_refused(response, 422, "invalid_request", pointers=["query:/fields"])

    def test_that_the_view_does_not_have_are_refused(self, api):
        response = api.get("/api/v1/loans?fields=id,allowed_actions")

        problem = assert_refused(response, 422, "invalid_request", pointers=["query:/fields"])
        assert problem["errors"][0]["detail"] == "The view summary does not have: allowed_actions."


class TestExpand:
    def test_puts_borrower_and_product_beside_a_loan(self, api, disbursed_loan):
        path = f"/api/v1/loans/{disbursed_loan.id}"
        whole = api.get(path).get_json()

        shown = api.get(f"{path}?expand=product,borrower").get_json()

        borrower, product = shown.pop("borrower"), shown.pop("product")
        assert shown == whole
        assert borrower == api.get(f"/api/v1/borrowers/{whole['borrower_id']}").get_json()
        assert product == api.get(f"/api/v1/products/{whole['product_id']}/versions/1").get_json()

    def test_shows_the_version_of_the_product_that_was_agreed(self, api, disbursed_loan):
        product = f"/api/v1/products/{disbursed_loan.product_id}"
        api.post(f"{product}/versions", samples.terms(annual_rate="30.00"))

        shown = api.get(f"/api/v1/loans/{disbursed_loan.id}?expand=product").get_json()["product"]

        assert (shown["version"], shown["annual_rate"]) == (1, "12.00")

    def test_costs_one_statement_each_however_many_loans_there_are(self, api, loans, statements):
        # Once a minute a further one notes that the key is in use.
        api.get(loans)
        taken = {}
        for asked in ("", "&expand=borrower", "&expand=borrower,product", "&view=full"):
            for limit in (1, 3):
                with statements() as sent:
                    assert len(api.get(f"{loans}{asked}&limit={limit}").get_json()["data"]) == limit
                taken[asked, limit] = len(sent)

        # Who calls, and the page; full: the terms with their holidays, and the events.
        assert taken == {
            **dict.fromkeys([("", 1), ("", 3)], 2),
            **dict.fromkeys([("&expand=borrower", 1), ("&expand=borrower", 3)], 3),
            **dict.fromkeys([("&expand=borrower,product", 1), ("&expand=borrower,product", 3)], 4),
            **dict.fromkeys([("&view=full", 1), ("&view=full", 3)], 4),
        }

    def test_puts_the_newest_loans_beside_a_borrower(self, api, loans, statements):
        listed = api.get(loans).get_json()["data"]
        path = f"/api/v1/borrowers/{listed[0]['borrower_id']}"

        with statements() as sent:
            shown = api.get(f"{path}?expand=loans,loans.product").get_json()["loans"]

        assert [samples.without(loan, "product") for loan in shown] == listed
        assert {loan["product"]["id"] for loan in shown} == {loan["product_id"] for loan in listed}
        assert len(sent) == 4

    def test_of_loans_without_their_products_shows_none(self, api, loans):
        listed = api.get(loans).get_json()["data"]

        page = api.get("/api/v1/borrowers?expand=loans&limit=1").get_json()["data"]

        assert page[0]["id"] == listed[0]["borrower_id"]
        assert page[0]["loans"] == listed

    @pytest.mark.parametrize(
        ("path", "scopes", "missing"),
        [
            ("loans?expand=borrower", ["loans:read"], "borrowers:read"),
            ("loans?expand=borrower,product", ["loans:read", "borrowers:read"], "products:read"),
            ("borrowers?expand=loans", ["borrowers:read"], "loans:read"),
            ("borrowers?expand=loans.product", ["borrowers:read", "loans:read"], "products:read"),
            ("borrowers?expand=loans.product", ["borrowers:read", "products:read"], "loans:read"),
        ],
    )
    def test_wants_the_scope_of_what_it_shows(self, app, issue_key, today, path, scopes, missing):
        caller = Api(client=app.test_client(), key=issue_key(*scopes))

        problem = assert_refused(caller.get(f"/api/v1/{path}"), 403, "scope_missing")

        assert problem["scope"] == missing

    @pytest.mark.parametrize("expand", ["", "loans", "product.versions", "borrower,borrower"])
    def test_of_what_there_is_not_is_refused(self, api, expand):
        response = api.get(f"/api/v1/loans?expand={expand}")

        assert_refused(response, 422, "invalid_request", pointers=["query:/expand"])
