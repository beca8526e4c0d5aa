"""Waiting until the feed shows what is there: transactions in other databases of the tests' server hold it up, too."""

import sqlalchemy as sa

from loans import clock
from loans.db import db
from tests.blocking import POLL_SECONDS

POLLS_MAX = 1000
UNSETTLED = """
SELECT count(*) FROM outbox_events
WHERE era = outbox_era() AND xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
"""


def wait_until_settled() -> None:
    """Wait until no transaction runs any more that is older than an event of this database."""
    for _ in range(POLLS_MAX):
        count = db.session.execute(sa.text(UNSETTLED)).scalar_one()
        db.session.rollback()
        if not count:
            return
        clock.sleep(POLL_SECONDS)
    raise AssertionError(f"{count} events have not settled")
