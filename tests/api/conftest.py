"""Fixtures of the HTTP tests: loans to work on and applications with databases of their own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from loans import clock
from loans.app import create_app
from loans.db import db, transaction
from loans.queries.borrowers import BorrowerRecord
from loans.queries.loans import LoanRecord
from loans.queries.products import ProductRecord
from loans.services import api_keys
from loans.services.api_keys import Secret
from tests import factories
from tests.conftest import SECRET_KEY, Api, make_settings

Committed = Callable[[Callable[[Session], Any]], Any]


@pytest.fixture
def borrower(committed: Committed) -> BorrowerRecord:
    return committed(factories.make_borrower)


@pytest.fixture
def product(committed: Committed) -> ProductRecord:
    """KES, 1,000.00 to 100,000.00, 1 to 60 monthly installments, 12 % a year."""
    return committed(factories.make_product)


@pytest.fixture
def pending_loan(committed: Committed) -> LoanRecord:
    return committed(factories.make_pending_loan)


@pytest.fixture
def approved_loan(committed: Committed) -> LoanRecord:
    return committed(factories.make_approved_loan)


@pytest.fixture
def disbursed_loan(committed: Committed) -> LoanRecord:
    """1,200.00 KES in three installments from 15 January 2026: see `samples.SCHEDULE`."""
    return committed(lambda session: factories.make_disbursed_loan(session, installments=3))


@pytest.fixture
def repaid_loan(committed: Committed) -> LoanRecord:
    """The disbursed loan after one payment of all that it costs, 1,224.08."""

    def repay(session: Session) -> LoanRecord:
        loan = factories.make_disbursed_loan(session, installments=3)
        return factories.make_repayment(session, loan=loan, amount="1224.08").loan

    return committed(repay)


@pytest.fixture
def empty_api(make_database: Callable[..., str], today: Callable[..., None]) -> Iterator[Api]:
    """The API on a database of its own in which there is nothing yet."""
    app = create_app(make_settings(make_database()))
    secret = Secret(environment="test", pepper=SECRET_KEY)
    with app.app_context():
        key = transaction(
            lambda session: api_keys.issue(
                session, name="test", scopes=api_keys.SCOPES, secret=secret, now=clock.now()
            )
        )
    yield Api(client=app.test_client(), key=key)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def statements_of(app: Flask) -> Callable[[Callable[[], Any]], list[str]]:
    """List the statements that something asks of the database, but for the pool's own."""

    def record(act: Callable[[], Any]) -> list[str]:
        asked: list[str] = []

        def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        with app.app_context():
            engine = db.engine
        sa.event.listen(engine, "before_cursor_execute", note)
        try:
            act()
        finally:
            sa.event.remove(engine, "before_cursor_execute", note)
        return asked

    return record


@pytest.fixture
def make_book(make_database: Callable[..., str]) -> Iterator[Callable[..., Flask]]:
    """Make an application with a database of its own that holds so many requests of the first API."""
    engines = []

    def make(count: int, **given: Any) -> Flask:
        app = create_app(make_settings(make_database(), **given.pop("settings", {})))
        with app.app_context():
            transaction(lambda session: _add_requests(session, count, **given))
            engines.append(db.engine)
        return app

    yield make
    for engine in engines:
        engine.dispose()


def _add_requests(session: Session, count: int, *, step: str = "1 second") -> None:
    """Add rows of one size, each a step newer than the one before."""
    statement = sa.text(
        "INSERT INTO legacy_loans (id, borrower_id, amount, currency, status, created_at, updated_at)"
        " SELECT gen_random_uuid(), 'row-' || n, 100, 'KES', 'pending',"
        " timestamptz '2026-01-01T00:00:00Z' + n * CAST(:step AS interval), now()"
        " FROM generate_series(1, :count) n"
    )
    session.execute(statement, {"count": count, "step": step})
