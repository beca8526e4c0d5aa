#!/usr/bin/env bash
# docker compose for ENV (development), with what was deployed: deploy/compose.sh ps
set -euo pipefail
. "$(dirname "$0")/lib.sh"
compose "$@"
