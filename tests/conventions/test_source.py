"""Rules about our Python source; each is also shown a violation, since a check that cannot fail is none."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conventions import source_rules, tree

CODE = ("loans", "bench", "ci", "deploy", "grafana", "scripts", "wsgi.py", "app.py", "gunicorn.conf.py")


class TestCommit:
    def test_happens_in_one_place(self):
        files = tree.sources(tree.ROOT, "loans")

        assert source_rules.commits(files) == ("loans/db.py",)

    def test_is_noticed_in_a_service(self):
        files = {"loans/services/repayments.py": "def record(session):\n    session.commit()\n"}

        assert source_rules.commits(files) == ("loans/services/repayments.py",)


class TestSize:
    def test_of_modules_stays_readable(self):
        assert source_rules.long_modules(tree.sources(tree.ROOT, *CODE, "tests")) == ()

    def test_of_functions_fits_a_screen(self):
        assert source_rules.long_functions(tree.sources(tree.ROOT, *CODE, "tests")) == ()

    def test_is_noticed_in_a_long_module(self):
        assert source_rules.long_modules({"loans/models.py": "x = 1\n" * 400}) == ()
        assert source_rules.long_modules({"loans/models.py": "x = 1\n" * 401}) == (
            "loans/models.py has 401 lines, more than 400",
        )

    def test_is_noticed_in_a_long_function(self):
        long = "def disburse():\n" + "    pass\n" * 50

        assert source_rules.long_functions({"loans/x.py": long}) == (
            "loans/x.py:1 disburse has 51 lines, more than 50",
        )


class TestServices:
    def test_take_nothing_but_the_session_by_position(self):
        files = tree.sources(tree.ROOT, "loans/services")

        assert len(files) > 1
        assert source_rules.services_taking_positionals(files) == ()

    @pytest.mark.parametrize(
        "signature", ["loan_id, session", "session, loan_id", "*, session", "session, *loan_ids"]
    )
    def test_are_noticed_when_they_take_more(self, signature):
        files = {"loans/services/x.py": f"def disburse({signature}): ...\n"}

        assert source_rules.services_taking_positionals(files) == (
            "loans/services/x.py:1 disburse must take (session, *, ...)",
        )

    def test_may_make_a_statement_without_a_session(self):
        files = {"loans/services/x.py": "def announce(kind, *, payload): ...\n"}

        assert source_rules.services_taking_positionals(files) == ()


class TestPublicFunctions:
    def test_take_at_most_two_positional_arguments(self):
        assert source_rules.many_positionals(tree.sources(tree.ROOT, "loans")) == ()

    def test_are_noticed_when_they_take_three(self):
        files = {"loans/x.py": "def accrue(loan, from_date, to_date): ...\n"}

        assert source_rules.many_positionals(files) == ("loans/x.py:1 accrue takes 3 positional arguments",)


class TestPackageInits:
    def test_hold_a_docstring_only(self):
        files = dict(tree.sources(tree.ROOT, "loans"))
        # The one list of blueprints lives there, so that a new resource is announced in one place.
        files.pop("loans/api/__init__.py", None)

        assert source_rules.busy_package_inits(files) == ()

    def test_are_noticed_when_they_re_export(self):
        files = {"loans/__init__.py": '"""Loans."""\n\n__version__ = "1"\nfrom loans.app import create_app\n'}

        assert source_rules.busy_package_inits(files) == ("loans/__init__.py:4 holds more than a docstring",)


class TestTests:
    def test_all_assert_something(self):
        assert source_rules.tests_without_assertion(tree.sources(tree.ROOT, "tests")) == ()

    def test_name_what_makes_things_differ(self):
        assert source_rules.numbered_names(tree.sources(tree.ROOT, "tests", "loans")) == ()

    def test_are_noticed_when_they_cannot_fail(self):
        files = {"tests/test_x.py": "class TestX:\n    def test_runs(self):\n        run()\n"}

        assert source_rules.tests_without_assertion(files) == ("tests/test_x.py:2 test_runs asserts nothing",)

    def test_are_noticed_when_names_are_numbered(self):
        files = {"tests/test_x.py": "loan1 = 1\nloan_2 = 2\noverdue_loan = 3\n"}

        assert source_rules.numbered_names(files) == (
            "tests/test_x.py:1 loan1 does not say what it is",
            "tests/test_x.py:2 loan_2 does not say what it is",
        )


class TestMigrations:
    def test_are_numbered_in_one_line(self):
        files = tree.sources(tree.ROOT, "migrations/versions")

        assert files
        assert source_rules.migration_faults(files) == ()

    @pytest.mark.parametrize(
        ("name", "revision", "down", "faults"),
        [
            ("0002_fees.py", "0002", "0001", 0),
            ("0003_fees.py", "0003", "0001", 1),
            ("a1b2c3_fees.py", "a1b2c3", "0001", 2),
            ("0002_fees.py", "0002", None, 1),
        ],
        ids=["next", "gap", "hash for a name", "second base"],
    )
    def test_are_noticed_when_they_branch_or_skip(self, name, revision, down, faults):
        files = {
            "migrations/versions/0001_start.py": 'revision = "0001"\ndown_revision = None\n',
            f"migrations/versions/{name}": f"revision = {revision!r}\ndown_revision: str | None = {down!r}\n",
        }

        assert len(source_rules.migration_faults(files)) == faults


class TestCore:
    """Importing the core must not load a framework, not even by way of another library."""

    FRAMEWORKS = ("flask", "sqlalchemy", "marshmallow", "psycopg2", "prometheus_client", "gunicorn")
    PROBE = (
        "import importlib, pkgutil, sys, loans.core\n"
        "for module in pkgutil.walk_packages(loans.core.__path__, 'loans.core.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )

    def frameworks_loaded(self, root):
        """List the frameworks that a fresh interpreter holds after it imported all of loans.core."""
        # Not measured: a made-up loans/core would be taken for ours.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        result = subprocess.run(
            [sys.executable, "-c", self.PROBE],
            cwd=root,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return sorted(set(result.stdout.split()).intersection(self.FRAMEWORKS))

    def test_loads_no_framework(self):
        assert self.frameworks_loaded(tree.ROOT) == []

    def test_is_noticed_when_it_does(self, tmp_path):
        core = tmp_path / "loans" / "core"
        core.mkdir(parents=True)
        (tmp_path / "loans" / "__init__.py").touch()
        (core / "__init__.py").touch()
        (core / "money.py").write_text("import marshmallow\n")

        assert self.frameworks_loaded(tmp_path) == ["marshmallow"]


class TestLint:
    """Conventions that ruff checks: each is planted once, to prove that the configuration has teeth."""

    @pytest.mark.parametrize(
        ("code", "rule"),
        [
            ("from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n", "TID251"),
            ("from datetime import date\n\nTODAY = date.today()\n", "TID251"),
            ("import time\n\nSTARTED = time.monotonic()\n", "TID251"),
            ("from unittest import mock\n\nFAKE = mock.Mock()\n", "TID251"),
            ("from . import money\n\nmoney.parse_amount\n", "TID252"),
            ("def parse():\n    import json\n\n    return json\n", "PLC0415"),
            ("from loans.core.money import *\n", "F403"),
            ("try:\n    pass\nexcept Exception:\n    pass\n", "BLE001"),
            ("def accrue(loan: object, force: bool) -> None: ...\n", "FBT001"),
            ('"""Docstring."""\n\n\ndef accrue() -> None:\n    pass\n', "D103"),
            ("def f(x):\n    return x\n", "ANN001"),
            ("assert True\n", "S101"),
            ("x = 1  # noqa\n", "PGH004"),
        ],
    )
    def test_notices(self, code, rule):
        assert rule in self.rules_broken(code)

    def test_passes_clean_code(self):
        assert self.rules_broken('"""What a loan costs."""\n\nRATE = 24\n') == set()

    def rules_broken(self, code):
        """Run ruff over a made-up service with the project's configuration."""
        ruff = shutil.which("ruff", path=str(tree.Path(sys.executable).parent)) or "ruff"
        result = subprocess.run(
            [
                ruff,
                "check",
                "--no-cache",
                "--output-format=concise",
                "--stdin-filename=loans/services/x.py",
                "-",
            ],
            cwd=tree.ROOT,
            input=code,
            check=False,
            capture_output=True,
            text=True,
        )
        assert result.returncode in {0, 1}, result.stderr
        return {line.split()[1].rstrip(":") for line in result.stdout.splitlines() if "x.py:" in line}
