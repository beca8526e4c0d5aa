"""What the service really answers is what the OpenAPI document says, for every route."""

import json
import uuid

import pytest

from tests import factories
from tests.api import commands, routes, samples, uploads
from tests.api.samples import UNKNOWN_ID
from tests.api.staffing import make_login
from tests.api.test_openapi import document, faults, operation_of
from tests.conftest import Api

__all__ = ["document"]


class Recorder(Api):
    """Remembers which route answered what."""

    def __init__(self, client, key):
        super().__init__(client=client, key=key)
        self.answers = []
        self.adapter = routes.APP.url_map.bind("localhost")

    def get(self, path, **kwargs):
        return self._remember("GET", path, super().get(path, **kwargs))

    def post(self, path, body=None, **kwargs):
        return self._remember("POST", path, super().post(path, body, **kwargs))

    def patch(self, path, body, **kwargs):
        return self._remember("PATCH", path, super().patch(path, body, **kwargs))

    def send_file(self, path, row):
        answer = uploads.send(self, uploads.ndjson(row, {}), path=path)
        return self._remember("POST", path, answer)

    def _remember(self, method, path, response):
        rule, _ = self.adapter.match(path.split("?")[0], method=method, return_rule=True)
        route = next(each for each in routes.ALL if (each.rule, each.method) == (rule.rule, method))
        self.answers.append((route, response))
        return response


def live(api):
    """Take four loans as far as they go, with refusals and a replay on the way; give their paths."""
    borrower = api.post("/api/v1/borrowers", samples.borrower(email="a@example.com"))
    match = {"If-Match": api.get(borrower.headers["Location"]).headers["ETag"]}
    for _ in range(2):
        api.patch(borrower.headers["Location"], {"email": None}, headers=dict(match))
    product = api.post("/api/v1/products", samples.product())
    product_path = product.headers["Location"]
    api.post(f"{product_path}/versions", samples.terms(principal_max="60000.00"))
    application = samples.application(borrower.get_json()["id"], product.get_json()["id"], date="2026-01-15")
    api.post("/api/v1/loans", application | {"borrower_id": UNKNOWN_ID})
    paths = [api.post("/api/v1/loans", application).headers["Location"] for _ in range(4)]
    path, rejected, cancelled, _ = paths
    api.post(f"{rejected}/reject", {"note": "Too much"})
    api.post(f"{cancelled}/cancel")
    api.post(f"{path}/approve", {"date": "2026-01-15"})
    api.post(f"{path}/disburse", {"date": "2026-01-15", "reference": "TX-1"})
    key = {"Idempotency-Key": str(uuid.uuid4())}
    repayment = api.post(f"{path}/repayments", samples.repayment(), headers=dict(key)).headers["Location"]
    api.post(f"{path}/repayments", samples.repayment(), headers=dict(key))
    api.post(f"{path}/repayments", samples.repayment("1.00"), headers=dict(key))
    api.post(f"{path}/repayments", samples.repayment("9999.00"))
    api.post(f"{repayment}/reverse")
    api.post(f"{repayment}/reverse")
    api.post(f"{path}/repayments", samples.repayment("1224.08"))
    live_on(api, samples.disbursed(api, tranches_max=2, late_fee={"percent": "5.00"}))
    return [*paths, borrower.headers["Location"], product_path, f"{product_path}/versions/1", repayment]


def live_on(api, path):
    """Take a loan through everything that may happen while it runs, to its write-off."""
    paid = api.post(f"{path}/repayments", samples.repayment("100.00", date="2026-02-20")).get_json()["id"]
    for rest, body in (
        ("charges", samples.repayment("50.00")),
        ("waivers", {"type": "fee", "amount": "10.00", "component": "fee"}),
        ("waivers", {"type": "interest", "amount": "1.00"}),
        ("rate-changes", {"annual_rate": "18.00"}),
        ("pauses", {"until": "2026-07-15"}),
        ("reschedules", {"installments": 4, "grace": {"principal": 1}, "date": "2026-02-25"}),
        ("re-ages", {"installments": 3, "first_due_date": "2026-07-15", "grace": {"principal": 1}}),
        ("goodwill-credits", samples.repayment("12.00")),
        ("chargebacks", {"repayment": paid, "amount": "10.00"}),
        ("refunds", samples.repayment("5.00", of="fee")),
        ("charge-off", {}),
        ("payoff?dry_run=true", {}),
        ("payoff", {}),
        ("write-off", {}),
    ):
        happened = api.post(f"{path}/{rest}", body)
        if rest == "payoff":
            api.post(f"{happened.headers['Location']}/reverse")
    api.post(f"{path}/recoveries", samples.repayment("5.00"))
    scenario = {"type": "repayment", "date": "2026-06-15", "amount": "5.00"}
    api.post(f"{path}/simulations", {"scenarios": [{"events": [scenario]}, {"events": []}]})
    for rest in (
        "payoff",
        "payoff/explanation",
        "installments/1/explanation",
        f"transactions/{paid}/explanation",
    ):
        api.get(f"{path}/{rest}")
    api.get(f"{path}?as_of=2026-03-01&known_at=2026-06-15T12:00:00Z")
    for rest in (f"transactions/{paid}", "schedule", "events", "journal-entries"):
        api.get(f"{path}/{rest}")
    terms = samples.LOAN_TERMS | {"fees": [{"type": "upfront", "percent": "1.00"}], "down_payment": "10.00"}
    api.post("/api/v1/quotes", {"terms": terms})
    api.post("/api/v1/simulations", {"terms": terms, "events": [scenario], "as_of": "2026-06-30"})


def change(caller):
    """How a caller changes something without saying what it knows of it."""
    return lambda path: caller.patch(path, {"first_name": "Akinyi"})


def employ(api, staff):
    """Give a client and a teller what they need, and take it away again."""
    client = api.post("/api/v1/clients", {"name": "till", "scopes": ["loans:read"]}).headers["Location"]
    key = api.post(f"{client}/keys", {"days": 30}).get_json()["id"]
    api.post(f"/api/v1/keys/{key}/revoke")
    api.post(f"{client}/disable")
    person = {"username": f"teller-{uuid.uuid4().hex}", "name": "Amina Odhiambo", "role": "teller"}
    hired = api.post("/api/v1/staff", person)
    path, first = hired.headers["Location"], hired.get_json()["password"]
    login = {"username": person["username"], "password": first}
    staff.key = staff.post("/api/v1/sessions", login).get_json()["access_token"]
    staff.post("/api/v1/staff/me/password", {"old_password": first, "new_password": "a password of my own"})
    for last in ("unlock", "reset-password", "disable"):
        api.post(f"{path}/{last}")
    for each in (client, path):
        api.get(each)
    for name in ("clients", "staff"):
        api.get(f"/api/v1/{name}?limit=1")


def have_approved(api):
    """Have commands wait for a second person, who decides on each in another way."""
    for name in ("approve_command", "reject_command", "withdraw_command"):
        path, body, headers = commands.PREPARED[f"approvals.{name}"](api)
        for _ in range(2):
            api.post(path, body, headers=dict(headers))
        api.get(path.rpartition("/")[0])
    for listed in ("approvals?limit=1", "approval-policies?limit=1"):
        api.get(f"/api/v1/{listed}")


def stay(staff, opened):
    """Go on with a session and end it."""
    for last in ("refresh", "end"):
        staff.post(f"/api/v1/sessions/{last}", {"refresh_token": opened.get_json()["refresh_token"]})


def ask_all(api, *others):
    """Ask every route, of nothing in particular, and send a file to those that take one."""
    for route in routes.ALL:
        for caller in (api, *others):
            {"GET": caller.get, "POST": caller.post, "PATCH": change(caller)}[route.method](route.path)
    for route in routes.FILES:
        api.send_file(route.path, route.body)


@pytest.fixture
def recorded(app, issue_key, today, committed):
    """A client's day: every route answers once as hoped, many refuse, some replay."""
    api = Recorder(app.test_client(), issue_key())
    stranger = Recorder(app.test_client(), "nonsense")
    reader = Recorder(app.test_client(), issue_key("ledger:read"))
    paths = live(api)
    staff = Recorder(app.test_client(), "none yet")
    employ(api, staff)
    have_approved(api)
    stay(staff, staff.post("/api/v1/sessions", make_login(committed)))
    yen_loan = committed(
        lambda session: factories.make_disbursed_loan(
            session, product=factories.make_product(session, currency="JPY"), amount="120000"
        )
    )
    for path in (*paths, f"/api/v1/loans/{yen_loan.id}"):
        api.get(path)
    for path in paths[:4]:
        for rest in ("schedule", "events", "events?limit=1", "journal-entries"):
            api.get(f"{path}/{rest}")
    for path in (
        "loans?view=minimal&expand=borrower,product",
        "loans?view=full&limit=3",
        "loans?fields=id,terms&sort=-outstanding&currency=KES",
        "borrowers?q=ami&expand=loans.product",
        "borrowers?fields=id",
    ):
        api.get(f"/api/v1/{path}")
    for path in paths[:5]:
        api.get(f"{path}?view=minimal")
        api.get(f"{path}?fields=id&expand={'loans' if 'borrowers' in path else 'product'}")
    for path in ("loans?limit=2", "borrowers?limit=2", "products?limit=2", "ledger/trial-balance"):
        api.get(f"/api/v1/{path}")
    for path in (f"{paths[0]}/audit", "/api/v1/audit?limit=1", "/api/v1/events?limit=200"):
        found = api.get(path).get_json()["data"]
    api.get(f"/api/v1/events/{found[0]['id']}")
    ask_all(api, stranger, reader)
    api.get("/api/v1/loans?limit=0&colour=blue")
    api.get("/api/v1/loans?cursor=x")
    return [*api.answers, *stranger.answers, *reader.answers, *staff.answers]


class TestAnswers:
    def test_are_what_the_document_says(self, document, recorded):
        succeeded = {route for route, response in recorded if response.status_code < 300}

        assert succeeded == set(routes.ALL)
        for route, response in recorded:
            answer = operation_of(document, route)["responses"][str(response.status_code)]
            schema = answer["content"][response.content_type]["schema"]
            is_file = response.content_type == uploads.NDJSON
            said = map(json.loads, response.text.splitlines()) if is_file else [response.get_json()]
            found = [fault for each in said for fault in faults(document, schema, each)]
            assert found == [], f"{route}: {response.text}"
            for header in ("ETag", "Location", "Link", "Idempotent-Replayed", "RateLimit"):
                assert header not in response.headers or header in answer["headers"]

    def test_were_of_every_common_kind(self, recorded):
        statuses = {response.status_code for _, response in recorded}

        assert statuses == {200, 201, 202, 401, 403, 404, 409, 412, 415, 422, 428}

    def test_that_contradict_the_document_would_be_noticed(self, document):
        schema = {"$ref": "#/components/schemas/BorrowerOut"}

        assert faults(document, schema, {"id": "7"}) != []
