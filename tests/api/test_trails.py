"""Every command leaves an audit record and a public event in its own transaction, and a rehearsed one neither."""

import json
import uuid

import pytest
import sqlalchemy as sa

from loans.db import db
from loans.schemas.event_types import EVENT_TYPES
from tests.api import commands, routes, samples, staffing
from tests.api.test_openapi import faults
from tests.conftest import Api

CHANGING = (*routes.COMMANDS, *routes.CHANGES)
# What a statement's rows were inserted by: PostgreSQL keeps it with each row.
LEFT = """
SELECT 'audit', action, jsonb_build_object('before', before, 'after', after) FROM audit_records
WHERE xmin = (SELECT xmin FROM idempotency_keys WHERE key = :key)
UNION ALL
SELECT 'event', type, payload FROM outbox_events
WHERE xmin = (SELECT xmin FROM idempotency_keys WHERE key = :key)
"""
COUNTS = "SELECT (SELECT count(*) FROM audit_records), (SELECT count(*) FROM outbox_events)"


@pytest.fixture(scope="module")
def document():
    return routes.APP.test_client().get("/openapi.json").get_json()


@pytest.fixture
def rows(app):
    def ask(query, **given):
        with app.app_context():
            return [tuple(row) for row in db.session.execute(sa.text(query), given)]

    return ask


def call(api, route, request, key, *, is_dry=False):
    path, body, headers = request
    send = api.patch if route.method == "PATCH" else api.post
    return send(path + ("?dry_run=true" if is_dry else ""), body, headers={"Idempotency-Key": key, **headers})


class TestCommands:
    @pytest.mark.parametrize("route", CHANGING, ids=str)
    def test_leave_an_audit_record_and_an_event_in_their_transaction(self, api, rows, document, route):
        key = str(uuid.uuid4())
        request = commands.prepared(api, route)

        response = call(api, route, request, key)

        assert response.status_code in {200, 201}, response.text
        left = rows(LEFT, key=key)
        assert {kind for kind, _, _ in left} == {"audit", "event"}
        secret = response.get_json().get(commands.SHOWN_ONCE.get(route.endpoint, ""))
        assert secret is None or secret not in json.dumps([each[2] for each in left])
        for kind, name, payload in left:
            if kind == "event":
                schema = document["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]
                assert faults(document, schema["schema"]["properties"]["data"], payload) == []

    @pytest.mark.parametrize("route", CHANGING, ids=str)
    def test_leave_neither_when_rehearsed(self, api, rows, route):
        request = commands.prepared(api, route)
        before = rows(COUNTS)

        response = call(api, route, request, str(uuid.uuid4()), is_dry=True)

        assert response.headers["Dry-Run"] == "true"
        assert rows(COUNTS) == before

    def test_leave_neither_when_there_is_nothing_to_do(self, api, rows):
        client = api.post("/api/v1/clients", {"name": "till", "scopes": ["loans:read"]}).headers["Location"]
        key = api.post(f"{client}/keys").get_json()["id"]
        for again in range(2):
            for path in (f"/api/v1/keys/{key}/revoke", f"{client}/disable"):
                before = rows(COUNTS)
                assert api.post(path).status_code == 200
                assert (rows(COUNTS) == before) is bool(again)


class TestStatements:
    """What a command leaves travels with what it does: caller, claim, lock and look-ups, write, answer.

    What the approval policy may hold costs one more, to read it."""

    @pytest.mark.parametrize(
        ("endpoint", "count"),
        [
            ("repayments.record_repayment", 6),
            ("loans.approve", 6),
            ("loans.disburse", 7),
            ("borrowers.create_borrower", 5),
            ("clients.create_client", 6),
            ("clients.revoke_key", 7),
            ("staff.disable_staff", 7),
        ],
    )
    def test_are_few(self, api, statements_of, endpoint, count):
        route = next(each for each in CHANGING if each.endpoint == endpoint)
        request = commands.prepared(api, route)
        # The first use of a key within a minute is noted.
        api.get("/api/v1/products?limit=1")

        sent = statements_of(lambda: call(api, route, request, str(uuid.uuid4())))

        assert len(sent) == count, sent


class TestRest:
    """What changes something and is no command: the first API, and what takes a password or token."""

    def left(self, rows, subject_id):
        found = "SELECT '{0}', {1} FROM {2} WHERE subject_id = :id ORDER BY id"
        return {
            kind: [name for _, name in rows(found.format(kind, column, table), id=subject_id)]
            for kind, column, table in (
                ("audit", "action", "audit_records"),
                ("event", "type", "outbox_events"),
            )
        }

    def test_leaves_both_where_the_first_api_records_a_request(self, api, rows):
        body = {"borrower_id": "usr_1", "amount": "100.00", "currency": "KES"}
        made = api.client.post("/api/loans", json=body).get_json()

        assert self.left(rows, made["id"]) == {
            "audit": ["legacy_loan.create"],
            "event": ["legacy_loan.created"],
        }

    def test_leaves_both_with_all_that_a_member_of_staff_does_alone(self, app, committed, today, rows):
        """A refresh leaves none: it goes on every ten minutes and changes nothing but the token."""
        member, client = staffing.make_member(committed), app.test_client()
        reused = staffing.log_in(client, member)["refresh_token"]
        for _ in range(2):
            client.post(f"{staffing.SESSIONS}/refresh", json={"refresh_token": reused})
        opened = staffing.log_in(client, member)
        changed = {"old_password": staffing.PASSWORD, "new_password": "a password of my own"}
        Api(client=client, key=opened["access_token"]).post("/api/v1/staff/me/password", changed)
        opened = staffing.log_in(client, member, password="a password of my own")
        client.post(f"{staffing.SESSIONS}/end", json={"refresh_token": opened["refresh_token"]})
        for _ in range(5):
            client.post(staffing.SESSIONS, json={"username": member.username, "password": "wrong"})

        assert self.left(rows, member.id) == {
            "audit": [
                *("staff.employ", "staff.login", "staff.refresh_token_reused", "staff.login"),
                *("staff.change_password", "staff.login", "staff.logout", "staff.lock"),
            ],
            "event": [
                *("staff.employed", "staff.logged_in", "staff.refresh_token_reused", "staff.logged_in"),
                *("staff.password_changed", "staff.logged_in", "staff.logged_out", "staff.locked"),
            ],
        }
        text = json.dumps(rows("SELECT payload FROM outbox_events WHERE subject_id = :id", id=member.id))
        for secret in (member.username, staffing.PASSWORD, reused, opened["refresh_token"]):
            assert secret not in text

    def test_of_all_types_conforms_to_the_schema_of_the_type(
        self, api, app, committed, today, rows, document
    ):
        """Of every type there is at least one row, by the commands above or by those here."""
        for route in CHANGING:
            assert call(api, route, commands.prepared(api, route), str(uuid.uuid4())).status_code < 300
        self.test_leaves_both_where_the_first_api_records_a_request(api, rows)
        self.test_leaves_both_with_all_that_a_member_of_staff_does_alone(app, committed, today, rows)
        path = samples.disbursed(api)
        for rest, body in (
            ("waivers", {"type": "interest"}),
            ("charges", samples.repayment("50.00", type="late_fee")),
        ):
            api.post(f"{path}/{rest}", body)
        charged = api.post(f"{path}/charges", samples.repayment("5.00")).headers["Location"]
        assert api.post(f"{charged}/reverse").status_code == 200

        told = rows("SELECT DISTINCT ON (type) type, payload FROM outbox_events")

        assert {name for name, _ in told} - set(EVENT_TYPES) == set()
        assert set(EVENT_TYPES) - {name for name, _ in told} == set()
        for name, payload in told:
            schema = {"$ref": f"#/components/schemas/{EVENT_TYPES[name].data.__name__}"}
            assert faults(document, schema, payload) == [], name

    def test_that_contradicts_its_schema_would_be_noticed(self, document):
        schema = {"$ref": "#/components/schemas/ClientData"}

        assert faults(document, schema, {"client_id": samples.UNKNOWN_ID}) == []
        assert faults(document, schema, {"client_id": samples.UNKNOWN_ID, "name": "till"}) != []
        assert faults(document, schema, {}) != []
