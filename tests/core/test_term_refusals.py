import pytest

from loans.core import term_documents
from loans.core.documents import InvalidDocument
from tests.core.document_samples import SMALLEST, faults


class TestFaultsOfTerms:
    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"principal": "0"}, "principal"),
            ({"principal": "-1.00"}, "principal"),
            ({"principal": "NaN"}, "principal"),
            ({"principal": "Infinity"}, "principal"),
            ({"principal": "1e5"}, "principal"),
            ({"principal": "1" + 30 * "0"}, "principal"),
            ({"principal": 1000}, "principal"),
            ({"principal": True}, "principal"),
            ({"principal": None}, "principal"),
            ({"principal": "100.50", "currency": "JPY"}, "principal"),
            ({"currency": "XXX"}, "currency"),
            ({"currency": "kes"}, "currency"),
            ({"currency": "K" * 100_000}, "currency"),
            ({"annual_rate": "-0.01"}, "annual_rate"),
            ({"annual_rate": "1000.01"}, "annual_rate"),
            ({"annual_rate": 12}, "annual_rate"),
            ({"annual_rate": "0.1234567"}, "annual_rate"),
            ({"installments": 0}, "installments"),
            ({"installments": 601}, "installments"),
            ({"installments": 1000, "frequency": {"unit": "year"}}, "installments"),
            ({"installments": 51, "frequency": {"unit": "year"}}, "installments"),
            ({"installments": 10**30}, "installments"),
            ({"installments": True}, "installments"),
            ({"installments": "3"}, "installments"),
            ({"frequency": {"every": 13}}, "frequency/every"),
            ({"frequency": {"every": 0}}, "frequency/every"),
            ({"frequency": {"unit": "decade"}}, "frequency/unit"),
            ({"frequency": {"every": 300, "unit": "decade"}}, "frequency/unit"),
            ({"frequency": "monthly"}, "frequency"),
            ({"frequency": {"each": 1}}, "frequency/each"),
            ({"method": "annuity"}, "method"),
            ({"day_count": "30/365"}, "day_count"),
            ({"start_date": "2024-02-15", "first_due_date": "2024-02-15"}, "first_due_date"),
            ({"start_date": "2024-02-15", "first_due_date": "2024-01-15"}, "first_due_date"),
            ({"due_day": 32}, "due_day"),
            ({"grace": {"principal": 3}}, "grace/principal"),
            ({"grace": {"interest": -1}}, "grace/interest"),
            ({"grace": {"capital": 1}}, "grace/capital"),
            ({"pauses": [{"from_date": "2024-01-02", "until": "2024-01-02"}]}, "pauses/0/until"),
            ({"pauses": [{"from_date": "2024-01-02"}]}, "pauses/0/until"),
            ({"pauses": [{}] * 101}, "pauses"),
            ({"balloon": "1000.00"}, "balloon"),
            ({"balloon": "-1.00"}, "balloon"),
            ({"balloon": "500.00", "down_payment": "500.00"}, "balloon"),
            ({"balloon": "100.00", "method": "bullet"}, "balloon"),
            ({"installment_multiple": "0.00"}, "installment_multiple"),
            ({"down_payment": "1000.00"}, "down_payment"),
            ({"down_payment": {}}, "down_payment"),
            ({"down_payment": {"amount": "1.00", "percent": "1"}}, "down_payment"),
            ({"down_payment": {"percent": "100"}}, "down_payment"),
            ({"down_payment": {"percent": "x"}}, "down_payment/percent"),
            ({"down_payment": {"amount": "x"}}, "down_payment/amount"),
            ({"down_payment": 125}, "down_payment"),
            ({"down_payment": "1.234"}, "down_payment"),
            ({"rounding": "half_down"}, "rounding"),
            ({"interest_mode": "daily", "method": "flat"}, "interest_mode"),
            ({"early_payment": "shorter_term", "method": "bullet"}, "early_payment"),
            ({"penalty_rate": "x"}, "penalty_rate"),
            ({"tranches_max": 0}, "tranches_max"),
            ({"tranches_max": 101}, "tranches_max"),
            ({"suspend_after_days": 0}, "suspend_after_days"),
            ({"accounting": "none"}, "accounting"),
            ({"fees": [{"type": "upfront", "amount": "1.00"}] * 21}, "fees"),
            ({"fees": [{"type": "upfront"}]}, "fees/0/amount"),
            ({"fees": [{"type": "upfront", "amount": "0.00"}]}, "fees/0/amount"),
            ({"fees": [{"type": "upfront", "amount": "1.00", "percent": "1"}]}, "fees/0/amount"),
            ({"fees": [{"type": "upfront", "percent": "101"}]}, "fees/0/percent"),
            ({"fees": [{"type": "upfront", "amount": "1.00", "of": "interest"}]}, "fees/0/of"),
            ({"fees": [{"type": "upfront", "amount": "1.00", "date": "2024-01-01"}]}, "fees/0/date"),
            ({"fees": [{"type": "dated", "amount": "1.00"}]}, "fees/0/date"),
            ({"fees": [{"type": "daily", "amount": "1.00", "of": "interest"}]}, "fees/0/type"),
            ({"fees": [{"amount": "1.00"}]}, "fees/0/type"),
            ({"fees": [{"type": "upfront", "amount": "1.00", "name": "x" * 101}]}, "fees/0/name"),
            ({"fees": [{"type": "upfront", "amount": "1.00", "tax": "16"}]}, "fees/0/tax"),
            ({"late_fee": {}}, "late_fee/amount"),
            ({"late_fee": {"amount": "5.00", "grace_days": 367}}, "late_fee/grace_days"),
            ({"late_fee": {"amount": "5.00", "cap": "0.00"}}, "late_fee/cap"),
            ({"late_fee": {"amount": "5.00", "name": "Late"}}, "late_fee/name"),
            ({"late_fee": "5.00"}, "late_fee"),
            ({"interest": "12"}, "interest"),
        ],
    )
    def test_name_the_field_at_fault_and_no_other(self, changes, pointer):
        assert list(faults(SMALLEST | changes)) == [f"#/{pointer}"]

    def test_come_all_at_once(self):
        document = {
            "principal": 1000,
            "currency": "KES",
            "annual_rate": "12,5",
            "installments": 12,
            "method": "flat",
            "interest_mode": "daily",
            "early_payment": "lower_installment",
            "grace": {"principal": 12, "interest": 13, "interest_free": 14},
            "fees": [{"type": "dated", "of": "interest"}, "free"],
            "late_fee": {"amount": "5", "grace_days": -1, "cap": "x"},
            "balloon": "0.001",
            "colour": "blue",
        }

        assert set(faults(document)) == {
            *("#/principal", "#/annual_rate", "#/interest_mode", "#/early_payment", "#/balloon", "#/colour"),
            *("#/grace/principal", "#/grace/interest", "#/grace/interest_free"),
            *("#/fees/0/amount", "#/fees/0/date", "#/fees/0/of", "#/fees/1"),
            *("#/late_fee/grace_days", "#/late_fee/cap"),
        }

    def test_of_a_currency_leave_only_the_form_of_amounts_to_judge(self):
        document = SMALLEST | {
            "currency": "XXX",
            "principal": "1.2345",
            "balloon": "9999.00",
            "down_payment": "x",
            "late_fee": {"amount": "0.00"},
        }

        assert set(faults(document)) == {"#/currency", "#/down_payment", "#/late_fee/amount"}

    def test_carry_the_code_of_the_rule(self):
        with pytest.raises(InvalidDocument) as refused:
            term_documents.read(SMALLEST | {"balloon": "1000.00"})

        assert refused.value.code == "invalid_document"
        assert refused.value.extensions["errors"] == [
            {
                "pointer": "#/balloon",
                "code": "invalid_terms",
                "detail": "balloon must be less than the principal.",
            }
        ]
