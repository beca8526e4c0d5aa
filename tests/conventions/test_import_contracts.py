"""Each contract of .importlinter is broken on purpose in a copy of the tree, and must be caught."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conventions import tree

# One violation at least for each contract: the contract, the module, the line planted in it.
VIOLATIONS = (
    ("layers", "loans/services/repayments.py", "from loans.api import loans"),
    ("layers", "loans/ledger.py", "from loans.services import repayments"),
    ("layers", "loans/core/money.py", "from loans import clock"),
    ("layers", "loans/utils.py", '"""A stray module belongs to no layer."""'),
    ("layers", "loans/clock.py", "def hidden():\n    from loans import db\n"),
    ("core-is-pure", "loans/core/money.py", "import sqlalchemy"),
    ("core-is-pure", "loans/core/fold.py", "import time"),
    ("core-is-pure", "loans/core/schedule.py", "def hidden():\n    import random\n"),
    ("no-web-below-api", "loans/services/origination.py", "from flask import abort"),
    ("no-web-below-api", "loans/schemas/loans.py", "from flask import request"),
    ("schemas-know-no-tables", "loans/schemas/loans.py", "from loans.models.loan import Loan"),
    ("schemas-know-no-tables", "loans/schemas/borrowers.py", "from loans.db import db"),
    ("journal-has-one-door", "loans/services/repayments.py", "from loans.models.journal import JournalLine"),
    ("journal-has-one-door", "loans/queries/loans.py", "from loans.models import journal"),
    ("resources-are-independent", "loans/api/products.py", "from loans.api import loans"),
    ("no-circles", "loans/core/errors.py", "from loans.core import fold"),
)


def contract_names() -> dict[str, str]:
    """Read the contracts: {id: name}."""
    parser = configparser.ConfigParser()
    parser.read(tree.ROOT / ".importlinter", encoding="utf-8")
    prefix = "importlinter:contract:"
    return {
        section.removeprefix(prefix): parser[section]["name"]
        for section in parser.sections()
        if section.startswith(prefix)
    }


def contracts_broken(root: Path) -> set[str]:
    """Run lint-imports over a tree and list the names of the contracts it calls broken."""
    program = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([program, "--no-cache"], cwd=root, check=False, capture_output=True, text=True)
    broken = {
        line.removesuffix(" BROKEN").strip()
        for line in result.stdout.splitlines()
        if line.endswith(" BROKEN")
    }
    assert result.returncode == (1 if broken else 0), result.stdout + result.stderr
    return broken


@pytest.fixture
def copied_tree(tmp_path):
    shutil.copytree(tree.ROOT / "loans", tmp_path / "loans", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(tree.ROOT / ".importlinter", tmp_path)
    return tmp_path


class TestContracts:
    def test_have_a_planted_violation_each(self):
        assert {contract for contract, _, _ in VIOLATIONS} == set(contract_names())

    @pytest.mark.contracts
    def test_are_kept_by_this_tree(self, copied_tree):
        assert contracts_broken(copied_tree) == set()

    @pytest.mark.contracts
    @pytest.mark.parametrize(("contract", "module", "line"), VIOLATIONS)
    def test_are_broken_by_a_planted_import(self, copied_tree, contract, module, line):
        path = copied_tree / module
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(f"{text}\n{line}\n", encoding="utf-8")

        assert contract_names()[contract] in contracts_broken(copied_tree)


class TestIndependence:
    def test_names_every_module_that_makes_a_blueprint(self):
        parser = configparser.ConfigParser()
        parser.read(tree.ROOT / ".importlinter", encoding="utf-8")
        listed = parser["importlinter:contract:resources-are-independent"]["modules"].split()

        found = [
            path.removesuffix(".py").replace("/", ".")
            for path, text in tree.sources(tree.ROOT, "loans/api").items()
            if re.search(r"^\w+ = (?:\w+\.)?Blueprint\(", text, re.MULTILINE)
        ]

        assert sorted(listed) == sorted(found)
