# shellcheck shell=bash
# What the scripts of deploy/ share. Sourced, never run; the caller has set -euo pipefail.
#
# What they write, git-ignored:
#   .deploy/<environment>/   state: images and colours; active/: the colour that nginx sends requests to (at first a copy
#                            of nginx/active); probe-key: a key that may read loans; logs of the last deployment
#   .deploy/history.tsv      every deployment and rollback, one line each, only ever added to
#   .env                     all settings of what runs here, for bare `docker compose` commands, which read it

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit

ENV=${ENV:-development}
ENV_FILE=.env.$ENV
FOLDER=.deploy/$ENV
STATE=$FOLDER/state
HISTORY=.deploy/history.tsv
SETTINGS=secrets/$ENV/settings.env # what a pipeline knows of this environment; it wins over the environment file

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

[ -f "$ENV_FILE" ] || fail "There is no $ENV_FILE: ENV is development, staging or production."
command -v docker >/dev/null || fail "This needs Docker (20.10 or newer) with Compose v2, and there is no docker here."

# One value of the environment; its files are not sourced, since they are no shell scripts.
setting() { { cat "$ENV_FILE" "$SETTINGS" 2>/dev/null || true; } | sed -nE "s/^$1=(.*)$/\1/p" | tail -n 1; }

# One value of the state.
state() { { cat "$STATE" 2>/dev/null || true; } | sed -nE "s/^$1=(.*)$/\1/p" | tail -n 1; }

# Write NAME=value pairs into the state, whole or not at all; other lines stay.
remember() {
  local pair names
  names=$(printf '%s\n' "$@" | sed 's/=.*//' | paste -sd '|' -)
  mkdir -p "$FOLDER"
  {
    if [ -f "$STATE" ]; then grep -vE "^($names)=" "$STATE" || true; fi
    for pair in "$@"; do printf '%s\n' "$pair"; done
  } >"$STATE.part"
  mv "$STATE.part" "$STATE"
  {
    echo "# Written by deploy/: $ENV as it runs here, for bare docker compose commands. Edit $ENV_FILE instead."
    cat "$ENV_FILE"
    if [ -f "$SETTINGS" ]; then cat "$SETTINGS"; fi
    cat "$STATE"
  } >.env.part
  mv .env.part .env
}

# docker compose with the environment and, over it, what was deployed.
compose() {
  local files=(--env-file "$ENV_FILE")
  if [ -f "$SETTINGS" ]; then files+=(--env-file "$SETTINGS"); fi
  if [ -f "$STATE" ]; then files+=(--env-file "$STATE"); fi
  docker compose "${files[@]}" "$@"
}

# The file that the running nginx reads; whoever started it chose the folder.
upstream_file() {
  local folder
  folder=$(docker inspect --format \
    '{{range .Mounts}}{{if eq .Destination "/etc/nginx/active"}}{{.Source}}{{end}}{{end}}' nginx 2>/dev/null || true)
  [ -n "$folder" ] || folder=$(state NGINX_ACTIVE)
  echo "${folder:-nginx/active}/upstream.conf"
}

colour_active() {
  local found
  found=$(sed -nE 's/^[^#]*\/\/(api-green|api):8000.*/\1/p' "$(upstream_file)" 2>/dev/null | tail -n 1)
  echo "${found:-api}"
}
colour_idle() { if [ "$(colour_active)" = api ]; then echo api-green; else echo api; fi; }
image_variable() { if [ "$1" = api ]; then echo API_IMAGE; else echo API_GREEN_IMAGE; fi; }

running() { [ "$(docker inspect --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }
health() { docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' "$1" 2>/dev/null || echo absent; }

# Point nginx at a colour. A configuration that nginx refuses is taken back, and nothing has changed then.
point_nginx_at() {
  local colour=$1 file
  file=$(upstream_file)
  cp "$file" "$file.before"
  sed -E "/^[^#]*:8000/s/(api-green|api):8000/$colour:8000/" "$file.before" >"$file.part"
  mv "$file.part" "$file"
  if ! docker exec nginx nginx -t -q || ! docker exec nginx nginx -s reload 2>/dev/null; then
    mv "$file.before" "$file"
    return 1
  fi
  rm -f "$file.before"
}

# Wait until no worker of nginx still serves a request by the configuration before the last switch: longer than any
# request may take (proxy_read_timeout, 15 s). Only then may the colour that it pointed at be stopped.
DRAIN_SECONDS=${DRAIN_SECONDS:-20}
drain() {
  local switched
  switched=$(stat -c %Y "$(upstream_file)")
  while [ $(($(date +%s) - switched)) -lt "$DRAIN_SECONDS" ]; do sleep 1; done
}

# Ask a colour from inside its own container: `probe COLOUR ready` or `probe COLOUR counts`. With the key that
# deployments keep, if there is one; it may only read, and never shows on a command line.
probe() {
  PROBE_KEY=$(cat "$FOLDER/probe-key" 2>/dev/null || true) \
    docker exec --interactive --env PROBE_KEY "$1" python - "$2" <deploy/probe.py
}

# Have a key for the probe that the colour which serves accepts. Without one the probe asks less, which is no failure.
probe_key() {
  if [ -s "$FOLDER/probe-key" ] && probe "$1" ready 2>/dev/null; then return; fi
  (umask 077 && docker exec "$1" flask --app wsgi create-key --name deploy-probe --scopes loans:read \
    >"$FOLDER/probe-key" 2>/dev/null) || rm -f "$FOLDER/probe-key"
}

# GET a path through nginx, as a client does; print the status, empty if there was no answer.
through_nginx() {
  curl --silent --insecure --max-time 5 --output /dev/null --write-out '%{http_code}' \
    --header "X-Request-ID: ${2:-deploy-$$}" --resolve "branchloans.com:$HTTPS_PORT:127.0.0.1" \
    "https://branchloans.com:$HTTPS_PORT$1" || true
}
HTTPS_PORT=${HTTPS_PORT:-$(setting HTTPS_PORT)}
HTTPS_PORT=${HTTPS_PORT:-443}

# One deployment or rollback at a time; the lock goes with the process.
lock() {
  mkdir -p "$FOLDER"
  exec 8>.deploy/lock
  flock --nonblock 8 || fail "Another deployment or rollback is running here (.deploy/lock)."
}

# when, environment, what, image, its id, colour, result, seconds, who
record() {
  mkdir -p .deploy
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%ss\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$ENV" "$1" "$2" \
    "$(docker image inspect --format '{{.Id}}' "$2" 2>/dev/null | cut -c8-19)" "$3" "$4" "$SECONDS" \
    "${DEPLOYED_BY:-$(id -un)}" >>"$HISTORY"
}
