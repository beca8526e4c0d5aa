"""Fixtures: an application with an own, empty book, and ways to give it commands."""

import os
import subprocess
import sys

import pytest
import sqlalchemy as sa

from loans.app import create_app
from loans.db import db, transaction
from tests.conftest import ROOT, SECRET_KEY, make_settings
from tests.factories import make_cash_product, make_disbursed_loan, make_repayment


@pytest.fixture
def book(make_database):
    """An application with an empty book of its own."""
    return create_app(make_settings(make_database()))


@pytest.fixture
def flask(book):
    """Run a command in the application: `flask("verify")`."""

    def run(*arguments):
        return book.test_cli_runner().invoke(args=list(arguments))

    return run


@pytest.fixture
def start_flask(book):
    """Start a command in a process of its own, on the application's database."""
    processes = []

    def start(*arguments, **environ):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
        given = {
            "DATABASE_URL": book.config["SQLALCHEMY_DATABASE_URI"],
            "ENVIRONMENT": "test",
            "SECRET_KEY": SECRET_KEY,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=ROOT,
            env=inherited | given | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        # A test that failed may have left it waiting.
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def repaying_loan(book):
    """A loan of 1,200.00 KES on a cash basis, its first installment paid: 12.00 interest and 94.62 principal."""

    def work(session):
        loan = make_disbursed_loan(session, product=make_cash_product(session))
        make_repayment(session, loan=loan, amount="106.62")
        return loan

    with book.app_context():
        return transaction(work)


@pytest.fixture
def corrupt(book):
    """Change rows behind the service's back, past triggers and keys: `corrupt("UPDATE ...")`."""

    def run(*statements):
        with book.app_context(), db.engine.begin() as connection:
            # A replica applies what it is told: no trigger and no foreign key looks at it.
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                assert connection.execute(sa.text(statement)).rowcount > 0

    return run
