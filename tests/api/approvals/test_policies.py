"""The approval policy: its versions, its rules, and that it can hold itself."""

import pytest
import sqlalchemy as sa

from loans.db import db
from tests.api import approving, samples, staffing
from tests.api.approving import decide, kept, rule, set_policy
from tests.api.samples import assert_refused
from tests.services.bank import at_once


class TestPolicy:
    def test_is_replaced_by_further_versions(self, app, api):
        rules = [rule("loans.approve", "100000.00"), rule("loans.write_off")]
        version = set_policy(api, *rules)

        stored = api.get(f"{approving.POLICIES}?limit=2").get_json()["data"]

        assert [each["version"] for each in stored] == [version, version - 1]
        assert samples.without(stored[0], "version") == {
            "rules": [
                {"command": "loans.approve", "above": "100000.00", "currency": "KES"},
                {"command": "loans.write_off", "above": None, "currency": None},
            ],
            "note": None,
            "actor": f"api_client:{api.client_id}",
            "created_at": "2026-02-20T12:00:00.000000Z",
        }

    def test_is_not_changed_from_what_it_no_longer_is(self, api):
        version = set_policy(api)

        for replaces in (version - 1, version + 1):
            response = api.post(approving.POLICIES, {"replaces": replaces, "rules": []})
            assert_refused(response, 409, "policy_changed", pointers=["#/replaces"])

    def test_is_changed_by_one_of_two_at_once(self, api):
        body = {"replaces": set_policy(api), "rules": []}

        answers = at_once(lambda _: api.post(approving.POLICIES, body), times=4)

        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]

    def test_can_itself_need_a_second_person(self, app, api, committed):
        admin, other = (staffing.staff_api(app, committed, role="admin") for _ in range(2))
        version = set_policy(api, rule("approval_policies.change"))

        approval = kept(admin, approving.POLICIES, {"replaces": version, "rules": []})

        assert (approval["loan_id"], approval["loan_version"], approval["amount"]) == (None, None, None)
        assert_refused(decide(admin, approval), 403, "second_person_needed")
        assert decide(other, approval).get_json()["result"]["version"] == version + 1
        assert api.get(f"{approving.POLICIES}?limit=1").get_json()["data"][0]["actor"] == approval["maker"]

    @pytest.mark.parametrize(
        ("rules", "pointers"),
        [
            ([{"command": "loans.burn"}], ["#/rules/0/command"]),
            ([{}], ["#/rules/0/command"]),
            ([rule("loans.approve", "5.00", None)], ["#/rules/0/currency"]),
            ([{"command": "loans.approve", "currency": "KES"}], ["#/rules/0/currency"]),
            ([rule("loans.change_rate", "5.00")], ["#/rules/0/above"]),
            ([rule("loans.approve", "5.001")], ["#/rules/0/above"]),
            ([rule("loans.approve")] * 2, ["#/rules/0/command", "#/rules/1/command"]),
            (
                [rule("loans.approve", "5.00"), rule("loans.approve", "6.00")],
                ["#/rules/0/command", "#/rules/1/command"],
            ),
            ([rule("loans.approve", "5.00"), rule("loans.approve")], ["#/rules/0/command"]),
        ],
    )
    def test_says_each_thing_once_and_in_words_that_exist(self, api, rules, pointers):
        response = api.post(approving.POLICIES, {"replaces": set_policy(api), "rules": rules})

        assert_refused(response, 422, "invalid_request", pointers=pointers)

    def test_of_the_past_is_not_touched(self, app, api):
        set_policy(api)

        with app.app_context(), pytest.raises(sa.exc.DBAPIError, match="insert-only"):
            db.session.execute(sa.text("UPDATE approval_policies SET rules = '[]'"))
