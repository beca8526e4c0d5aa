import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loans.core import event_documents, term_documents
from loans.schemas.terms import LoanTermsIn
from tests.core.document_strategies import codes, histories, terms_agreed
from tests.schemas import openapi

SMALLEST = {"principal": "1000.00", "currency": "KES", "annual_rate": "12.00", "installments": 3}


class TestLoanTermsIn:
    @settings(deadline=None)
    @given(terms_agreed(), st.sampled_from([None, "US-NY"]))
    def test_describes_all_that_the_core_writes(self, terms, calendar):
        written = term_documents.write(terms, holiday_calendar=calendar)

        assert openapi.contradictions("LoanTermsIn", written) == []

    def test_shows_the_defaults_of_the_core(self):
        written = term_documents.write(term_documents.read(SMALLEST))

        for name, below in (("PeriodIn", "frequency"), ("GraceIn", "grace"), ("AllocationIn", "allocation")):
            assert openapi.defaults(name) == written[below]
        shown = openapi.defaults("LoanTermsIn")
        assert shown == {name: written[name] for name in shown}
        assert set(shown) == {
            *("method", "day_count", "business_day_convention", "rounding", "interest_mode"),
            *("early_payment", "tranches_max", "suspend_after_days", "accounting"),
        }

    def test_shows_the_defaults_of_a_fee(self):
        smallest = SMALLEST | {"fees": [{"type": "upfront", "amount": "1.00"}], "late_fee": {"percent": "5"}}
        written = term_documents.write(term_documents.read(smallest))

        shown = openapi.defaults("FeeIn") | openapi.defaults("LateFeeIn")

        assert shown == {"name": "fee", "of": "principal", "collection": "deducted", "grace_days": 0}
        assert shown.items() <= written["fees"][0].items() | written["late_fee"].items()

    @pytest.mark.parametrize(
        "changes",
        [
            {"principal": 1000},
            {"method": "annuity"},
            {"colour": "blue"},
            {"down_payment": {}},
            {"fees": [{}]},
            {"allocation": {"order": ["fee"]}},
        ],
    )
    def test_tells_what_the_core_refuses_by_its_shape(self, changes):
        assert openapi.contradictions("LoanTermsIn", SMALLEST) == []
        assert openapi.contradictions("LoanTermsIn", SMALLEST | changes) != []

    @pytest.mark.parametrize("document", [SMALLEST, {"principal": 5}, {}, [], None])
    def test_judges_nothing_itself(self, document):
        assert LoanTermsIn().load(document) is document
        assert LoanTermsIn().dump(document) is document


class TestEventIn:
    @settings(deadline=None)
    @given(histories(), codes)
    def test_describes_all_that_the_core_writes(self, told, currency):
        for event in told:
            written = event_documents.write(event, currency=currency)

            assert openapi.contradictions("EventIn", written) == []

    def test_describes_events_that_name_others_by_place(self):
        event = {"type": "reversal", "date": "2024-02-15", "event": 0}

        assert openapi.contradictions("EventIn", event) == []
        assert openapi.contradictions("EventIn", event | {"event": None}) != []
