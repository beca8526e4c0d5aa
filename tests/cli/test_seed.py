"""scripts/seed.py: the five rows of the earlier service, once, in its words."""

import os
import subprocess
import sys

import sqlalchemy as sa

from tests.conftest import ROOT, SECRET_KEY


def seed(url, **settings):
    """Run the script as an operator does, from another folder."""
    steering = {"FLASK_ENV", "PYTHONPATH"}
    kept = {name: value for name, value in os.environ.items() if name not in steering}
    given = {"DATABASE_URL": url, "ENVIRONMENT": "test", "SECRET_KEY": SECRET_KEY}
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "seed.py")],
        cwd="/",
        env=kept | given | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class TestSeed:
    def test_inserts_five_rows_and_then_none(self, make_database):
        url = make_database()

        runs = [seed(url) for _ in range(2)]

        assert [(run.returncode, run.stdout) for run in runs] == [
            (0, "Seed complete. Inserted 5 rows.\n"),
            (0, "Seed complete. Inserted 0 rows.\n"),
        ]

    def test_inserts_again_the_one_that_is_missing(self, make_database):
        url = make_database()
        seed(url)
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM legacy_loans WHERE borrower_id = 'usr_india_002'"))

        assert seed(url).stdout == "Seed complete. Inserted 1 rows.\n"

    def test_is_refused_where_others_depend_on_the_installation(self, make_database):
        run = seed(make_database(), ENVIRONMENT="production", JWT_KEYS=f"k:{'x' * 40}")

        assert (run.returncode, run.stdout) == (1, "")
        assert run.stderr == "seed.py is for development: this is production\n"

    def test_asks_for_the_tables_first(self, make_database):
        run = seed(make_database(empty=True))

        assert (run.returncode, run.stdout) == (1, "")
        assert run.stderr == "The database has no such table yet: run `flask db upgrade` first.\n"

    def test_names_a_setting_that_is_wrong(self):
        run = seed("mysql://db/loans")

        assert run.returncode == 1
        assert run.stderr.startswith("cannot start: DATABASE_URL must begin with postgresql://")
