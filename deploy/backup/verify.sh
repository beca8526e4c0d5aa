#!/usr/bin/env bash
# Check every file of a base backup against its manifest: verify.sh FOLDER
# With pg_verifybackup; where a build of it crashes (some do), with sha256sum.
set -euo pipefail
folder=$1

status=0
found=$(pg_verifybackup --quiet "$folder" 2>&1) || status=$?
if [ "$status" -le 128 ]; then
  [ -z "$found" ] || printf '%s\n' "$found" >&2
  exit "$status"
fi

cd "$folder"
# The last line of the manifest is the checksum of all that comes before it.
[ "$(sed '$d' backup_manifest | sha256sum | cut -d ' ' -f 1)" = \
  "$(sed -nE '$s/^"Manifest-Checksum": "([0-9a-f]{64})"\}$/\1/p' backup_manifest)" ]
files=$(grep -c '"Path": ' backup_manifest)
sed -nE 's/^\{ "Path": "([^"]+)", .*"Checksum-Algorithm": "SHA256", "Checksum": "([0-9a-f]{64})" \},?$/\2  \1/p' \
  backup_manifest >"${TMPDIR:-/tmp}/sums.$$"
trap 'rm -f "${TMPDIR:-/tmp}/sums.$$"' EXIT
# One that was not understood would be one that is not checked.
[ "$(wc -l <"${TMPDIR:-/tmp}/sums.$$")" = "$files" ]
sha256sum --check --quiet --strict "${TMPDIR:-/tmp}/sums.$$"
