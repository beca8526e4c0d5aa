"""Name the tags an image is pushed under, one a line.

python3 ci/tags.py branch --user ada --branch staging --sha a1b2c3d
python3 ci/tags.py release --user ada --tag v1.2.3 --sha a1b2c3d < all-the-tags-there-are
"""

import argparse
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import environments

PRODUCT = "branchloans"
# Semantic Versioning 2.0.0, without build metadata: a Docker tag cannot hold its plus sign.
NUMBER = r"(?:0|[1-9]\d*)"
IDENTIFIER = rf"(?:{NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(rf"v({NUMBER})\.({NUMBER})\.({NUMBER})(?:-({IDENTIFIER}(?:\.{IDENTIFIER})*))?")
USER = re.compile(r"[a-z0-9]{4,30}")
SHA = re.compile(r"[0-9a-f]{7,40}")


class MalformedNameError(Exception):
    """A version, a user name or a commit does not have the form it must have."""


@dataclass(frozen=True, slots=True)
class Version:
    """A released version; `prerelease` is empty for one that is meant for everybody."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""

    @property
    def number(self) -> tuple[int, int, int]:
        """What two finished versions are ordered by."""
        return (self.major, self.minor, self.patch)


def parse_version(tag: str) -> Version:
    """Read a git tag such as v1.2.3 or v1.2.3-rc.1.

    :raises MalformedNameError: if it is not a semantic version after a v.
    """
    match = VERSION.fullmatch(tag)
    if not match:
        raise MalformedNameError(f"{tag!r} is no version: a release tag reads v1.2.3 or v1.2.3-rc.1.")
    return Version(int(match[1]), int(match[2]), int(match[3]), match[4] or "")


def branch_tags(*, user: str, branch: str, sha: str) -> tuple[str, ...]:
    """Name the tags of an image that was built from a branch: its commit, and latest.

    :raises MalformedNameError: if the user name or the commit is malformed.
    :raises UnknownBranchError: if no environment is built from the branch.
    """
    check(USER, user, meaning="a Docker Hub user name")
    check(SHA, sha, meaning="a commit")
    repository = f"{user}/{PRODUCT}-{environments.environment_of(branch)}"
    return (f"{repository}:{sha}", f"{repository}:latest")


def release_tags(*, user: str, tag: str, sha: str, existing: Iterable[str]) -> tuple[str, ...]:
    """Name the tags of a released image: v1.2.3, v1.2, v1, latest and the commit.

    A tag that moves only moves forward: a fix of an older line does not take `latest` from a newer one. A prerelease
    moves none, and there is no v0, since nothing is promised between 0.1 and 0.2.
    :raises MalformedNameError: if the tag, the user name or the commit is malformed.
    """
    check(USER, user, meaning="a Docker Hub user name")
    check(SHA, sha, meaning="a commit")
    version = parse_version(tag)
    names = [tag]
    if not version.prerelease:
        finished = [
            other
            for other in (parse_version(name) for name in existing if VERSION.fullmatch(name))
            if not other.prerelease and other.number > version.number
        ]
        if not any((other.major, other.minor) == (version.major, version.minor) for other in finished):
            names.append(f"v{version.major}.{version.minor}")
        if version.major > 0 and not any(other.major == version.major for other in finished):
            names.append(f"v{version.major}")
        if not finished:
            names.append("latest")
    return tuple(f"{user}/{PRODUCT}:{name}" for name in (*names, sha))


def check(shape: re.Pattern[str], value: str, *, meaning: str) -> None:
    """Let a well-formed value pass.

    :raises MalformedNameError: if it is not.
    """
    if not shape.fullmatch(value):
        raise MalformedNameError(f"{value!r} is not {meaning}.")


def main() -> None:
    """Print the tags, or say in one sentence why there are none."""
    parser = argparse.ArgumentParser(description="Name the tags an image is pushed under.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    branch = kinds.add_parser("branch", help="of an image built from a branch")
    branch.add_argument("--branch", required=True)
    release = kinds.add_parser(
        "release", help="of a release; the existing git tags are read from standard input"
    )
    release.add_argument("--tag", required=True)
    for kind in (branch, release):
        kind.add_argument("--user", required=True, help="of Docker Hub")
        kind.add_argument("--sha", required=True, help="the commit")
    given = parser.parse_args()
    try:
        if given.kind == "branch":
            names = branch_tags(user=given.user, branch=given.branch, sha=given.sha)
        else:
            existing = sys.stdin.read().split()
            names = release_tags(user=given.user, tag=given.tag, sha=given.sha, existing=existing)
    except (MalformedNameError, environments.UnknownBranchError) as refusal:
        sys.exit(str(refusal))
    print("\n".join(names))


if __name__ == "__main__":
    main()
