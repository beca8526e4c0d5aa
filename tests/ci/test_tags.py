"""The tags that images are pushed under."""

import pytest

SHA = "3d3c42e5aac5ba805825da76410c181273ba90b1"


class TestBranchTags:
    @pytest.mark.parametrize(
        ("branch", "repository"),
        [
            ("development", "dockeruser/branchloans-development"),
            ("main", "dockeruser/branchloans-development"),
            ("staging", "dockeruser/branchloans-staging"),
            ("production", "dockeruser/branchloans-production"),
            ("master", "dockeruser/branchloans-production"),
        ],
    )
    def test_are_the_commit_and_latest_of_the_environment(self, run, branch, repository):
        ended = run("tags.py", "branch", "--user", "dockeruser", "--branch", branch, "--sha", "a1b2c3d")

        assert ended.lines == [f"{repository}:a1b2c3d", f"{repository}:latest"]

    @pytest.mark.parametrize(
        ("user", "branch", "sha"),
        [
            ("dockeruser", "feature/x", SHA),
            ("dockeruser", "main", "latest"),
            ("dockeruser", "main", "a1b2c3d\n"),
            ("", "main", SHA),
            ("Docker User", "main", SHA),
            ("evil.example/x", "main", SHA),
        ],
    )
    def test_are_refused_for_what_cannot_be_pushed(self, run, user, branch, sha):
        ended = run("tags.py", "branch", "--user", user, "--branch", branch, "--sha", sha)

        assert (ended.code, ended.out) == (1, "")
        assert len(ended.err.splitlines()) == 1


class TestReleaseTags:
    @pytest.mark.parametrize(
        ("tag", "existing", "names"),
        [
            ("v1.2.3", "v1.2.3", ["v1.2.3", "v1.2", "v1", "latest"]),
            ("v1.2.3", "v1.2.2 v1.1.9 v0.9.0 v1.2.3", ["v1.2.3", "v1.2", "v1", "latest"]),
            # 10 is more than 9: versions are numbers, not text.
            ("v1.10.0", "v1.9.0 v1.10.0", ["v1.10.0", "v1.10", "v1", "latest"]),
            # A fix of an older line takes nothing from a newer one.
            ("v1.1.10", "v1.1.9 v1.1.10 v1.2.0", ["v1.1.10", "v1.1"]),
            ("v1.9.1", "v1.9.0 v1.9.1 v2.0.0", ["v1.9.1", "v1.9", "v1"]),
            ("v1.2.2", "v1.2.2 v1.2.3", ["v1.2.2"]),
            # A prerelease moves nothing, and does not hold a release back.
            ("v1.3.0-rc.1", "v1.2.3 v1.3.0-rc.1", ["v1.3.0-rc.1"]),
            ("v1.2.4", "v1.2.4 v2.0.0-beta.1", ["v1.2.4", "v1.2", "v1", "latest"]),
            # Nothing is promised between 0.1 and 0.2, so there is no v0.
            ("v0.1.0", "v0.1.0", ["v0.1.0", "v0.1", "latest"]),
            # Tags that are no versions are none of our business.
            ("v1.0.0", "v1 nightly v1.0.0 v2", ["v1.0.0", "v1.0", "v1", "latest"]),
        ],
    )
    def test_move_forward_only(self, run, tag, existing, names):
        ended = run("tags.py", "release", "--user", "dockeruser", "--tag", tag, "--sha", SHA, stdin=existing)

        assert ended.lines == [f"dockeruser/branchloans:{name}" for name in [*names, SHA]]

    @pytest.mark.parametrize(
        "tag", ["1.2.3", "v1.2", "v1.2.3.4", "v01.2.3", "v1.2.3-", "v1.2.3-01", "v1.2.3+b", "vx"]
    )
    def test_are_refused_for_what_is_no_version(self, run, tag):
        ended = run("tags.py", "release", "--user", "dockeruser", "--tag", tag, "--sha", SHA)

        assert (ended.code, ended.out) == (1, "")
        assert "is no version" in ended.err
