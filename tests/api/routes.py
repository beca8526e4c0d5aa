"""The routes of the API, read from the application, each with a request that its schemas accept."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loans.api import legacy_errors
from loans.app import create_app
from tests.api import samples
from tests.api.samples import UNKNOWN_ID
from tests.conftest import make_settings
from tests.conventions import app_rules

PREFIX = "/api/v1"
BODIES = {
    "borrowers.create_borrower": samples.borrower(),
    "products.create_product": samples.product(),
    "products.create_version": samples.terms(),
    "borrowers.change_borrower": {"first_name": "Akinyi"},
    "bulk.record_repayments": {"loan_id": UNKNOWN_ID, **samples.repayment()},
    "bulk.apply_for_loans": samples.application(UNKNOWN_ID, UNKNOWN_ID),
    "loans.apply": samples.application(UNKNOWN_ID, UNKNOWN_ID),
    "loans.approve": {},
    "loans.reject": {},
    "loans.cancel": {},
    "loans.disburse": {},
    "repayments.record_repayment": samples.repayment(),
    "repayments.reverse_repayment": {},
    "servicing.charge": samples.repayment("50.00"),
    "servicing.waive": {"type": "interest"},
    "servicing.change_rate": {"annual_rate": "18.00"},
    "servicing.pause_interest": {"until": "2026-07-15"},
    "servicing.reschedule": {"installments": 6},
    "servicing.re_age": {},
    "servicing.pay_off": {},
    "servicing.grant_credit": samples.repayment("5.00"),
    "servicing.charge_back": {"repayment": UNKNOWN_ID},
    "servicing.refund": samples.repayment("5.00"),
    "servicing.charge_off": {},
    "servicing.write_off": {},
    "servicing.recover": samples.repayment("5.00"),
    "transactions.reverse_transaction": {},
    "approvals.approve_command": {"payload_sha256": "0" * 64},
    "approvals.reject_command": {"payload_sha256": "0" * 64, "note": "No"},
    "approvals.withdraw_command": {},
    "approval-policies.change_policy": {"replaces": 1_000_000, "rules": []},
    "clients.create_client": {"name": "till", "scopes": ["clients:manage"]},
    "clients.issue_key": {},
    "clients.disable_client": {},
    "clients.revoke_key": {},
    "staff.create_staff": {"username": "amina", "name": "Amina Odhiambo", "role": "teller"},
    "staff.disable_staff": {},
    "staff.unlock_staff": {},
    "staff.reset_password": {},
    "staff.change_password": {"old_password": "x", "new_password": "a long enough one"},
    "sessions.log_in": {"username": "nobody", "password": "x"},
    "sessions.refresh": {"refresh_token": "x"},
    "sessions.end": {"refresh_token": "x"},
    "legacy_loans.create_loan": {},
    "simulations.quote": {"terms": samples.LOAN_TERMS},
    "simulations.simulate": {"terms": samples.LOAN_TERMS},
    "simulations.simulate_loan": {"scenarios": [{"events": []}]},
}
# Nothing is asked of this database: the routes are read before a test can have one.
APP = create_app(make_settings("postgresql+psycopg2://nobody@localhost/nowhere"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path, with its declared scope."""

    endpoint: str
    method: str
    rule: str
    scope: str
    stores_nothing: bool
    is_exchange: bool
    takes_file: bool

    @property
    def path(self) -> str:
        """The path with identifiers of nothing."""
        filled = self.rule.replace("<int:version>", "1")
        filled = filled.replace("<int:number>", "1")
        return re.sub(r"<(uuid:)?[a-z_]+>", UNKNOWN_ID, filled)

    @property
    def documented_path(self) -> str:
        """The path as OpenAPI writes it."""
        return self.rule.replace("<uuid:", "{").replace("<int:", "{").replace(">", "}")

    @property
    def body(self) -> dict[str, Any]:
        """A body without faults of form."""
        return BODIES[self.endpoint]

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"


def _routes(*prefixes: str) -> Iterator[Route]:
    for rule in APP.url_map.iter_rules():
        if rule.rule.startswith(prefixes):
            view = APP.view_functions[rule.endpoint]
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Route(
                    endpoint=rule.endpoint,
                    method=method,
                    rule=rule.rule,
                    scope=view.__scope__,
                    stores_nothing=app_rules.stores_nothing(view),
                    is_exchange=app_rules.is_exchange(view),
                    takes_file=app_rules.is_idempotent_by_row(view),
                )


ALL = tuple(sorted(_routes(PREFIX), key=str))
# Open here to who shows no key, and to no other key than that with the scope.
FIRST_API = tuple(sorted(_routes(*legacy_errors.PATHS), key=str))
# Passwords and tokens for tokens: no key opens these.
EXCHANGES = tuple(route for route in ALL if route.is_exchange)
# Files of rows: read, repeated and refused in their own way (tests/api/test_bulk*.py).
FILES = tuple(route for route in ALL if route.takes_file)
ROUTES = tuple(route for route in ALL if not route.is_exchange)
POSTS = tuple(route for route in ROUTES if route.method == "POST" and not route.takes_file)
CHANGES = tuple(route for route in ROUTES if route.method == "PATCH")
COMMANDS = tuple(route for route in POSTS if not route.stores_nothing)
CALCULATIONS = tuple(route for route in POSTS if route.stores_nothing)
QUERIES = tuple(route for route in ROUTES if route.method == "GET")
