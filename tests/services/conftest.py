"""Fixtures: books of their own, for tests that need an empty one or break it on purpose."""

import pytest

from tests.services.bank import opened


@pytest.fixture(scope="session")
def open_book(make_database):
    """Open an application on a fresh database and close its connections afterwards."""
    return lambda **given: opened(make_database(), **given)
