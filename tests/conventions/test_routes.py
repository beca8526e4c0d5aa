"""Rules about routes: who may call them is declared, and asking twice does not do twice."""

import pytest
from flask import Flask
from flask.views import MethodView

from loans import app as composition
from loans.api import security
from loans.config import Settings
from loans.services import api_keys, permissions
from tests.conventions import app_rules


@pytest.fixture(scope="module")
def composed():
    # The routes are read, nothing is asked of the database, so the address may lead nowhere.
    return composition.create_app(
        Settings(environment="test", database_url="postgresql+psycopg2://nobody@localhost/nowhere")
    )


@pytest.fixture
def planted():
    """An application with one good command and one of each kind of fault."""
    app = Flask("planted")

    class Loans(MethodView):
        def get(self):
            """List loans, without saying who may."""

        def post(self):
            """Apply, as often as asked."""

    Loans.post.__scope__ = "loans:write"

    def repay():
        """Record a repayment."""

    repay.__scope__ = "repayments:write"
    repay.__idempotent__ = True

    def quote():
        """Compute something, as often as asked."""

    quote.__scope__ = "loans:read"
    quote.__stores_nothing__ = True
    app.add_url_rule("/api/v1/quotes", view_func=quote, methods=["POST"])
    app.add_url_rule("/api/v1/loans", view_func=Loans.as_view("loans"))
    app.add_url_rule("/api/v1/repayments", view_func=repay, methods=["POST"])
    app.add_url_rule("/health", endpoint="health", view_func=lambda: "")
    return app


class TestScopes:
    def test_are_declared_by_every_route(self, composed):
        assert list(app_rules.routes(composed))
        assert (
            app_rules.routes_without_scope(composed, scopes={*permissions.DECLARABLE, security.PUBLIC}) == ()
        )

    def test_are_noticed_when_missing(self, planted):
        assert app_rules.routes_without_scope(planted, scopes=api_keys.SCOPES) == (
            "GET /api/v1/loans declares None",
        )

    def test_are_noticed_when_no_key_can_carry_them(self, planted):
        assert app_rules.routes_without_scope(planted, scopes={"loans:write"}) == (
            "POST /api/v1/quotes declares 'loans:read'",
            "GET /api/v1/loans declares None",
            "POST /api/v1/repayments declares 'repayments:write'",
        )

    def test_are_each_wanted_by_some_route(self, composed):
        wanted = {view.__scope__ for _, view in app_rules.routes(composed)}

        assert set(api_keys.SCOPES) - wanted == set()


class TestOpenRoutes:
    def test_are_these_and_no_others(self, composed):
        found = {name for name, view in app_rules.routes(composed) if view.__scope__ == security.PUBLIC}

        assert found == {
            "POST /api/v1/sessions",
            "POST /api/v1/sessions/refresh",
            "POST /api/v1/sessions/end",
        }

    def test_are_all_exchanges_as_is_the_one_of_a_password(self, composed):
        found = {name for name, view in app_rules.routes(composed) if app_rules.is_exchange(view)}

        assert found == {
            "POST /api/v1/sessions",
            "POST /api/v1/sessions/refresh",
            "POST /api/v1/sessions/end",
            "POST /api/v1/staff/me/password",
        }


class TestCommands:
    def test_are_all_idempotent(self, composed):
        assert app_rules.commands_not_idempotent(composed) == ()

    def test_are_noticed_when_not(self, planted):
        assert app_rules.commands_not_idempotent(planted) == ("POST /api/v1/loans",)

    def test_are_idempotent_row_by_row_where_they_take_a_file_and_nowhere_else(self, composed):
        found = {name for name, view in app_rules.routes(composed) if app_rules.is_idempotent_by_row(view)}

        assert found == {"POST /api/v1/repayments/bulk", "POST /api/v1/loans/bulk"}

    def test_are_noticed_when_they_claim_to_store_nothing_too(self, planted):
        planted.view_functions["repay"].__stores_nothing__ = True

        assert app_rules.commands_not_idempotent(planted) == ("POST /api/v1/loans", "POST /api/v1/repayments")
