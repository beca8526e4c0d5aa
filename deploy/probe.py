"""Asks the API from inside its own container; deploy/lib.sh sends this file to `docker exec -i <colour> python -`.

ready    exits 0 if health, database, metrics and a protected route answer as they should, else says what did not
counts   prints two numbers: the requests answered so far, and those of them answered with 5xx
"""

import http.client
import os
import re
import sys

TIMEOUT_SECONDS = 4
SAMPLE = re.compile(r'^flask_http_request_total\{[^}]*status="(\d{3})"[^}]*\} (\S+)$', re.MULTILINE)
LOANS = "/api/v1/loans"
EXPECTED = {"/health": 200, "/health-db": 200, "/metrics": 200, LOANS: 401}


def get(path: str, *, key: str = "") -> tuple[int, str]:
    """Ask for a path and give the status and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=TIMEOUT_SECONDS)
    headers = {"X-Request-ID": "deploy-probe"} | ({"Authorization": f"Bearer {key}"} if key else {})
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", errors="replace")
    finally:
        connection.close()


def ready() -> None:
    """Say what does not answer as it should, and exit 1, if anything; with PROBE_KEY, read a loan, too."""
    questions = [(path, status, "") for path, status in EXPECTED.items()]
    if key := os.environ.get("PROBE_KEY"):
        questions.append((LOANS + "?limit=1", 200, key))
    for path, status, key in questions:
        try:
            found = get(path, key=key)[0]
        except (OSError, http.client.HTTPException) as error:
            sys.exit(f"{path}: {error}")
        if found != status:
            sys.exit(f"{path}{' with a key' if key else ''}: {found} instead of {status}")


def counts() -> None:
    """Print how many requests there were, and how many of them failed on our side."""
    total = failed = 0.0
    for status, value in SAMPLE.findall(get("/metrics")[1]):
        total += float(value)
        if status.startswith("5"):
            failed += float(value)
    print(int(total), int(failed))


if __name__ == "__main__":
    {"ready": ready, "counts": counts}[sys.argv[1]]()
