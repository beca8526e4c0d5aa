#!/usr/bin/env bash
# Try an installation from outside, one line for each check: deploy/smoke.sh [URL] [--resolve ADDRESS] [--secrets FOLDER]
#
#   URL               default https://branchloans.com
#   --resolve ADDRESS connect to this address, whatever the name server says (127.0.0.1 on the host itself)
#   --secrets FOLDER  where prometheus_password is; without one, /prometheus/ is only checked to be closed
#   --http-port PORT  where plain HTTP answers (default 80)
#
# The certificate is verified against ssl/branchloans.crt if that is what is served, else against the system's
# authorities. Exits 1 if any check fails.
set -euo pipefail
cd "$(dirname "$0")/.."

url=https://branchloans.com
address=
secrets=
http_port=80
while [ $# -gt 0 ]; do
  case $1 in
    --resolve) address=$2; shift 2 ;;
    --secrets) secrets=$2; shift 2 ;;
    --http-port) http_port=$2; shift 2 ;;
    -*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) url=${1%/}; shift ;;
  esac
done
host=${url#*://}
port=443
case $host in *:*) port=${host#*:} host=${host%:*} ;; esac

options=(--silent --show-error --max-time 10)
if [ -n "$address" ]; then
  options+=(--resolve "$host:$port:$address" --resolve "$host:$http_port:$address")
fi
# A self-signed certificate is its own authority.
if ! curl "${options[@]}" --output /dev/null "$url/health" 2>/dev/null && [ -s ssl/branchloans.crt ]; then
  options+=(--cacert ssl/branchloans.crt)
fi

body=$(mktemp)
headers=$(mktemp)
trap 'rm -f "$body" "$headers"' EXIT
passed=0
failed=0

# get [curl options] ADDRESS: fills $status, $body, $headers
get() {
  status=$(curl "${options[@]}" --output "$body" --dump-header "$headers" --write-out '%{http_code}' "$@" 2>"$body.err") ||
    status="no answer: $(cat "$body.err")"
  rm -f "$body.err"
}

# check "what" CONDITION...
check() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then
    passed=$((passed + 1))
    printf 'PASS  %s\n' "$what"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s   (%s: %s)\n' "$what" "$status" "$(head -c 200 "$body" | tr '\n' ' ')"
  fi
}
answers() { [ "$status" = "$1" ]; }
says() { [ "$status" = 200 ] && grep -qE "$1" "$body"; }
header() { grep -qiE "^$1" "$headers"; }

get "$url/health"
check 'GET /health says {"status":"healthy"}' says '"status": ?"healthy"'
check 'Strict-Transport-Security is sent' header 'strict-transport-security: max-age='
check 'X-Request-ID is sent' header 'x-request-id: .'
get "$url/health-db"
check 'GET /health-db reaches the database' \
  says 'Connection Successfully Established with the Database in [0-9]+\.[0-9]{4} seconds'
get "$url/api/v1/loans"
check 'GET /api/v1/loans without a key is refused (401, problem+json)' answers 401
check 'and the refusal is a problem document' header 'content-type: application/problem\+json'
get "$url/metrics"
check 'GET /metrics is closed from outside (404)' answers 404
get "$url/prometheus/-/ready"
check 'GET /prometheus/-/ready without a password is refused (401)' answers 401
if [ -n "$secrets" ]; then
  get --user "ops:$(cat "$secrets/prometheus_password")" "$url/prometheus/-/ready"
  check 'GET /prometheus/-/ready with the password answers' answers 200
  get --user "ops:$(cat "$secrets/prometheus_password")" "$url/prometheus/api/v1/query?query=up"
  check 'GET /prometheus/api/v1/query answers a query' says '"status":"success"'
  get --user "ops:$(cat "$secrets/prometheus_password")" --request POST "$url/prometheus/-/quit"
  check 'POST /prometheus/-/quit does not exist, even with the password' answers 404
fi
get "$url/grafana/api/health"
check 'GET /grafana/api/health answers' says '"database": ?"ok"'
get "http://$host:$http_port/health?x=1"
check 'http:// is sent to https:// (308)' answers 308
check 'and to the same path' header "location: https://$host/health\?x=1"

printf '%s passed, %s failed: %s\n' "$passed" "$failed" "$url"
[ "$failed" = 0 ]
