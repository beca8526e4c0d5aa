"""Restricted clients to test with, and what belongs to them."""

import re
import uuid
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from loans.db import transaction
from loans.services import api_keys
from loans.services.api_keys import Secret
from tests.api import commands, routes, samples
from tests.api.routes import Route
from tests.conftest import SECRET_KEY, Api
from tests.factories import make_context

# What the whole book is needed for, and a restricted client is refused.
SHARED = ("/api/v1/products", "/api/v1/clients", "/api/v1/staff", "/api/v1/approval")


@dataclass
class Owner(Api):
    """The API as a restricted client uses it, and as `bank` where it takes one who may see the whole book."""

    bank: Any = None

    def post(self, path: str, body: object = None, **kwargs: Any) -> TestResponse:
        return (
            self.bank.post(path, body, **kwargs)
            if path.startswith(SHARED)
            else super().post(path, body, **kwargs)
        )


def make_key(app: Any, *scopes: str) -> str:
    """Make a restricted client and give its key."""
    secret, context = Secret(environment="test", pepper=SECRET_KEY), make_context()

    def work(session: Any) -> str:
        client_id = api_keys.create_client(
            session, name="agent", scopes=scopes or api_keys.SCOPES, own_loans_only=True, context=context
        )
        return api_keys.issue_further(session, client_id=client_id, secret=secret, context=context).key

    with app.app_context():
        return transaction(work)


def make_owner(app: Any, bank: Api, *scopes: str) -> Owner:
    """Make a restricted client."""
    return Owner(client=app.test_client(), key=make_key(app, *scopes), bank=bank)


def request_for(route: Route, owner: Api) -> tuple[str, dict[str, Any] | None]:
    """Give the path of a route to something of an owner, and a body with which it answers."""
    if route in routes.COMMANDS or route in routes.CHANGES:
        path, body, _ = commands.PREPARED[route.endpoint](owner)
        return path, body
    loan = samples.disbursed(owner)
    paid = owner.post(f"{loan}/repayments", samples.repayment("10.00")).headers["Location"]
    ids = {
        "loan_id": loan.rpartition("/")[2],
        "borrower_id": owner.get(loan).get_json()["borrower_id"],
        "event_id": paid.rpartition("/")[2],
        "repayment_id": paid.rpartition("/")[2],
        "number": "1",
    }
    path = re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", lambda match: ids[match[1]], route.rule)
    return path, None if route.method == "GET" else route.body


def ask(api: Api, route: Route, path: str, body: dict[str, Any] | None) -> TestResponse:
    """Ask for something without changing it, with an id of the request that is always the same."""
    headers = {"X-Request-ID": "owning", "Idempotency-Key": str(uuid.uuid4()), "If-Match": "*"}
    if route.method == "GET":
        return api.get(path, headers={"X-Request-ID": "owning"})
    query = "" if route in routes.CALCULATIONS else "?dry_run=true"
    send = api.patch if route.method == "PATCH" else api.post
    return send(f"{path}{query}", body, headers=headers)
