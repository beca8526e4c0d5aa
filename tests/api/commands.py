"""Each command of the API where it succeeds: `prepared(api, route)` gives the path, the body and the headers."""

import uuid
from collections.abc import Callable
from typing import Any

from tests.api import approving, samples
from tests.api.routes import Route
from tests.conftest import Api

Request = tuple[str, dict[str, Any], dict[str, str]]


def _repaid(api: Api, **terms: Any) -> tuple[str, str]:
    """Take a loan to its first repayment; give its path and that of the repayment."""
    path = samples.disbursed(api, **terms)
    given = api.post(f"{path}/repayments", samples.repayment("100.00", date="2026-02-20"))
    return path, given.headers["Location"]


def _applied(api: Api, *steps: str) -> str:
    borrower = api.post("/api/v1/borrowers", samples.borrower()).get_json()["id"]
    product = api.post("/api/v1/products", samples.product()).get_json()["id"]
    path: str = api.post("/api/v1/loans", samples.application(borrower, product)).headers["Location"]
    for step in steps:
        api.post(f"{path}/{step}")
    return path


def _application(api: Api) -> Request:
    borrower = api.post("/api/v1/borrowers", samples.borrower()).get_json()["id"]
    product = api.post("/api/v1/products", samples.product()).get_json()["id"]
    return "/api/v1/loans", samples.application(borrower, product, external_id=str(uuid.uuid4())), {}


def _change(api: Api) -> Request:
    path = api.post("/api/v1/borrowers", samples.borrower()).headers["Location"]
    return path, {"last_name": "Wanjiru"}, {"If-Match": api.get(path).headers["ETag"]}


def _version(api: Api) -> Request:
    path = api.post("/api/v1/products", samples.product()).headers["Location"]
    return f"{path}/versions", samples.terms(), {}


def _chargeback(api: Api) -> Request:
    path, repayment = _repaid(api)
    return f"{path}/chargebacks", {"repayment": repayment.rpartition("/")[2], "amount": "10.00"}, {}


def _waiver(api: Api) -> Request:
    path = samples.disbursed(api)
    api.post(f"{path}/charges", samples.repayment("50.00"))
    return f"{path}/waivers", {"type": "fee", "amount": "10.00"}, {}


def _refund(api: Api) -> Request:
    path = samples.disbursed(api)
    api.post(f"{path}/repayments", samples.repayment("2000.00", overpayment="hold"))
    return f"{path}/refunds", samples.repayment("5.00"), {}


def _recovery(api: Api) -> Request:
    path = samples.disbursed(api)
    api.post(f"{path}/write-off")
    return f"{path}/recoveries", samples.repayment("5.00"), {}


def _reversal(of: str) -> Callable[[Api], Request]:
    def prepare(api: Api) -> Request:
        _, repayment = _repaid(api)
        return f"{repayment.replace('repayments', of)}/reverse", {}, {}

    return prepare


def _on_loan(rest: str, body: dict[str, Any] | None = None) -> Callable[[Api], Request]:
    return lambda api: (f"{samples.disbursed(api)}/{rest}", body or {}, {})


def _before(rest: str, *steps: str) -> Callable[[Api], Request]:
    return lambda api: (f"{_applied(api, *steps)}/{rest}", {}, {})


def _client(rest: str, body: dict[str, Any] | None = None) -> Callable[[Api], Request]:
    return lambda api: (f"{_registered(api)}{rest}", body or {}, {})


def _registered(api: Api) -> str:
    path: str = api.post("/api/v1/clients", {"name": "till", "scopes": ["loans:read"]}).headers["Location"]
    return path


def _revocation(api: Api) -> Request:
    key = api.post(f"{_registered(api)}/keys").get_json()["id"]
    return f"/api/v1/keys/{key}/revoke", {}, {}


def _person() -> dict[str, str]:
    return {"username": f"teller-{uuid.uuid4().hex}", "name": "Amina Odhiambo", "role": "teller"}


def _member(rest: str) -> Callable[[Api], Request]:
    return lambda api: (f"{api.post('/api/v1/staff', _person()).headers['Location']}/{rest}", {}, {})


def _locked(api: Api) -> Request:
    person = _person()
    path = api.post("/api/v1/staff", person).headers["Location"]
    for _ in range(5):
        api.client.post("/api/v1/sessions", json={"username": person["username"], "password": "not this one"})
    return f"{path}/unlock", {}, {}


def _waiting(how: str, **body: Any) -> Callable[[Api], Request]:
    """A write-off that waits: its decision by a new officer, or its withdrawal. The policy is gone again."""

    def prepare(api: Api) -> Request:
        loan = samples.disbursed(api)
        approving.set_policy(api, approving.rule("loans.write_off"))
        approval = approving.kept(api, f"{loan}/write-off")
        approving.set_policy(api)
        path = f"/api/v1/approvals/{approval['id']}/{how}"
        if how == "withdraw":
            return path, body, {}
        seen = {"payload_sha256": approval["payload_sha256"]}
        return path, seen | body, {"Authorization": f"Bearer {token_of(api)}"}

    return prepare


def token_of(api: Api, *, role: str = "officer") -> str:
    """Make a member of staff who has chosen a password; give the access token."""
    person = _person() | {"role": role}
    first = api.post("/api/v1/staff", person).get_json()["password"]
    login = {"username": person["username"], "password": first}
    token = api.client.post("/api/v1/sessions", json=login).get_json()["access_token"]
    Api(client=api.client, key=token).post(
        "/api/v1/staff/me/password", {"old_password": first, "new_password": "correct horse battery"}
    )
    return token


def _policy(api: Api) -> Request:
    return "/api/v1/approval-policies", {"replaces": approving.set_policy(api), "rules": []}, {}


PREPARED: dict[str, Callable[[Api], Request]] = {
    "borrowers.create_borrower": lambda _: ("/api/v1/borrowers", samples.borrower(), {}),
    "borrowers.change_borrower": _change,
    "products.create_product": lambda _: ("/api/v1/products", samples.product(), {}),
    "products.create_version": _version,
    "loans.apply": _application,
    "loans.approve": _before("approve"),
    "loans.reject": _before("reject"),
    "loans.cancel": _before("cancel"),
    "loans.disburse": _before("disburse", "approve"),
    "repayments.record_repayment": _on_loan("repayments", samples.repayment("100.00")),
    "repayments.reverse_repayment": _reversal("repayments"),
    "servicing.charge": _on_loan("charges", samples.repayment("50.00")),
    "servicing.waive": _waiver,
    "servicing.change_rate": _on_loan("rate-changes", {"annual_rate": "18.00", "date": "2026-02-20"}),
    "servicing.pause_interest": _on_loan("pauses", {"date": "2026-02-20", "until": "2026-03-10"}),
    "servicing.reschedule": _on_loan("reschedules", {"installments": 6, "date": "2026-02-25"}),
    "servicing.re_age": _on_loan("re-ages", {"installments": 3, "first_due_date": "2026-07-15"}),
    "servicing.pay_off": _on_loan("payoff"),
    "servicing.grant_credit": _on_loan("goodwill-credits", samples.repayment("5.00")),
    "servicing.charge_back": _chargeback,
    "servicing.refund": _refund,
    "servicing.charge_off": _on_loan("charge-off"),
    "servicing.write_off": _on_loan("write-off"),
    "servicing.recover": _recovery,
    "transactions.reverse_transaction": _reversal("transactions"),
    "approvals.approve_command": _waiting("approve"),
    "approvals.reject_command": _waiting("reject", note="He still pays"),
    "approvals.withdraw_command": _waiting("withdraw"),
    "approval-policies.change_policy": _policy,
    "clients.create_client": lambda _: ("/api/v1/clients", {"name": "till", "scopes": ["loans:read"]}, {}),
    "clients.issue_key": _client("/keys", {"days": 30}),
    "clients.disable_client": _client("/disable"),
    "clients.revoke_key": _revocation,
    "staff.create_staff": lambda _: ("/api/v1/staff", _person(), {}),
    "staff.disable_staff": _member("disable"),
    "staff.unlock_staff": _locked,
    "staff.reset_password": _member("reset-password"),
}
# What is told once, and is null in each repetition.
SHOWN_ONCE = {
    "clients.issue_key": "key",
    "staff.create_staff": "password",
    "staff.reset_password": "password",
}
# What is one act by one person and another by a second.
AUDITED_TWICE = ("approvals.approve_command",)


def prepared(api: Api, route: Route) -> Request:
    """Make all that a command needs; a new one without an entry here fails its tests."""
    return PREPARED[route.endpoint](api)
