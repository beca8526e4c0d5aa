"""Documents that cannot rot: what they name exists, and what exists is in them."""

import re
import tomllib

import pytest

import loans
from loans import config
from tests.conventions import document_rules, source_rules, tree


def read(path):
    return (tree.ROOT / path).read_text(encoding="utf-8")


def makefile():
    """The Makefile with what it includes."""
    text = read("Makefile")
    return "".join([text, *(read(path) for path in re.findall(r"^include (\S+)$", text, re.MULTILINE))])


def documents():
    return {
        **tree.sources(tree.ROOT, "docs", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", suffix=".md"),
    }


class TestSettings:
    def test_are_all_described(self):
        assert document_rules.undocumented(config.SETTINGS, document=read("docs/settings.md")) == ()

    def test_are_all_listed_by_the_module_that_reads_them(self):
        # A secret may also be read from a file: NAME_FILE stands for NAME.
        read_by_config = source_rules.environment_names(read("loans/config.py"))

        assert read_by_config - set(config.SETTINGS) == set()

    def test_of_gunicorn_are_described_too(self):
        names = source_rules.environment_names(read("gunicorn.conf.py"))

        assert {"HOST", "PORT", "WEB_CONCURRENCY", "WEB_THREADS"} <= names
        assert document_rules.undocumented(names, document=read("docs/settings.md")) == ()

    def test_are_noticed_when_not_described(self):
        assert document_rules.undocumented(["PORT", "HOST"], document="| `HOST` | PORTAL |") == (
            "PORT is not described",
        )

    def test_are_noticed_when_not_listed(self):
        text = 'a = reader.number("FEE_MAX", default=1)\nb = os.environ["HOST"]\nc = environ.get("PORT")\n'

        assert source_rules.environment_names(text) == {"FEE_MAX", "HOST", "PORT"}


LOCKED = (
    "requirements",
    "requirements-dev",
    "bench/requirements",
    "clients/requirements",
    "fuzz/requirements",
)


class TestDependencies:
    @pytest.mark.parametrize("name", LOCKED)
    def test_are_described_and_locked_with_hashes(self, name):
        required = document_rules.requirements(read(f"{name}.in"))

        assert document_rules.undocumented(required, document=read("docs/dependencies.md").lower()) == ()
        assert document_rules.unlocked(read(f"{name}.txt"), required=required) == ()

    def test_are_noticed_when_not_locked(self):
        locked = "flask==3.1 \\\n    --hash=sha256:aa\ngunicorn==27 ; python_version > '3'\nsqlalchemy\n"

        assert document_rules.unlocked(locked, required=["flask", "marshmallow"]) == (
            "gunicorn==27 has no version or no hash",
            "sqlalchemy has no version or no hash",
            "marshmallow is not locked",
        )

    def test_are_read_without_versions_and_comments(self):
        text = "# server\n-c requirements.txt\nFlask>=3\npsycopg2-binary\n"

        assert document_rules.requirements(text) == ("flask", "psycopg2-binary")


class TestDecisions:
    def test_are_numbered_complete_and_short(self):
        files = tree.sources(tree.ROOT, "docs/decisions", suffix=".md")

        assert files
        assert document_rules.decision_faults(files) == ()

    def test_exist_when_cited(self):
        numbers = {int(path.name[:4]) for path in (tree.ROOT / "docs/decisions").glob("*.md")}
        files = {**tree.sources(tree.ROOT, "loans", "migrations", "scripts"), **documents()}

        assert document_rules.unknown_decisions(files, numbers=numbers) == ()

    def test_are_noticed_when_one_is_missing_or_incomplete(self):
        files = {
            "docs/decisions/0001-layers.md": "## Context\n## Decision\n## Consequences\n## Refused\n",
            "docs/decisions/0003-money.md": "## Context\n## Decision\n## Consequences\n" + "\n" * 40,
        }

        assert document_rules.decision_faults(files) == (
            "docs/decisions/0003-money.md should be numbered 0002",
            "docs/decisions/0003-money.md is longer than 40 lines",
            "docs/decisions/0003-money.md lacks Refused",
        )

    def test_are_noticed_when_a_cited_one_does_not_exist(self):
        # The number is put together so that this file does not cite it itself.
        files = {"loans/x.py": "# ADR " + "0099: interest stops."}

        assert document_rules.unknown_decisions(files, numbers={1, 2}) == ("loans/x.py cites ADR 0099",)


class TestMakefile:
    def test_explains_every_target(self):
        assert document_rules.targets_without_help(makefile()) == ()

    def test_has_every_target_that_documents_mention(self):
        assert document_rules.unknown_targets(documents(), makefile=makefile()) == ()

    def test_is_noticed_when_it_does_not(self):
        makefile = "PORT := 8000\nrun: ## Start the API\n\t./run\nclean:\n\trm -r x\n"

        assert document_rules.targets_without_help(makefile) == ("make clean has no ## help",)
        assert document_rules.unknown_targets(
            {"README.md": "`make run`\n    make fly\n"}, makefile=makefile
        ) == ("README.md mentions make fly",)


class TestMetrics:
    def test_exist_when_documents_name_them(self):
        sources = read("loans/metrics.py") + read("loans/resources.py")

        assert document_rules.unknown_metrics(documents(), sources=sources) == ()

    def test_are_noticed_when_they_do_not(self):
        files = {"docs/x.md": "See `repayments_total{currency}` and `refunds_total`."}

        assert document_rules.unknown_metrics(files, sources='Counter("repayments")') == (
            "docs/x.md mentions the metric refunds",
        )


class TestLinks:
    @pytest.fixture
    def paths(self):
        files = [path.relative_to(tree.ROOT) for path in tree.text_files(tree.ROOT)]
        return {path.as_posix() for file in files for path in (file, *file.parents)}

    def test_lead_somewhere(self, paths):
        assert document_rules.broken_links(documents(), paths=paths) == ()

    def test_in_backticks_lead_somewhere(self, paths):
        assert document_rules.unknown_paths(documents(), paths=paths, example="charges") == ()

    def test_in_backticks_are_noticed_when_they_do_not(self):
        files = {
            "docs/a.md": "`loans/core/fold.py`, `loans/core/fees.py`, `tests/api/`, `loans/core/charges.py`"
        }

        assert document_rules.unknown_paths(
            files, paths={"loans/core/fold.py", "tests/api"}, example="charges"
        ) == ("docs/a.md names loans/core/fees.py",)

    def test_of_messages_and_comments_lead_somewhere(self):
        files = tree.sources(tree.ROOT, "loans", "scripts", "migrations")

        named = {name for text in files.values() for name in re.findall(r"\bdocs/[\w/-]+\.md\b", text)}

        assert [name for name in sorted(named) if not (tree.ROOT / name).is_file()] == []

    def test_are_noticed_when_they_do_not(self):
        files = {"docs/a.md": "[b](b.md) [r](../README.md#start) [c](c.md) [w](https://example.org/x)"}

        assert document_rules.broken_links(files, paths={"docs/b.md", "README.md"}) == (
            "docs/a.md links to c.md",
        )


class TestGlossary:
    def test_defines_each_term_once(self):
        assert document_rules.repeated_terms(read("docs/glossary.md")) == ()

    def test_is_noticed_when_a_term_comes_twice(self):
        text = "- **Principal**: money lent.\n- **Interest**: its price.\n- **principal**: again.\n"

        assert document_rules.repeated_terms(text) == ("principal is defined twice",)

    def test_is_noticed_when_a_term_comes_again_within_a_line(self):
        text = "- **Charge-off**: the loss is taken. **Write-off**: the rest is given up.\n- **Write-off**: again.\n"

        assert document_rules.repeated_terms(text) == ("write-off is defined twice",)


class TestProject:
    def test_refers_to_nothing_outside_itself(self):
        files = {
            path.relative_to(tree.ROOT).as_posix(): path.read_text(encoding="utf-8")
            for path in tree.text_files(tree.ROOT)
        }

        assert document_rules.machine_paths(files) == ()

    @pytest.mark.parametrize("folder", ["work/main", "root/.ssh", "home/ada"])
    def test_is_noticed_when_it_names_a_machine_path(self, folder):
        files = {"loans/x.py": f'DATA = "/{folder}"\n'}

        assert len(document_rules.machine_paths(files)) == 1

    def test_is_noticed_when_it_names_a_neighbour(self):
        assert len(document_rules.machine_paths({"README.md": "See .." + "/shared/style.md"})) == 1

    def test_may_use_the_words_in_urls_and_prose(self):
        files = {"docs/x.md": "https://example.org/home/x, `framework/root/x`, work/root, a rooted tree"}

        assert document_rules.machine_paths(files) == ()

    def test_says_its_version_once(self):
        assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == loans.__version__

    def test_keeps_a_section_for_what_is_not_released(self):
        assert re.search(r"^## \[?Unreleased\]?$", read("CHANGELOG.md"), re.MULTILINE)
