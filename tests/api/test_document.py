"""The OpenAPI document as a whole: parameters that a query string can carry, and links that lead somewhere."""

import re

import pytest

from tests.api import routes, samples

BODIES = {
    "approve": {},
    "disburse": {},
    "record_repayment": samples.repayment("100.00"),
    "reverse_repayment": {},
    "pay_off": {},
}


@pytest.fixture(scope="module")
def document():
    return routes.APP.test_client().get("/openapi.json").get_json()


def operations(document):
    """Every operation with its path and method, by its id."""
    return {
        operation["operationId"]: (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def links_of(operation):
    return {
        name: link
        for answer in operation["responses"].values()
        for name, link in answer.get("links", {}).items()
    }


class Walker:
    """A client that knows nothing but the document."""

    def __init__(self, api, document):
        self.api = api
        self.operations = operations(document)

    def follow(self, name, *, path, answer):
        """Ask what the link of an operation's answer leads to; `path` are the names in the path asked before."""
        came_from, link = name
        target = links_of(self.operations[came_from][2])[link]
        given = {
            parameter: path[source.rpartition(".")[2]]
            if "path" in source
            else answer[source.rpartition("/")[2]]
            for parameter, source in target["parameters"].items()
        }
        address, method, _ = self.operations[target["operationId"]]
        asked = address.format(**given)
        response = self.api.get(asked) if method == "get" else self.api.post(asked, BODIES[link])
        assert response.status_code < 300, response.text
        return given, response.get_json()


class TestLinks:
    def test_name_operations_that_exist_and_all_that_their_path_needs(self, document):
        found = operations(document)

        count = 0
        for path, _, operation in found.values():
            for name, link in links_of(operation).items():
                target, _, _ = found[link["operationId"]]
                assert name == link["operationId"]
                assert set(link["parameters"]) == set(re.findall(r"{(\w+)}", target)), (path, name)
                count += 1
        assert count > 100

    def test_lead_from_an_application_to_a_repaid_loan(self, api, document, borrower, product, today):
        walker = Walker(api, document)
        application = samples.application(borrower.id, product.id)
        answer, path = api.post("/api/v1/loans", application).get_json(), {}

        for step in (
            ("apply", "approve"),
            ("approve", "disburse"),
            ("disburse", "record_repayment"),
            ("record_repayment", "reverse_repayment"),
        ):
            path, answer = walker.follow(step, path=path, answer=answer)
        loan = {"loan_id": path["loan_id"]}
        path, answer = walker.follow(("disburse", "pay_off"), path=loan, answer=answer)

        assert answer["loan"]["status"] == "repaid"
        path, answer = walker.follow(("pay_off", "explain_transaction"), path=path, answer=answer)
        assert answer["steps"]

    def test_lead_to_the_version_of_a_product_by_its_number(self, document):
        _, _, operation = operations(document)["create_version"]

        assert links_of(operation)["get_version"]["parameters"] == {
            "product_id": "$request.path.product_id",
            "version": "$response.body#/version",
        }


class TestParameters:
    def test_of_queries_are_of_one_type_and_have_a_default_of_it_or_none(self, document):
        for _, _, operation in operations(document).values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "query":
                    schema = parameter["schema"]
                    assert schema["type"] in {"string", "integer", "boolean"}
                    assert schema.get("default", 0) not in {None, "()"}
                    assert None not in schema.get("enum", ())

    def test_that_take_several_names_have_a_pattern_that_takes_them(self, document):
        _, _, operation = operations(document)["list_loans"]

        (status,) = [each for each in operation["parameters"] if each["name"] == "status"]

        pattern = re.compile(status["schema"]["pattern"])
        assert pattern.search("repaid,pending")
        assert not pattern.search("repaid,")
        assert not pattern.search("paid")


class TestBodies:
    def test_that_change_something_are_wanted_and_name_a_field_at_least(self, document):
        _, _, operation = operations(document)["change_borrower"]

        assert operation["requestBody"]["required"] is True
        assert document["components"]["schemas"]["BorrowerChangeIn"]["minProperties"] == 1

    def test_that_the_core_reads_may_say_null_for_what_may_be_left_out(self, document):
        terms = document["components"]["schemas"]["LoanTermsIn"]

        assert terms["properties"]["due_day"]["type"] == ["integer", "null"]
        assert terms["properties"]["principal"]["type"] == "string"

    def test_name_the_scopes_that_a_client_can_have(self, document):
        client = document["components"]["schemas"]["ClientIn"]

        assert {"loans:read", "loans:write"} <= set(client["properties"]["scopes"]["items"]["enum"])

    def test_name_the_two_components_that_a_waiver_can_be_of(self, document):
        waiver = document["components"]["schemas"]["WaiverIn"]

        assert waiver["properties"]["component"]["enum"] == ["fee", "penalty", None]

    @pytest.mark.parametrize(
        ("text", "fits"),
        [("Amina", True), (" A ", True), ("", False), (" ", False), ("a\nb", False), ("a\x00", False)],
    )
    def test_have_patterns_for_text_that_fit_what_is_taken(self, api, document, text, fits):
        name = document["components"]["schemas"]["BorrowerIn"]["properties"]["first_name"]

        response = api.post("/api/v1/borrowers", samples.borrower(first_name=text))

        assert bool(re.search(name["pattern"], text)) is fits
        assert (response.status_code == 201) is fits
