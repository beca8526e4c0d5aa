"""The OpenAPI document: valid, complete, and true of what the API answers."""

import json
import uuid

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from loans.schemas.event_types import EVENT_TYPES
from tests import factories
from tests.api import commands, routes, samples
from tests.api.samples import UNKNOWN_ID
from tests.api.staffing import make_login
from tests.conftest import Api

JSON, PROBLEM = "application/json", "application/problem+json"


@pytest.fixture(scope="module")
def document():
    return routes.APP.test_client().get("/openapi.json").get_json()


def operation_of(document, route):
    return document["paths"][route.documented_path][route.method.lower()]


def faults(document, schema, value):
    """What contradicts a schema of the document."""
    validator = Draft202012Validator(
        {"components": document["components"]} | schema, format_checker=FormatChecker()
    )
    return [error.message for error in validator.iter_errors(value)]


class TestDocument:
    def test_is_valid_openapi_3_1(self, document):
        assert document["openapi"] == "3.1.0"
        assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []

    def test_names_every_route_and_no_other(self, document):
        documented = {
            (path, method.upper())
            for path, item in document["paths"].items()
            for method in item
            # The first API has an own error shape: tests/api/test_legacy_loans.py.
            if method != "parameters" and path.startswith(routes.PREFIX)
        }

        assert documented == {(route.documented_path, route.method) for route in routes.ALL}

    def test_names_each_operation_once(self, document):
        names = [operation_of(document, route)["operationId"] for route in routes.ALL]

        assert sorted(names) == sorted(set(names))

    def test_says_how_to_authenticate(self, document):
        scheme = document["components"]["securitySchemes"]["apiKey"]

        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")

    def test_describes_patterns_that_every_client_can_read(self, document):
        text = json.dumps(document)

        assert "\\\\Z" not in text
        assert text.count('"pattern": "') == text.count('"pattern": "^')

    def test_lists_the_values_of_what_has_few(self, document):
        schemas = document["components"]["schemas"]

        loan = schemas["LoanOut"]["properties"]
        assert set(loan["method"]["enum"]) == {
            *("equal_installments", "equal_principal", "flat", "interest_only", "bullet"),
        }
        assert set(loan["day_count"]["enum"]) == {
            *("30/360", "30E/360", "ACT/360", "ACT/365F", "ACT/ACT", "EQUAL_PERIODS"),
        }
        assert loan["rounding"]["enum"] == ["half_even", "half_up", "up", "down"]
        assert loan["allocation"]["items"]["enum"][:4] == ["penalty", "fee", "interest", "principal"]
        assert len(loan["allocation"]["items"]["enum"]) == 4 + 12
        unit = schemas["FrequencyOut"]["properties"]["unit"]
        assert set(unit["enum"]) == {"day", "week", "semi_month", "month", "year"}
        assert set(loan["status"]["enum"]) == {
            *("pending", "approved", "rejected", "cancelled", "disbursed", "repaid", "defaulted"),
        }
        assert set(schemas["EventOut"]["properties"]["type"]["enum"]) == {
            *("applied", "approved", "rejected", "cancelled", "disbursed", "repayment", "reversal"),
            *("rate_change", "interest_pause", "reschedule", "re_age", "fee", "late_fee", "fee_waiver"),
            *("interest_waiver", "goodwill_credit", "payoff", "chargeback", "refund", "charge_off"),
            *("write_off", "recovery"),
        }
        assert schemas["ProductVersionIn"]["properties"]["method"]["type"] == "string"

    def test_shows_amounts_as_strings(self, document):
        amount = document["components"]["schemas"]["LoanOut"]["properties"]["principal"]

        assert amount == {
            "type": "string",
            "example": "12500.00",
            "pattern": r"^[0-9]{1,18}(\.[0-9]{1,4})?$",
        }


class TestOperation:
    @pytest.mark.parametrize("route", routes.ROUTES, ids=str)
    def test_declares_its_scope_and_what_can_go_wrong(self, document, route):
        operation = operation_of(document, route)

        assert operation["security"] == [{"apiKey": [route.scope]}, {"accessToken": [route.scope]}]
        assert f"`{route.scope}`" in operation["description"]
        assert operation["summary"]
        errors = {code: answer for code, answer in operation["responses"].items() if code >= "400"}
        expected = {"400", "401", "403", "404", "414", "422", "429", "500", "503"}
        if route.method != "GET":
            expected |= {"409", "413", "415"}
        if route in routes.COMMANDS or route in routes.CHANGES:
            expected |= {"412"}
        if route in routes.CHANGES:
            expected |= {"428"}
        assert set(errors) == expected
        for answer in errors.values():
            assert list(answer["content"]) == [PROBLEM]
            assert answer["content"][PROBLEM]["schema"] == {"$ref": "#/components/schemas/Problem"}

    @pytest.mark.parametrize("route", routes.EXCHANGES, ids=str)
    def test_that_takes_a_password_or_token_wants_a_member_of_staff_or_nobody(self, document, route):
        operation = operation_of(document, route)

        own = route.scope == "account:write"
        assert operation["security"] == ([{"accessToken": ["account:write"]}] if own else [])
        assert operation.get("parameters", []) == []

    @pytest.mark.parametrize("route", [*routes.COMMANDS, *routes.CHANGES], ids=str)
    def test_that_changes_something_wants_an_idempotency_key_and_may_be_rehearsed(self, document, route):
        operation = operation_of(document, route)

        key, match = (each for each in operation["parameters"] if each["in"] == "header")
        assert (key["name"], key["required"]) == ("Idempotency-Key", True)
        assert (match["name"], match.get("required", False)) == ("If-Match", route in routes.CHANGES)
        assert list(operation["requestBody"]["content"]) == [JSON]
        success = next(answer for code, answer in operation["responses"].items() if code < "300")
        assert {"Idempotent-Replayed", "Dry-Run"} <= set(success["headers"])
        (dry_run,) = [each for each in operation["parameters"] if each["in"] == "query"]
        assert (dry_run["name"], dry_run["schema"]["type"]) == ("dry_run", "boolean")

    @pytest.mark.parametrize("route", routes.CALCULATIONS, ids=str)
    def test_that_stores_nothing_wants_neither(self, document, route):
        operation = operation_of(document, route)

        assert [each["in"] for each in operation.get("parameters", [])] in ([], ["path"])
        assert set(operation["responses"]["200"]["headers"]) == {"RateLimit", "RateLimit-Policy"}

    @pytest.mark.parametrize("route", routes.POSTS, ids=str)
    def test_that_posts_describes_its_body(self, document, route):
        operation = operation_of(document, route)

        assert list(operation["requestBody"]["content"]) == [JSON]
        schema = operation["requestBody"]["content"][JSON]["schema"]
        assert faults(document, schema, route.body) == []
        described = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        assert operation["requestBody"]["required"] == bool(described.get("required"))

    @pytest.mark.parametrize("route", routes.QUERIES, ids=str)
    def test_that_lists_takes_a_limit_and_a_cursor(self, document, route):
        operation = operation_of(document, route)
        success = operation["responses"]["200"]
        schema = success["content"][JSON]["schema"]
        schema = schema.get("anyOf", [schema])[0]["$ref"].rsplit("/", 1)[1]
        is_list = "next_cursor" in document["components"]["schemas"][schema]["properties"]

        names = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}

        assert ({"limit", "cursor"} <= names) == is_list
        assert ("Link" in success.get("headers", {})) == is_list

    def test_publishes_every_type_of_event_as_a_webhook(self, document):
        assert set(document["webhooks"]) == set(EVENT_TYPES)
        for name, item in document["webhooks"].items():
            schema = item["post"]["requestBody"]["content"][JSON]["schema"]
            data = document["components"]["schemas"][schema["properties"]["data"]["$ref"].rsplit("/", 1)[1]]
            assert schema["properties"]["type"] == {"type": "string", "const": name}
            assert (schema["additionalProperties"], data["additionalProperties"]) == (False, False)

    def test_describes_events_as_the_feed_shows_them(self, document):
        told = document["webhooks"]["loan.approved"]["post"]["requestBody"]["content"][JSON]["schema"]
        shown = document["components"]["schemas"]["PublicEventOut"]

        assert set(told["properties"]) == set(shown["properties"])
        assert sorted(told["required"]) == sorted(shown["required"])

    def test_names_the_filters_of_a_list(self, document):
        parameters = document["paths"]["/api/v1/loans"]["get"]["parameters"]

        assert {each["name"] for each in parameters} == {
            *("limit", "cursor", "status", "currency", "borrower_id", "product_id", "external_id"),
            *("principal_min", "principal_max", "outstanding_min", "outstanding_max"),
            *("days_past_due_min", "days_past_due_max", "created_from", "created_to"),
            *("applied_from", "applied_to", "disbursed_from", "disbursed_to"),
            *("maturity_from", "maturity_to", "sort", "view", "fields", "expand"),
        }


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
    for route in routes.ALL:
        for caller in (api, stranger, reader):
            {"GET": caller.get, "POST": caller.post, "PATCH": change(caller)}[route.method](route.path)
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
            assert faults(document, schema, response.get_json()) == [], f"{route}: {response.text}"
            for header in ("ETag", "Location", "Link", "Idempotent-Replayed", "RateLimit"):
                assert header not in response.headers or header in answer["headers"]

    def test_were_of_every_common_kind(self, recorded):
        statuses = {response.status_code for _, response in recorded}

        assert statuses == {200, 201, 202, 401, 403, 404, 409, 412, 422, 428}

    def test_that_contradict_the_document_would_be_noticed(self, document):
        schema = {"$ref": "#/components/schemas/BorrowerOut"}

        assert faults(document, schema, {"id": "7"}) != []
