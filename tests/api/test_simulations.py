"""Simulations over HTTP: the whole state of a loan that nobody has made, after events that nobody has recorded."""

import pytest

from tests.api import samples
from tests.api.samples import LOAN_TERMS, assert_refused, line, part
from tests.api.simulating import PAID, PATH, amounts, posted_by, refused, simulated

# 100.00 of 340.02 paid on the due date, and ten days of the second period of 29 gone: 669.98 at 1 % for 10/29 of it is
# 2.3103, a day of it 0.2310.
STANDING = {
    "as_of": "2024-02-25",
    "status": "disbursed",
    "currency": "KES",
    "balances": {
        "disbursed": "1000.00",
        "principal": "910.00",
        "interest": "10.07",
        "fee": "0.00",
        "penalty": "0.00",
        "total": "920.07",
        "overdue": "240.02",
        "due": "240.02",
        "interest_accrued": "12.31",
        "credit_balance": "0.00",
    },
    "days_past_due": 10,
    "bucket": "1-30",
    "next_due": {"number": 1, "date": "2024-02-15", "amount": "240.02"},
    "payoff": {
        "date": "2024-02-25",
        "amount": "912.31",
        "principal": "910.00",
        "interest": "2.31",
        "fee": "0.00",
        "penalty": "0.00",
        "per_diem": "0.23",
    },
}


class TestSimulate:
    def test_tells_the_whole_state(self, api):
        part_payment = PAID | {"amount": "100.00"}

        answer = simulated(api, part_payment, as_of="2024-02-25")

        assert samples.without(answer, "installments", "postings", "rates", "cost_of_credit") == STANDING | {
            "allocations": [
                {
                    "event": None,
                    "type": "disbursement",
                    "date": "2024-01-15",
                    "amount": "1000.00",
                    "credit": "0.00",
                    "parts": [],
                },
                {
                    "event": "p1",
                    "type": "repayment",
                    "date": "2024-02-15",
                    "amount": "100.00",
                    "credit": "0.00",
                    "parts": [part(1, interest="10.00", principal="90.00")],
                },
            ],
        }
        assert answer["installments"][0] == {
            "number": 1,
            "type": "installment",
            "from_date": "2024-01-15",
            "due_date": "2024-02-15",
            "principal": amounts(due="330.02", paid="90.00", outstanding="240.02"),
            "interest": amounts(due="10.00", paid="10.00"),
            "fee": amounts(),
            "penalty": amounts(),
            "total": amounts(due="340.02", paid="100.00", outstanding="240.02"),
            "settled_on": None,
            "days_past_due": 10,
        }

    def test_posts_what_each_event_and_the_time_between_them_brings(self, api):
        answer = simulated(api, PAID, as_of="2024-02-25")

        earned, paid = "Interest receivable", "Interest income"
        assert [(posting["event"], posting["date"]) for posting in answer["postings"]] == [
            (None, "2024-01-15"),
            (None, "2024-02-15"),
            ("p1", "2024-02-15"),
            (None, "2024-02-25"),
        ]
        assert posted_by(answer, "p1") == [
            line("1000", "Cash and bank", debit="340.02"),
            line("1100", "Loan principal receivable", credit="330.02"),
            line("1110", earned, credit="10.00"),
        ]
        assert answer["postings"][1]["lines"] == [
            line("1110", earned, debit="10.00"),
            line("4000", paid, credit="10.00"),
        ]

    def test_costs_what_was_agreed_whatever_happens(self, api):
        quoted = api.post("/api/v1/quotes", {"terms": LOAN_TERMS}).get_json()

        answer = simulated(api, PAID, {"type": "late_fee", "date": "2024-02-20", "amount": "50.00"})

        assert (answer["rates"], answer["cost_of_credit"]) == (quoted["rates"], quoted["cost_of_credit"])

    def test_of_terms_alone_looks_at_the_loan_today(self, api):
        response = api.post(PATH, {"terms": samples.without(LOAN_TERMS, "start_date")})

        answer = response.get_json()
        assert (answer["as_of"], answer["status"], answer["days_past_due"]) == ("2026-06-15", "disbursed", 0)
        assert answer["next_due"] == {"number": 1, "date": "2026-07-15", "amount": "340.02"}

    def test_looks_at_the_loan_on_the_day_of_the_last_event_if_that_is_to_come(self, api):
        body = {"terms": LOAN_TERMS, "events": [PAID | {"date": "2031-01-01"}]}

        assert api.post(PATH, body).get_json()["as_of"] == "2031-01-01"

    def test_leaves_out_what_happens_after_the_day(self, api):
        answer = simulated(api, PAID | {"date": "2024-02-21"})

        assert answer["days_past_due"] == 5
        assert [effect["type"] for effect in answer["allocations"]] == ["disbursement"]

    def test_starts_on_the_first_day_told_of_where_none_is_named(self, api):
        terms = samples.without(LOAN_TERMS, "start_date")

        response = api.post(PATH, {"terms": terms, "events": [PAID], "as_of": "2024-02-20"})

        assert response.get_json()["installments"][0]["from_date"] == "2024-02-15"

    def test_tells_events_in_any_order(self, api):
        fee = {"type": "fee", "date": "2024-02-16", "amount": "5.00", "id": "f"}

        assert simulated(api, fee, PAID) == simulated(api, PAID, fee)

    def test_calls_events_by_their_place_where_they_have_no_id(self, api):
        fee = {"type": "fee", "date": "2024-02-16", "amount": "5.00"}

        answer = simulated(api, PAID, fee)

        assert [effect["event"] for effect in answer["allocations"]] == [None, "p1", 1]

    def test_gives_the_same_answer_each_time(self, api):
        body = {"terms": LOAN_TERMS, "events": [PAID], "as_of": "2024-02-20"}

        assert api.post(PATH, body).data == api.post(PATH, body).data

    def test_counts_decimals_by_the_currency(self, api):
        repayment = PAID | {"amount": "34002"}

        answer = simulated(api, repayment, currency="JPY", principal="100000")

        assert answer["installments"][0]["total"]["paid"] == "34002"
        assert answer["balances"]["total"] == "68005"


class TestRefusals:
    @pytest.mark.parametrize(
        ("event", "pointer"),
        [
            ({"type": "gift"}, "#/events/1/type"),
            ({"type": "fee", "date": "2024-02-30", "amount": "1"}, "#/events/1/date"),
            ({"type": "fee", "date": "2024-02-20"}, "#/events/1/amount"),
            ({"type": "fee", "date": "2024-02-20", "amount": "0"}, "#/events/1/amount"),
            ({"type": "fee", "date": "2024-02-20", "amount": "-1"}, "#/events/1/amount"),
            ({"type": "fee", "date": "2024-02-20", "amount": 1}, "#/events/1/amount"),
            ({"type": "fee", "date": "2024-02-20", "amount": "1.001"}, "#/events/1/amount"),
            ({"type": "fee", "date": "2024-02-20", "amount": "1", "until": "2024-03-01"}, "#/events/1/until"),
            ({"type": "write_off", "date": "2024-02-20", "amount": "1"}, "#/events/1/amount"),
            ({"type": "rate_change", "date": "2024-02-20", "annual_rate": "-1"}, "#/events/1/annual_rate"),
            ({"type": "interest_pause", "date": "2024-02-20"}, "#/events/1/until"),
            ({"type": "interest_pause", "date": "2024-02-20", "until": "2024-02-20"}, "#/events/1/until"),
            ({"type": "reversal", "date": "2024-02-20", "event": "p2"}, "#/events/1/event"),
            ({"type": "reversal", "date": "2024-02-20", "event": True}, "#/events/1/event"),
            ({"type": "chargeback", "date": "2024-02-20", "repayment": 7}, "#/events/1/repayment"),
            ({"type": "fee", "date": "2024-02-20", "amount": "1", "id": "p1"}, "#/events/1/id"),
            ("fee", "#/events/1"),
        ],
    )
    def test_of_form_name_the_field(self, api, event, pointer):
        given = event if isinstance(event, str) else {"date": "2024-02-20"} | event

        assert_refused(refused(api, PAID, given), 422, "invalid_request", pointers=[pointer])

    @pytest.mark.parametrize(
        ("event", "status", "code", "pointer"),
        [
            ({"type": "fee_waiver", "amount": "5.00"}, 409, "nothing_to_waive", "#/events/1"),
            ({"type": "fee_waiver"}, 409, "nothing_to_waive", "#/events/1"),
            ({"type": "interest_waiver", "amount": "10.08"}, 422, "more_than_there_is", "#/events/1/amount"),
            ({"type": "payoff", "amount": "1.00"}, 422, "payoff_differs", "#/events/1/amount"),
            ({"type": "refund", "amount": "5.00"}, 422, "more_than_there_is", "#/events/1/amount"),
            ({"type": "recovery", "amount": "5.00"}, 409, "transition_not_allowed", "#/events/1"),
            (
                {"type": "disbursement", "date": "2024-01-15", "amount": "5.00"},
                422,
                "disbursement_differs",
                "#/events/1/amount",
            ),
            (
                {"type": "reschedule", "installment_amount": "0.01", "date": "2024-02-16"},
                422,
                "invalid_change",
                "#/events/1/installment_amount",
            ),
        ],
    )
    def test_of_rules_name_the_event(self, api, event, status, code, pointer):
        response = refused(api, PAID, {"date": "2024-02-20"} | event)

        assert_refused(response, status, code, pointers=[pointer])

    def test_name_the_event_wherever_it_stands(self, api):
        early = {"type": "repayment", "date": "2024-01-10", "amount": "1.00"}

        response = refused(api, PAID, {"type": "disbursement", "date": "2024-01-15"}, early)

        assert_refused(response, 409, "transition_not_allowed", pointers=["#/events/2"])

    def test_of_terms_that_cannot_be_laid_out_name_the_terms(self, api):
        paid_out = {"type": "disbursement", "date": "2024-01-31"}

        response = refused(api, PAID, paid_out, first_due_date="2024-01-20")

        assert_refused(response, 422, "invalid_due_dates", pointers=["#/terms/first_due_date"])

    def test_name_the_faults_of_terms_and_events_at_once(self, api):
        body = {
            "terms": LOAN_TERMS | {"rounding": "nearest"},
            "events": [PAID, {"type": "fee", "date": "tomorrow"}, 7],
            "as_of": "2024-06-31",
            "colour": "blue",
        }

        pointers = [
            *("#/terms/rounding", "#/events/1/date", "#/events/1/amount", "#/events/2"),
            *("#/as_of", "#/colour"),
        ]
        assert_refused(api.post(PATH, body), 422, "invalid_request", pointers=pointers)

    def test_of_more_than_a_thousand_events(self, api):
        fee = {"type": "fee", "date": "2024-02-20", "amount": "0.01"}

        taken = refused(api, *[fee] * 1000)

        assert taken.status_code == 200
        assert_refused(refused(api, *[fee] * 1001), 422, "invalid_request", pointers=["#/events"])

    @pytest.mark.parametrize(
        ("changes", "terms"),
        [
            # A million rows may be planned: 600 for each change, and 75 that are looked through; twenty fees count
            # as five rows more.
            (270, {"fees": [{"type": "per_installment", "amount": "0.01"}] * 20}),
            # 600 rows made, each of which counts as three, and planned.
            (420, {}),
        ],
    )
    def test_of_very_many_changes_of_a_very_long_schedule(self, api, changes, terms):
        kind = {"type": "rate_change", "annual_rate": "12.00"} if terms else {"type": "re_age"}
        started = {"installments": 600, **terms}

        few = refused(api, *[{"date": "2024-02-20", **kind}] * 10, **started)
        too_many = refused(api, *[{"date": "2024-02-20", **kind}] * changes, **started)

        assert few.status_code == 200, few.text
        problem = assert_refused(too_many, 422, "history_too_long", pointers=["#/events"])
        assert problem["rows"] > problem["rows_max"] == 1_000_000

    def test_of_a_thousand_repayments_is_none(self, api):
        pay = {"type": "repayment", "date": "2024-02-21", "amount": "0.01"}

        scheduled = refused(api, *[pay] * 1000, installments=600)

        assert scheduled.status_code == 200, scheduled.text

    def test_of_a_first_due_date_beyond_the_calendar_names_it(self, api):
        response = refused(api, first_due_date="9999-12-31")

        assert_refused(response, 422, "date_out_of_range", pointers=["#/terms/first_due_date"])

    def test_of_an_unprintable_id_names_it_once(self, api):
        response = refused(api, {"type": "fee", "date": "2024-02-20", "amount": "1.00", "id": "a\u0000"})

        assert_refused(response, 422, "invalid_request", pointers=["#/events/0/id"])
