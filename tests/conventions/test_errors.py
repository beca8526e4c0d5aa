"""Rules about refusals: each has a code of its own, an HTTP status and a paragraph in docs/errors.md."""

import importlib
import pkgutil

import pytest

import loans
from loans.api import errors
from loans.core.errors import LendingError
from tests.conventions import app_rules, document_rules, tree


@pytest.fixture(scope="module")
def refusals():
    for module in pkgutil.walk_packages(loans.__path__, "loans."):
        importlib.import_module(module.name)
    return [error for error in app_rules.leaves(LendingError) if error.__module__.startswith("loans.")]


class TestRefusals:
    def test_have_a_status_a_code_and_a_paragraph_each(self, refusals):
        text = (tree.ROOT / "docs/errors.md").read_text(encoding="utf-8")

        faults = app_rules.error_faults(
            refusals,
            statuses=errors.STATUS,
            others=[code for code, _, _ in errors.HTTP_ERRORS.values()],
            documented=document_rules.headings(text),
        )

        assert faults == ()

    def test_say_what_they_are(self, refusals):
        assert [error.__name__ for error in refusals if not (error.title and error.__doc__)] == []

    def test_are_noticed_when_a_part_is_missing(self):
        overpaid = type("Overpaid", (), {"code": "overpaid"})
        overpaid_again = type("OverpaidAgain", (), {"code": "overpaid"})
        too_late = type("TooLate", (), {"code": "too_late"})

        faults = app_rules.error_faults(
            [overpaid, overpaid_again, too_late],
            statuses={overpaid: 422, overpaid_again: 422},
            others=["not_found"],
            documented=["overpaid", "gone"],
        )

        assert faults == (
            "TooLate has no HTTP status",
            "overpaid is the code of 2 refusals",
            "too_late has no paragraph",
            "not_found has no paragraph",
            "gone is documented but never raised",
        )

    def test_are_found_below_families(self):
        family = type("Family", (), {})
        middle = type("Middle", (family,), {})
        leaf = type("Leaf", (middle,), {})
        sibling = type("Sibling", (family,), {})

        assert list(app_rules.leaves(family)) == [leaf, sibling]
