"""Check that a release tag is the version in the code, and take its notes from the changelog.

python3 ci/release.py check v1.2.3
python3 ci/release.py notes v1.2.3
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

import tags

ROOT = Path(__file__).resolve().parent.parent
DATE = r"\d{4}-\d{2}-\d{2}"


class NotReleasableError(Exception):
    """The code or the changelog does not fit the tag."""


def check_version(tag: str, *, root: Path) -> None:
    """Compare a tag with the version in pyproject.toml and in loans/__init__.py.

    :raises NotReleasableError: if one of them says something else.
    :raises tags.MalformedNameError: if the tag is no version.
    """
    tags.parse_version(tag)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    package = re.search(
        r'^__version__ = "(.+)"$', (root / "loans" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    versions = {"pyproject.toml": project, "loans/__init__.py": package[1] if package else "nothing"}
    for place, version in versions.items():
        if f"v{version}" != tag:
            raise NotReleasableError(f"The tag is {tag}, but {place} says {version}: they must be the same.")


def notes(tag: str, *, changelog: str) -> str:
    """Take the section of a version out of the changelog, without its heading.

    :raises NotReleasableError: if there is no dated section for it, or nothing in it.
    :raises tags.MalformedNameError: if the tag is no version.
    """
    tags.parse_version(tag)
    version = tag.removeprefix("v")
    heading = re.compile(rf"^## \[?{re.escape(version)}\]? - {DATE}$", re.MULTILINE)
    found = heading.search(changelog)
    if not found:
        raise NotReleasableError(
            f"CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD`: write one first."
        )
    rest = changelog[found.end() :]
    # A section ends at the next version or at the link definitions that close the file.
    section = re.split(r"^(?:## |\[[^\]]+\]: )", rest, maxsplit=1, flags=re.MULTILINE)[0].strip()
    if not re.search(r"^[-*] ", section, re.MULTILINE):
        raise NotReleasableError(f"The section of {version} in CHANGELOG.md lists nothing: say what changed.")
    return section + "\n"


def main() -> None:
    """Check or print, or say in one sentence what keeps the release back."""
    parser = argparse.ArgumentParser(description="Check a release and take its notes.")
    parser.add_argument("what", choices=("check", "notes"))
    parser.add_argument("tag", help="for example v1.2.3")
    given = parser.parse_args()
    try:
        check_version(given.tag, root=ROOT)
        text = notes(given.tag, changelog=(ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    except (NotReleasableError, tags.MalformedNameError, OSError) as refusal:
        sys.exit(str(refusal))
    print(text if given.what == "notes" else f"{given.tag} is the version in the code and has notes.")


if __name__ == "__main__":
    main()
