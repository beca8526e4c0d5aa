"""One event of each type in a simulation, on the loan of docs/lending-rules.md, as of 20 February 2024."""

import pytest

from tests.api.samples import line, part
from tests.api.simulating import PAID, amounts, posted_by, row, simulated


class TestEvents:
    def test_disbursement_in_parts(self, api):
        first = {"type": "disbursement", "date": "2024-01-15", "amount": "600.00"}
        second = {"type": "disbursement", "date": "2024-02-15", "amount": "400.00"}

        answer = simulated(api, first, second, tranches_max=2)

        # 600.00 alone: 6.00 + 198.01; then 401.99 + 400.00 = 801.99 over two rows: 407.0193, so 407.02.
        assert [each["total"]["due"] for each in answer["installments"][:2]] == ["204.01", "407.02"]
        assert answer["balances"]["disbursed"] == "1000.00"

    def test_fee_is_due_with_the_next_installment(self, api):
        answer = simulated(api, {"type": "fee", "date": "2024-02-16", "amount": "5.00"})

        assert row(answer, 2)["fee"] == amounts(due="5.00", outstanding="5.00")

    def test_late_fee_is_a_penalty_of_the_oldest_overdue_one(self, api):
        answer = simulated(api, {"type": "late_fee", "date": "2024-02-16", "amount": "5.00"})

        assert row(answer, 1)["penalty"] == amounts(due="5.00", outstanding="5.00")

    def test_fee_waiver_without_an_amount_takes_all(self, api):
        fee = {"type": "fee", "date": "2024-02-16", "amount": "5.00"}
        late_fee = {"type": "late_fee", "date": "2024-02-16", "amount": "7.00"}

        answer = simulated(api, fee, late_fee, {"type": "fee_waiver", "date": "2024-02-17", "id": "w"})

        assert row(answer, 1)["penalty"] == amounts(due="7.00", waived="7.00")
        assert row(answer, 2)["fee"] == amounts(due="5.00", waived="5.00")
        assert answer["allocations"][-1]["amount"] == "12.00"

    def test_fee_waiver_takes_one_component_of_one_installment(self, api):
        fee = {"type": "fee", "date": "2024-02-16", "amount": "5.00"}
        late_fee = {"type": "late_fee", "date": "2024-02-16", "amount": "7.00"}
        waiver = {
            "type": "fee_waiver",
            "date": "2024-02-17",
            "component": "fee",
            "installment": 2,
            "amount": "2.00",
        }

        answer = simulated(api, fee, late_fee, waiver)

        assert (answer["balances"]["penalty"], answer["balances"]["fee"]) == ("7.00", "3.00")

    def test_interest_waiver_without_an_amount_takes_what_is_due_and_accrued(self, api):
        # 10.00 is due; 669.98 at 1 % for 5 of 29 days is 1.1551, so 1.16.
        answer = simulated(api, {"type": "interest_waiver", "date": "2024-02-20"})

        assert [each["interest"]["waived"] for each in answer["installments"]] == ["10.00", "1.16", "0.00"]

    def test_rate_change_plans_the_rows_to_come_anew(self, api):
        # 669.98 at 2 % over two rows: 345.0728, so 345.07; interest 13.3996, so 13.40.
        answer = simulated(api, {"type": "rate_change", "date": "2024-02-15", "annual_rate": "24.00"})

        assert row(answer, 1)["total"]["due"] == "340.02"
        assert (row(answer, 2)["interest"]["due"], row(answer, 2)["total"]["due"]) == ("13.40", "345.07")

    def test_interest_pause_bears_no_interest(self, api):
        # Over a period at 0 and one at 1 %: 669.98 x 1.01 / 2.01 = 336.6566, so 336.66.
        answer = simulated(api, {"type": "interest_pause", "date": "2024-02-15", "until": "2024-03-15"})

        assert (row(answer, 2)["interest"]["due"], row(answer, 2)["principal"]["due"]) == ("0.00", "336.66")

    def test_reschedule_gives_new_dates(self, api):
        new = {"type": "reschedule", "date": "2024-02-20", "first_due_date": "2024-03-31", "installments": 4}

        answer = simulated(api, new)

        due = [each["due_date"] for each in answer["installments"]]
        assert due == ["2024-02-15", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30"]
        assert answer["days_past_due"] == 5

    def test_re_age_takes_arrears_with_it(self, api):
        new = {"type": "re_age", "date": "2024-02-20", "first_due_date": "2024-03-20", "installments": 3}

        answer = simulated(api, new)

        assert (answer["days_past_due"], answer["balances"]["overdue"]) == (0, "0.00")
        assert answer["balances"]["principal"] == "1000.00"
        assert answer["next_due"]["date"] == "2024-03-20"

    def test_payoff_ends_the_loan_for_what_it_costs_by_then(self, api):
        # docs/lending-rules.md, section 9: 15 of 31 days.
        answer = simulated(api, {"type": "payoff", "date": "2024-01-30", "id": "end"}, as_of="2024-01-30")

        assert (answer["status"], answer["balances"]["total"]) == ("repaid", "0.00")
        assert answer["allocations"][-1]["amount"] == "1004.84"

    def test_goodwill_credit_is_paid_for_by_the_lender(self, api):
        answer = simulated(api, PAID | {"type": "goodwill_credit"})

        assert row(answer, 1)["settled_on"] == "2024-02-15"
        assert posted_by(answer, "p1")[-1] == line("5200", "Goodwill credits", debit="340.02")

    def test_chargeback_owes_again_what_was_paid(self, api):
        back = {"type": "chargeback", "date": "2024-02-20", "repayment": "p1", "id": "back"}

        answer = simulated(api, PAID, back)

        # Due with the second row, beside its own 340.02.
        assert row(answer, 2)["total"]["outstanding"] == "680.04"
        assert answer["allocations"][-1]["parts"] == [part(2, interest="10.00", principal="330.02")]

    def test_chargeback_may_take_a_part(self, api):
        back = {"type": "chargeback", "date": "2024-02-20", "repayment": 0, "amount": "100.00"}

        answer = simulated(api, PAID, back)

        assert answer["allocations"][-1]["parts"] == [part(2, principal="100.00")]

    def test_refund_pays_the_credit_balance_out(self, api):
        # All rows come to 1020.07.
        overpaid = PAID | {"amount": "1030.00"}

        held = simulated(api, overpaid)
        refunded = simulated(api, overpaid, {"type": "refund", "date": "2024-02-20", "amount": "9.93"})

        assert (held["status"], held["balances"]["credit_balance"]) == ("repaid", "9.93")
        assert refunded["balances"]["credit_balance"] == "0.00"

    def test_refund_gives_a_fee_back(self, api):
        fee = {"type": "fee", "date": "2024-02-14", "amount": "5.00"}
        back = {"type": "refund", "of": "fee", "date": "2024-02-20", "amount": "5.00", "id": "back"}

        answer = simulated(api, fee, PAID, back)

        assert posted_by(answer, "back") == [
            line("1000", "Cash and bank", credit="5.00"),
            line("5110", "Fees refunded", debit="5.00"),
        ]

    def test_charge_off_is_a_matter_of_the_books(self, api):
        before = simulated(api)

        answer = simulated(api, {"type": "charge_off", "date": "2024-02-20", "id": "off"})

        assert answer["balances"] == before["balances"]
        # Principal 1000.00, interest 10.00 due and 1.16 accrued.
        assert posted_by(answer, "off")[-1] == line("5000", "Credit losses", debit="1011.16")

    def test_write_off_and_recovery(self, api):
        written_off = {"type": "write_off", "date": "2024-02-18"}
        recovered = {"type": "recovery", "date": "2024-02-19", "amount": "70.00", "id": "found"}

        answer = simulated(api, written_off, recovered)

        assert (answer["status"], answer["balances"]["total"]) == ("defaulted", "0.00")
        assert posted_by(answer, "found") == [
            line("1000", "Cash and bank", debit="70.00"),
            line("4300", "Recoveries", credit="70.00"),
        ]

    @pytest.mark.parametrize("name", ["p1", 0])
    def test_reversal_leaves_the_loan_as_though_it_had_never_been(self, api, name):
        back = {"type": "reversal", "date": "2024-02-20", "event": name}

        assert simulated(api, PAID, back) == simulated(api)

    def test_reversal_of_the_disbursement_leaves_nothing(self, api):
        paid_out = {"type": "disbursement", "date": "2024-01-15"}

        answer = simulated(api, paid_out, {"type": "reversal", "date": "2024-02-20", "event": 0})

        assert (answer["status"], answer["installments"], answer["rates"]) == ("approved", [], None)
