"""Blueprint ledger: the books."""

from collections import defaultdict
from typing import Any

from sqlalchemy.orm import Session

from loans import ledger
from loans.api.endpoint import Blueprint, query
from loans.schemas.ledger import TrialBalanceOut

blueprint = Blueprint("ledger", __name__, url_prefix="/api/v1/ledger", description="The books.")


@query(blueprint, "/trial-balance", scope="ledger:read", returns=TrialBalanceOut)
def get_trial_balance(session: Session) -> dict[str, Any]:
    """Sum every account in every currency; debits and credits are equal, or something is badly wrong."""
    accounts = ledger.trial_balance(session)
    debited: dict[str, int] = defaultdict(int)
    credited: dict[str, int] = defaultdict(int)
    for account in accounts:
        debited[account.currency] += account.debit
        credited[account.currency] += account.credit
    totals = [
        {
            "currency": currency,
            "debit": debited[currency],
            "credit": credited[currency],
            "difference": debited[currency] - credited[currency],
        }
        for currency in sorted(debited)
    ]
    return {
        "accounts": accounts,
        "totals": totals,
        "is_balanced": all(total["difference"] == 0 for total in totals),
    }
