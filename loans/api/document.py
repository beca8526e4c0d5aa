"""The OpenAPI document as a whole: what no single route can say of itself.

Parameters as a query string can carry them, and links from each answer to what may be asked next (ADR 36), by which
clients, and programs that try the API, find their way from a borrower to a loan that is repaid.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import marshmallow as ma

from loans.schemas.terms import Described
from loans.services.api_keys import SCOPES

Operations = Mapping[str, dict[str, Any]]

# What names something to change: an object without any field is refused.
OF_ONE_FIELD_AT_LEAST = ("BorrowerChangeIn",)
RESOURCES = "/api/v1/"
NAME = re.compile(r"\{(\w+)\}")
# What an answer calls that by which the path of what was created ends, where it is not the id.
CALLED = {"version": "version"}
# Where an answer is not about what its own path has below it.
ANSWERS = {
    "TransactionOut": "/api/v1/loans/{loan_id}/transactions/{event_id}",
    "IssuedKeyOut": "/api/v1/keys/{key_id}",
}
# What comes next in the life of a loan.
NEXT = {
    "approve": ("disburse", "cancel"),
    "disburse": (
        *(
            "get_schedule",
            "get_payoff",
            "record_repayment",
            "charge",
            "waive",
            "change_rate",
            "pause_interest",
        ),
        *("reschedule", "re_age", "grant_credit", "charge_off", "write_off", "simulate_loan", "pay_off"),
    ),
    "record_repayment": ("get_payoff", "pay_off"),
    "charge_off": ("recover",),
    "write_off": ("recover",),
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Give the document with what concerns all of it; the one given is changed."""
    by_name = {operation["operationId"]: operation for _, operation in _operations(document)}
    for _, operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                _speak_of_text(parameter["schema"])
    schemas = document["components"]["schemas"]
    for name in OF_ONE_FIELD_AT_LEAST:
        schemas[name]["minProperties"] = 1
    # The schema leaves it to the service to say which of them do not exist.
    schemas["ClientIn"]["properties"]["scopes"]["items"] = {"type": "string", "enum": sorted(SCOPES)}
    for name in {each.__name__ for each in _descendants(Described)} & set(schemas):
        _admit_null(schemas[name])
    for path, operation in _operations(document):
        links = {
            target: _link(target, given) for target, given in _following(document, path, operation, by_name)
        }
        if links:
            _success(operation)["links"] = links
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        yield from ((path, operation) for method, operation in item.items() if method != "parameters")


def _speak_of_text(schema: dict[str, Any]) -> None:
    """Take from a query parameter what no query string can say: null, and a default that stands for nothing."""
    if isinstance(schema.get("type"), list):
        (schema["type"],) = (kind for kind in schema["type"] if kind != "null")
    if "enum" in schema:
        schema["enum"] = [each for each in schema["enum"] if each is not None]
    # apispec writes an empty tuple as text.
    if schema.get("default", "") in {None, "()"}:
        del schema["default"]


def _descendants(schema: type[ma.Schema]) -> Iterator[type[ma.Schema]]:
    for child in schema.__subclasses__():
        yield from (child, *_descendants(child))


def _admit_null(schema: dict[str, Any]) -> None:
    """Say of a document that the core reads that null is the same as a field left out."""
    for name, described in schema.get("properties", {}).items():
        if name in schema.get("required", ()):
            continue
        if "$ref" in described:
            schema["properties"][name] = {
                "anyOf": [{"$ref": described.pop("$ref")}, {"type": "null"}],
                **described,
            }
        elif "type" in described:
            kinds = described["type"] if isinstance(described["type"], list) else [described["type"]]
            described["type"] = [*kinds, *({"null"} - set(kinds))]
            if "enum" in described and None not in described["enum"]:
                described["enum"] = [*described["enum"], None]


def _success(operation: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, dict[str, Any]] = operation["responses"]
    return next(answer for status, answer in answers.items() if status.startswith("2"))


def _following(
    document: dict[str, Any], path: str, operation: dict[str, Any], by_name: Operations
) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the operations that may follow, with where their path's names come from."""
    known = {name: f"$request.path.{name}" for name in NAME.findall(path)}
    if "201" in operation["responses"]:
        for root in _roots(document, path, operation):
            names = NAME.findall(root)
            given = {name: known.get(name, f"$response.body#/{CALLED.get(name, 'id')}") for name in names}
            yield from (
                (below["operationId"], given)
                for other, below in _operations(document)
                if f"{other}/".startswith(f"{root}/") and NAME.findall(other) == names
            )
    for target in NEXT.get(operation["operationId"], ()):
        if target in by_name:
            yield target, known


def _roots(document: dict[str, Any], path: str, operation: dict[str, Any]) -> Iterable[str]:
    """Give the paths of what a request has created, with one name more than its own."""
    own = [other for other, _ in _operations(document) if re.fullmatch(re.escape(path) + r"/\{\w+\}", other)]
    content = _success(operation).get("content", {}).get("application/json", {})
    schema = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return {*own, *([ANSWERS[schema]] if schema in ANSWERS else [])} if path.startswith(RESOURCES) else ()


def _link(target: str, given: Mapping[str, str]) -> dict[str, Any]:
    return {"operationId": target, "parameters": dict(given)}
