"""How old the statistics of the book are: kept for a minute, computed by one, shown to all, whatever goes wrong."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loans import clock
from loans.api.statistics import Keeper
from tests.api.bookkeeping import NOON, add, api_of, execute
from tests.api.samples import assert_refused
from tests.conftest import Api
from tests.factories import make_pending_loan
from tests.services.bank import opened

PATH = "/api/v1/portfolio"


@pytest.fixture
def now(monkeypatch):
    """The instant on everybody's clock, noon of 15 June 2026 until `now(seconds=61)` moves it on."""
    instants = [NOON]
    monkeypatch.setattr(clock, "now", lambda: instants[0])

    def advance(**given):
        instants[0] += timedelta(**given)

    return advance


@pytest.fixture
def book(make_database, now):
    """The API on an empty book."""
    with opened(make_database()) as app:
        yield api_of(app)


class TestAge:
    def test_is_told_to_the_callers_own_cache(self, book, now):
        fresh = book.get(PATH)
        now(seconds=45)
        later = book.get(PATH)

        assert (fresh.headers["Age"], later.headers["Age"]) == ("0", "45")
        assert later.headers["Cache-Control"] == "private, max-age=60"
        assert later.data == fresh.data

    def test_has_a_tag_that_lasts_as_long_as_the_figures(self, book, now):
        tag = book.get(PATH).headers["ETag"]
        now(seconds=59)

        same = book.get(PATH, headers={"If-None-Match": tag})
        now(seconds=1)
        new = book.get(PATH, headers={"If-None-Match": tag})

        assert (same.status_code, same.data, same.headers["Age"]) == (304, b"", "59")
        assert (new.status_code, new.headers["Age"]) == (200, "0")

    def test_is_a_minute_at_most_whoever_asks(self, book, now):
        assert book.get(PATH).get_json()["currencies"] == []
        add(book, make_pending_loan)
        now(seconds=59)
        with opened(book.client.application.config["SQLALCHEMY_DATABASE_URI"]) as other_worker:
            other = Api(client=other_worker.test_client(), key=book.key)
            soon = other.get(PATH).get_json(), book.get(PATH).get_json()
            now(seconds=1)
            later = other.get(PATH).get_json(), book.get(PATH).get_json()

        assert [each["currencies"] for each in soon] == [[], []]
        assert [each["currencies"][0]["loans"][0]["loans"] for each in later] == [1, 1]

    def test_ends_with_the_business_date(self, book, now):
        now(hours=11, minutes=59, seconds=59)
        before = book.get(PATH).get_json()
        now(seconds=1)
        after = book.get(PATH).get_json()

        assert (before["as_of"], after["as_of"]) == ("2026-06-15", "2026-06-16")


class TestTrouble:
    @pytest.fixture
    def impatient(self, book):
        """The API with a keeper that waits for nobody."""
        app = book.client.application
        url = app.config["SQLALCHEMY_DATABASE_URI"]
        app.extensions["statistics"] = Keeper(url, business_timezone="UTC", wait_seconds=0.0)
        return book

    def test_of_a_slow_computation_shows_the_figures_before(self, book, now):
        add(book, make_pending_loan)
        before = book.get(PATH).get_json()
        keeper = book.client.application.extensions["statistics"]
        held = threading.Event()
        sa.event.listen(keeper.engine, "before_cursor_execute", lambda *_: held.wait(30))
        keeper._wait_seconds = 0.1
        now(seconds=90)

        late = book.get(PATH)
        held.set()

        assert (late.status_code, late.get_json(), late.headers["Age"]) == (200, before, "90")

    def test_before_the_first_computation_asks_for_patience(self, impatient):
        keeper = impatient.client.application.extensions["statistics"]
        held = threading.Event()
        sa.event.listen(keeper.engine, "before_cursor_execute", lambda *_: held.wait(30))

        response = impatient.get(PATH)
        held.set()

        assert_refused(response, 503, "statistics_not_ready")
        assert response.headers["Retry-After"] == "1"

    def test_that_lets_no_computation_begin_leaves_the_figures_before(self, book, now):
        before = book.get(PATH).get_json()
        app = book.client.application
        working = app.extensions["statistics"]
        app.extensions["statistics"] = Keeper(
            "postgresql+psycopg2://nobody@127.0.0.1:1/nothing", business_timezone="UTC"
        )
        now(seconds=60)
        during = book.get(PATH).get_json()
        app.extensions["statistics"] = working

        assert during == before
        assert book.get(PATH).headers["Age"] == "0"

    def test_that_stops_a_computation_keeps_others_from_trying_for_five_minutes(self, book, now):
        before = book.get(PATH).get_json()
        execute(book, "ALTER TABLE installments RENAME TO gone")
        now(seconds=60)
        failed = book.get(PATH)
        execute(book, "ALTER TABLE gone RENAME TO installments")
        now(seconds=299)
        early = book.get(PATH)
        now(seconds=1)
        late = book.get(PATH)

        assert (failed.get_json(), early.get_json()) == (before, before)
        assert (early.headers["Age"], late.headers["Age"]) == ("359", "0")

    def test_leaves_figures_in_an_unknown_layout_alone(self, book):
        book.get(PATH)
        execute(book, """UPDATE portfolio_figures SET figures = '{"layout": 99}' WHERE id = 2""")

        assert_refused(book.get(PATH), 503, "statistics_not_ready")
