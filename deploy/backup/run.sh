#!/usr/bin/env bash
# Backups: run.sh nightly   take one at BACKUP_AT (UTC) each day, and at once if there is none; never ends
#          run.sh now       take one now
#          run.sh check     succeed if the newest one is younger than 26 hours
#
# /backups/base/<UTC time>/   base backups, each verified against its manifest before it gets its name
# /backups/wal/               the archive, written by the database itself (deploy/db/archive.sh)
set -euo pipefail

base=/backups/base
wal=/backups/wal
kept=${BACKUPS_KEPT:-7}
# Older than a day and the time a backup may take.
age_max=$((26 * 3600))

say() { printf 'backup: %s\n' "$*"; }

newest() { find "$base" -mindepth 1 -maxdepth 1 -type d -name '2*Z' 2>/dev/null | sort | tail -n 1; }

# 20261120T020000Z -> seconds since 1970
moment() { date -u -d "$(sed -E 's/^(....)(..)(..)T(..)(..)(..)Z$/\1-\2-\3 \4:\5:\6/' <<<"$1")" +%s; }

check() {
  local last
  last=$(newest)
  [ -n "$last" ] && [ $(($(date +%s) - $(moment "$(basename "$last")"))) -lt "$age_max" ]
}

# The figures for Prometheus, in one piece.
publish() {
  local file=/textfile/backup.prom last expires
  last=$(newest)
  {
    if [ -n "$last" ]; then
      printf '# HELP branchloans_backup_timestamp_seconds When the newest base backup was begun.\n'
      printf '# TYPE branchloans_backup_timestamp_seconds gauge\n'
      printf 'branchloans_backup_timestamp_seconds %s\n' "$(moment "$(basename "$last")")"
      printf '# HELP branchloans_backup_size_bytes The size of the newest base backup.\n'
      printf '# TYPE branchloans_backup_size_bytes gauge\n'
      printf 'branchloans_backup_size_bytes %s\n' "$(du -sb "$last" | cut -f1)"
    fi
    printf '# HELP branchloans_backups_kept The base backups there are.\n'
    printf '# TYPE branchloans_backups_kept gauge\n'
    printf 'branchloans_backups_kept %s\n' "$(find "$base" -mindepth 1 -maxdepth 1 -type d -name '2*Z' | wc -l)"
    printf '# HELP branchloans_wal_archive_timestamp_seconds When the newest segment reached the archive.\n'
    printf '# TYPE branchloans_wal_archive_timestamp_seconds gauge\n'
    printf 'branchloans_wal_archive_timestamp_seconds %s\n' \
      "$(find "$wal" -type f -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1 | cut -d. -f1 | grep . || echo 0)"
    # Here because this service wakes regularly and may read the certificate (never the key).
    if command -v openssl >/dev/null && expires=$(openssl x509 -noout -enddate -in /ssl/branchloans.crt 2>/dev/null); then
      printf '# HELP branchloans_certificate_expiry_timestamp_seconds When the certificate that nginx serves expires.\n'
      printf '# TYPE branchloans_certificate_expiry_timestamp_seconds gauge\n'
      printf 'branchloans_certificate_expiry_timestamp_seconds %s\n' "$(date -u -d "${expires#notAfter=}" +%s)"
    fi
  } >"$file.part"
  chmod 644 "$file.part"
  mv "$file.part" "$file"
}

now() {
  local name target size
  name=$(date -u +%Y%m%dT%H%M%SZ)
  target=$base/$name
  exec 9>"$base/.lock"
  flock --nonblock 9 || { say "another backup is being taken"; exit 1; }
  # What a killed run left behind.
  find "$base" -mindepth 1 -maxdepth 1 -type d -name '*.part' -exec rm -rf {} +
  say "taking $name"
  PGPASSWORD=$(cat /run/secrets/backup_password)
  export PGPASSWORD
  pg_basebackup --host=db --username=branchloans_backup --pgdata="$target.part" --wal-method=stream \
    --checkpoint=fast --manifest-checksums=SHA256 --label="$name" --no-password
  unset PGPASSWORD
  bash "$(dirname "$0")/verify.sh" "$target.part"
  sync -f "$target.part"
  mv "$target.part" "$target"
  size=$(du -sh "$target" | cut -f1)
  say "took $name ($size), verified against its manifest"
  retire
  publish
}

# Keep the newest base backups, and of the archive what the oldest of them needs.
retire() {
  local oldest first
  find "$base" -mindepth 1 -maxdepth 1 -type d -name '2*Z' | sort | head -n "-$kept" | while read -r old; do
    say "removing $(basename "$old")"
    rm -rf "$old"
  done
  oldest=$(find "$base" -mindepth 1 -maxdepth 1 -type d -name '2*Z' | sort | head -n 1)
  first=$(sed -nE 's/^START WAL LOCATION: .*\(file ([0-9A-F]+)\)$/\1/p' "$oldest/backup_label")
  pg_archivecleanup "$wal" "$first"
}

seconds_until() {
  local next
  next=$(date -u -d "$1" +%s)
  [ "$next" -gt "$(date +%s)" ] || next=$((next + 86400))
  echo $((next - $(date +%s)))
}

# In a shell of its own, since bash forgets `set -e` on the left of ||.
attempt() { bash "$0" now || say "FAILED; next try at ${BACKUP_AT:-02:00} UTC"; }

nightly() {
  local due
  trap 'exit 0' TERM INT
  check || attempt
  due=$(($(date +%s) + $(seconds_until "${BACKUP_AT:-02:00}")))
  say "next at $(date -u -d "@$due" '+%Y-%m-%d %H:%M') UTC; keeping $kept"
  while true; do
    publish
    # In the background, since only `wait` is interrupted by a signal.
    sleep 60 & wait $!
    if [ "$(date +%s)" -ge "$due" ]; then
      attempt
      due=$(($(date +%s) + $(seconds_until "${BACKUP_AT:-02:00}")))
    fi
  done
}

case ${1:-} in
  check) check; exit ;;
  nightly | now) ;;
  *) sed -n '2,4p' "$0"; exit 2 ;;
esac
if [ "$(id -u)" = 0 ]; then
  install -d -o postgres -g postgres -m 700 "$base" "$wal"
  chown postgres:postgres /textfile
  exec setpriv --reuid=postgres --regid=postgres --clear-groups bash "$0" "$@"
fi
"$1"
