"""What a policy can name is what routes declare: no rule without a command, no amount without a measure."""

import pytest

from loans.api import holding
from loans.schemas import approval_policies
from tests.api import approving, commands, routes
from tests.api.approving import rule

ACTS = {
    route.endpoint: getattr(routes.APP.view_functions[route.endpoint], holding.ATTRIBUTE)
    for route in (*routes.COMMANDS, *routes.CHANGES)
}
GUARDED = {endpoint: act.guarded for endpoint, act in ACTS.items() if act.guarded is not None}


class TestGuarded:
    def test_are_what_a_policy_can_name(self):
        assert set(GUARDED.values()) == set(approval_policies.COMMANDS)
        assert set(holding.AMOUNTS) == set(approval_policies.WITH_AMOUNT)

    def test_tell_nothing_that_is_shown_once(self):
        # The answer is given to a second person.
        assert {ACTS[endpoint].reply.shown_once for endpoint in GUARDED} == {None}

    @pytest.mark.parametrize("endpoint", GUARDED)
    def test_wait_where_the_policy_names_them(self, api, endpoint):
        route = next(each for each in routes.COMMANDS if each.endpoint == endpoint)
        path, body, headers = commands.prepared(api, route)
        version = approving.set_policy(api, rule(GUARDED[endpoint]))
        if "replaces" in body:
            body["replaces"] = version
        response = api.post(path, body, headers=headers)
        lift(api)

        assert (response.status_code, response.get_json().get("command")) == (202, GUARDED[endpoint])


def lift(api):
    """Let no rule hold; one that holds the policy itself needs somebody to approve that."""
    newest = api.get(f"{approving.POLICIES}?limit=1").get_json()["data"][0]["version"]
    response = api.post(approving.POLICIES, {"replaces": newest, "rules": []})
    if response.status_code == 202:
        officer = commands.token_of(api, role="admin")
        decided = approving.decide(api, response.get_json(), headers={"Authorization": f"Bearer {officer}"})
        assert decided.status_code == 200, decided.text
