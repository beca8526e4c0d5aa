"""The chain of migrations: up, down and up again, with the models' schema at its end."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from loans.app import create_app
from loans.db import db
from tests.conftest import make_settings
from tests.migrations.conftest import Schema
from tests.migrations.revisions import NEWEST, REVISIONS


class TestChain:
    def test_has_one_head_and_one_base(self, scripts):
        assert (scripts.get_heads(), scripts.get_bases()) == ([NEWEST], ["0001"])

    def test_is_numbered_in_order(self, scripts):
        newest_first = [script.revision for script in scripts.walk_revisions()]

        assert tuple(reversed(newest_first)) == REVISIONS

    def test_names_each_file_after_its_number(self, scripts):
        stems = [script.path.rpartition("/")[2][:5] for script in scripts.walk_revisions()]

        assert sorted(stems) == [f"{revision}_" for revision in REVISIONS]


class TestUpgrade:
    def test_leads_from_nothing_to_the_newest_revision(self, empty):
        empty.upgrade()

        assert empty.rows("SELECT version_num FROM alembic_version") == [(NEWEST,)]

    def test_does_nothing_the_second_time(self, newest):
        before = newest.schema()

        newest.upgrade()

        assert newest.schema() == before

    def test_fills_in_the_chart_of_accounts(self, empty):
        empty.upgrade()

        assert empty.rows("SELECT code, name, kind FROM ledger_accounts ORDER BY code") == [
            ("1000", "Cash and bank", "asset"),
            ("1100", "Loan principal receivable", "asset"),
            ("1110", "Interest receivable", "asset"),
            ("1120", "Fee receivable", "asset"),
            ("1130", "Penalty receivable", "asset"),
            ("2000", "Customer credit balances", "liability"),
            ("2100", "Unearned interest", "liability"),
            ("2110", "Interest in suspense", "liability"),
            ("4000", "Interest income", "income"),
            ("4100", "Fee income", "income"),
            ("4200", "Penalty income", "income"),
            ("4300", "Recoveries", "income"),
            ("5000", "Credit losses", "expense"),
            ("5100", "Waivers", "expense"),
            ("5110", "Fees refunded", "expense"),
            ("5200", "Goodwill credits", "expense"),
        ]

    @pytest.mark.parametrize("number", range(len(REVISIONS)))
    def test_of_one_step_is_undone_and_done_again(self, empty, number):
        if number:
            empty.upgrade(REVISIONS[number - 1])
        before = empty.schema()
        empty.upgrade(REVISIONS[number])
        after = empty.schema()

        empty.downgrade("-1")
        undone = empty.schema()
        empty.upgrade("+1")

        assert after != before
        assert undone == before
        assert empty.schema() == after


class TestDowngrade:
    def test_to_the_base_leaves_nothing_behind(self, newest):
        newest.downgrade("base")

        assert newest.schema() == Schema(tables=frozenset(), rules=frozenset())
        assert newest.rows("SELECT version_num FROM alembic_version") == []

    def test_to_the_base_can_be_undone(self, newest):
        before = newest.schema()

        newest.downgrade("base")
        newest.upgrade()

        assert newest.schema() == before
        assert newest.rows("SELECT count(*) FROM ledger_accounts") == [(16,)]


class TestModels:
    def test_agree_with_the_migrations_in_alembics_eyes(self, newest):
        with create_app(make_settings(newest.url)).app_context(), db.engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )

            differences = compare_metadata(context, db.metadata)

        assert differences == []

    def test_agree_with_the_migrations_to_the_last_constraint(self, newest, empty):
        # Tables are the models' own; a function that an index or a default uses is the migrations'.
        functions = newest.rows(
            "SELECT pg_get_functiondef(oid) FROM pg_proc"
            " WHERE proname IN ('borrower_words', 'borrower_query', 'outbox_era')"
        )
        with create_app(make_settings(empty.url)).app_context():
            with db.engine.begin() as connection:
                for (function,) in functions:
                    connection.exec_driver_sql(function)
            db.create_all()
            db.engine.dispose()

        made_by_models, migrated = empty.schema(), newest.schema()

        assert made_by_models.tables - migrated.tables == set()
        assert migrated.tables - made_by_models.tables == set()

    def test_name_every_constraint(self, newest):
        unnamed = newest.rows(
            "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
            " AND conrelid NOT IN ('legacy_loans'::regclass, 'alembic_version'::regclass)"
            " AND contype IN ('p', 'f', 'u', 'c') AND conname !~ '^(pk|fk|uq|ck)_'"
        )

        assert unnamed == []
