"""Schemas as the OpenAPI document shows them."""

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from jsonschema import Draft202012Validator, FormatChecker

from loans.schemas.simulations import QuoteIn, QuoteOut, SimulationIn, SimulationOut

_SPEC = APISpec("Branch Loans", "1", "3.1.0", plugins=[MarshmallowPlugin()])
for _schema in (QuoteIn, QuoteOut, SimulationIn, SimulationOut):
    _SPEC.components.schema(_schema.__name__, schema=_schema)
COMPONENTS = _SPEC.to_dict()["components"]


def contradictions(name, value):
    """What in a value contradicts the description of a schema."""
    described = {"components": COMPONENTS, "$ref": f"#/components/schemas/{name}"}
    validator = Draft202012Validator(described, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def defaults(name):
    """The default of each field that has one."""
    properties = COMPONENTS["schemas"][name]["properties"]
    return {field: shown["default"] for field, shown in properties.items() if "default" in shown}
