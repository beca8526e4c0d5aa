"""Reach: which routes answer a restricted client, one that sees only what it made itself (ADR 35).

All others refuse it. Each route is in one of the lists; a convention test says which one is in none. A route belongs to
`OWN` if all that it tells of loans and borrowers passes through loans.queries.ownership, to `NOBODYS` if it tells of
none, and else to `WHOLE_BOOK`.
"""

OWN = frozenset(
    {
        *(
            f"borrowers.{name}"
            for name in ("create_borrower", "change_borrower", "get_borrower", "list_borrowers")
        ),
        *(f"loans.{name}" for name in ("apply", "approve", "reject", "cancel", "disburse")),
        *(
            f"loans.{name}"
            for name in ("get_loan", "list_loans", "get_schedule", "get_payoff", "list_events")
        ),
        *(f"repayments.{name}" for name in ("record_repayment", "get_repayment", "reverse_repayment")),
        *(f"servicing.{name}" for name in ("charge", "waive", "change_rate", "pause_interest", "reschedule")),
        *(f"servicing.{name}" for name in ("re_age", "pay_off", "grant_credit", "charge_back", "refund")),
        *(f"servicing.{name}" for name in ("charge_off", "write_off", "recover")),
        *(f"transactions.{name}" for name in ("get_transaction", "reverse_transaction")),
        *(
            f"explanations.{name}"
            for name in ("explain_installment", "explain_transaction", "explain_payoff")
        ),
        "simulations.simulate_loan",
    }
)
NOBODYS = frozenset(
    {
        *("simulations.quote", "simulations.simulate"),
        *("products.list_products", "products.get_product", "products.get_version"),
    }
)
WHOLE_BOOK = frozenset(
    {
        *("bulk.record_repayments", "bulk.apply_for_loans"),
        *("products.create_product", "products.create_version"),
        *("loans.list_journal_entries", "ledger.get_trial_balance", "portfolio.get_portfolio"),
        *("audit.list_audit_records", "audit.list_audit_of_loan", "events.read_feed", "events.get_event"),
        *(f"approvals.{name}" for name in ("list_approvals", "get_approval", "approve_command")),
        *("approvals.reject_command", "approvals.withdraw_command"),
        *("approval-policies.change_policy", "approval-policies.list_policies"),
        *(f"clients.{name}" for name in ("create_client", "list_clients", "get_client", "issue_key")),
        *("clients.disable_client", "clients.revoke_key"),
        *(f"staff.{name}" for name in ("create_staff", "list_staff", "get_staff", "disable_staff")),
        *("staff.unlock_staff", "staff.reset_password", "staff.change_password"),
        *(f"legacy_loans.{name}" for name in ("create_loan", "list_loans", "get_loan", "get_stats")),
    }
)
