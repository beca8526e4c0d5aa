"""Loans over HTTP: application, and what can be read about a loan."""

import uuid
from datetime import date

import pytest

from tests import factories
from tests.api import samples
from tests.api.samples import INSTANT_OF_TESTS, SCHEDULE, UNKNOWN_ID, assert_refused

PATH = "/api/v1/loans"
# What rows have besides principal and interest.
NO_CHARGES = (
    *("fee", "penalty", "fee_paid", "penalty_paid", "fee_outstanding", "penalty_outstanding"),
    *("interest_waived", "fee_waived", "penalty_waived", "waived", "written_off"),
)
NOTHING_YET = (
    *("principal_paid", "interest_paid", "fee_paid", "penalty_paid"),
    *("interest_waived", "fee_waived", "penalty_waived"),
    *("principal_written_off", "interest_written_off", "fee_written_off", "penalty_written_off"),
    *("principal_outstanding", "interest_outstanding", "fee_outstanding", "penalty_outstanding"),
    *("total_outstanding", "credit_balance"),
)


class TestApply:
    def test_answers_with_the_loan_and_where_it_is(self, api, borrower, product):
        external_id = str(uuid.uuid4())
        body = samples.application(
            borrower.id, product.id, external_id=external_id, date="2026-06-01", note="New stall"
        )

        response = api.post(PATH, body)

        assert response.status_code == 201, response.text
        loan = response.get_json()
        assert samples.UUID.fullmatch(loan["id"])
        assert response.headers["Location"] == f"{PATH}/{loan['id']}"
        assert loan == {
            "id": loan["id"],
            "external_id": external_id,
            "borrower_id": str(borrower.id),
            "product_id": str(product.id),
            "product_version": 1,
            "status": "pending",
            "principal": "1200.00",
            "currency": "KES",
            "annual_rate": "12.00",
            "method": "equal_installments",
            "installments": 3,
            "frequency": {"every": 1, "unit": "month"},
            "day_count": "EQUAL_PERIODS",
            "rounding": "half_even",
            "allocation": ["penalty", "fee", "interest", "principal"],
            "terms": samples.POLICY | {"principal": "1200.00", "currency": "KES", "installments": 3},
            "as_of": "2026-06-15",
            "applied_on": "2026-06-01",
            "approved_on": None,
            "disbursed_on": None,
            "closed_on": None,
            "charged_off_on": None,
            "maturity_date": None,
            "disbursed": "0.00",
            **dict.fromkeys(NOTHING_YET, "0.00"),
            "next_due_date": None,
            "next_due_amount": "0.00",
            "days_past_due": 0,
            "bucket": "0",
            "allowed_actions": loan["allowed_actions"],
            "created_at": INSTANT_OF_TESTS,
            "updated_at": INSTANT_OF_TESTS,
        }
        assert [each["action"] for each in loan["allowed_actions"] if each["allowed"]] == [
            *("approve", "reject", "cancel"),
        ]

    def test_is_dated_today_unless_told_otherwise(self, api, borrower, product):
        response = api.post(PATH, samples.application(borrower.id, product.id))

        assert response.get_json()["applied_on"] == "2026-06-15"

    @pytest.mark.parametrize(
        ("given", "code", "pointer"),
        [
            ({"borrower_id": UNKNOWN_ID}, "unknown_borrower", "#/borrower_id"),
            ({"product_id": UNKNOWN_ID}, "unknown_product", "#/product_id"),
            ({"currency": "USD"}, "currency_mismatch", "#/currency"),
            ({"principal": "1200.001"}, "invalid_amount", "#/principal"),
            ({"principal": "9" * 18}, "invalid_amount", "#/principal"),
            ({"principal": "0.00"}, "outside_product_limits", "#/principal"),
            ({"principal": "999.99"}, "outside_product_limits", "#/principal"),
            ({"principal": "100000.01"}, "outside_product_limits", "#/principal"),
            ({"installments": 61}, "outside_product_limits", "#/installments"),
            ({"date": "2026-06-16"}, "date_in_future", "#/date"),
            ({"date": "9999-12-31"}, "date_in_future", "#/date"),
        ],
    )
    def test_refuses_what_the_rules_forbid(self, api, borrower, product, given, code, pointer):
        response = api.post(PATH, samples.application(borrower.id, product.id) | given)

        problem = assert_refused(response, 422, code, pointers=[pointer])
        assert problem["errors"][0]["code"] == code

    @pytest.mark.parametrize(
        "given", [{"principal": "1000.00"}, {"principal": "100000"}, {"installments": 60}]
    )
    def test_takes_the_limits_of_the_product_themselves(self, api, borrower, product, given):
        response = api.post(PATH, samples.application(borrower.id, product.id, **given))

        assert response.status_code == 201, response.text

    def test_tells_the_business_date_to_who_is_ahead_of_it(self, api, borrower, product):
        body = samples.application(borrower.id, product.id, date="2026-06-16")

        response = api.post(PATH, body)

        assert response.get_json()["business_date"] == "2026-06-15"

    def test_refuses_an_external_id_that_another_has(self, api, borrower, product):
        body = samples.application(borrower.id, product.id, external_id=str(uuid.uuid4()))
        api.post(PATH, body)

        response = api.post(PATH, body)

        assert_refused(response, 409, "duplicate_loan", pointers=["#/external_id"])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("borrower_id", "7"),
            ("borrower_id", 7),
            ("borrower_id", "{0190aaaa-0000-7000-8000-000000000000}"),
            ("borrower_id", "urn:uuid:0190aaaa-0000-7000-8000-000000000000"),
            ("borrower_id", "0190aaaa000070008000000000000000"),
            ("borrower_id", "０190aaaa-0000-7000-8000-000000000000"),
            ("borrower_id", "0190aaaa-0000-7000-8000-000000000000\n"),
            ("product_id", None),
            ("principal", 1200),
            ("principal", 1200.0),
            ("principal", True),
            ("principal", "+1200.00"),
            ("principal", "1200."),
            ("principal", ".5"),
            ("principal", " 1200"),
            ("principal", "1200.00\n"),
            ("principal", "NaN"),
            ("principal", "Infinity"),
            ("principal", "0x10"),
            ("principal", "1_200"),
            ("principal", "12.00001"),
            ("installments", 0),
            ("installments", -3),
            ("installments", 601),
            ("installments", "3"),
            ("installments", 3.0),
            ("installments", 3.5),
            ("installments", True),
            ("installments", None),
            ("installments", 2**63),
            ("installments", [3]),
            ("date", "2026-02-31"),
            ("date", "2025-02-29"),
            ("date", "0000-01-01"),
            ("date", "2026-6-1"),
            ("date", "2026-W24-1"),
            ("date", "10000-01-01"),
            ("date", ""),
            ("date", 20260601),
            ("note", ""),
            ("note", "x" * 501),
            ("note", "a\x00b"),
            ("note", {"text": "x"}),
        ],
    )
    def test_refuses_a_malformed_field(self, api, borrower, product, name, value):
        response = api.post(PATH, samples.application(borrower.id, product.id) | {name: value})

        assert_refused(response, 422, "invalid_request", pointers=[f"#/{name}"])

    def test_takes_an_identifier_in_capitals(self, api, borrower, product):
        response = api.post(PATH, samples.application(str(borrower.id).upper(), product.id))

        assert response.get_json()["borrower_id"] == str(borrower.id)

    @pytest.mark.parametrize(
        ("currency", "principal", "answered"), [("JPY", "150000", "150000"), ("KWD", "1500.5", "1500.500")]
    )
    def test_writes_amounts_with_the_decimals_of_the_currency(
        self, api, committed, borrower, currency, principal, answered
    ):
        product = committed(lambda session: factories.make_product(session, currency=currency))
        body = samples.application(borrower.id, product.id, currency=currency, principal=principal)

        response = api.post(PATH, body)

        assert response.status_code == 201, response.text
        loan = response.get_json()
        assert loan["principal"] == answered
        assert loan["disbursed"] == {"JPY": "0", "KWD": "0.000"}[currency]


class TestGetLoan:
    def test_counts_the_days_past_due_up_to_the_business_date(self, api, disbursed_loan, today):
        path = f"{PATH}/{disbursed_loan.id}"
        days = []

        for business_date in (date(2026, 2, 14), date(2026, 2, 15), date(2026, 2, 16), date(2026, 3, 15)):
            today(business_date)
            days.append(api.get(path).get_json()["days_past_due"])

        assert days == [0, 0, 1, 28]

    @pytest.mark.parametrize("rest", ["", "/schedule", "/events", "/journal-entries"])
    def test_refuses_an_unknown_one(self, api, rest):
        assert_refused(api.get(f"{PATH}/{UNKNOWN_ID}{rest}"), 404, "loan_not_found")


class TestGetSchedule:
    def test_is_empty_before_disbursement(self, api, approved_loan):
        response = api.get(f"{PATH}/{approved_loan.id}/schedule")

        names = (
            "principal",
            "interest",
            "fee",
            "penalty",
            "amount",
            "paid",
            "waived",
            "written_off",
            "outstanding",
        )
        nothing = dict.fromkeys(names, "0.00")
        assert response.get_json() == {
            "loan_id": str(approved_loan.id),
            "as_of": "2026-06-15",
            "currency": "KES",
            "installments": [],
            "totals": nothing,
        }

    def test_shows_what_is_due_paid_and_outstanding(self, api, disbursed_loan):
        path = f"{PATH}/{disbursed_loan.id}"
        api.post(f"{path}/repayments", samples.repayment("500.00", date="2026-02-15"))

        response = api.get(f"{path}/schedule")

        # 500.00 settles 408.03 and pays 91.97 of the second: its interest of 8.04, then 83.93 of its principal.
        paid = {
            1: ("396.03", "12.00", "408.03", "0.00", "0.00", "0.00", "2026-02-15"),
            2: ("83.93", "8.04", "91.97", "316.06", "0.00", "316.06", None),
            3: ("0.00", "0.00", "0.00", "403.98", "4.04", "408.02", None),
        }
        names = (
            *("number", "from_date", "due_date", "principal", "interest", "amount"),
            *("principal_paid", "interest_paid", "paid"),
            *("principal_outstanding", "interest_outstanding", "outstanding", "settled_on"),
        )
        no_charges = dict.fromkeys(NO_CHARGES, "0.00")
        assert response.get_json() == {
            "loan_id": str(disbursed_loan.id),
            "as_of": "2026-06-15",
            "currency": "KES",
            "installments": [
                dict(zip(names, row + paid[row[0]], strict=True))
                | {"type": "installment", "to_date": row[2]}
                | no_charges
                for row in SCHEDULE
            ],
            "totals": {
                "principal": "1200.00",
                "interest": "24.08",
                "fee": "0.00",
                "penalty": "0.00",
                "amount": "1224.08",
                "paid": "500.00",
                "waived": "0.00",
                "written_off": "0.00",
                "outstanding": "724.08",
            },
        }


class TestListEvents:
    def test_tells_what_happened_in_the_order_of_recording(self, api, borrower, product):
        application = samples.application(borrower.id, product.id, date="2026-01-15", note="New stall")
        loan_id = api.post(PATH, application).get_json()["id"]
        path = f"{PATH}/{loan_id}"
        api.post(f"{path}/approve", {"date": "2026-01-16"})
        api.post(f"{path}/disburse", {"date": "2026-01-17", "reference": "TX-1"})
        repayment = api.post(f"{path}/repayments", samples.repayment("10.00", reference="MP-1")).get_json()
        api.post(f"{path}/repayments/{repayment['id']}/reverse", {"note": "Bounced"})

        response = api.get(f"{path}/events")

        events = response.get_json()["data"]
        names = ("sequence", "type", "date", "amount", "currency", "reverses", "reference", "note")
        assert [tuple(event[name] for name in names) for event in events] == [
            (1, "applied", "2026-01-15", "0.00", "KES", None, None, "New stall"),
            (2, "approved", "2026-01-16", "0.00", "KES", None, None, None),
            (3, "disbursed", "2026-01-17", "1200.00", "KES", None, "TX-1", None),
            (4, "repayment", "2026-06-15", "10.00", "KES", None, "MP-1", None),
            (5, "reversal", "2026-06-15", "0.00", "KES", repayment["id"], None, "Bounced"),
        ]
        assert {event["recorded_at"] for event in events} == {INSTANT_OF_TESTS}
        assert {event["actor"] for event in events} == {f"api_client:{api.client_id}"}
        assert set(events[0]) == {*names, "id", "actor", "approved_by", "recorded_at", "details"}


class TestListJournalEntries:
    def test_shows_the_balanced_lines_of_each_event_that_moved_money(self, api, disbursed_loan):
        path = f"{PATH}/{disbursed_loan.id}"
        api.post(f"{path}/repayments", samples.repayment("408.03", date="2026-02-15"))

        response = api.get(f"{path}/journal-entries")

        common = {"recorded_at": INSTANT_OF_TESTS, "posted_on": "2026-06-15", "currency": "KES"}
        assert response.get_json() == {
            "data": [
                {
                    "sequence": 3,
                    "effective_date": "2026-01-15",
                    # Recorded five months late: all interest is earned, and in suspense.
                    "lines": [
                        {"account": "1000", "amount": "-1200.00"},
                        {"account": "1100", "amount": "1200.00"},
                        {"account": "1110", "amount": "24.08"},
                        {"account": "2110", "amount": "-24.08"},
                    ],
                }
                | common,
                {
                    "sequence": 4,
                    "effective_date": "2026-02-15",
                    "lines": [
                        {"account": "1000", "amount": "408.03"},
                        {"account": "1100", "amount": "-396.03"},
                        {"account": "1110", "amount": "-12.00"},
                        {"account": "2110", "amount": "12.00"},
                        {"account": "4000", "amount": "-12.00"},
                    ],
                }
                | common,
            ],
            "next_cursor": None,
        }

    def test_is_empty_before_disbursement(self, api, approved_loan):
        response = api.get(f"{PATH}/{approved_loan.id}/journal-entries")

        assert response.get_json() == {"data": [], "next_cursor": None}
