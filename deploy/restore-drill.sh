#!/usr/bin/env bash
# Prove that the backups can be restored: deploy/restore-drill.sh [TARGET]      (ENV=development)
#
# Restores the newest base backup and the archived log to a scratch server on a network of its own, up to TARGET (such
# as "2026-11-20 12:00:00+00") or to the end of the archive, runs `flask verify` and `flask trial-balance` on it, says
# how old the backup was, which point was reached and how long it took, and removes everything again. The running
# database is not touched. Exits 1 if any of it fails; "could not be verified" is a failure.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

target=${1:-}
[[ $target =~ ^[0-9T:.+Z\ -]*$ ]] || fail "TARGET is a time such as 2026-11-20 12:00:00+00."
RECOVERY_SECONDS_MAX=${RECOVERY_SECONDS_MAX:-900}

backups=$(setting BACKUP_VOLUME_PATH)
mkdir -p .deploy
backups=$(realpath -m "$backups")
user=$(setting POSTGRES_USER)
database=$(setting POSTGRES_DB)
postgres=$(sed -nE 's/^ *image: (postgres:.*)$/\1/p' docker-compose.yml | head -n 1)
api=$(docker inspect --format '{{.Config.Image}}' "$(colour_active)" 2>/dev/null || echo "branchloans-api:${API_TAG:-local}")
name=branchloans-drill-$$

cleanup() {
  docker rm --force --volumes "$name" >/dev/null 2>&1 || true
  docker volume rm --force "$name" >/dev/null 2>&1 || true
  docker network rm "$name" >/dev/null 2>&1 || true
}
trap cleanup EXIT

in_backups() {
  docker run --rm --entrypoint bash --volume "$backups:/backups:ro" --volume "$ROOT/deploy/backup:/opt/branchloans:ro" "$@"
}
ask() { docker exec "$name" psql --host /var/run/postgresql --username "$user" --dbname "$database" --no-psqlrc --tuples-only --no-align --command "$1"; }

# Names are times, so that they can be compared: 20261120T020000Z.
before=99999999T999999Z
if [ -n "$target" ]; then before=$(date -u -d "$target" +%Y%m%dT%H%M%SZ) || fail "TARGET is no time: $target"; fi
# shellcheck disable=SC2016 # expanded by the shell in the container
base=$(in_backups --env "BEFORE=$before" "$postgres" -c '
  find /backups/base -mindepth 1 -maxdepth 1 -type d -name "2*Z" -printf "%f\n" 2>/dev/null | sort |
    while read -r each; do if [[ $each < $BEFORE ]]; then echo "$each"; fi; done | tail -n 1')
[ -n "$base" ] || fail "There is no base backup${target:+ from before $target} in $backups: run make backup ENV=$ENV."
taken=$(date -u -d "$(sed -E 's/^(....)(..)(..)T(..)(..)(..)Z$/\1-\2-\3 \4:\5:\6/' <<<"$base")" +%s)
age=$(($(date +%s) - taken))
say "1. base backup $base, $((age / 3600)) h $((age % 3600 / 60)) min old"

docker network create --internal "$name" >/dev/null
docker volume create "$name" >/dev/null
in_backups --volume "$name:/data" "$postgres" -ec "
  bash /opt/branchloans/verify.sh /backups/base/$base
  cp -a /backups/base/$base/. /data/
  touch /data/recovery.signal
  printf 'local all all trust\nhost all all all trust\n' >/data/drill_hba.conf
  chown postgres /data /data/recovery.signal /data/drill_hba.conf
  chmod 700 /data"
say "2. verified against its manifest and copied"

settings=(-c "restore_command=cp /backups/wal/%f %p" -c recovery_target_action=promote -c archive_mode=off
  -c hba_file=/var/lib/postgresql/18/docker/drill_hba.conf -c timezone=UTC)
if [ -n "$target" ]; then settings+=(-c "recovery_target_time=$target"); fi
recovery_started=$SECONDS
docker run --detach --name "$name" --network "$name" --network-alias drill --shm-size 256m \
  --volume "$name:/var/lib/postgresql/18/docker" --volume "$backups:/backups:ro" "$postgres" postgres "${settings[@]}" >/dev/null
until [ "$(ask 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; do
  running "$name" || { docker logs --tail 15 "$name" 2>&1 | sed 's/^/  /'; fail "The scratch server ended: the restore FAILED."; }
  [ $((SECONDS - recovery_started)) -lt "$RECOVERY_SECONDS_MAX" ] || fail "Not recovered after $RECOVERY_SECONDS_MAX s: FAILED."
  sleep 0.5
done
recovered=$((SECONDS - recovery_started))
reached=$(ask "SELECT coalesce(to_char(pg_last_xact_replay_timestamp(), 'YYYY-MM-DD HH24:MI:SS.US+00'), 'the end of the base backup')")
say "3. recovered in $recovered s; the last transaction is from $reached${target:+ (asked for: $target)}"
if [ -n "$target" ]; then
  [ "$(ask "SELECT coalesce(pg_last_xact_replay_timestamp() <= '$target', true)")" = t ] ||
    fail "That is later than the point asked for: FAILED."
fi
say "   $(ask "SELECT format('%s loans, %s events, %s journal lines, newest audit record %s', (SELECT count(*) FROM loans),
  (SELECT count(*) FROM loan_events), (SELECT count(*) FROM journal_lines), (SELECT max(recorded_at) FROM audit_records))")"

flask() {
  docker run --rm --network "$name" --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --env ENVIRONMENT=development --env "DATABASE_URL=postgresql+psycopg2://$user@drill:5432/$database" \
    "$api" flask --app wsgi "$@" 2>/dev/null
}
say "4. flask verify: $(flask verify)" || fail "The restored books do not verify: FAILED."
balance=$(flask trial-balance) || fail "The restored books do not balance: FAILED."
say "   flask trial-balance: $(grep -E 'balanced|empty' <<<"$balance" | paste -sd ' ' -)"

if running backup; then
  docker exec -i --user postgres backup bash -c 'cat >/textfile/restore-drill.part && chmod 644 /textfile/restore-drill.part &&
    mv /textfile/restore-drill.part /textfile/restore-drill.prom' <<METRICS
# HELP branchloans_restore_drill_timestamp_seconds When a backup was last restored and verified.
# TYPE branchloans_restore_drill_timestamp_seconds gauge
branchloans_restore_drill_timestamp_seconds $(date +%s)
# HELP branchloans_restore_drill_duration_seconds How long that took.
# TYPE branchloans_restore_drill_duration_seconds gauge
branchloans_restore_drill_duration_seconds $SECONDS
METRICS
fi
say "RESTORED AND VERIFIED: backup $base ($((age / 60)) min old), point reached $reached, $SECONDS s in all."
