"""Waiting for others to wait: for tests of what happens while a lock is held."""

import sqlalchemy as sa

from loans import clock

# pg_locks shows the locks of every database of the server, so also those of tests that run beside this one:
# only who waits for this very connection counts.
BLOCKED = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
POLL_SECONDS = 0.02
POLLS_MAX = 4500


def wait_for_blocked(holder, *, sessions=1):
    """Wait until so many sessions wait for a lock that a connection holds."""
    for _ in range(POLLS_MAX):
        if holder.scalar(sa.text(BLOCKED)) == sessions:
            return
        clock.sleep(POLL_SECONDS)
    raise AssertionError(f"not {sessions} sessions wait for this connection")
