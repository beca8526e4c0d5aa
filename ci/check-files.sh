#!/usr/bin/env bash
# What `make check` checks besides Python. Every check runs; a failure of any is a failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

status=0
check() {
    local name=$1 output
    shift
    if ! output=$("$@" 2>&1); then
        printf '%s\n%s\n' "$output" "check: $name has findings" >&2
        status=1
    fi
}

# Shell scripts are found by their first line, since hooks and programs have no suffix.
# shellcheck disable=SC2016 # $0 is awk's
mapfile -t scripts < <(
    find . \( -name .git -o -name .venv -o -name .data -o -name node_modules -o -name 'postgres_data_*' -o -name 'backups_*' \) -prune \
        -o -type f -print0 |
        xargs -0 awk 'FNR == 1 { if ($0 ~ /^#!.*[\/ ](ba|da)?sh( |$)/) print FILENAME; nextfile }' | sort
)

check "zizmor (workflows)" zizmor --offline --quiet --no-progress .
check "hadolint (Dockerfile)" hadolint Dockerfile
check "shellcheck (${#scripts[@]} scripts)" shellcheck --external-sources --source-path=SCRIPTDIR "${scripts[@]}"
check "yamllint" .venv/tools/bin/python -m yamllint --strict .
check "gixy (nginx)" .venv/tools/bin/python -m gixy nginx/nginx.conf
exit "$status"
