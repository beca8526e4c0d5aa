"""docs/migrating-from-the-first-api.md: its example leads from a request to a loan, once."""

import json
import re

import pytest

from tests.conftest import ROOT

BLOCK = re.compile(r"^```http\nPOST (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def steps():
    """The requests of the page, as (path, body)."""
    text = (ROOT / "docs" / "migrating-from-the-first-api.md").read_text(encoding="utf-8")
    return BLOCK.findall(text)


class TestExample:
    def test_makes_the_same_loan_and_makes_it_once(self, empty_api, steps):
        ids = {}
        for (path, written), name in zip(steps, ("REQUEST", "BORROWER", "PRODUCT", "LOAN"), strict=True):
            placeholders = re.compile("|".join(ids) or "nothing yet")
            asked = json.loads(placeholders.sub(lambda match: ids[match.group()], written))
            made = empty_api.post(path, asked)
            assert made.status_code == 201, made.text
            ids[name] = made.json["id"]

        again = empty_api.post(path, asked)
        found = empty_api.get(f"/api/v1/loans?external_id=legacy:{ids['REQUEST']}").json["data"]
        request = empty_api.client.get(f"/api/loans/{ids['REQUEST']}").json
        assert (again.status_code, again.json["code"]) == (409, "duplicate_loan")
        assert [loan["id"] for loan in found] == [ids["LOAN"]]
        assert (found[0]["principal"], found[0]["currency"], found[0]["status"]) == (
            request["amount"],
            request["currency"],
            request["status"],
        )
