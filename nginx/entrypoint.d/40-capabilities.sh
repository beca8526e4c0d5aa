#!/bin/sh
# Gives nginx the parts of its configuration that only newer versions understand. The image runs this before nginx
# starts. Without it everything works, but each request opens a connection to the api.
set -eu
from=${1:-/etc/nginx/capabilities}
to=${2:-/tmp/nginx}

at_least() { # at_least <version> <oldest>
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

about=$(nginx -V 2>&1)
nginx_version=$(printf '%s\n' "$about" | sed -n 's|^nginx version: nginx/\([0-9.]*\).*|\1|p')
# Where the library at hand is newer than the one it was built with, both are named, and the last one counts.
openssl_version=$(printf '%s\n' "$about" | sed -n 's|^built with.*OpenSSL \([0-9.]*\).*|\1|p')

mkdir -p "$to"
rm -f "$to"/*.conf "$to"/*.map
if at_least "$nginx_version" 1.27.3; then
    cp "$from/pool.conf" "$from/pool.map" "$to/"
fi
if at_least "$nginx_version" 1.27.4; then
    cp "$from/reload.conf" "$to/"
fi
if at_least "$openssl_version" 3.5; then
    cp "$from/groups-hybrid.conf" "$to/"
else
    cp "$from/groups-classic.conf" "$to/"
fi
