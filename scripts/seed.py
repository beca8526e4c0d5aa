"""Add the five loan requests with which every installation of the earlier service began; add only what is missing."""

import sys
from pathlib import Path

import sqlalchemy.exc

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from loans import clock  # noqa: E402 - run by path, so the project's folder has to be made known first
from loans.api import security  # noqa: E402
from loans.app import create_app  # noqa: E402
from loans.config import ConfigurationError  # noqa: E402
from loans.db import transaction  # noqa: E402
from loans.services import demo  # noqa: E402
from loans.services.context import Context  # noqa: E402


def main() -> str | None:
    """Seed, and say how many were missing; give what stands in the way, if anything does."""
    try:
        app = create_app()
    except ConfigurationError as error:
        return str(error)
    with app.app_context():
        settings = security.settings()
        if settings.is_deployed:
            return f"seed.py is for development: this is {settings.environment}"
        context = Context(
            actor="cli:seed",
            request_id=None,
            now=clock.now(),
            business_date=clock.business_date(settings.business_timezone),
        )
        try:
            inserted = sum(transaction(step) for step in demo.legacy_steps(context))
        except sqlalchemy.exc.ProgrammingError:
            return "The database has no such table yet: run `flask db upgrade` first."
    sys.stdout.write(f"Seed complete. Inserted {inserted} rows.\n")
    return None


if __name__ == "__main__":
    sys.exit(main())
