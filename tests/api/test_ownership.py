"""Restricted clients: what they made themselves is there, all the rest is not, whichever way one asks."""

import re

import pytest
import sqlalchemy as sa

from loans.api import reach
from loans.db import db
from loans.models.api_client import ApiClient
from loans.models.loan import Loan
from loans.queries import ownership
from loans.services import api_keys
from tests.api import owning, routes, samples
from tests.api.samples import UNKNOWN_ID, assert_refused
from tests.conftest import Api
from tests.conventions import app_rules

ASKED = tuple(route for route in (*routes.ALL, *routes.FIRST_API) if route.scope != "public")
# Routes to one loan or borrower, or to something of it.
OF_ONE = tuple(route for route in ASKED if route.endpoint in reach.OWN and "_id>" in route.rule)
CLOSED = tuple(route for route in ASKED if route.endpoint in reach.WHOLE_BOOK)
HOLDERS = ("all", *api_keys.SCOPES)
UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def owner(app, api):
    return owning.make_owner(app, api)


@pytest.fixture
def other(app, api):
    return owning.make_owner(app, api)


@pytest.fixture(scope="module")
def belongings(app):
    """What each route to one thing finds of an owner, of another, and of nobody; made once, asked for in dry runs."""
    made = {}

    def find(route, kind, maker):
        if (route, kind) not in made:
            made[route, kind] = owning.request_for(route, maker)
        return made[route, kind]

    return find


@pytest.fixture(scope="module")
def people():
    """Who made what, by what that is to the owner."""
    return {}


class TestMatrix:
    @pytest.mark.parametrize("holds", HOLDERS)
    def test_has_own_things_and_no_others_behind_each_route(self, app, api, belongings, people, holds):
        if not people:
            people.update(owner=owning.make_owner(app, api), other=owning.make_owner(app, api), nobody=api)
        me = Api(client=app.test_client(), key=people["owner"].key)
        for route in OF_ONE:
            for kind in ("owner", "other", "nobody"):
                belongings(route, kind, people[kind])

        with narrowed(app, me, holds):
            answers = {
                (route, kind): answer(me, route, kind=kind, belongings=belongings, people=people)
                for route in OF_ONE
                for kind in ("owner", "other", "nobody", "missing")
            }

        for route in OF_ONE:
            own, *strange, missing = (
                answers[route, kind] for kind in ("owner", "other", "nobody", "missing")
            )
            if holds not in {"all", route.scope}:
                assert {each.status_code for each in (own, *strange, missing)} == {403}, route
            else:
                assert own.status_code in {200, 201}, f"{route}: {own.text}"
                assert missing.status_code == 404, f"{route}: {missing.text}"
                assert {without_ids(each) for each in strange} == {without_ids(missing)}, route

    def test_has_a_cell_for_each_of_these(self, capsys):
        cells = len(OF_ONE) * len(HOLDERS) * 4 + len(CLOSED)

        with capsys.disabled():
            print(  # noqa: T201
                f"\nownership matrix: {len(OF_ONE)} routes x {len(HOLDERS)} holders x 4 objects"
                f" + {len(CLOSED)} closed routes = {cells} cells"
            )
        assert cells >= 30 * 20 * 4

    @pytest.mark.parametrize("route", CLOSED, ids=str)
    def test_is_closed_where_the_whole_book_is_told(self, owner, route):
        response = owner.client.open(
            route.path,
            method=route.method,
            headers={"Authorization": f"Bearer {owner.key}", "Idempotency-Key": "closed"},
            json=None if route.method == "GET" else route.body,
        )

        said = response.get_json()
        assert response.status_code == 403, response.text
        if route.endpoint != "staff.change_password":
            assert said.get("code", said.get("error_code")) == "whole_book_closed"


class TestReach:
    def test_of_each_route_is_declared_once(self):
        assert (
            app_rules.routes_without_reach(
                routes.APP, public="public", lists=(reach.OWN, reach.NOBODYS, reach.WHOLE_BOOK)
            )
            == ()
        )

    def test_is_noticed_when_it_is_missing_or_said_twice(self):
        faults = app_rules.routes_without_reach(
            routes.APP,
            public="public",
            lists=(
                reach.OWN | {"ledger.get_trial_balance", "ledger.burn"},
                reach.NOBODYS - {"simulations.quote"},
                reach.WHOLE_BOOK,
            ),
        )

        assert faults == (
            "ledger.burn is no route",
            "ledger.get_trial_balance is in 2 lists of loans/api/reach.py",
            "simulations.quote is in 0 lists of loans/api/reach.py",
        )


class TestLists:
    def test_leave_out_what_is_not_own(self, api, owner, other):
        mine, _, _ = (samples.disbursed(each) for each in (owner, other, api))

        loans = owner.get("/api/v1/loans?view=full&expand=borrower,product").get_json()["data"]
        borrowers = owner.get("/api/v1/borrowers?q=amina&expand=loans.product").get_json()["data"]

        assert [loan["id"] for loan in loans] == [mine.rpartition("/")[2]]
        assert [borrower["id"] for borrower in borrowers] == [loans[0]["borrower_id"]]
        assert [loan["id"] for loan in borrowers[0]["loans"]] == [loans[0]["id"]]

    @pytest.mark.parametrize(
        "asked",
        [
            "",
            "status=disbursed",
            "status=disbursed,repaid",
            "currency=KES",
            "sort=-outstanding&currency=KES",
            "sort=maturity_date",
            "principal_min=1.00&currency=KES",
            "applied_from=2020-01-01",
        ],
    )
    def test_leave_it_out_in_every_order(self, owner, other, asked):
        mine, _ = [samples.disbursed(owner) for _ in range(2)], samples.disbursed(other)

        first = owner.get(f"/api/v1/loans?limit=1&{asked}")
        second = owner.get(first.headers["Link"].partition("<")[2].partition(">")[0]).get_json()

        found = {first.get_json()["data"][0]["id"], second["data"][0]["id"]}
        assert found == {path.rpartition("/")[2] for path in mine}
        assert second["next_cursor"] is None

    def test_of_a_borrowers_loans_leave_out_those_of_others(self, api, owner):
        mine = samples.disbursed(owner)
        borrower_id = owner.get(mine).get_json()["borrower_id"]
        product = api.post("/api/v1/products", samples.product()).get_json()["id"]
        api.post("/api/v1/loans", samples.application(borrower_id, product))

        shown = owner.get(f"/api/v1/borrowers/{borrower_id}?expand=loans").get_json()["loans"]

        assert [loan["id"] for loan in shown] == [mine.rpartition("/")[2]]
        assert len(api.get(f"/api/v1/borrowers/{borrower_id}?expand=loans").get_json()["loans"]) == 2

    def test_find_nothing_by_the_name_that_others_gave(self, api, owner):
        api.post("/api/v1/borrowers", samples.borrower(external_id="strange-1"))

        assert owner.get("/api/v1/borrowers?external_id=strange-1").get_json()["data"] == []
        refused = owner.post("/api/v1/borrowers", samples.borrower(external_id="strange-1"))
        assert_refused(refused, 409, "duplicate_borrower", pointers=["#/external_id"])


class TestApplication:
    def test_for_anothers_borrower_is_one_for_nobody(self, api, owner):
        foreign = api.post("/api/v1/borrowers", samples.borrower()).get_json()["id"]
        product = api.post("/api/v1/products", samples.product()).get_json()["id"]

        answers = [
            owner.post("/api/v1/loans", samples.application(each, product)) for each in (foreign, UNKNOWN_ID)
        ]

        for response in answers:
            assert_refused(response, 422, "unknown_borrower", pointers=["#/borrower_id"])
        assert without_request(answers[0]) == without_request(answers[1])


class TestUnrestricted:
    def test_see_what_restricted_clients_made(self, api, owner):
        mine = samples.disbursed(owner)

        assert api.get(mine).status_code == 200
        assert api.post(f"{mine}/repayments", samples.repayment("10.00")).status_code == 201


class TestRegistration:
    def test_says_whether_a_client_is_restricted(self, api):
        body = {"name": "agent", "scopes": ["loans:read"]}

        shown = [
            api.post("/api/v1/clients", body | given).get_json() for given in ({}, {"own_loans_only": True})
        ]

        assert [client["own_loans_only"] for client in shown] == [False, True]
        response = api.post("/api/v1/clients", body | {"own_loans_only": "yes"})
        assert_refused(response, 422, "invalid_request", pointers=["#/own_loans_only"])


class TestSession:
    @pytest.fixture
    def restricted(self, session, owner):
        ownership.restrict(session, owner_id=owner.client_id)
        yield session
        ownership.restrict(session, owner_id=None)

    @pytest.mark.parametrize(
        "query",
        [
            sa.select(Loan.__table__.c.id),
            sa.select(sa.func.count()).select_from(Loan.__table__),
            sa.select(sa.select(Loan.__table__.c.id).subquery()),
            sa.select(sa.literal(1)).where(sa.exists(sa.select(Loan.__table__.c.id))),
        ],
        ids=["rows", "count", "subquery", "exists"],
    )
    def test_sends_no_query_that_was_not_narrowed(self, restricted, query):
        with pytest.raises(AssertionError, match="may not"):
            restricted.execute(query)

    def test_sends_what_was_narrowed_and_writes(self, restricted):
        loans = Loan.__table__
        query = ownership.own(restricted, sa.select(loans.c.id), column=loans.c.owner_id)

        assert restricted.execute(query).all() == []
        assert (
            restricted.execute(
                sa.update(loans).where(loans.c.id == sa.null()).values(installments=1)
            ).rowcount
            == 0
        )

    def test_costs_no_statement_more(self, api, owner, statements_of):
        mine, foreign = samples.disbursed(owner), samples.disbursed(api)

        asked = [
            statements_of(lambda who=who, at=at: who.get(at)) for who, at in ((owner, mine), (api, foreign))
        ]

        assert len(asked[0]) == len(asked[1])


class narrowed:  # noqa: N801 - a context manager
    """Leave a client one scope for a while."""

    def __init__(self, app, owner, holds):
        self.app, self.client_id = app, owner.client_id
        self.scopes = list(api_keys.SCOPES) if holds == "all" else [holds]

    def __enter__(self):
        self._set(self.scopes)

    def __exit__(self, *_):
        self._set(list(api_keys.SCOPES))

    def _set(self, scopes):
        clients = ApiClient.__table__
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(sa.update(clients).where(clients.c.id == self.client_id).values(scopes=scopes))


def answer(me, route, *, kind, belongings, people):
    """Ask for something that is one's own, another's, nobody's, or not there."""
    path, body = belongings(route, "owner" if kind == "missing" else kind, people.get(kind, people["owner"]))
    if kind == "missing":
        path = re.sub(samples.UUID.pattern, UNKNOWN_ID, path, count=1)
    return owning.ask(me, route, path, body)


def without_ids(response):
    """An answer but for the ids in it."""
    return response.status_code, UUID.sub(b"id", response.data)


def without_request(response):
    """A problem but for the ids in it."""
    return UUID.sub(b"id", response.data)
