"""flask trial-balance: the books as a table, and exit code 1 where they do not balance."""

from datetime import date

from loans.db import transaction
from tests.factories import make_cash_product, make_disbursed_loan, make_limits

# 1,200.00 paid out; 106.62 came back, of which 12.00 is a month's interest at 12 % and 94.62 principal.
REPAYING_LOAN = """\
account                             currency                 debit              credit             balance
1000 Cash and bank                  KES                     106.62             1200.00            -1093.38
1100 Loan principal receivable      KES                    1200.00               94.62             1105.38
4000 Interest income                KES                       0.00               12.00              -12.00
KES: balanced
"""


class TestTrialBalance:
    def test_of_an_empty_journal_says_so(self, flask):
        result = flask("trial-balance")

        assert (result.exit_code, result.stdout) == (0, "The journal is empty.\n")

    def test_lists_every_account(self, flask, repaying_loan):
        result = flask("trial-balance")

        assert (result.exit_code, result.stdout) == (0, REPAYING_LOAN)

    def test_keeps_currencies_and_their_decimals_apart(self, flask, book, repaying_loan):
        def lend_yen(session):
            limits = make_limits(principal_min=1, principal_max=1_000_000)
            product = make_cash_product(session, currency="JPY", limits=limits)
            make_disbursed_loan(session, product=product, amount="5000", on=date(2026, 1, 15))

        with book.app_context():
            transaction(lend_yen)

        result = flask("trial-balance")

        lines = [line.split() for line in result.stdout.splitlines()]
        assert ["1000", "Cash", "and", "bank", "JPY", "0", "5000", "-5000"] in lines
        assert ["1000", "Cash", "and", "bank", "KES", "106.62", "1200.00", "-1093.38"] in lines
        assert result.stdout.endswith("JPY: balanced\nKES: balanced\n")

    def test_exits_with_1_when_the_books_do_not_balance(self, flask, repaying_loan, corrupt):
        corrupt("UPDATE journal_lines SET amount = amount + 5 WHERE account = '4000'")

        result = flask("trial-balance")

        assert result.exit_code == 1
        assert result.stdout.endswith("KES: OUT OF BALANCE by 0.05\n")

    def test_exits_with_1_as_a_process_too(self, start_flask, repaying_loan, corrupt):
        corrupt("DELETE FROM journal_lines WHERE account = '4000'")
        process = start_flask("trial-balance")

        output, _ = process.communicate(timeout=60)

        assert process.returncode == 1
        assert output.endswith("KES: OUT OF BALANCE by 12.00\n")
