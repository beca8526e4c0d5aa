"""flask create-key: a key that works, for what it was made for, and a file that keeps it."""

import re
import stat
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loans import clock
from loans.db import db
from tests.conftest import Api

KEY = re.compile(r"bl_test_[0-9a-f]{32}_[0-9a-f]{64}")


def call(book, key, path="/api/v1/borrowers"):
    """The status that a key gets."""
    return Api(client=book.test_client(), key=key).get(path).status_code


def stored_keys(book):
    with book.app_context(), db.engine.connect() as connection:
        return connection.execute(
            sa.text("SELECT name, scopes, expires_at - created_at AS lifetime FROM api_keys ORDER BY id")
        ).all()


class TestCreateKey:
    def test_prints_a_key_that_works_and_nothing_else(self, flask, book):
        result = flask("create-key", "--name", "till", "--scopes", "all")

        assert result.exit_code == 0
        assert KEY.fullmatch(result.stdout.strip())
        assert "stored only as a hash" in result.stderr
        assert call(book, result.stdout.strip()) == 200

    def test_gives_the_scopes_asked_for_and_no_other(self, flask, book):
        result = flask("create-key", "--name", "till", "--scopes", "loans:read, borrowers:read")

        key = result.stdout.strip()
        paths = ("/api/v1/borrowers", "/api/v1/loans", "/api/v1/products", "/api/v1/ledger/trial-balance")
        assert [call(book, key, path) for path in paths] == [200, 200, 403, 403]
        assert stored_keys(book) == [("till", ["borrowers:read", "loans:read"], None)]

    @pytest.mark.parametrize(
        ("scopes", "complaint"),
        [
            ("loans:fly", "Error: no such scope: loans:fly\n"),
            ("loans:read,tea:make,loans:fly", "Error: no such scope: loans:fly, tea:make\n"),
            ("", "Error: no such scope: none given\n"),
            ("all,loans:read", "Error: no such scope: all\n"),
        ],
    )
    def test_refuses_unknown_scopes(self, flask, book, scopes, complaint):
        result = flask("create-key", "--name", "till", "--scopes", scopes)

        assert (result.exit_code, result.stderr) == (1, complaint)
        assert stored_keys(book) == []

    def test_makes_a_key_that_ends_after_some_days(self, flask, book, monkeypatch):
        key = flask("create-key", "--name", "till", "--scopes", "all", "--days", "30").stdout.strip()
        made = clock.now()

        statuses = []
        for days in (29, 31):
            monkeypatch.setattr(clock, "now", lambda days=days: made + timedelta(days=days))
            statuses.append(call(book, key))

        assert stored_keys(book)[0].lifetime == timedelta(days=30)
        assert statuses == [200, 401]

    @pytest.mark.parametrize("days", ["0", "-1", "3651", "soon"])
    def test_refuses_a_lifetime_that_makes_no_sense(self, flask, book, days):
        result = flask("create-key", "--name", "till", "--scopes", "all", "--days", days)

        assert result.exit_code == 2
        assert stored_keys(book) == []

    def test_of_another_secret_does_not_work(self, flask, book):
        key = flask("create-key", "--name", "till", "--scopes", "all").stdout.strip()
        forged = key[:-1] + ("0" if key[-1] != "0" else "1")

        assert call(book, forged) == 401


class TestOutput:
    def test_keeps_the_key_in_a_file_for_its_owner_only(self, flask, tmp_path):
        file = tmp_path / "keys" / "till"

        result = flask("create-key", "--name", "till", "--scopes", "all", "--output", str(file))

        assert file.read_text() == result.stdout
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_closes_a_file_that_was_open_to_others(self, flask, tmp_path):
        file = tmp_path / "till"
        file.write_text("")
        file.chmod(0o644)

        flask("create-key", "--name", "till", "--scopes", "all", "--output", str(file))

        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_keeps_a_key_that_is_still_valid(self, flask, book, tmp_path):
        arguments = ("create-key", "--name", "till", "--scopes", "all", "--output", str(tmp_path / "till"))

        first, second = flask(*arguments), flask(*arguments)

        assert second.stdout == first.stdout
        assert len(stored_keys(book)) == 1

    @pytest.mark.parametrize(
        "held",
        [b"", b"no key", b"bl_test_" + b"0" * 32 + b"_" + b"0" * 64, "schlüssel".encode(), b"\xff\xfe"],
    )
    def test_replaces_what_is_not_a_valid_key(self, flask, book, tmp_path, held):
        file = tmp_path / "till"
        file.write_bytes(held)

        result = flask("create-key", "--name", "till", "--scopes", "all", "--output", str(file))

        assert result.exit_code == 0
        assert file.read_text() == result.stdout
        assert call(book, result.stdout.strip()) == 200

    def test_replaces_a_key_that_was_revoked(self, flask, book, tmp_path):
        arguments = ("create-key", "--name", "till", "--scopes", "all", "--output", str(tmp_path / "till"))
        first = flask(*arguments).stdout.strip()
        with book.app_context(), db.engine.begin() as connection:
            connection.execute(sa.text("UPDATE api_keys SET revoked_at = now()"))

        second = flask(*arguments).stdout.strip()

        assert second != first
        assert [call(book, key) for key in (first, second)] == [401, 200]


class TestHelp:
    @pytest.mark.parametrize(
        ("command", "sentence"),
        [
            ("create-key", "Issue an API key and print it; it cannot be shown again."),
            ("seed-demo", "Fill in a demo portfolio"),
            ("trial-balance", "Print every account's debits, credits and balance"),
            ("verify", "Fold every loan from scratch, hash every audit record, compare with what is stored"),
        ],
    )
    def test_says_what_the_command_does(self, flask, command, sentence):
        result = flask(command, "--help")

        assert result.exit_code == 0
        assert sentence in " ".join(result.stdout.split())

    def test_of_create_key_lists_the_scopes(self, flask):
        result = flask("create-key", "--help")

        assert "repayments:reverse" in result.stdout
        assert "mode 0600" in result.stdout

    def test_of_everything_lists_the_commands(self, start_flask):
        process = start_flask("--help")

        output, _ = process.communicate(timeout=60)

        assert process.returncode == 0
        assert [
            name for name in ("create-key", "seed-demo", "trial-balance", "verify") if name not in output
        ] == []
