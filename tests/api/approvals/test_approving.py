"""What is approved is done exactly as it was asked for, once, or not at all."""

import uuid
from datetime import date, timedelta

import pytest

from tests.api import samples, staffing
from tests.api.approving import audit_of, decide, kept, rule, set_policy, told_of
from tests.api.samples import assert_refused
from tests.api.test_dry_run import rows_of_all_tables
from tests.services.bank import at_once

TODAY = date(2026, 2, 20)
APPROVALS = "/api/v1/approvals"


class TestApproving:
    def test_does_exactly_what_was_asked(self, app, api, maker, checker, path, today):
        set_policy(api, rule("loans.write_off"))
        approval = kept(maker, f"{path}/write-off", {"note": "Gone abroad", "reference": "W-7"})
        today(TODAY + timedelta(days=3))
        checker = staffing.again(checker)

        response = decide(checker, approval, note="Seen the file")

        done = response.get_json()
        assert (response.status_code, done["status"], done["note"]) == (200, "approved", "Seen the file")
        assert done["decided_at"] == "2026-02-23T12:00:00.000000Z"
        assert done["result"]["loan"]["status"] == "defaulted"
        assert done["location"] == f"{path}/transactions/{done['result']['id']}"
        event = api.get(f"{path}/events").get_json()["data"][-1]
        assert (event["type"], event["date"], event["note"], event["reference"]) == (
            "write_off",
            "2026-02-20",
            "Gone abroad",
            "W-7",
        )
        assert (event["actor"], event["approved_by"]) == (approval["maker"], done["decided_by"])
        assert done["decided_by"] != approval["maker"]
        assert audit_of(app, approval["id"]) == [
            ("approval.request", approval["maker"], None),
            ("approval.approve", done["decided_by"], None),
        ]
        assert audit_of(app, path.rpartition("/")[2])[-1] == (
            "loan.write_off",
            approval["maker"],
            done["decided_by"],
        )
        assert told_of(app, approval["id"]) == ["approval.requested", "approval.approved"]
        assert told_of(app, path.rpartition("/")[2])[-1] == "loan.written_off"

    @pytest.mark.parametrize(
        ("command", "rest", "body"),
        [
            ("loans.waive", "waivers", {"type": "interest"}),
            ("loans.change_rate", "rate-changes", {"annual_rate": "18.5"}),
            ("loans.pause_interest", "pauses", {"until": "2026-03-10"}),
            ("loans.reschedule", "reschedules", {"installments": 6, "grace": {"interest_free": 6}}),
            ("loans.re_age", "re-ages", {"installments": 3, "first_due_date": "2026-04-15"}),
            ("loans.grant_credit", "goodwill-credits", samples.repayment("5.00")),
            ("loans.charge_off", "charge-off", {}),
            ("loans.write_off", "write-off", {}),
        ],
    )
    def test_answers_what_the_command_would_have(  # noqa: PLR0913, PLR0917 - three parameters
        self, api, maker, checker, path, command, rest, body
    ):
        expected = api.post(f"{path}/{rest}?dry_run=true", body).get_json()
        set_policy(api, rule(command))

        done = decide(checker, kept(maker, f"{path}/{rest}", body)).get_json()

        ignored = ("id", "actor", "approved_by", "recorded_at", "loan")
        assert samples.without(done["result"], *ignored) == samples.without(expected, *ignored)

    def test_of_an_approval_and_a_payout_leads_to_a_loan(self, api, maker, checker, pending):
        set_policy(api, rule("loans.approve"), rule("loans.disburse"))

        for step in ("approve", "disburse"):
            assert decide(checker, kept(maker, f"{pending}/{step}")).status_code == 200

        loan = api.get(pending).get_json()
        assert (loan["status"], loan["disbursed"]) == ("disbursed", "1200.00")

    def test_of_a_reversal_names_what_is_reversed(self, api, maker, checker, path):
        repayment = api.post(f"{path}/repayments", samples.repayment("100.00")).headers["Location"]
        set_policy(api, rule("loans.reverse"))

        approval = kept(maker, f"{repayment}/reverse", {"note": "Bounced"})

        assert (approval["amount"], approval["payload"]["path"]) == ("100.00", f"{repayment}/reverse")
        assert decide(checker, approval).status_code == 200
        assert api.get(repayment).get_json()["reversed_on"] == "2026-02-20"

    def test_of_a_chargeback_takes_back_what_was_there_when_it_was_asked(self, api, maker, checker, path):
        paid = api.post(f"{path}/repayments", samples.repayment("100.00")).get_json()["id"]
        set_policy(api, rule("loans.charge_back", "50.00"))
        small = {"repayment": paid, "amount": "10.00", "currency": "KES"}
        assert maker.post(f"{path}/chargebacks", small).status_code == 201

        approval = kept(maker, f"{path}/chargebacks", {"repayment": paid})
        done = decide(checker, approval).get_json()["result"]

        assert approval["payload"]["body"]["amount"] == "90.00"
        assert (done["type"], done["amount"]) == ("chargeback", "90.00")

    def test_finds_the_command_by_either_way_to_write_its_path(self, api, maker, checker, path):
        set_policy(api, rule("loans.write_off"))

        approval = kept(maker, f"{path}/write-off/")

        assert approval["required_scopes"] == ["approvals:decide", "loans:approve"]
        assert decide(checker, approval).status_code == 200

    def test_can_be_tried(self, app, api, maker, checker, path):
        set_policy(api, rule("loans.write_off"))
        approval = kept(maker, f"{path}/write-off")
        rows = rows_of_all_tables(app)

        dry = decide(checker, approval, query="?dry_run=true")

        assert (dry.status_code, dry.get_json()["result"]["loan"]["status"]) == (200, "defaulted")
        assert rows_of_all_tables(app) == rows
        assert api.get(f"{APPROVALS}/{approval['id']}").get_json() == approval

    def test_again_is_refused_and_with_its_key_answered(self, api, maker, checker, path):
        set_policy(api, rule("loans.write_off"))
        approval = kept(maker, f"{path}/write-off")
        key = {"Idempotency-Key": str(uuid.uuid4())}
        first = decide(checker, approval, headers=dict(key))

        again = decide(checker, approval, headers=dict(key))
        anew = decide(checker, approval)

        assert (again.status_code, again.data) == (200, first.data)
        assert assert_refused(anew, 409, "approval_not_pending")["approval_status"] == "approved"

    def test_at_the_same_time_does_it_once(self, app, api, maker, checker, committed, path):
        set_policy(api, rule("loans.grant_credit"))
        approval = kept(maker, f"{path}/goodwill-credits", samples.repayment("5.00"))
        checkers = [checker, *(staffing.staff_api(app, committed, role="officer") for _ in range(3))]

        answers = at_once(lambda number: decide(checkers[number], approval), times=4)

        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200, 409, 409, 409]
        assert api.get(path).get_json()["principal_paid"] == "0.00"
        kinds = [event["type"] for event in api.get(f"{path}/events").get_json()["data"]]
        assert kinds.count("goodwill_credit") == 1

    def test_that_is_refused_now_leaves_it_waiting(self, app, api, maker, checker, path):
        set_policy(api, rule("loans.write_off"))
        approval = kept(maker, f"{path}/write-off")
        set_policy(api)
        written_off = api.post(f"{path}/write-off").headers["Location"]
        rows = rows_of_all_tables(app)

        refused = decide(checker, approval)

        assert_refused(refused, 409, "transition_not_allowed")
        assert rows_of_all_tables(app) == rows
        assert api.get(f"{APPROVALS}/{approval['id']}").get_json()["status"] == "pending"
        api.post(f"{written_off}/reverse")
        assert decide(checker, approval).status_code == 200

    def test_goes_on_when_the_loan_has_changed_unless_that_was_excluded(self, api, maker, checker, path):
        set_policy(api, rule("loans.write_off"))
        tag = {"If-Match": api.get(path).headers["ETag"]}
        strict, lax = kept(maker, f"{path}/write-off", headers=tag), kept(maker, f"{path}/write-off")
        api.post(f"{path}/repayments", samples.repayment("1.00"))

        assert_refused(decide(checker, strict), 412, "precondition_failed")
        assert decide(checker, lax).status_code == 200

    def test_holds_whatever_the_policy_says_by_then(self, api, maker, checker, path):
        set_policy(api, rule("loans.write_off"))
        approval = kept(maker, f"{path}/write-off")
        set_policy(api)

        assert decide(checker, approval).get_json()["status"] == "approved"

    def test_wants_the_hash_of_what_was_seen(self, app, api, maker, checker, path):
        set_policy(api, rule("loans.write_off"))
        approval, other = kept(maker, f"{path}/write-off"), kept(maker, f"{path}/write-off", {"note": "x"})
        rows = rows_of_all_tables(app)

        for how in ({}, {"how": "reject", "note": "No"}):
            seen = approval | {"payload_sha256": other["payload_sha256"]}
            assert_refused(
                decide(checker, seen, **how), 422, "payload_differs", pointers=["#/payload_sha256"]
            )
        response = checker.post(f"{APPROVALS}/{approval['id']}/approve")
        assert_refused(response, 422, "invalid_request", pointers=["#/payload_sha256"])
        assert rows_of_all_tables(app) == rows

    def test_comes_too_late_after_a_week(self, api, maker, checker, path, today):
        set_policy(api, rule("loans.write_off"))
        approval = kept(maker, f"{path}/write-off")
        today(TODAY + timedelta(days=7))
        checker = staffing.again(checker)

        refused = decide(checker, approval)

        assert assert_refused(refused, 409, "approval_not_pending")["approval_status"] == "expired"
        assert api.get(f"{APPROVALS}/{approval['id']}").get_json()["status"] == "expired"
