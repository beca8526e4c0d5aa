"""Permissions: what each role of the staff may do, and who may pass a scope on (ADR 30)."""

import fnmatch
from collections.abc import Collection, Mapping

from loans.core.errors import LendingError
from loans.services.actors import Actor
from loans.services.api_keys import SCOPES

# What every staff member may do with the own account. No key carries it, since a program has no password.
OWN_ACCOUNT = "account:write"
DECLARABLE = (*SCOPES, OWN_ACCOUNT)

# A new scope comes to the roles whose patterns it fits, so `auditor` reads whatever there will be to read.
ROLES: Mapping[str, tuple[str, ...]] = {
    "admin": ("*",),
    "officer": (
        *("borrowers:*", "products:read", "loans:*", "repayments:*", "ledger:read", "portfolio:read"),
        *("approvals:*", "policies:read"),
    ),
    "teller": ("borrowers:read", "loans:read", "repayments:write"),
    "auditor": ("*:read",),
}
SCOPES_OF_ROLES: Mapping[str, frozenset[str]] = {
    role: frozenset(
        {OWN_ACCOUNT}
        | {scope for scope in SCOPES if any(fnmatch.fnmatchcase(scope, pattern) for pattern in patterns)}
    )
    for role, patterns in ROLES.items()
}


class ScopeNotHeld(LendingError):
    """The caller would give others, as a key or as a role, a scope that it lacks itself."""

    code = "scope_not_held"
    title = "Scope not held"


def check_grant(scopes: Collection[str], *, caller: Actor | None) -> None:
    """Refuse that a caller gives what it has not; an operator at the command line may give everything.

    :raises ScopeNotHeld: if one of the scopes is not the caller's.
    """
    lacking = set() if caller is None else set(scopes) - caller.scopes - {OWN_ACCOUNT}
    if lacking:
        raise ScopeNotHeld(f"you cannot give what you lack yourself: {', '.join(sorted(lacking))}")
