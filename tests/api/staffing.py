"""Members of staff to test with: made through the services, logged in through the API."""

import uuid
from collections.abc import Callable
from typing import Any

from loans.services import passwords, staff
from loans.services.passwords import Password
from tests.conftest import Api
from tests.factories import make_context

PASSWORD = "correct horse battery"  # noqa: S105 - a test's
HASHED = passwords.hash_of(PASSWORD)
SESSIONS = "/api/v1/sessions"

Committed = Callable[[Callable[..., Any]], Any]


def make_member(committed: Committed, *, role: str = "teller", **given: Any) -> Any:
    """A member of staff with the password above."""
    defaults = {
        "username": f"{role}-{uuid.uuid4().hex[:12]}",
        "name": "Amina Odhiambo",
        "role": role,
        "password": Password(hashed=HASHED),
        "context": make_context(),
    }
    return committed(lambda session: staff.employ(session, **(defaults | given)))


def make_login(committed: Committed, **given: Any) -> dict[str, str]:
    """What a new member of staff types in."""
    return {"username": make_member(committed, **given).username, "password": PASSWORD}


def log_in(client: Any, member: Any, *, password: str = PASSWORD) -> dict[str, Any]:
    """Log somebody in and give what a session consists of."""
    response = client.post(SESSIONS, json={"username": member.username, "password": password})
    assert response.status_code == 200, response.text
    opened: dict[str, Any] = response.get_json()
    return opened


def staff_api(app: Any, committed: Committed, *, role: str) -> Api:
    """The API as a new member of staff uses it."""
    member = make_member(committed, role=role)
    return Api(client=app.test_client(), key=log_in(app.test_client(), member)["access_token"], member=member)


def again(api: Api) -> Api:
    """The API as the same staff member uses it after another login, for instance on another day."""
    client = api.client.application.test_client()
    return Api(client=client, key=log_in(client, api.member)["access_token"], member=api.member)
