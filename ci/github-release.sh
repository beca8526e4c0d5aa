#!/usr/bin/env bash
# Publish a GitHub release with the notes from CHANGELOG.md: ci/github-release.sh v1.2.3 FILE...
# A prerelease is marked as one, and a fix of an older line is not shown as the latest.
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${1:?"say which tag"}
shift
notes=$(mktemp)
trap 'rm -f "$notes"' EXIT
python3 ci/release.py notes "$tag" >"$notes"
kind=(--latest=false)
case $tag in
*-*) kind+=(--prerelease) ;;
*)
    # The same rule as for the image: whoever gets its tag latest is the latest.
    if git tag --list 'v*' | python3 ci/tags.py release --user anyone --tag "$tag" --sha 0000000 | grep -q ':latest$'; then
        kind=(--latest)
    fi
    ;;
esac
gh release create "$tag" --verify-tag --title "Branch Loans ${tag#v}" --notes-file "$notes" "${kind[@]}" "$@"
