"""Commands that a policy names: what is kept of them, and that nothing else is."""

import hashlib
import json
import uuid

import pytest
import sqlalchemy as sa

from loans.db import db
from tests.api import samples
from tests.api.approving import kept, rule, set_policy
from tests.api.samples import UNKNOWN_ID, assert_refused
from tests.api.test_dry_run import rows_of_all_tables

APPROVALS = "/api/v1/approvals"


class TestHolding:
    def test_does_nothing_but_keep_what_was_asked(self, app, api, maker, path):
        version = set_policy(api, rule("loans.write_off"))
        before, rows = api.get(path).get_json(), rows_of_all_tables(app)

        approval = kept(maker, f"{path}/write-off", {"note": "Gone abroad"})

        assert api.get(path).get_json() == before
        changed = {name: count - rows[name] for name, count in rows_of_all_tables(app).items()}
        assert {name: count for name, count in changed.items() if count} == {
            "approvals": 1,
            "audit_records": 1,
            "audit_heads": 1,
            "outbox_events": 1,
            "idempotency_keys": 1,
        }
        assert samples.without(approval, "id", "maker", "payload_sha256") == {
            "command": "loans.write_off",
            "status": "pending",
            "payload": {
                "method": "POST",
                "path": f"{path}/write-off",
                "body": {"date": "2026-02-20", "note": "Gone abroad"},
            },
            "required_scopes": ["approvals:decide", "loans:approve"],
            "loan_id": path.rpartition("/")[2],
            "loan_version": 3,
            # 1,200.00, the 12.00 of the first period, and five of the second's 28 days: 8.04 x 5 / 28 = 1.44.
            "amount": "1213.44",
            "currency": "KES",
            "policy_version": version,
            "requested_at": "2026-02-20T12:00:00.000000Z",
            "expires_at": "2026-02-27T12:00:00.000000Z",
            "decided_by": None,
            "decided_at": None,
            "note": None,
            "location": None,
        }
        assert api.get(f"{APPROVALS}/{approval['id']}").get_json() == approval

    def test_hashes_what_waits_so_that_anybody_can_check_it(self, api, maker, path):
        set_policy(api, rule("loans.write_off"))

        approval = kept(maker, f"{path}/write-off", {"note": "Fort in Übersee"})

        said = json.dumps(approval["payload"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert approval["payload_sha256"] == hashlib.sha256(said.encode()).hexdigest()

    def test_settles_the_amount_that_was_not_said(self, api, maker, path):
        set_policy(api, rule("loans.waive"))

        approval = kept(maker, f"{path}/waivers", {"type": "interest"})

        body = approval["payload"]["body"]
        assert body == {"type": "interest", "date": "2026-02-20", "amount": "13.44", "currency": "KES"}

    def test_lets_pass_what_the_policy_does_not_name(self, api, maker, path):
        set_policy(api, rule("loans.write_off"))

        response = maker.post(f"{path}/charge-off")

        assert response.status_code == 201, response.text

    def test_refuses_at_once_what_would_be_refused(self, app, api, maker, path):
        set_policy(api, rule("loans.refund"), rule("loans.change_rate"))
        rows = rows_of_all_tables(app)

        assert_refused(
            maker.post(f"{path}/refunds", samples.repayment("5.00")),
            422,
            "more_than_there_is",
            pointers=["#/amount"],
        )
        assert_refused(
            maker.post(f"{path}/rate-changes", {"annual_rate": "x"}),
            422,
            "invalid_request",
            pointers=["#/annual_rate"],
        )
        assert_refused(
            maker.post(f"/api/v1/loans/{UNKNOWN_ID}/rate-changes", {"annual_rate": "9"}),
            404,
            "loan_not_found",
        )
        assert rows_of_all_tables(app) == rows

    def test_checks_at_once_what_the_database_checks_at_the_commit(self, app, api, maker, path):
        set_policy(api, rule("loans.write_off"))
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(
                sa.text(
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                    " $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'; END $$"
                )
            )
            connection.execute(
                sa.text(
                    "CREATE CONSTRAINT TRIGGER later AFTER INSERT ON loan_events DEFERRABLE INITIALLY DEFERRED"
                    " FOR EACH ROW EXECUTE FUNCTION refuse()"
                )
            )
        try:
            response = maker.post(f"{path}/write-off")
        finally:
            with app.app_context(), db.engine.begin() as connection:
                connection.execute(sa.text("DROP TRIGGER later ON loan_events"))
                connection.execute(sa.text("DROP FUNCTION refuse()"))

        assert_refused(response, 500, "internal_error")
        assert (
            maker.get(f"{APPROVALS}?status=pending&loan_id={path.rpartition('/')[2]}").get_json()["data"]
            == []
        )

    def test_tells_in_a_dry_run_that_somebody_else_would_have_to_approve(self, app, api, maker, path):
        set_policy(api, rule("loans.write_off"))
        rows = rows_of_all_tables(app)

        dry = maker.post(f"{path}/write-off?dry_run=true")
        free = maker.post(f"{path}/charge-off?dry_run=true")

        assert (dry.status_code, dry.get_json()["loan"]["status"]) == (201, "defaulted")
        assert (dry.headers["Dry-Run"], dry.headers["Approval-Required"]) == ("true", "true")
        assert "Approval-Required" not in free.headers
        assert rows_of_all_tables(app) == rows

    def test_answers_a_retry_as_it_did(self, app, api, maker, path):
        set_policy(api, rule("loans.write_off"))
        key = {"Idempotency-Key": str(uuid.uuid4())}
        first = maker.post(f"{path}/write-off", headers=dict(key))
        rows = rows_of_all_tables(app)

        again = maker.post(f"{path}/write-off", headers=dict(key))

        assert (again.status_code, again.data) == (202, first.data)
        assert again.headers["Location"] == first.headers["Location"]
        assert again.headers["Idempotent-Replayed"] == "true"
        assert rows_of_all_tables(app) == rows

    def test_costs_one_statement_where_the_policy_names_nothing(self, api, maker, path, statements_of):
        def asked():
            return statements_of(lambda: maker.post(f"{path}/rate-changes", {"annual_rate": "9"}))

        statements = asked()

        assert sum("approval_policies" in each for each in statements) == 1
        assert not [each for each in statements if "SAVEPOINT" in each]


class TestLine:
    @pytest.mark.parametrize(
        ("rules", "status"),
        [
            ([], 200),
            ([rule("loans.approve")], 202),
            ([rule("loans.approve", "1200.00")], 200),
            ([rule("loans.approve", "1199.99")], 202),
            ([rule("loans.approve", "5.00", "USD")], 202),
            ([rule("loans.approve", "5.00", "USD"), rule("loans.approve", "1200.00")], 200),
            ([rule("loans.disburse")], 200),
        ],
        ids=[
            "no rule",
            "always",
            "at the line",
            "above it",
            "no line in this currency",
            "one each",
            "another's",
        ],
    )
    def test_is_drawn_by_the_principal_of_an_approval(self, api, maker, pending, rules, status):
        set_policy(api, *rules)

        response = maker.post(f"{pending}/approve")

        assert response.status_code == status, response.text

    def test_is_drawn_by_the_sum_of_payouts(self, api, maker):
        borrower = api.post("/api/v1/borrowers", samples.borrower()).get_json()["id"]
        product = api.post("/api/v1/products", samples.product(tranches_max=3)).get_json()["id"]
        loan = api.post("/api/v1/loans", samples.application(borrower, product)).headers["Location"]
        api.post(f"{loan}/approve")
        set_policy(api, rule("loans.disburse", "1000.00"))
        part = {"amount": "600.00", "currency": "KES"}

        first, second = maker.post(f"{loan}/disburse", part), maker.post(f"{loan}/disburse", part)

        assert first.status_code == 200, first.text
        assert (second.status_code, second.get_json()["amount"]) == (202, "1200.00")

    def test_is_drawn_by_the_sum_of_what_is_given_in_parts_and_stands(self, api, maker, path):
        set_policy(api, rule("loans.grant_credit", "10.00"))
        part = samples.repayment("5.00")
        given = [maker.post(f"{path}/goodwill-credits", part) for _ in range(2)]

        third = maker.post(f"{path}/goodwill-credits", part)
        undone = maker.post(f"{given[0].headers['Location']}/reverse")
        instead = maker.post(f"{path}/goodwill-credits", part)

        assert [each.status_code for each in given] == [201, 201]
        assert (third.status_code, third.get_json()["amount"]) == (202, "15.00")
        assert third.get_json()["payload"]["body"]["amount"] == "5.00"
        assert (undone.status_code, instead.status_code) == (200, 201)

    def test_is_drawn_by_waivers_of_fees_and_interest_together(self, api, maker, path):
        api.post(f"{path}/charges", samples.repayment("8.00"))
        set_policy(api, rule("loans.waive", "10.00"))

        fees = maker.post(f"{path}/waivers", {"type": "fee"})
        interest = maker.post(f"{path}/waivers", {"type": "interest", "amount": "3.00", "currency": "KES"})

        assert fees.status_code == 201, fees.text
        assert (interest.status_code, interest.get_json()["amount"]) == (202, "11.00")

    @pytest.mark.parametrize(
        ("rest", "above", "status"),
        [
            # What the schedule still asks for, and what is owed until today.
            ("charge-off", "1224.08", 201),
            ("charge-off", "1224.07", 202),
            ("write-off", "1213.44", 201),
            ("write-off", "1213.43", 202),
        ],
    )
    def test_is_drawn_by_what_is_given_up(self, api, maker, path, rest, above, status):
        set_policy(api, rule(f"loans.{rest.replace('-', '_')}", above))

        response = maker.post(f"{path}/{rest}")

        assert response.status_code == status, response.text

    def test_is_drawn_by_what_is_reversed_and_holds_whatever_has_no_amount(self, api, maker, path):
        small = api.post(f"{path}/repayments", samples.repayment("10.00")).headers["Location"]
        large = api.post(f"{path}/repayments", samples.repayment("100.00")).headers["Location"]
        rate = api.post(f"{path}/rate-changes", {"annual_rate": "9"}).headers["Location"]
        set_policy(api, rule("loans.reverse", "50.00"))

        statuses = [maker.post(f"{each}/reverse").status_code for each in (rate, large, small)]

        assert statuses == [202, 202, 200]
