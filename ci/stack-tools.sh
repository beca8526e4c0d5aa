#!/usr/bin/env bash
# Install what `make check-stack` needs and this machine lacks: the programs the stack is made of, and Node.js.
# As root on Debian or Ubuntu it does so; elsewhere it says in one sentence what to install. What is there, it leaves.
set -euo pipefail

SECONDS_MAX=420
# program:package of Debian
NEEDED=(
    nginx:nginx-light
    prometheus:prometheus
    promtool:prometheus
    alertmanager:prometheus-alertmanager
    amtool:prometheus-alertmanager
    postgres_exporter:prometheus-postgres-exporter
    node_exporter:prometheus-node-exporter
    nginx_exporter:prometheus-nginx-exporter
    openssl:openssl
    node:nodejs
    npm:npm
)
PATH=$PATH:/usr/sbin:/sbin

is_there() { # Debian puts the family's name before those of the exporters
    command -v "$1" >/dev/null || command -v "prometheus-${1//_/-}" >/dev/null
}

missing=()
for pair in "${NEEDED[@]}"; do
    is_there "${pair%%:*}" || missing+=("${pair##*:}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "make check-stack needs programs that are not here: install ${missing[*]} (the names are Debian's)" \
        "and run it again." >&2
    exit 1
fi

# The packages would start their services, on ports that somebody may be using: for this while, nothing is started.
policy=/usr/sbin/policy-rc.d
if ! [ -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
echo "Installing ${missing[*]}"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
install() {
    timeout "$SECONDS_MAX" apt-get update -q &&
        timeout "$SECONDS_MAX" apt-get install -q -y --no-install-recommends "${missing[@]}"
}
if ! install >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    echo "The packages could not be installed within $SECONDS_MAX seconds: check the network and run it again." >&2
    exit 1
fi
rm -f "$log"
