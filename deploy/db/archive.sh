#!/usr/bin/env bash
# archive_command: copy one finished segment of the write-ahead log to the archive, whole or not at all.
# PostgreSQL tries again until this succeeds, and keeps the segment until then.
set -euo pipefail
segment=$1
target=/backups/wal/$2
# After a crash it may ask for what is there already; the same content is success, another one is not.
if [ -e "$target" ]; then exec cmp --silent "$segment" "$target"; fi
cp "$segment" "$target.part"
sync "$target.part"
mv "$target.part" "$target"
sync /backups/wal
