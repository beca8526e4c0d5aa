from datetime import date

import pytest

from loans.core import simulation_documents, term_documents
from loans.core.business_days import Holidays
from loans.core.documents import InvalidDocument
from loans.core.events import EventKind

TERMS = {"principal": "1000.00", "currency": "KES", "annual_rate": "12.00", "installments": 3}
DISBURSEMENT = {"type": "disbursement", "date": "2024-01-15"}


def new_years_days(code, *, first_year, last_year):
    """Know the first days of the years asked for as the only holidays."""
    days = frozenset(date(year, 1, 1) for year in range(first_year, last_year + 1))
    return Holidays(weekend=frozenset({5, 6}), days=days)


def read_simulation(document):
    return simulation_documents.read_simulation(document, resolve_calendar=new_years_days)


def read_quote(document):
    return simulation_documents.read_quote(
        document, starts=date(2024, 1, 15), resolve_calendar=new_years_days
    )


def pointers(read, document):
    """Where the document is at fault."""
    with pytest.raises(InvalidDocument) as refused:
        read(document)
    return [fault["pointer"] for fault in refused.value.extensions["errors"]]


class TestReadQuote:
    def test_reads_the_terms(self):
        assert read_quote({"terms": TERMS}) == term_documents.read(TERMS)

    def test_looks_holidays_up_from_the_day_on_which_it_starts(self):
        terms = read_quote({"terms": TERMS | {"holiday_calendar": "KE"}})

        assert min(terms.holidays.days) == date(2023, 1, 1)

    @pytest.mark.parametrize(
        ("document", "found"),
        [
            ({}, ["#/terms"]),
            ([], ["#"]),
            ({"terms": []}, ["#/terms"]),
            (TERMS, ["#/terms", "#/principal", "#/currency", "#/annual_rate", "#/installments"]),
            ({"terms": TERMS | {"principal": "0"}, "events": []}, ["#/terms/principal", "#/events"]),
        ],
    )
    def test_names_every_fault(self, document, found):
        assert pointers(read_quote, document) == found


class TestReadSimulation:
    def test_reads_terms_events_and_the_date_asked_about(self):
        simulation = read_simulation({"terms": TERMS, "events": [DISBURSEMENT], "as_of": "2024-06-30"})

        assert simulation.terms == term_documents.read(TERMS)
        assert [event.kind for event in simulation.history.events] == [EventKind.DISBURSED]
        assert list(simulation.history.names.values()) == [0]
        assert simulation.as_of == date(2024, 6, 30)

    def test_needs_terms_alone(self):
        simulation = read_simulation({"terms": TERMS})

        assert (simulation.history.events, simulation.as_of) == ((), None)

    def test_pays_out_the_principal_unless_told_an_amount(self):
        part = DISBURSEMENT | {"amount": "400.00"}

        in_full = read_simulation(
            {"terms": TERMS, "events": [DISBURSEMENT, {"type": "payoff", "date": "2024-02-01"}]}
        )
        in_part = read_simulation({"terms": TERMS | {"tranches_max": 2}, "events": [part]})

        assert [event.amount for event in in_full.history.events] == [100000, None]
        assert [event.amount for event in in_part.history.events] == [40000]

    def test_looks_holidays_up_from_the_first_disbursement(self):
        events = [DISBURSEMENT | {"date": "2026-01-15"}, DISBURSEMENT]

        simulation = read_simulation({"terms": TERMS | {"holiday_calendar": "KE"}, "events": events})

        assert min(simulation.terms.holidays.days) == date(2023, 1, 1)

    def test_names_the_faults_of_terms_and_events_at_once(self):
        document = {
            "terms": TERMS | {"currency": "JPY"},
            "events": [DISBURSEMENT, {"type": "repayment", "date": "2024-02-15", "amount": "1.5"}],
            "as_of": "today",
            "on": "2024-06-30",
        }

        assert pointers(read_simulation, document) == [
            "#/events/1/amount",
            "#/terms/principal",
            "#/as_of",
            "#/on",
        ]

    def test_judges_the_form_of_events_where_the_currency_is_not_known(self):
        events = [{"type": "repayment", "date": "2024-02-15", "amount": "1.5555"}, {"type": "fee"}]

        assert pointers(read_simulation, {"terms": TERMS | {"currency": "XXX"}, "events": events}) == [
            "#/events/1/date",
            "#/events/1/amount",
            "#/terms/currency",
        ]

    @pytest.mark.parametrize(
        "document", [None, [], {"terms": None}, {"terms": 5}, {"events": [DISBURSEMENT]}]
    )
    def test_refuses_a_document_without_terms(self, document):
        assert pointers(read_simulation, document) == ["#/terms" if isinstance(document, dict) else "#"]
