#!/usr/bin/env bash
# Find what an image's name means now, and check that a pipeline of this repository signed exactly that.
#   ci/verify-image.sh user/branchloans:v1.2.3      prints reference=user/branchloans@sha256:...
# It needs GITHUB_SERVER_URL and GITHUB_REPOSITORY, as a workflow has them.
set -euo pipefail

image=${1:?"say which image"}
if ! [[ $image =~ ^[a-z0-9]+/branchloans[a-z-]*(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$ ]]; then
    echo "'$image' is no image of ours: it should read user/branchloans-staging:<commit> or user/branchloans:v1.2.3." >&2
    exit 1
fi
case $image in
*@sha256:*) reference=$image ;;
*) reference=${image%:*}@$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}') ;;
esac
# A dot in a repository's name must not stand for any character.
repository="${GITHUB_SERVER_URL:?}/${GITHUB_REPOSITORY:?}"
cosign verify "$reference" \
    --certificate-oidc-issuer https://token.actions.githubusercontent.com \
    --certificate-identity-regexp "^${repository//./\\.}/\.github/workflows/(cd|release)\.yml@refs/" >&2
echo "reference=$reference"
