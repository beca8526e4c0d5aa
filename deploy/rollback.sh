#!/usr/bin/env bash
# Point nginx back at the other colour, which the last deployment kept up: what `make rollback` does (ENV=development).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

lock
old=$(colour_active)
new=$(colour_idle)
running "$new" || fail "$new does not run, so there is nothing to go back to: deploy an older image with make deploy."
image=$(docker inspect --format '{{.Config.Image}}' "$new")
probe "$new" ready || fail "$new ($image) does not answer as it should; $old serves as before."

point_nginx_at "$new" || fail "nginx refuses the configuration; $old serves as before."
for _ in $(seq 10); do
  status=$(through_nginx /health)
  [ "$status" = 200 ] || { point_nginx_at "$old"; fail "nginx answers ${status:-nothing} for /health; $old serves again."; }
done
record rollback "$image" "$new" "rolled back"
say "ROLLED BACK: $new serves $image after $SECONDS s; $old stays up."
