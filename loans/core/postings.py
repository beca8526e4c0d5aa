"""The balanced journal lines that a loan's state implies."""

from dataclasses import dataclass
from enum import StrEnum

from loans.core.fold import LoanState

CASH = "1000"
PRINCIPAL_RECEIVABLE = "1100"
INTEREST_INCOME = "4000"


class AccountKind(StrEnum):
    """The five kinds of account of double-entry bookkeeping."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the chart of accounts."""

    code: str
    name: str
    kind: AccountKind


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal entry in minor units: debits are positive, credits negative."""

    account: str
    amount: int


# ADR 6: interest is income when it is paid, until accrual is built.
ACCOUNTS: tuple[Account, ...] = (
    Account(CASH, "Cash and bank", AccountKind.ASSET),
    Account(PRINCIPAL_RECEIVABLE, "Loan principal receivable", AccountKind.ASSET),
    Account(INTEREST_INCOME, "Interest income", AccountKind.INCOME),
)


def balances(state: LoanState) -> dict[str, int]:
    """Compute what the loan has put on each account: debits positive, credits negative."""
    return {
        CASH: state.principal_paid + state.interest_paid - state.disbursed,
        PRINCIPAL_RECEIVABLE: state.principal_outstanding,
        INTEREST_INCOME: -state.interest_paid,
    }


def difference(before: LoanState, after: LoanState) -> tuple[Line, ...]:
    """List the journal lines that take the accounts from one state of a loan to another."""
    was, becomes = balances(before), balances(after)
    lines = tuple(
        Line(account=account, amount=becomes[account] - was[account])
        for account in becomes
        if becomes[account] != was[account]
    )
    total = sum(line.amount for line in lines)
    if total != 0:
        raise AssertionError(f"{lines} do not balance: they sum to {total}")
    return lines
