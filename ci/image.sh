#!/usr/bin/env bash
# Build, check and push the one image of a pipeline run. It travels between the jobs as a file with a checksum, so what
# is scanned and what is pushed is what was built, bit for bit.
#
#   ci/image.sh build image.tar           builds (values from the environment, see below), saves, prints the checksum
#   ci/image.sh verify image.tar SHA256   fails unless the file is the one that was built
#   ci/image.sh push image.tar SHA256     verifies and loads it, pushes it under each tag read from standard input
#
# build reads FLASK_ENV, HEALTHCHECK_INTERVAL, HEALTHCHECK_TIMEOUT, HEALTHCHECK_RETRIES, REVISION and VERSION.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILT=branchloans-api:built

build() {
    local file=$1
    : "${HEALTHCHECK_INTERVAL:?say how often, for example 30s}" "${HEALTHCHECK_TIMEOUT:?say how long, for example 5s}"
    : "${HEALTHCHECK_RETRIES:?say how many, for example 3}" "${REVISION:?say which commit}"
    VERSION=${VERSION:-$REVISION} deploy/build-image.sh "$BUILT" >&2
    docker save --output "$file" "$BUILT"
    echo "sha256=$(sha256sum "$file" | cut -d ' ' -f 1)"
}

verify() {
    local file=$1 sha256=$2
    if ! echo "$sha256  $file" | sha256sum --check --status; then
        echo "$file is not the image that was built: its checksum is not $sha256." >&2
        return 1
    fi
}

push() {
    local file=$1 sha256=$2 tag first=""
    verify "$file" "$sha256"
    docker load --quiet --input "$file" >&2
    while read -r tag; do
        docker tag "$BUILT" "$tag"
        docker push --quiet "$tag" >&2
        first=${first:-$tag}
    done
    if [ -z "$first" ]; then
        echo "There is no tag to push under." >&2
        return 1
    fi
    # By its digest an image can be signed and deployed; a tag may mean another image tomorrow.
    local repository=${first%:*} reference
    reference=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$first" |
        grep --fixed-strings "$repository@sha256:" | head -n 1)
    echo "name=$repository"
    echo "digest=${reference#*@}"
}

case "${1:-} $#" in
"build 2" | "verify 3" | "push 3") "$@" ;;
*)
    sed -n '5,7s/^# *//p' "$0" >&2
    exit 2
    ;;
esac
