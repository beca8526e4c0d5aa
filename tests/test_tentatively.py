"""Work that is tried inside a transaction and undone unless it is to be kept."""

import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from loans.db import after_commit, db, tentatively, transaction
from loans.models.borrower import Borrower
from tests.factories import make_borrower

BORROWERS = Borrower.__table__


@pytest.fixture
def mark():
    """A name that no other borrower has."""
    return uuid.uuid4().hex


@pytest.fixture
def _in_app(app):
    with app.app_context():
        yield


def register(session, name, *, acts):
    """Register a borrower, with something to follow the commit."""
    after_commit(session, lambda: acts.append(name))
    return make_borrower(session, external_id=name)


def stored(mark):
    query = sa.select(BORROWERS.c.external_id).where(BORROWERS.c.external_id.like(f"{mark}-%"))
    return sorted(name.rpartition("-")[2] for name in db.session.execute(query).scalars())


@pytest.mark.usefixtures("_in_app")
class TestTentatively:
    @pytest.mark.parametrize(("keeps", "left"), [(True, ["a", "b", "c"]), (False, ["a", "c"])])
    def test_undoes_what_is_not_kept_and_what_would_follow_it(self, mark, keeps, left):
        acts = []

        def work(session):
            register(session, f"{mark}-a", acts=acts)
            tried = tentatively(
                session, lambda: register(session, f"{mark}-b", acts=acts), keeps=lambda _: keeps
            )
            register(session, f"{mark}-c", acts=acts)
            return tried

        assert transaction(work).external_id == f"{mark}-b"
        assert stored(mark) == left
        assert acts == [f"{mark}-{each}" for each in left]

    def test_leaves_a_failure_to_the_transaction(self, mark):
        def work(session):
            register(session, f"{mark}-a", acts=[])
            tentatively(session, lambda: make_borrower(session, first_name=""), keeps=lambda _: False)

        with pytest.raises(IntegrityError):
            transaction(work)
        assert stored(mark) == []
