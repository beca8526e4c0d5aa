"""The OpenAPI document: valid, complete, and true of what the API answers."""

import json

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from loans.schemas.event_types import EVENT_TYPES
from tests.api import routes

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
        if route.takes_file:
            # What a row is refused with stands in the row's line.
            expected = expected - {"404"} | {"408", "412", "413", "415"}
        elif route.method != "GET":
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

    @pytest.mark.parametrize("route", routes.FILES, ids=str)
    def test_that_takes_a_file_describes_its_rows_and_lines(self, document, route):
        operation = operation_of(document, route)

        content = operation["requestBody"]["content"]
        assert set(content) == {"application/x-ndjson", "text/csv"}
        assert faults(document, content["application/x-ndjson"]["schema"], route.body) == []
        assert faults(document, content["application/x-ndjson"]["schema"], {"amount": 7}) != []
        assert [each["name"] for each in operation["parameters"]] == ["Idempotency-Key", "atomic", "dry_run"]

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
