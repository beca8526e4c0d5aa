"""Who may decide on what waits, in which ways, and how it is found."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from loans.db import db
from loans.services import permissions
from tests.api import staffing
from tests.api.approving import audit_of, decide, kept, rule, set_policy, told_of
from tests.api.samples import UNKNOWN_ID, assert_refused
from tests.api.test_dry_run import rows_of_all_tables
from tests.conftest import Api

TODAY = date(2026, 2, 20)
APPROVALS = "/api/v1/approvals"


class TestSecondPerson:
    @pytest.fixture
    def approval(self, api, maker, path):
        set_policy(api, rule("loans.write_off"))
        return kept(maker, f"{path}/write-off")

    @pytest.mark.parametrize("how", ["approve", "reject"])
    def test_is_not_the_first(self, app, maker, approval, how):
        rows = rows_of_all_tables(app)

        refused = decide(maker, approval, how, note="I say so")

        assert_refused(refused, 403, "second_person_needed")
        assert rows_of_all_tables(app) == rows

    @pytest.mark.parametrize("how", ["approve", "reject"])
    def test_is_not_a_program(self, api, approval, how):
        refused = decide(api, approval, how, note="Computed")

        assert_refused(refused, 403, "second_person_needed")

    def test_holds_the_scope_to_decide(self, app, committed, approval):
        teller = staffing.staff_api(app, committed, role="teller")

        refused = decide(teller, approval)

        assert assert_refused(refused, 403, "scope_missing")["scope"] == "approvals:decide"

    def test_may_do_himself_what_he_approves(self, checker, approval, monkeypatch):
        # No role of today decides without all that can be held; one of tomorrow may.
        scopes = permissions.SCOPES_OF_ROLES | {"officer": frozenset({"approvals:decide"})}
        monkeypatch.setattr(permissions, "SCOPES_OF_ROLES", scopes)

        refused = decide(checker, approval)

        assert assert_refused(refused, 403, "scope_missing")["scope"] == "loans:approve"

    def test_is_enough_for_a_program(self, app, api, checker, issue_key, path):
        set_policy(api, rule("loans.write_off"))
        robot = Api(client=app.test_client(), key=issue_key("loans:approve"))

        done = decide(checker, kept(robot, f"{path}/write-off")).get_json()

        assert (done["status"], done["maker"]) == ("approved", f"api_client:{robot.client_id}")

    def test_does_not_do_what_somebody_asked_for_who_is_disabled_since(
        self, app, api, checker, issue_key, path
    ):
        set_policy(api, rule("loans.write_off"))
        robot = Api(client=app.test_client(), key=issue_key("loans:approve"))
        approval = kept(robot, f"{path}/write-off")
        api.post(f"/api/v1/clients/{robot.client_id}/disable")
        rows = rows_of_all_tables(app)

        assert_refused(decide(checker, approval), 409, "maker_disabled")
        assert rows_of_all_tables(app) == rows
        assert decide(checker, approval, "reject", note="Key stolen").get_json()["status"] == "rejected"

    def test_does_not_do_what_a_member_of_staff_asked_for_who_left(self, api, maker, checker, approval):
        api.post(f"/api/v1/staff/{approval['maker'].partition(':')[2]}/disable")

        assert_refused(decide(checker, approval), 409, "maker_disabled")

    def test_does_not_know_the_key_that_asked(self, app, api, checker, committed, path):
        admin, other_admin = (staffing.staff_api(app, committed, role="admin") for _ in range(2))
        set_policy(api, rule("loans.write_off"))
        made = admin.post("/api/v1/clients", {"name": "till", "scopes": ["loans:approve"]}).headers[
            "Location"
        ]
        key = other_admin.post(f"{made}/keys").get_json()["key"]
        approval = kept(Api(client=app.test_client(), key=key), f"{path}/write-off")

        for knowing in (admin, other_admin):
            assert_refused(decide(knowing, approval), 403, "second_person_needed")
        assert decide(checker, approval).status_code == 200

    def test_does_not_know_the_key_of_a_client_that_made_the_one_that_asked(
        self, app, api, checker, committed, path
    ):
        admin = staffing.staff_api(app, committed, role="admin")
        set_policy(api, rule("loans.write_off"))
        asking = admin
        for _ in range(3):
            scopes = ["clients:manage", "loans:approve"]
            made = asking.post("/api/v1/clients", {"name": "till", "scopes": scopes}).headers["Location"]
            key = asking.post(f"{made}/keys").get_json()["key"]
            asking = Api(client=app.test_client(), key=key)
        approval = kept(asking, f"{path}/write-off")

        assert_refused(decide(admin, approval), 403, "second_person_needed")
        assert decide(checker, approval).status_code == 200

    def test_is_wanted_by_the_database_too(self, app, approval):
        with app.app_context(), pytest.raises(sa.exc.IntegrityError, match="decided_by_another"):
            db.session.execute(
                sa.text(
                    "UPDATE approvals SET status = 'approved', decided_by = maker, decided_at = now()"
                    f" WHERE id = '{approval['id']}'"
                )
            )

    def test_sees_what_the_database_has_hashed(self, app, approval):
        with app.app_context(), pytest.raises(sa.exc.IntegrityError, match="payload_is_hashed"):
            db.session.execute(
                sa.text(f"UPDATE approvals SET request = request || ' ' WHERE id = '{approval['id']}'")
            )


class TestRejecting:
    def test_ends_it_with_a_reason(self, app, api, maker, checker, path):
        set_policy(api, rule("loans.write_off"))
        approval = kept(maker, f"{path}/write-off")
        before = api.get(path).get_json()

        rejected = decide(checker, approval, "reject", note="He still pays")

        shown = rejected.get_json()
        assert (rejected.status_code, shown["status"], shown["note"]) == (200, "rejected", "He still pays")
        assert api.get(path).get_json() == before
        for later in (decide(checker, approval), decide(checker, approval, "reject", note="Again")):
            assert assert_refused(later, 409, "approval_not_pending")["approval_status"] == "rejected"
        assert told_of(app, approval["id"]) == ["approval.requested", "approval.rejected"]
        assert [action for action, *_ in audit_of(app, approval["id"])] == [
            "approval.request",
            "approval.reject",
        ]

    def test_wants_a_reason(self, api, maker, checker, path):
        set_policy(api, rule("loans.write_off"))
        approval = kept(maker, f"{path}/write-off")

        refused = decide(checker, approval, "reject")

        assert_refused(refused, 422, "invalid_request", pointers=["#/note"])


class TestWithdrawing:
    def test_is_for_who_asked(self, app, api, maker, checker, path):
        set_policy(api, rule("loans.write_off"))
        approval = kept(maker, f"{path}/write-off")
        way = f"{APPROVALS}/{approval['id']}/withdraw"

        for other in (checker, api):
            assert_refused(other.post(way), 403, "not_the_maker")
        withdrawn = maker.post(way, {"note": "Wrong loan"}).get_json()

        assert (withdrawn["status"], withdrawn["decided_by"]) == ("withdrawn", approval["maker"])
        refused = decide(checker, approval)
        assert assert_refused(refused, 409, "approval_not_pending")["approval_status"] == "withdrawn"
        assert_refused(maker.post(way), 409, "approval_not_pending")
        assert told_of(app, approval["id"]) == ["approval.requested", "approval.withdrawn"]


class TestList:
    def test_is_filtered_and_turned_over(self, api, maker, checker, path, today):
        set_policy(api, rule("loans.write_off"))
        loan = path.rpartition("/")[2]
        old = kept(maker, f"{path}/write-off")
        today(TODAY + timedelta(days=7))
        maker, checker = staffing.again(maker), staffing.again(checker)
        waiting, rejected, withdrawn, by_key = (
            kept(each, f"{path}/write-off") for each in (maker, maker, maker, api)
        )
        decide(checker, rejected, "reject", note="No")
        maker.post(f"{APPROVALS}/{withdrawn['id']}/withdraw")

        def ids(asked):
            page = api.get(f"{APPROVALS}?loan_id={loan}&{asked}").get_json()
            return [each["id"] for each in page["data"]]

        assert ids("") == [each["id"] for each in (by_key, withdrawn, rejected, waiting, old)]
        assert ids("status=pending") == [by_key["id"], waiting["id"]]
        assert ids("status=expired") == [old["id"]]
        assert ids("status=rejected") == [rejected["id"]]
        assert ids("status=withdrawn") == [withdrawn["id"]]
        assert ids("status=approved") == []
        assert ids(f"maker=api_client:{api.client_id}") == [by_key["id"]]
        first = api.get(f"{APPROVALS}?loan_id={loan}&limit=2")
        second = api.get(first.headers["Link"].partition("<")[2].partition(">")[0])
        assert [each["id"] for each in second.get_json()["data"]] == [rejected["id"], waiting["id"]]

    @pytest.mark.parametrize("asked", ["status=done", "maker=amina", "loan_id=7"])
    def test_refuses_what_it_does_not_know(self, api, asked):
        response = api.get(f"{APPROVALS}?{asked}")

        assert_refused(response, 422, "invalid_request", pointers=[f"query:/{asked.partition('=')[0]}"])

    def test_of_nothing_is_not_found(self, api, checker):
        nothing = {"id": UNKNOWN_ID, "payload_sha256": "0" * 64}

        assert_refused(api.get(f"{APPROVALS}/{UNKNOWN_ID}"), 404, "approval_not_found")
        assert_refused(decide(checker, nothing), 404, "approval_not_found")
