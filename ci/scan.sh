#!/usr/bin/env bash
# The gate of the pipeline's Security-Scan on your own machine: fails on a CRITICAL or HIGH finding that has a fix.
#   ci/scan.sh image.tar      an image saved by ci/image.sh build
#   ci/scan.sh                the project's own files: Dockerfile, locked requirements, secrets left in the open
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v trivy >/dev/null; then
    echo "Scanning needs trivy, which is not here; the pipeline scans every image before it is pushed." >&2
    exit 1
fi
gate=(--severity "CRITICAL,HIGH" --ignore-unfixed --scanners "vuln,misconfig,secret" --format table --exit-code 1)
if [ $# -gt 0 ]; then
    exec trivy image "${gate[@]}" --input "$1"
fi
exec trivy filesystem "${gate[@]}" --skip-dirs .venv --skip-dirs .data --skip-dirs secrets .
