#!/usr/bin/env bash
# Switch to another image without a failed request: deploy/deploy.sh IMAGE      (ENV=development)
#
# Migrate with the new image, start it as the idle colour, wait until it is healthy, ask it directly, point nginx at
# it, ask through nginx, watch it. Whatever fails on the way, nginx points at the old colour in the end, which was
# never stopped, and this exits 1. The old colour stays up, for `make rollback`.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

image=${1:-}
[ -n "$image" ] || fail "Say which image: make deploy ENV=$ENV IMAGE=user/branchloans-$ENV:<commit>"

HEALTHY_SECONDS_MAX=${HEALTHY_SECONDS_MAX:-180}
# After the switch: how long to watch, and which share of 5xx answers is too much (from so many requests on).
WATCH_SECONDS=${WATCH_SECONDS:-30}
ERROR_PERCENT_MAX=${ERROR_PERCENT_MAX:-1}
WATCH_REQUESTS_MIN=${WATCH_REQUESTS_MIN:-20}

lock
running nginx || fail "Nothing runs here that could be switched: run make up ENV=$ENV first."
old=$(colour_active)
new=$(colour_idle)
variable=$(image_variable "$new")
previous=$(state "$variable")
serving=$(docker inspect --format '{{.Config.Image}}' "$old" 2>/dev/null || echo "$image")

# The new one is refused: nginx serves the old one, and the record says why.
refuse() {
  local reason=$1
  say "REFUSED: $reason. $old serves as before."
  if [ -n "${started:-}" ]; then
    drain
    docker logs --tail 20 "$new" 2>&1 | sed "s/^/  $new | /" || true
    docker stop --time 30 "$new" >/dev/null 2>&1 || true
  fi
  # What `make up` starts there next time: what was there before, else what serves.
  remember "$variable=${previous:-$serving}"
  record deploy "$image" "$new" "refused: $reason"
  exit 1
}

switch_back() {
  point_nginx_at "$old" || say "nginx refuses its configuration; it keeps the one it has."
  refuse "$1"
}

say "1. image $image"
docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >/dev/null || refuse "no such image"

say "2. migrations (they must suit the version that runs, too: docs/runbooks/deploy.md)"
if ! MIGRATE_IMAGE=$image compose run --rm --no-deps --name migrate-deploy --quiet-pull migrate >"$FOLDER/migrate.log" 2>&1; then
  if grep -q "Can't locate revision identified by" "$FOLDER/migrate.log"; then
    # An older image: the tables are ahead of it, and they suit it as long as migrations only expand.
    say "   the database is ahead of this image: nothing to migrate"
    migrated=no
  else
    tail -n 8 "$FOLDER/migrate.log" | sed 's/^/  /'
    refuse "the migrations failed ($FOLDER/migrate.log)"
  fi
fi

say "3. start $new beside $old"
remember "$variable=$image" "COMPOSE_PROFILES=green" "$(image_variable "$old")=$serving"
drain
started=yes
if ! compose up --detach --no-deps --no-build --force-recreate "$new" >"$FOLDER/start.log" 2>&1; then
  sed 's/^/  /' "$FOLDER/start.log"
  refuse "it does not start"
fi

say "4. wait until $new is healthy"
until [ "$(health "$new")" = healthy ]; do
  running "$new" || refuse "it ended by itself"
  [ "$(docker inspect --format '{{.RestartCount}}' "$new")" = 0 ] || refuse "it ends and is started again and again"
  [ "$(health "$new")" != unhealthy ] || refuse "it is unhealthy"
  [ "$SECONDS" -lt "$HEALTHY_SECONDS_MAX" ] || refuse "it was not healthy within $HEALTHY_SECONDS_MAX s"
  sleep 1
done

say "5. ask $new directly"
probe_key "$old"
probe "$new" ready || refuse "it does not answer as it should"

say "6. point nginx at $new"
read -r before failed_before < <(probe "$new" counts) || refuse "its metrics do not answer"
point_nginx_at "$new" || refuse "nginx refuses the configuration"

say "7. ask through nginx"
for attempt in $(seq 20); do
  status=$(through_nginx /health "deploy-check-$$-$attempt")
  [ "$status" = 200 ] || switch_back "nginx answers ${status:-nothing} for /health"
done
# A new worker of nginx may take a moment to take over.
for _ in $(seq 10); do
  # No pipe: grep ends early, and the end of a broken pipe would count as a failure.
  grep -q "deploy-check-$$-" <(docker logs --since 60s "$new" 2>&1) && arrived=1 && break
  through_nginx /health "deploy-check-$$-again" >/dev/null
  sleep 0.5
done
[ -n "${arrived:-}" ] || switch_back "requests do not reach $new"

say "8. watch $new for $WATCH_SECONDS s"
end=$((SECONDS + WATCH_SECONDS))
while [ "$SECONDS" -lt "$end" ]; do
  running "$new" || switch_back "it ended by itself"
  [ "$(health "$new")" != unhealthy ] || switch_back "it became unhealthy"
  status=$(through_nginx /health)
  [ "$status" = 200 ] || switch_back "nginx answers ${status:-nothing} for /health"
  read -r total failed < <(probe "$new" counts) || switch_back "its metrics do not answer"
  total=$((total - before)) failed=$((failed - failed_before))
  if [ "$total" -ge "$WATCH_REQUESTS_MIN" ] && [ $((failed * 100)) -gt $((total * ERROR_PERCENT_MAX)) ]; then
    switch_back "$failed of $total requests failed"
  fi
  sleep 1
done

if [ -z "${migrated:-}" ]; then remember "MIGRATE_IMAGE=$image"; fi
record deploy "$image" "$new" deployed
say "DEPLOYED: $new serves $image after $SECONDS s (${total:-0} requests watched, ${failed:-0} failed)."
say "$old stays up: make rollback ENV=$ENV switches back at once."
