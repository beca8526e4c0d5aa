"""What is generated for clients is generated from the document that the service shows now."""

import json
import re

import pytest

from clients import document
from tests.conftest import ROOT

POSTMAN = ROOT / "clients" / "postman"


@pytest.fixture(scope="module")
def text():
    return document.text()


@pytest.fixture(scope="module")
def collection():
    return json.loads((POSTMAN / "branch-loans.postman_collection.json").read_text(encoding="utf-8"))


def requests_of(items):
    for item in items:
        if "item" in item:
            yield from requests_of(item["item"])
        else:
            yield item["request"]


class TestDocument:
    def test_is_the_same_text_each_time(self, text):
        assert document.text() == text

    def test_leaves_out_for_the_python_client_what_takes_a_file_and_nothing_else(self, text):
        left = json.loads(document.without_files(text))["paths"]

        assert set(json.loads(text)["paths"]) - set(left) == {"/api/v1/loans/bulk", "/api/v1/repayments/bulk"}

    def test_is_told_from_another_by_its_digest(self, text):
        assert document.digest(text) != document.digest(text.replace("Register a borrower.", "Register one."))


class TestExamples:
    def test_of_the_page_are_the_files_that_are_run(self):
        page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

        shown = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)

        files = ("first_loan_httpx", "first_loan_client")
        folder = ROOT / "clients" / "python" / "examples"
        assert shown == [(folder / f"{name}.py").read_text(encoding="utf-8") for name in files]


class TestCollection:
    def test_was_made_from_this_document(self, text):
        made_from = (POSTMAN / "openapi.sha256").read_text(encoding="ascii").strip()

        assert made_from == document.digest(text), "the OpenAPI document has changed: make collection"

    def test_has_a_request_for_each_operation(self, text, collection):
        documented = {
            (method.upper(), re.sub(r"{(\w+)}", r":\1", path))
            for path, item in json.loads(text)["paths"].items()
            for method in item
            if method != "parameters"
        }

        collected = {
            (request["method"], "/" + "/".join(request["url"]["path"]))
            for request in requests_of(collection["item"])
        }

        assert collected == documented

    def test_begins_with_a_first_loan(self, collection):
        steps = collection["item"][0]

        assert steps["name"] == "First loan in five requests"
        assert [step["request"]["url"]["path"][-1] for step in steps["item"]] == [
            *("borrowers", "products", "loans", "approve", "disburse", "payoff"),
        ]

    def test_sends_another_idempotency_key_each_time_and_holds_no_credentials(self, collection):
        keys = {
            header["value"]
            for request in requests_of(collection["item"])
            for header in request["header"]
            if header["key"] == "Idempotency-Key"
        }

        assert keys == {"{{$guid}}"}
        assert collection["auth"]["bearer"][0]["value"] == "{{key}}"
        environment = json.loads((POSTMAN / "branch-loans.postman_environment.json").read_text("utf-8"))
        assert {each["key"]: each["value"] for each in environment["values"]}["key"] == ""
