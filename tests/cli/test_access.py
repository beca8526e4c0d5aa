"""The flask commands about who may call."""

import uuid

import pytest
import sqlalchemy as sa

from loans.db import db
from tests.conftest import Api

PASSWORD = "correct horse battery"  # noqa: S105 - a test's
PERSON = ("create-staff", "--username", "Amina", "--name", "Amina Odhiambo", "--role", "admin")


def rows(book, query):
    with book.app_context(), db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def key_id(key):
    return str(uuid.UUID(key.split("_")[2]))


@pytest.fixture
def key(flask):
    return flask("create-key", "--name", "till", "--scopes", "loans:read").stdout.strip()


@pytest.fixture
def client_id(book, key):
    ((found,),) = rows(book, "SELECT id FROM api_clients")
    return str(found)


@pytest.fixture
def log_in(book):
    def post(password, username="amina"):
        body = {"username": username, "password": password}
        return book.test_client().post("/api/v1/sessions", json=body)

    return post


class TestFurtherKey:
    def test_belongs_to_the_client_and_opens_the_same(self, flask, book, key, client_id):
        second = flask("create-key", "--client", client_id).stdout.strip()

        statuses = [
            Api(client=book.test_client(), key=each).get("/api/v1/loans").status_code
            for each in (key, second)
        ]

        assert statuses == [200, 200]
        assert rows(book, "SELECT count(*), count(DISTINCT client_id) FROM api_keys") == [(2, 1)]

    def test_is_not_the_third(self, flask, key, client_id):
        flask("create-key", "--client", client_id)

        result = flask("create-key", "--client", client_id)

        assert result.exit_code == 1
        assert result.stderr == f"Error: client {client_id} has 2 valid keys: revoke one first\n"

    def test_is_of_a_client_that_exists(self, flask, book):
        result = flask("create-key", "--client", str(uuid.UUID(int=7)))

        assert (result.exit_code, rows(book, "SELECT 1 FROM api_keys")) == (1, [])
        assert "there is no client" in result.stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("--name", "till"),
            ("--scopes", "all"),
            ("--client", str(uuid.UUID(int=7)), "--name", "till"),
            ("--client", str(uuid.UUID(int=7)), "--scopes", "all"),
            ("--client", "7"),
        ],
    )
    def test_is_asked_for_in_one_way_or_the_other(self, flask, book, arguments):
        assert flask("create-key", *arguments).exit_code == 2
        assert rows(book, "SELECT 1 FROM api_keys") == []


class TestRevokeKey:
    def test_stops_the_key(self, flask, book, key):
        result = flask("revoke-key", key_id(key))

        assert (result.exit_code, "is revoked" in result.stdout) == (0, True)
        assert Api(client=book.test_client(), key=key).get("/api/v1/loans").status_code == 401
        assert rows(book, "SELECT actor FROM audit_records WHERE action = 'api_key.revoke'") == [
            ("cli:revoke-key",)
        ]

    def test_of_nothing_is_refused(self, flask):
        result = flask("revoke-key", str(uuid.UUID(int=7)))

        assert (result.exit_code, result.stderr) == (1, f"Error: there is no key {uuid.UUID(int=7)}\n")


class TestListKeys:
    def test_shows_what_is_valid_and_when_it_was_used(self, flask, book, key):
        unused = flask("create-key", "--name", "branch", "--scopes", "all").stdout.strip()
        gone = flask("create-key", "--name", "gone", "--scopes", "all").stdout.strip()
        flask("revoke-key", key_id(gone))
        Api(client=book.test_client(), key=key).get("/api/v1/loans")

        head, *lines = flask("list-keys").stdout.splitlines()

        assert head.split() == ["key", "client", "last", "used", "expires", "name"]
        assert [line.split()[0] for line in lines] == [key_id(key), key_id(unused)]
        assert [line.split()[-1] for line in lines] == ["till", "branch"]
        assert [line.count("never") for line in lines] == [1, 2]
        assert key.rsplit("_", 1)[1] not in "".join(lines)

    def test_says_what_to_do_where_there_are_none(self, flask):
        assert "create-key" in flask("list-keys").stdout


class TestCreateStaff:
    def test_asks_for_the_password(self, book, log_in):
        result = book.test_cli_runner().invoke(args=list(PERSON), input=f"{PASSWORD}\n{PASSWORD}\n")

        assert (result.exit_code, result.stdout) == (0, "")
        assert PASSWORD not in result.output
        assert log_in(PASSWORD).get_json()["password_change_required"] is False

    def test_makes_a_password_that_is_to_be_changed(self, flask, log_in):
        result = flask(*PERSON, "--generate")

        password = result.stdout.strip()
        assert len(password) == 24
        assert log_in(password).get_json()["password_change_required"] is True

    def test_reads_the_password_from_a_file(self, flask, log_in, tmp_path):
        file = tmp_path / "password"
        file.write_text(f"{PASSWORD}\n")

        assert flask(*PERSON, "--password-file", str(file)).exit_code == 0
        assert log_in(PASSWORD).status_code == 200

    @pytest.mark.parametrize("weak", ["", "short", "passwordpassword"])
    def test_refuses_a_password_that_is_guessed_soon(self, flask, book, tmp_path, weak):
        file = tmp_path / "password"
        file.write_text(weak)

        result = flask(*PERSON, "--password-file", str(file))

        assert (result.exit_code, rows(book, "SELECT 1 FROM staff")) == (1, [])
        assert "password" in result.stderr

    def test_refuses_a_username_that_is_taken_or_none(self, flask):
        flask(*PERSON, "--generate")

        again = flask(*PERSON, "--generate")
        none = flask("create-staff", "--username", "a b", "--name", "A", "--role", "teller", "--generate")

        assert (again.exit_code, again.stderr) == (1, "Error: the username amina is taken\n")
        assert (none.exit_code, "letters" in none.stderr) == (1, True)

    def test_may_be_asked_to_be_content_with_who_is_there(self, flask, log_in):
        password = flask(*PERSON, "--generate").stdout.strip()

        again = flask(*PERSON, "--generate", "--if-missing")

        assert (again.exit_code, again.stdout) == (0, "")
        assert log_in(password).status_code == 200

    def test_never_takes_a_password_as_an_argument(self, flask):
        assert flask(*PERSON, "--password", PASSWORD).exit_code == 2
