#!/usr/bin/env bash
# Start everything for ENV (development) and wait until every service is healthy: what `make up` does.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Several times the longest health check, and the first base backup.
WAIT_SECONDS_MAX=${WAIT_SECONDS_MAX:-300}

[ -s ssl/branchloans.crt ] || fail "There is no certificate: run make certs first."

# What deployments change is a copy, so that it never shows in git.
mkdir -p "$FOLDER/active" ssl/acme
[ -f "$FOLDER/active/upstream.conf" ] || cp nginx/active/upstream.conf "$FOLDER/active/upstream.conf"
remember "NGINX_ACTIVE=./$FOLDER/active"

# The image is built from this folder only where nothing was deployed.
if [ -z "$(state API_IMAGE)" ]; then
  HEALTHCHECK_INTERVAL=$(setting HEALTHCHECK_INTERVAL) HEALTHCHECK_TIMEOUT=$(setting HEALTHCHECK_TIMEOUT) \
    HEALTHCHECK_RETRIES=$(setting HEALTHCHECK_RETRIES) FLASK_ENV=$(setting FLASK_ENV) \
    deploy/build-image.sh "branchloans-api:${API_TAG:-local}"
fi
compose up --detach --no-build --remove-orphans

# Prints what is not up yet; nothing when all is well.
unready() {
  compose ps --all --format '{{.Name}} {{.State}} {{.Health}} {{.ExitCode}}' | while read -r name status health code; do
    # Of a service without a health check the third word is its exit code.
    case "$name $status $health $code" in
      "migrate exited 0 "* | *" running healthy "*) ;;
      *" running "[0-9]*) ;;
      *) echo "$name ($status${health:+ $health})" ;;
    esac
  done
}

printf 'Waiting until all is healthy '
while [ "$SECONDS" -lt "$WAIT_SECONDS_MAX" ]; do
  left=$(unready)
  if [ -z "$left" ]; then
    printf ' after %s s\n' "$SECONDS"
    compose ps --all --format 'table {{.Name}}\t{{.Status}}\t{{.Ports}}'
    exit 0
  fi
  printf '.'
  sleep 3
done
echo
fail "Not healthy after $WAIT_SECONDS_MAX s: $(paste -sd ' ' - <<<"$left"). See: make logs ENV=$ENV"
