"""Fixtures of the tests of approvals: a book of their own, since a policy holds for all of one."""

from datetime import date

import pytest

from loans.app import create_app
from loans.db import db
from tests.api import samples, staffing
from tests.api.approving import set_policy
from tests.conftest import Api, make_settings


@pytest.fixture(scope="module")
def app(make_database):
    """An application with a book of its own: a policy holds for all of it."""
    app = create_app(make_settings(make_database(), db_pool_size=10))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def api(app, issue_key, today):
    today(date(2026, 2, 20))
    api = Api(client=app.test_client(), key=issue_key())
    set_policy(api)
    return api


@pytest.fixture
def maker(app, api, committed):
    return staffing.staff_api(app, committed, role="officer")


@pytest.fixture
def checker(app, api, committed):
    return staffing.staff_api(app, committed, role="officer")


@pytest.fixture
def path(api):
    """A loan of 1,200.00 KES, paid out on 15 January: 12.00 of interest is earned each month."""
    return samples.disbursed(api)


@pytest.fixture
def pending(api):
    borrower = api.post("/api/v1/borrowers", samples.borrower()).get_json()["id"]
    product = api.post("/api/v1/products", samples.product()).get_json()["id"]
    return api.post("/api/v1/loans", samples.application(borrower, product)).headers["Location"]
