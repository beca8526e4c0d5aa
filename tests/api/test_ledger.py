"""The books over HTTP, and the whole life of a loan as they tell it."""

from tests.api import samples
from tests.api.samples import assert_refused

TRIAL_BALANCE = "/api/v1/ledger/trial-balance"
ACCOUNTS = {
    "1000": ("Cash and bank", "asset"),
    "1100": ("Loan principal receivable", "asset"),
    "1110": ("Interest receivable", "asset"),
    "2110": ("Interest in suspense", "liability"),
    "4000": ("Interest income", "income"),
}


def expected_balance(*rows, total):
    """A trial balance from rows of account, debit, credit, balance, in KES."""
    accounts = [
        {
            "account": account,
            "name": ACCOUNTS[account][0],
            "kind": ACCOUNTS[account][1],
            "currency": "KES",
            "debit": debit,
            "credit": credit,
            "balance": balance,
        }
        for account, debit, credit, balance in rows
    ]
    totals = [{"currency": "KES", "debit": total, "credit": total, "difference": "0.00"}]
    return {"accounts": accounts, "totals": totals, "is_balanced": True}


AFTER_TWO_REPAYMENTS = expected_balance(
    ("1000", "908.03", "1200.00", "-291.97"),
    ("1100", "1200.00", "883.95", "316.05"),
    ("1110", "24.08", "24.08", "0.00"),
    ("2110", "24.08", "24.08", "0.00"),
    ("4000", "0.00", "24.08", "-24.08"),
    total="2156.19",
)


def approved(api):
    """Create a borrower and a product and take a loan of 1,200.00 as far as its approval; give its path."""
    borrower_id = api.post("/api/v1/borrowers", samples.borrower()).get_json()["id"]
    product_id = api.post("/api/v1/products", samples.product()).get_json()["id"]
    application = samples.application(borrower_id, product_id, date="2026-01-15")
    path = api.post("/api/v1/loans", application).headers["Location"]
    assert api.post(f"{path}/approve", {"date": "2026-01-15"}).get_json()["status"] == "approved"
    return path


def paid_twice(api):
    """Take a loan as far as its second repayment; give its path and that repayment's identifier."""
    path = approved(api)
    api.post(f"{path}/disburse", {"date": "2026-01-15"})
    api.post(f"{path}/repayments", samples.repayment("408.03", date="2026-02-15"))
    second = api.post(f"{path}/repayments", samples.repayment("500.00", date="2026-03-15"))
    return path, second.get_json()["id"]


class TestTrialBalance:
    def test_is_empty_and_balanced_where_nothing_happened(self, empty_api):
        response = empty_api.get(TRIAL_BALANCE)

        assert response.status_code == 200, response.text
        assert response.get_json() == {"accounts": [], "totals": [], "is_balanced": True}

    def test_moves_with_disbursement_and_repayments_by_exactly_their_figures(self, empty_api):
        api, path = empty_api, approved(empty_api)
        # Nothing is owed before the money is paid out.
        assert api.get(TRIAL_BALANCE).get_json()["accounts"] == []

        # Recorded five months late: all interest is earned, and in suspense, since it is 120 days past due.
        assert api.post(f"{path}/disburse", {"date": "2026-01-15"}).get_json()["status"] == "disbursed"
        assert api.get(TRIAL_BALANCE).get_json() == expected_balance(
            ("1000", "0.00", "1200.00", "-1200.00"),
            ("1100", "1200.00", "0.00", "1200.00"),
            ("1110", "24.08", "0.00", "24.08"),
            ("2110", "0.00", "24.08", "-24.08"),
            total="1224.08",
        )

        # The first installment: 12.00 of interest, 396.03 of principal. The loan is still 92 days past due.
        api.post(f"{path}/repayments", samples.repayment("408.03", date="2026-02-15"))
        assert api.get(TRIAL_BALANCE).get_json() == expected_balance(
            ("1000", "408.03", "1200.00", "-791.97"),
            ("1100", "1200.00", "396.03", "803.97"),
            ("1110", "24.08", "12.00", "12.08"),
            ("2110", "12.00", "24.08", "-12.08"),
            ("4000", "0.00", "12.00", "-12.00"),
            total="1644.11",
        )

        # 500.00: the second installment (8.04 and 399.99), then 4.04 and 87.93 of the third.
        api.post(f"{path}/repayments", samples.repayment("500.00", date="2026-03-15"))
        assert api.get(TRIAL_BALANCE).get_json() == AFTER_TWO_REPAYMENTS

    def test_stays_as_it_was_when_a_repayment_is_refused(self, empty_api):
        path, _ = paid_twice(empty_api)

        refused = empty_api.post(f"{path}/repayments", samples.repayment("316.06", date="2026-04-15"))

        problem = assert_refused(refused, 422, "overpayment", pointers=["#/amount"])
        assert problem["payoff_amount"] == "316.05"
        assert empty_api.get(TRIAL_BALANCE).get_json() == AFTER_TWO_REPAYMENTS

    def test_moves_back_with_a_reversal_and_on_until_the_loan_is_repaid(self, empty_api):
        api = empty_api
        path, second = paid_twice(api)

        # A reversal is a further entry: both sides grow, the balances go back.
        api.post(f"{path}/repayments/{second}/reverse")
        assert api.get(TRIAL_BALANCE).get_json() == expected_balance(
            ("1000", "908.03", "1700.00", "-791.97"),
            ("1100", "1687.92", "883.95", "803.97"),
            ("1110", "36.16", "24.08", "12.08"),
            ("2110", "24.08", "36.16", "-12.08"),
            ("4000", "12.08", "24.08", "-12.00"),
            total="2668.27",
        )

        # 816.05 close the loan: 803.97 of principal, 12.08 of interest.
        last = api.post(f"{path}/repayments", samples.repayment("816.05", date="2026-04-15")).get_json()
        assert (last["loan"]["status"], last["loan"]["closed_on"]) == ("repaid", "2026-04-15")
        assert last["loan"]["total_outstanding"] == "0.00"
        assert api.get(TRIAL_BALANCE).get_json() == expected_balance(
            ("1000", "1724.08", "1700.00", "24.08"),
            ("1100", "1687.92", "1687.92", "0.00"),
            ("1110", "36.16", "36.16", "0.00"),
            ("2110", "36.16", "36.16", "0.00"),
            ("4000", "12.08", "36.16", "-24.08"),
            total="3496.40",
        )

    def test_keeps_currencies_apart(self, empty_api):
        borrower_id = empty_api.post("/api/v1/borrowers", samples.borrower()).get_json()["id"]
        for currency, principal in (("KES", "1200.00"), ("JPY", "5000"), ("KWD", "1500.125")):
            product = empty_api.post(
                "/api/v1/products",
                samples.product(currency=currency, principal_min="1000", principal_max="50000"),
            ).get_json()
            application = samples.application(
                borrower_id, product["id"], currency=currency, principal=principal
            )
            path = empty_api.post("/api/v1/loans", application).headers["Location"]
            empty_api.post(f"{path}/approve")
            empty_api.post(f"{path}/disburse")

        response = empty_api.get(TRIAL_BALANCE)

        balance = response.get_json()
        assert balance["totals"] == [
            {"currency": "JPY", "debit": "5000", "credit": "5000", "difference": "0"},
            {"currency": "KES", "debit": "1200.00", "credit": "1200.00", "difference": "0.00"},
            {"currency": "KWD", "debit": "1500.125", "credit": "1500.125", "difference": "0.000"},
        ]
        assert [(row["account"], row["currency"], row["balance"]) for row in balance["accounts"]] == [
            ("1000", "JPY", "-5000"),
            ("1000", "KES", "-1200.00"),
            ("1000", "KWD", "-1500.125"),
            ("1100", "JPY", "5000"),
            ("1100", "KES", "1200.00"),
            ("1100", "KWD", "1500.125"),
        ]
