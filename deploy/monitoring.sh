#!/usr/bin/env bash
# Helpers for the monitors: deploy/monitoring.sh prometheus|check|reload|grafana      (ENV=development)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

folder=secrets/$ENV
if [ "$ENV" = development ]; then folder=deploy/development; fi
base=https://branchloans.com
if [ "$HTTPS_PORT" != 443 ]; then base=$base:$HTTPS_PORT; fi

# The targets as Prometheus sees them, one line each.
targets() {
  docker exec prometheus promtool query instant http://127.0.0.1:9090 'up' |
    sed -nE 's/^up\{(.*)\} => ([01]) @.*/\2 \1/p' | sort
}

case ${1:-} in
  prometheus)
    say "$base/prometheus/   user ops, password in $folder/prometheus_password"
    targets | sed -E 's/^1 /up    /; s/^0 /DOWN  /'
    ;;
  check)
    docker exec prometheus promtool check config /etc/prometheus/prometheus.yml
    ;;
  reload)
    docker exec prometheus promtool check config /etc/prometheus/prometheus.yml >/dev/null
    docker kill --signal HUP prometheus >/dev/null
    say "Prometheus reads its configuration anew."
    ;;
  grafana)
    say "$base/grafana/   user admin, first password in $folder/grafana_admin_password"
    docker exec grafana sh -c 'wget -q -O - http://127.0.0.1:3000/api/health 2>/dev/null || curl -fsS http://127.0.0.1:3000/api/health'
    echo
    ;;
  *) sed -n '2p' "$0"; exit 2 ;;
esac
