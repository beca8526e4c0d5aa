import copy
from datetime import date
from fractions import Fraction

import pytest

from loans.core import term_documents
from loans.core.lifecycle import Status
from loans.core.rows import RowKind
from loans.schemas.simulations import QuoteOut, SimulationIn, SimulationOut
from tests.schemas import openapi

TERMS = {"principal": "1000.00", "currency": "KES", "annual_rate": "12.00", "installments": 3}
NOTHING = {"due": 0, "paid": 0, "waived": 0, "written_off": 0, "outstanding": 0}
# The first row of 1000.00 KES at 12 % a year over three months, of which 100.00 came on its due date.
STATE = {
    "as_of": date(2024, 2, 25),
    "status": Status.DISBURSED,
    "currency": "KES",
    "installments": [
        {
            "number": 1,
            "type": RowKind.INSTALLMENT,
            "from_date": date(2024, 1, 15),
            "due_date": date(2024, 2, 15),
            "principal": NOTHING | {"due": 33002, "paid": 9000, "outstanding": 24002},
            "interest": NOTHING | {"due": 1000, "paid": 1000},
            "fee": NOTHING,
            "penalty": NOTHING,
            "total": NOTHING | {"due": 34002, "paid": 10000, "outstanding": 24002},
            "settled_on": None,
            "days_past_due": 10,
        }
    ],
    "allocations": [
        {
            "event": "p1",
            "type": "repayment",
            "date": date(2024, 2, 15),
            "amount": 10000,
            "credit": 0,
            "parts": [{"installment": 1, "penalty": 0, "fee": 0, "interest": 1000, "principal": 9000}],
        }
    ],
    "balances": {
        "disbursed": 100000,
        "principal": 91000,
        "interest": 1007,
        "fee": 0,
        "penalty": 0,
        "total": 92007,
        "overdue": 24002,
        "due": 24002,
        "interest_accrued": 231,
        "credit_balance": 0,
    },
    "days_past_due": 10,
    "bucket": "1-30",
    "next_due": {"number": 1, "date": date(2024, 2, 15), "amount": 24002},
    "payoff": {
        "date": date(2024, 2, 25),
        "amount": 91231,
        "principal": 91000,
        "interest": 231,
        "fee": 0,
        "penalty": 0,
        "per_diem": 23,
    },
    "postings": [
        {
            "event": 0,
            "date": date(2024, 1, 15),
            "lines": [
                {"account": "1100", "name": "Loan principal receivable", "debit": 100000, "credit": 0},
                {"account": "1000", "name": "Cash and bank", "debit": 0, "credit": 100000},
            ],
        },
        {"event": None, "date": date(2024, 2, 25), "lines": []},
    ],
    "rates": {"apr_eu": Fraction("12.682503"), "apr_us": Fraction(12), "effective": Fraction("-3.5")},
    "cost_of_credit": {"amount_financed": 100000, "total_of_payments": 102007, "total_cost": 2007},
}
QUOTE = {
    "currency": "KES",
    "schedule": [
        {
            "number": 1,
            "type": RowKind.INSTALLMENT,
            "from_date": date(2024, 1, 15),
            "due_date": date(2024, 2, 15),
            "principal": 33002,
            "interest": 1000,
            "fee": 0,
            "amount": 34002,
            "balance": 66998,
        }
    ],
    "totals": {
        "principal": 100000,
        "interest": 2007,
        "fee": 0,
        "amount": 102007,
        "disbursed_to_borrower": 98000,
    },
    "installment_amount": 34002,
    "rates": None,
    "cost_of_credit": STATE["cost_of_credit"],
    "terms": term_documents.write(term_documents.read(TERMS)),
}


class TestSimulationIn:
    def test_describes_the_smallest_request_and_hands_it_on(self):
        document = {"terms": TERMS}

        assert openapi.contradictions("SimulationIn", document) == []
        assert openapi.contradictions("QuoteIn", document) == []
        assert SimulationIn().load(document) is document

    def test_describes_events_and_a_date(self):
        events = [{"type": "disbursement", "date": "2024-01-15"}]

        assert (
            openapi.contradictions("SimulationIn", {"terms": TERMS, "events": events, "as_of": "2024-06-30"})
            == []
        )

    @pytest.mark.parametrize(
        "document", [{}, {"terms": {}}, {"terms": TERMS, "events": [{}]}, {"terms": TERMS, "on": 1}]
    )
    def test_tells_what_the_core_refuses_by_its_shape(self, document):
        assert openapi.contradictions("SimulationIn", document) != []


class TestSimulationOut:
    def test_writes_amounts_in_the_one_currency_of_the_answer(self):
        written = SimulationOut().dump(STATE)

        assert written["balances"]["total"] == "920.07"
        assert written["installments"][0]["principal"] == {
            "due": "330.02",
            "paid": "90.00",
            "waived": "0.00",
            "written_off": "0.00",
            "outstanding": "240.02",
        }
        assert written["allocations"][0]["parts"] == [
            {"installment": 1, "penalty": "0.00", "fee": "0.00", "interest": "10.00", "principal": "90.00"}
        ]
        assert written["next_due"] == {"number": 1, "date": "2024-02-15", "amount": "240.02"}
        assert [line["credit"] for line in written["postings"][0]["lines"]] == ["0.00", "1000.00"]

    def test_counts_decimals_by_the_currency(self):
        assert SimulationOut().dump(STATE | {"currency": "JPY"})["payoff"]["amount"] == "91231"

    def test_calls_events_what_the_request_called_them(self):
        written = SimulationOut().dump(STATE)

        assert [posting["event"] for posting in written["postings"]] == [0, None]
        assert [effect["event"] for effect in written["allocations"]] == ["p1"]

    def test_writes_rates_below_zero_too(self):
        assert SimulationOut().dump(STATE)["rates"] == {
            "apr_eu": "12.682503",
            "apr_us": "12.00",
            "effective": "-3.50",
        }

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"status": None, "next_due": None, "rates": None, "installments": []},
            {"rates": {"apr_eu": None, "apr_us": None, "effective": None}},
        ],
    )
    def test_is_what_the_document_says(self, changes):
        assert openapi.contradictions("SimulationOut", SimulationOut().dump(STATE | changes)) == []

    def test_leaves_what_it_was_given_alone(self):
        before = copy.deepcopy(STATE)

        SimulationOut().dump(STATE)

        assert before == STATE


class TestQuoteOut:
    def test_writes_amounts_and_hands_the_terms_on(self):
        written = QuoteOut().dump(QUOTE)

        assert written["schedule"][0]["balance"] == "669.98"
        assert written["totals"]["disbursed_to_borrower"] == "980.00"
        assert written["installment_amount"] == "340.02"
        assert written["terms"] == QUOTE["terms"]

    @pytest.mark.parametrize("changes", [{}, {"installment_amount": None, "rates": STATE["rates"]}])
    def test_is_what_the_document_says(self, changes):
        assert openapi.contradictions("QuoteOut", QuoteOut().dump(QUOTE | changes)) == []
