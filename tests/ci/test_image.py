"""The image between the jobs: built once, checked by its checksum, pushed, found again and verified."""

import hashlib
import shutil

import pytest

from tests.ci.conftest import ROOT

GATE = (
    "--severity CRITICAL,HIGH --ignore-unfixed --scanners vuln,misconfig,secret --format table --exit-code 1"
)
TAGS = "dockeruser/branchloans-staging:a1b2c3d\ndockeruser/branchloans-staging:latest\n"
REPOSITORY = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "ada/branch.loans"}
DIGEST = "sha256:" + "b2" * 32


@pytest.fixture
def image(tmp_path):
    """A file that stands for a saved image, and its checksum."""
    path = tmp_path / "image.tar"
    path.write_bytes(b"what was built")
    return str(path), hashlib.sha256(b"what was built").hexdigest()


@pytest.fixture
def docker(stand_ins):
    stand_ins.add(
        "docker",
        'case "$1" in image) printf "%s\\n" "other/name@sha256:00" "dockeruser/branchloans-staging@'
        + DIGEST
        + '" ;; buildx) echo '
        + DIGEST
        + " ;; esac",
    )
    return stand_ins


class TestVerify:
    def test_passes_the_file_that_was_built(self, run, image):
        assert run("image.sh", "verify", *image).code == 0

    def test_stops_another_one(self, run, image):
        path, sha256 = image
        with open(path, "ab") as file:  # noqa: PTH123 - the fixture gives a path as text
            file.write(b"!")

        ended = run("image.sh", "verify", path, sha256)

        assert ended.code == 1
        assert "is not the image that was built" in ended.err

    @pytest.mark.parametrize("sha256", ["", "x", "0" * 64])
    def test_stops_everything_when_the_checksum_is_missing_or_wrong(self, run, image, sha256):
        assert run("image.sh", "verify", image[0], sha256).code == 1


class TestPush:
    def test_loads_the_built_image_and_pushes_it_under_every_tag(self, run, docker, image):
        ended = run("image.sh", "push", *image, stdin=TAGS, PATH=docker.path)

        assert ended.code == 0
        assert docker.calls[:5] == [
            f"docker load --quiet --input {image[0]}",
            "docker tag branchloans-api:built dockeruser/branchloans-staging:a1b2c3d",
            "docker push --quiet dockeruser/branchloans-staging:a1b2c3d",
            "docker tag branchloans-api:built dockeruser/branchloans-staging:latest",
            "docker push --quiet dockeruser/branchloans-staging:latest",
        ]

    def test_tells_the_name_and_the_digest_that_are_signed(self, run, docker, image):
        ended = run("image.sh", "push", *image, stdin=TAGS, PATH=docker.path)

        assert ended.lines == ["name=dockeruser/branchloans-staging", f"digest={DIGEST}"]

    def test_builds_nothing(self, run, docker, image):
        run("image.sh", "push", *image, stdin=TAGS, PATH=docker.path)

        assert not any("build" in call.split()[1] for call in docker.calls)

    def test_pushes_nothing_when_the_file_is_another_one(self, run, docker, image):
        ended = run("image.sh", "push", image[0], "0" * 64, stdin=TAGS, PATH=docker.path)

        assert (ended.code, docker.calls) == (1, [])

    def test_fails_without_a_tag(self, run, docker, image):
        ended = run("image.sh", "push", *image, stdin="", PATH=docker.path)

        assert ended.code == 1
        assert "no tag" in ended.err


class TestVerifyImage:
    def test_finds_the_digest_and_the_signature_of_our_pipelines(self, run, docker):
        docker.add("cosign")

        ended = run("verify-image.sh", "dockeruser/branchloans:v1.2.3", PATH=docker.path, **REPOSITORY)

        assert ended.lines == [f"reference=dockeruser/branchloans@{DIGEST}"]
        assert docker.calls[1].startswith(f"cosign verify dockeruser/branchloans@{DIGEST} ")
        assert docker.calls[1].endswith(
            r"--certificate-identity-regexp ^https://github\.com/ada/branch\.loans/\.github/workflows/(cd|release)\.yml@refs/"
        )

    def test_stops_an_image_that_nobody_signed(self, run, docker):
        docker.add("cosign", "exit 1")

        ended = run("verify-image.sh", "dockeruser/branchloans:v1.2.3", PATH=docker.path, **REPOSITORY)

        assert (ended.code, ended.out) == (1, "")

    @pytest.mark.parametrize(
        "name", ["", "nginx:latest", "--help", "a/branchloans", "a/branchloans:x y", "a/branchloans:$(x)"]
    )
    def test_asks_nobody_about_what_is_no_image_of_ours(self, run, docker, name):
        docker.add("cosign")

        ended = run("verify-image.sh", name, PATH=docker.path, **REPOSITORY)

        assert (ended.code, docker.calls) == (1, [])


class TestScan:
    def test_asks_for_the_same_as_the_pipeline(self, run, stand_ins):
        stand_ins.add("trivy")

        run("scan.sh", "image.tar", PATH=stand_ins.path)

        assert stand_ins.calls == [
            f"trivy image {GATE} --input image.tar",
        ]

    def test_fails_on_a_finding(self, run, stand_ins):
        stand_ins.add("trivy", "exit 1")

        assert run("scan.sh", PATH=stand_ins.path).code == 1


class TestGithubRelease:
    @pytest.fixture
    def project(self, tmp_path, stand_ins):
        """A project of a version, with some git tags; gives the path of its github-release.sh."""
        stand_ins.add("gh", 'cat "$8" >"$0.notes"')

        def make(version, *, tags):
            stand_ins.add("git", f"printf '%s\\n' {tags}")
            shutil.copytree(ROOT / "ci", tmp_path / "ci", ignore=shutil.ignore_patterns("__pycache__"))
            (tmp_path / "loans").mkdir()
            (tmp_path / "loans" / "__init__.py").write_text(f'__version__ = "{version}"\n')
            (tmp_path / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
            (tmp_path / "CHANGELOG.md").write_text(f"## [{version}] - 2026-11-20\n\n- New.\n")
            return str(tmp_path / "ci" / "github-release.sh")

        return make

    @pytest.mark.parametrize(
        ("version", "tags", "kind"),
        [
            ("1.2.3", "v1.2.2 v1.2.3", "--latest"),
            ("1.1.9", "v1.1.9 v1.2.3", "--latest=false"),
            ("1.3.0-rc.1", "v1.2.3 v1.3.0-rc.1", "--latest=false --prerelease"),
        ],
    )
    def test_shows_the_newest_as_the_latest_and_a_prerelease_as_one(
        self, run, stand_ins, project, version, tags, kind
    ):
        script = project(version, tags=tags)

        ended = run(script, f"v{version}", "sbom.spdx.json", PATH=stand_ins.path)

        assert ended.code == 0, ended.err
        [call] = [call for call in stand_ins.calls if call.startswith("gh ")]
        assert call.startswith(
            f"gh release create v{version} --verify-tag --title Branch Loans {version} --notes"
        )
        assert call.endswith(f" {kind} sbom.spdx.json")
        assert (stand_ins.folder / "gh.notes").read_text().strip() == "- New."
