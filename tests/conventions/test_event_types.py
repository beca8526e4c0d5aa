"""The list of event types, the code that announces them and docs/events.md name the same ones."""

import re

from loans.schemas import event_types
from loans.schemas.event_types import EVENT_TYPES
from loans.services import access_trail, approvals, audit, loan_events
from tests.conventions import tree

# Types in the calls themselves; the others come from the tables of loan_events, access_trail and approvals.
CALL = re.compile(r"outbox\.announce\(\s*\(((?:\"[a-z_.]+\",\s*)+)\)")
NAME = re.compile(r'"([a-z_]+\.[a-z_]+)"')
ROW = re.compile(r"^\| `([a-z_]+\.[a-z_]+)` \| (.+?) \| `(\w+)` \|$", re.MULTILINE)


def announced():
    """Every type that the services can announce."""
    sources = tree.sources(tree.ROOT, "loans/services").values()
    literal = {name for text in sources for call in CALL.findall(text) for name in NAME.findall(call)}
    return {
        *literal,
        *loan_events.PUBLIC_TYPES.values(),
        loan_events.REPAYMENT_REVERSED,
        "loan.repaid",
        *access_trail.PUBLIC_TYPES.values(),
        *approvals.PUBLIC_TYPES.values(),
    }


class TestEventTypes:
    def test_are_those_that_are_announced(self):
        assert announced() == set(EVENT_TYPES)

    def test_are_announced_in_one_of_the_ways_that_this_test_knows(self):
        sources = tree.sources(tree.ROOT, "loans/services")
        calls = {
            path: text.count("outbox.announce(") + text.count("outbox.rows(")
            for path, text in sources.items()
        }

        known = {path: len(CALL.findall(text)) for path, text in sources.items()}
        for name in ("loan_events", "access_trail", "approvals"):
            known[f"loans/services/{name}.py"] += 1
        assert {path: count for path, count in calls.items() if count} == {
            path: count for path, count in known.items() if count
        }

    def test_are_described_in_the_document_as_in_the_code(self):
        text = (tree.ROOT / "docs" / "events.md").read_text(encoding="utf-8")

        told = {name: (said, data) for name, said, data in ROW.findall(text)}

        assert told == {name: (each.said, each.data.__name__) for name, each in EVENT_TYPES.items()}

    def test_name_their_subject_as_the_audit_trail_does(self):
        assert {name: each.subject for name, each in EVENT_TYPES.items()} == {
            name: audit.subject_type_of(name) for name in EVENT_TYPES
        }

    def test_admit_no_field_that_is_not_described(self):
        for schema in event_types.data_schemas():
            assert schema().unknown == "raise", schema.__name__
