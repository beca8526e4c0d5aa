"""The list of the first API: whole however long it is, or less for who asks for less."""

import json

import pytest
import sqlalchemy as sa

from loans.db import db
from tests.api.samples import UNKNOWN_ID

ASKED = {"borrower_id": "usr_kenya_042", "amount": "12500.00", "currency": "KES"}


@pytest.fixture
def client(app):
    return app.test_client()


class TestLongList:
    @pytest.mark.parametrize("count", [999, 1000, 1001, 2000, 2001])
    def test_is_whole_whatever_its_length(self, make_book, count, capsys):
        client = make_book(count).test_client()

        loans = client.get("/api/loans").json

        assert [loan["borrower_id"] for loan in loans] == [f"row-{n}" for n in range(count, 0, -1)]
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["count"] for line in lines if line["message"] == "Retrieved loans"] == [count]

    def test_of_rows_of_one_instant_is_whole_too(self, make_book):
        loans = make_book(2500, step="0").test_client().get("/api/loans").json

        assert len({loan["id"] for loan in loans}) == len(loans) == 2500

    def test_holds_no_connection_while_the_client_takes_its_time(self, make_book):
        app = make_book(2500, settings={"db_pool_size": 1})

        with app.test_client().get("/api/loans", buffered=False) as slow:
            pieces = slow.iter_encoded()
            begun = next(pieces)
            meanwhile = app.test_client().get("/api/stats")
            rest = b"".join(pieces)

        assert meanwhile.json["total_loans"] == 2500
        assert len(json.loads(begun + rest)) == 2500

    def test_shows_nothing_that_came_while_it_was_read(self, make_book):
        app = make_book(2500)

        with app.test_client().get("/api/loans", buffered=False) as slow:
            pieces = slow.iter_encoded()
            begun = next(pieces)
            made = app.test_client().post("/api/loans", json=ASKED).json["id"]
            loans = json.loads(begun + b"".join(pieces))

        assert len(loans) == 2500
        assert made not in {loan["id"] for loan in loans}

    def test_that_breaks_off_cannot_be_taken_for_whole(self, make_book):
        app = make_book(2500)

        with app.test_client().get("/api/loans", buffered=False) as slow:
            pieces = slow.iter_encoded()
            begun = next(pieces)
            with app.app_context(), db.engine.begin() as connection:
                connection.execute(sa.text("ALTER TABLE legacy_loans RENAME TO gone"))
            with pytest.raises(sa.exc.ProgrammingError):
                begun += b"".join(pieces)

        with pytest.raises(json.JSONDecodeError):
            json.loads(begun)

    def test_of_which_only_the_head_is_asked_is_not_read(self, make_book):
        response = make_book(2500).test_client().head("/api/loans")

        assert (response.status_code, response.data) == (200, b"")

    def test_is_read_by_the_index(self, make_book):
        app = make_book(20_000)
        query = (
            "EXPLAIN SELECT * FROM legacy_loans WHERE (created_at, id) <"
            " ('2026-01-01T01:00:00Z', '00000000-0000-0000-0000-000000000000')"
            " ORDER BY created_at DESC, id DESC LIMIT 1001"
        )
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(sa.text("ANALYZE legacy_loans"))
            plan = "\n".join(connection.execute(sa.text(query)).scalars())

        assert "Index Scan Backward using ix_legacy_loans_created_at_id" in plan
        assert "Sort" not in plan


class TestLimit:
    def test_gives_the_newest_and_leads_on_to_the_end(self, make_book):
        client = make_book(5).test_client()
        seen, path = [], "/api/loans?limit=2"

        while path:
            response = client.get(path)
            seen.append([loan["borrower_id"] for loan in response.json])
            following = [link for link in response.headers.getlist("Link") if 'rel="next"' in link]
            path = following[0][1 : following[0].index(">")] if following else None

        assert seen == [["row-5", "row-4"], ["row-3", "row-2"], ["row-1"]]

    @pytest.mark.parametrize("limit", ["0", "-1", "1001", "", "ten", "1.0", "٣", "99999999999"])
    def test_out_of_range_is_refused(self, client, limit):
        response = client.get(f"/api/loans?limit={limit}")

        assert response.status_code == 400
        assert response.json["detail"] == "limit: Must be at least 1 and at most 1000."

    def test_may_be_the_highest(self, make_book):
        assert len(make_book(1001).test_client().get("/api/loans?limit=1000").json) == 1000

    def test_with_before_alone_gives_all_that_follow(self, make_book):
        client = make_book(5).test_client()
        second = client.get("/api/loans").json[1]["id"]

        loans = client.get(f"/api/loans?before={second}").json

        assert [loan["borrower_id"] for loan in loans] == ["row-3", "row-2", "row-1"]

    @pytest.mark.parametrize(("before", "status"), [("x", 400), ("", 400), (UNKNOWN_ID, 404)])
    def test_with_before_something_that_is_not_there_is_refused(self, client, before, status):
        assert client.get(f"/api/loans?limit=1&before={before}").status_code == status
