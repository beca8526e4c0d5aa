#!/usr/bin/env bash
# Make the secret files of an environment where they are missing: deploy/secrets.sh staging|production
#
# Nothing that exists is ever overwritten; to rotate one, move it away first (docs/runbooks/secrets.md).
# The folder is closed to everybody else (0700). The files inside are readable (0444): the containers run under other
# user ids, and Compose mounts a file as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=${1:-${ENV:-development}}
case $environment in
  development) echo "Development uses the documented values in deploy/development; there is nothing to make."; exit 0 ;;
  staging | production) ;;
  *) echo "secrets: ENV is development, staging or production" >&2; exit 2 ;;
esac

folder=secrets/$environment
umask 077
mkdir -p "$folder"
chmod 700 secrets "$folder"

# A pipeline may have sent settings.env; it wins over the environment file.
setting() { { cat ".env.$environment" "$folder/settings.env" 2>/dev/null || true; } | sed -nE "s/^$1=(.*)$/\1/p" | tail -n 1; }

# Letters and digits only, so that a password is the same in a URL: 32 of 62 are 190 bits.
random() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1" || true; }

# keep FILE: write what comes in, unless the file is there already.
keep() {
  local file=$folder/$1
  if [ -s "$file" ]; then
    chmod 444 "$file"
    cat >/dev/null
    echo "kept  $file"
    return
  fi
  cat >"$file.part"
  chmod 444 "$file.part"
  mv "$file.part" "$file"
  echo "made  $file"
}

# bcrypt where perl's crypt knows it, else SHA-512 crypt; nginx verifies both. The password has 190 bits, so that a
# low cost is enough, and nginx, which verifies it at every request, does not stand still for long.
hashed() {
  local password=$1 hash
  hash=$(PASSWORD=$password SALT=$(random 22) perl -e 'print crypt($ENV{PASSWORD}, q($2b$08$) . $ENV{SALT})' 2>/dev/null || true)
  # shellcheck disable=SC2016 # no variable: it is how a bcrypt hash begins
  case $hash in '$2b$08$'*) ;; *) hash=$(openssl passwd -6 -stdin <<<"$password") ;; esac
  printf '%s\n' "$hash"
}

random 64 | keep secret_key
printf '%s:%s\n' "$(date -u +%Y-%m)" "$(random 64)" | keep jwt_keys
for name in postgres_password app_password metrics_password backup_password grafana_admin_password prometheus_password; do
  random 32 | keep "$name"
done
database=$(setting POSTGRES_DB)
printf 'postgresql+psycopg2://branchloans_app:%s@db:5432/%s\n' "$(cat "$folder/app_password")" "$database" | keep database_url
printf 'postgresql+psycopg2://%s:%s@db:5432/%s\n' "$(setting POSTGRES_USER)" "$(cat "$folder/postgres_password")" "$database" |
  keep database_url_owner
printf 'ops:%s\n' "$(hashed "$(cat "$folder/prometheus_password")")" | keep prometheus_htpasswd
