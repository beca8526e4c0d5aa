"""What keeps a release back, and the notes that go with it."""

import shutil

import pytest

from tests.ci.conftest import ROOT

CHANGELOG = """# Changelog

## [Unreleased]

### Added

- Not out yet.

## [1.2.3] - 2026-11-20

### Added

- Payoff quotes.

### Fixed

- Rounding of the last installment.

## [1.2.3-rc.1] - 2026-11-02

- To be tried.

## [1.2.2] - 2026-10-01

Nothing to see.

[1.2.3]: https://example.org/compare
"""


@pytest.fixture
def project(tmp_path):
    """Make a project of a version, with the programs of ci/; give a way to run release.py in it."""

    def make(version, *, package=None, changelog=CHANGELOG):
        shutil.copytree(ROOT / "ci", tmp_path / "ci", ignore=shutil.ignore_patterns("__pycache__"))
        (tmp_path / "loans").mkdir()
        (tmp_path / "loans" / "__init__.py").write_text(
            f'"""Doc."""\n\n__version__ = "{package or version}"\n'
        )
        (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\nversion = "{version}"\n')
        (tmp_path / "CHANGELOG.md").write_text(changelog)
        return str(tmp_path / "ci" / "release.py")

    return make


class TestNotes:
    def test_are_the_section_of_the_version(self, run, project):
        ended = run(project("1.2.3"), "notes", "v1.2.3")

        assert ended.out.strip() == (
            "### Added\n\n- Payoff quotes.\n\n### Fixed\n\n- Rounding of the last installment."
        )

    def test_of_a_prerelease_are_its_own(self, run, project):
        ended = run(project("1.2.3-rc.1"), "notes", "v1.2.3-rc.1")

        assert ended.out.strip() == "- To be tried."

    @pytest.mark.parametrize(
        ("version", "sentence"),
        [
            ("1.2.4", "CHANGELOG.md has no section `## [1.2.4] - YYYY-MM-DD`"),
            ("1.2.2", "The section of 1.2.2 in CHANGELOG.md lists nothing"),
        ],
    )
    def test_that_nobody_wrote_keep_the_release_back(self, run, project, version, sentence):
        ended = run(project(version), "notes", f"v{version}")

        assert (ended.code, ended.out) == (1, "")
        assert sentence in ended.err

    def test_without_a_date_are_not_released(self, run, project):
        ended = run(project("2.0.0", changelog="## [2.0.0]\n\n- All new.\n"), "check", "v2.0.0")

        assert ended.code == 1


class TestCheck:
    def test_passes_when_tag_and_code_agree(self, run, project):
        ended = run(project("1.2.3"), "check", "v1.2.3")

        assert (ended.code, ended.lines) == (0, ["v1.2.3 is the version in the code and has notes."])

    def test_refuses_a_tag_that_the_project_does_not_carry(self, run, project):
        ended = run(project("1.2.2"), "check", "v1.2.3")

        assert ended.code == 1
        assert ended.err.strip() == (
            "The tag is v1.2.3, but pyproject.toml says 1.2.2: they must be the same."
        )

    def test_refuses_a_package_that_says_something_else(self, run, project):
        ended = run(project("1.2.3", package="1.2.2"), "check", "v1.2.3")

        assert ended.code == 1
        assert "loans/__init__.py says 1.2.2" in ended.err

    def test_refuses_what_is_no_version(self, run, project):
        ended = run(project("1.2.3"), "check", "1.2.3")

        assert ended.code == 1
        assert "is no version" in ended.err
