#!/usr/bin/env bash
# Build the image of the API: deploy/build-image.sh [IMAGE]       (default branchloans-api:local)
#
# Read from the environment: FLASK_ENV, HEALTHCHECK_INTERVAL, HEALTHCHECK_TIMEOUT, HEALTHCHECK_RETRIES (build
# arguments), VERSION, REVISION, CREATED (labels). Docker expands no build argument in the options of HEALTHCHECK, so
# they are written into the Dockerfile on its way to the builder; what the image then says is checked.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:-branchloans-api:local}
interval=${HEALTHCHECK_INTERVAL:-30s}
timeout=${HEALTHCHECK_TIMEOUT:-5s}
retries=${HEALTHCHECK_RETRIES:-3}

for time in "$interval" "$timeout"; do
  [[ $time =~ ^[0-9]+(s|m)$ ]] || { echo "build-image: $time is no time such as 30s" >&2; exit 2; }
done
[[ $retries =~ ^[0-9]+$ ]] || { echo "build-image: HEALTHCHECK_RETRIES=$retries is no number" >&2; exit 2; }

sed -E "/^HEALTHCHECK /{
  s/--interval=[^ ]+/--interval=$interval/
  s/--timeout=[^ ]+/--timeout=$timeout/
  s/--retries=[^ ]+/--retries=$retries/
}" Dockerfile |
  DOCKER_BUILDKIT=1 docker build --file - --tag "$image" \
    --build-arg "FLASK_ENV=${FLASK_ENV:-production}" \
    --build-arg "HEALTHCHECK_INTERVAL=$interval" \
    --build-arg "HEALTHCHECK_TIMEOUT=$timeout" \
    --build-arg "HEALTHCHECK_RETRIES=$retries" \
    --build-arg "VERSION=${VERSION:-0}" \
    --build-arg "REVISION=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}" \
    --build-arg "CREATED=${CREATED:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}" \
    .

seconds() { case $1 in *m) echo $((${1%m} * 60)) ;; *) echo "${1%s}" ;; esac; }
wanted="$(seconds "$interval")s $(seconds "$timeout")s $retries"
found=$(docker image inspect --format \
  '{{.Config.Healthcheck.Interval.Seconds}}s {{.Config.Healthcheck.Timeout.Seconds}}s {{.Config.Healthcheck.Retries}}' "$image")
[ "$found" = "$wanted" ] || { echo "build-image: the image's health check is $found, not $wanted" >&2; exit 1; }
