"""flask seed-demo: everything there is to see, once, however often and however rudely it is run."""

import sqlalchemy as sa

from loans.app import create_app
from loans.config import Settings
from loans.core.events import EventKind
from loans.db import db
from tests.blocking import wait_for_blocked


def counts(book, query):
    """The rows of a query that gives pairs, as a dictionary."""
    with book.app_context(), db.engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(sa.text(query))}


class TestSeedDemo:
    def test_adds_what_is_missing_and_then_nothing(self, flask):
        first, second = flask("seed-demo"), flask("seed-demo")

        assert (first.exit_code, second.exit_code) == (0, 0)
        assert first.stdout.endswith("Demo portfolio complete: 33 added, 0 there already.\n")
        assert second.stdout.endswith("Demo portfolio complete: 0 added, 33 there already.\n")

    def test_brings_a_loan_in_every_status_that_can_be_reached(self, flask, book):
        flask("seed-demo")

        assert counts(book, "SELECT status, count(*) FROM loans GROUP BY status") == {
            "pending": 1,
            "approved": 1,
            "rejected": 1,
            "cancelled": 1,
            "disbursed": 10,
            "repaid": 3,
            "defaulted": 1,
        }

    def test_brings_three_borrowers_seven_products_and_every_event(self, flask, book):
        flask("seed-demo")

        tables = ("borrowers", "products", "loans", "legacy_loans")
        found = counts(
            book, " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables)
        )
        assert found == {"borrowers": 3, "products": 7, "loans": 18, "legacy_loans": 5}
        assert counts(
            book,
            "SELECT external_id, count(*) FROM loans JOIN installments ON loan_id = id"
            " WHERE external_id IN ('demo-current', 'demo-overdue', 'demo-repaid') GROUP BY external_id",
        ) == {"demo-current": 12, "demo-overdue": 12, "demo-repaid": 4}
        kinds = counts(book, "SELECT kind, count(*) FROM loan_events GROUP BY kind")
        assert set(kinds) == {kind.value for kind in EventKind}
        assert (kinds["repayment"], kinds["reversal"]) == (24, 1)

    def test_has_one_loan_that_is_overdue(self, flask, book):
        flask("seed-demo")

        overdue = counts(
            book,
            "SELECT external_id, 1 FROM loans WHERE status = 'disbursed' AND next_due_date < CURRENT_DATE",
        )
        assert "demo-overdue" in overdue

    def test_balances_and_verifies(self, flask):
        flask("seed-demo")

        assert [flask(command).exit_code for command in ("trial-balance", "verify")] == [0, 0]

    def test_killed_half_way_is_completed_by_the_next_run(self, flask, book, start_flask):
        with book.app_context(), db.engine.connect() as connection:
            # Three borrowers get in; the first product has to wait.
            connection.execute(sa.text("LOCK TABLE products IN SHARE MODE"))
            process = start_flask("seed-demo", DB_LOCK_TIMEOUT_MS="60000", DB_STATEMENT_TIMEOUT_MS="60000")
            wait_for_blocked(connection)
            process.kill()
            process.communicate(timeout=60)
            connection.rollback()
        left_behind = counts(book, "SELECT 'borrowers', count(*) FROM borrowers")

        result = flask("seed-demo")

        assert left_behind == {"borrowers": 3}
        assert result.stdout.endswith("Demo portfolio complete: 30 added, 3 there already.\n")
        assert flask("verify").exit_code == 0

    def test_run_twice_at_once_adds_everything_once(self, book, start_flask):
        processes = [start_flask("seed-demo"), start_flask("seed-demo")]

        for process in processes:
            process.communicate(timeout=60)

        assert 0 in [process.returncode for process in processes]
        assert counts(book, "SELECT 'loans', count(*) FROM loans") == {"loans": 18}

    def test_is_refused_where_others_depend_on_the_installation(self, book):
        deployed = create_app(
            Settings(
                environment="production",
                database_url=book.config["SQLALCHEMY_DATABASE_URI"],
                secret_key="0123456789abcdef0123456789abcdef",
            )
        )

        result = deployed.test_cli_runner().invoke(args=["seed-demo"])

        assert result.exit_code == 1
        assert result.stderr == "Error: seed-demo is for development: this is production\n"
        assert counts(book, "SELECT 'borrowers', count(*) FROM borrowers") == {"borrowers": 0}
