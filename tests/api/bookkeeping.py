"""An API on a book of its own, and what is done to the book behind its back."""

from datetime import UTC, datetime

import sqlalchemy as sa

from loans.db import transaction
from loans.services import api_keys
from loans.services.api_keys import Secret
from tests.conftest import SECRET_KEY, Api

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


def api_of(app):
    secret = Secret(environment="test", pepper=SECRET_KEY)
    with app.app_context():
        key = transaction(
            lambda session: api_keys.issue(
                session, name="reader", scopes=api_keys.SCOPES, secret=secret, now=NOON
            )
        )
    return Api(client=app.test_client(), key=key)


def add(api, make, **given):
    with api.client.application.app_context():
        return transaction(lambda session: make(session, **given))


def execute(api, statement):
    """Change something behind the service's back."""
    add(api, lambda session: session.execute(sa.text(statement)))
