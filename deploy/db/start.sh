#!/usr/bin/env bash
# Starts PostgreSQL in its container: owns the archive's folder, sizes the memory, then hands over to the image.
set -euo pipefail

# The value of an environment file gives way to the secret file; the image refuses both together.
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then unset POSTGRES_PASSWORD; else unset POSTGRES_PASSWORD_FILE; fi

# Only its own folder, since the backup service begins at the same time.
install -d -o postgres -g postgres -m 700 /backups/wal

# A quarter of what the container may use, whatever DB_MEMORY_LIMIT says (cgroup v2, then v1).
limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || echo max)
case $limit in max | *[!0-9]*) megabytes=128 ;; *) megabytes=$((limit / 4 / 1048576)) ;; esac
[ "$megabytes" -le 8192 ] || megabytes=8192

settings=(-c "shared_buffers=${megabytes}MB")
# Where the image has it: the statements' times for the exporter.
if compgen -G '/usr/lib/postgresql/*/lib/pg_stat_statements.so' >/dev/null; then
  settings+=(-c shared_preload_libraries=pg_stat_statements)
fi
exec docker-entrypoint.sh postgres "${settings[@]}" "$@"
