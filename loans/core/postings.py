"""The chart of accounts, and what a loan's state puts on it. Rules: docs/lending-rules.md, section 12."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from loans.core.account import Account as LoanAccount
from loans.core.rows import FEE, INTEREST, PENALTY
from loans.core.state import Amounts
from loans.core.terms import Accounting

CASH = "1000"
PRINCIPAL_RECEIVABLE = "1100"
INTEREST_RECEIVABLE = "1110"
FEE_RECEIVABLE = "1120"
PENALTY_RECEIVABLE = "1130"
CUSTOMER_CREDIT = "2000"
UNEARNED_INTEREST = "2100"
SUSPENDED_INTEREST = "2110"
INTEREST_INCOME = "4000"
FEE_INCOME = "4100"
PENALTY_INCOME = "4200"
RECOVERIES = "4300"
CREDIT_LOSSES = "5000"
WAIVERS = "5100"
FEES_REFUNDED = "5110"
GOODWILL_CREDITS = "5200"


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


ACCOUNTS: tuple[Account, ...] = (
    Account(CASH, "Cash and bank", AccountKind.ASSET),
    Account(PRINCIPAL_RECEIVABLE, "Loan principal receivable", AccountKind.ASSET),
    Account(INTEREST_RECEIVABLE, "Interest receivable", AccountKind.ASSET),
    Account(FEE_RECEIVABLE, "Fee receivable", AccountKind.ASSET),
    Account(PENALTY_RECEIVABLE, "Penalty receivable", AccountKind.ASSET),
    Account(CUSTOMER_CREDIT, "Customer credit balances", AccountKind.LIABILITY),
    Account(UNEARNED_INTEREST, "Unearned interest", AccountKind.LIABILITY),
    Account(SUSPENDED_INTEREST, "Interest in suspense", AccountKind.LIABILITY),
    Account(INTEREST_INCOME, "Interest income", AccountKind.INCOME),
    Account(FEE_INCOME, "Fee income", AccountKind.INCOME),
    Account(PENALTY_INCOME, "Penalty income", AccountKind.INCOME),
    Account(RECOVERIES, "Recoveries", AccountKind.INCOME),
    Account(CREDIT_LOSSES, "Credit losses", AccountKind.EXPENSE),
    Account(WAIVERS, "Waivers", AccountKind.EXPENSE),
    Account(FEES_REFUNDED, "Fees refunded", AccountKind.EXPENSE),
    Account(GOODWILL_CREDITS, "Goodwill credits", AccountKind.EXPENSE),
)
_RECEIVABLES = (PRINCIPAL_RECEIVABLE, INTEREST_RECEIVABLE, FEE_RECEIVABLE, PENALTY_RECEIVABLE)
# What closing the books of a loan leaves alone.
_KEPT = frozenset({CASH, CUSTOMER_CREDIT, GOODWILL_CREDITS, FEES_REFUNDED, RECOVERIES})


def balances(
    account: LoanAccount, *, days_past_due: int, paid: Amounts, waived: Amounts, earned: Amounts
) -> dict[str, int]:
    """Compute what the loan has put on each account as of a day: debits positive, credits negative.

    `earned` is what interest, fees and penalties have come to by then. A loan whose books are closed, by a charge-off
    or write-off, moves only cash and what is owed to the customer; the rest of it is a recovery.
    """
    live = _live(account, days_past_due=days_past_due, paid=paid, waived=waived, earned=earned)
    closed = account.books_closed
    if closed is None:
        return {code: amount for code, amount in live.items() if amount}
    found = {code: amount for code, amount in closed.items() if code not in _KEPT}
    found |= {code: live.get(code, 0) for code in _KEPT - {RECOVERIES}}
    found[RECOVERIES] = -sum(found.values())
    return {code: amount for code, amount in found.items() if amount}


def _live(
    account: LoanAccount, *, days_past_due: int, paid: Amounts, waived: Amounts, earned: Amounts
) -> dict[str, int]:
    """Give the balances of a loan whose books are open."""
    terms, back = account.terms, account.charged_back
    deducted = account.fees_deducted
    found = {
        CASH: account.received
        + account.recovered
        - account.refunded
        - account.fees_refunded
        - account.paid_out
        + deducted,
        PRINCIPAL_RECEIVABLE: account.principal_outstanding,
        CUSTOMER_CREDIT: -account.credit,
        GOODWILL_CREDITS: account.goodwill,
        FEES_REFUNDED: account.fees_refunded,
        RECOVERIES: -account.recovered,
    }
    upfront = deducted + account.fees_added
    if terms.accounting is Accounting.CASH:
        found[INTEREST_INCOME] = back[INTEREST] - paid.interest
        found[FEE_INCOME] = back[FEE] - paid.fee - upfront
        found[PENALTY_INCOME] = back[PENALTY] - paid.penalty
        return found
    owed = earned.interest + back[INTEREST] - paid.interest - waived.interest
    suspended = max(owed, 0) if days_past_due >= terms.suspend_after_days else 0
    found[INTEREST_RECEIVABLE] = max(owed, 0)
    found[UNEARNED_INTEREST] = min(owed, 0)
    found[SUSPENDED_INTEREST] = -suspended
    found[INTEREST_INCOME] = suspended - earned.interest
    found[FEE_RECEIVABLE] = earned.fee + back[FEE] - paid.fee - waived.fee
    found[FEE_INCOME] = -earned.fee - upfront
    found[PENALTY_RECEIVABLE] = earned.penalty + back[PENALTY] - paid.penalty - waived.penalty
    found[PENALTY_INCOME] = -earned.penalty
    found[WAIVERS] = waived.interest + waived.fee + waived.penalty
    return found


def close_books(balances_before: Mapping[str, int]) -> dict[str, int]:
    """Take receivables off the books: what they come to, less what is in suspense, is a loss."""
    closed = dict(balances_before)
    loss = sum(closed.pop(code, 0) for code in (*_RECEIVABLES, UNEARNED_INTEREST, SUSPENDED_INTEREST))
    closed[CREDIT_LOSSES] = closed.get(CREDIT_LOSSES, 0) + loss
    return closed


def earned(account: LoanAccount, on: dt.date) -> Amounts:
    """Compute what interest, fees and penalties have come to by a day, on an accrual basis."""
    interest = fee = penalty = 0
    back = account.charged_back
    for at, row in enumerate(account.rows):
        is_open = account.current <= at < account.plan_end
        penalty += row.due[PENALTY]
        if not is_open:
            interest += row.own
        elif at == account.current:
            accrued = account.rounded(account.accrued(on))
            interest += accrued if account.is_daily else min(accrued, row.own)
        if not is_open or row.due_date <= on:
            fee += row.due[FEE]
        else:
            fee += max(row.fixed_fee, row.paid[FEE] + row.waived[FEE])
    return Amounts(penalty - back[PENALTY], fee - back[FEE], interest, 0)


def difference(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Line, ...]:
    """List the journal lines that take the accounts from one set of balances to another, by account."""
    lines = tuple(
        Line(account=code, amount=after.get(code, 0) - before.get(code, 0))
        for code in sorted({*before, *after})
        if after.get(code, 0) != before.get(code, 0)
    )
    total = sum(line.amount for line in lines)
    if total != 0:
        raise AssertionError(f"{lines} do not balance: they sum to {total}")
    return lines
