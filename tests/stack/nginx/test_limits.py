"""Budgets: who gets how much of the service, and what one is told who has used it up.

Budgets fill again once a minute here, so that it is certain which request is the first one too many; that they do
fill is nginx's business. Each test comes from an address of its own, because budgets are kept by address.
"""

import re
import threading

import pytest

from tests.stack.nginx.edge import CONFIGURATION, ask


@pytest.fixture
def stack(make_stack):
    return make_stack(adjusted={r"rate=\d+r/s": "rate=1r/m"})


def key(digit: str) -> dict[str, str]:
    """A header with a key of the right form."""
    return {"Authorization": f"Bearer bl_test_{digit * 32}_{digit * 64}"}


def statuses(edge, count: int, *, source: str, path: str = "/health", headers=lambda _: {}) -> list[int]:
    """Ask so many times on one connection."""
    connection = edge.session(source=source)
    try:
        return [ask(connection, "GET", path, headers=headers(number)).status for number in range(count)]
    finally:
        connection.close()


class TestBudgets:
    def test_are_the_documented_ones(self):
        text = (CONFIGURATION / "snippets" / "limits.conf").read_text()

        assert dict(re.findall(r"zone=(\w+):\d+m\s+rate=(\S+);", text)) == {
            "by_client": "100r/s",
            "by_address": "200r/s",
            "health_db": "2r/s",
            "sign_in": "10r/s",
        }

    def test_of_an_address_without_a_key(self, stack):
        answered = statuses(stack.edge, 205, source="127.0.0.21")

        assert answered == [200] * 201 + [429] * 4
        assert statuses(stack.edge, 1, source="127.0.0.22") == [200]

    def test_of_a_key_follow_it_to_another_address(self, stack):
        answered = statuses(stack.edge, 205, source="127.0.0.23", headers=lambda _: key("a"))

        assert answered == [200] * 201 + [429] * 4
        assert statuses(stack.edge, 1, source="127.0.0.24", headers=lambda _: key("a")) == [429]
        assert statuses(stack.edge, 1, source="127.0.0.23", headers=lambda _: key("b")) == [200]

    def test_are_not_escaped_with_made_up_keys(self, stack):
        answered = statuses(
            stack.edge, 205, source="127.0.0.26", headers=lambda number: {"Authorization": f"Bearer {number}"}
        )

        assert answered == [200] * 201 + [429] * 4

    def test_of_an_address_bind_well_formed_keys_too(self, stack):
        answered = statuses(
            stack.edge,
            405,
            source="127.0.0.27",
            headers=lambda number: {"Authorization": f"Bearer bl_test_{number:032x}_{number:064x}"},
        )

        assert answered == [200] * 401 + [429] * 4

    def test_are_tight_where_the_database_is_asked(self, stack):
        answered = statuses(stack.edge, 8, source="127.0.0.28", path="/health-db")

        assert answered == [200] * 6 + [429] * 2
        assert statuses(stack.edge, 1, source="127.0.0.28") == [200]

    @pytest.mark.parametrize(("path", "first"), [("/prometheus/", 401), ("/grafana/login", 200)])
    def test_are_tight_where_passwords_are_tried(self, stack, path, first):
        answered = statuses(stack.edge, 53, source="127.0.0.29", path=path)

        assert answered == [first] * 51 + [429] * 2


class TestRefusal:
    def test_is_a_problem_document_that_says_when_to_retry(self, stack):
        statuses(stack.edge, 6, source="127.0.0.31", path="/health-db")
        answer = stack.edge.get("/health-db", source="127.0.0.31", headers={"X-Request-ID": "too-many"})

        assert answer.status == 429
        assert answer.headers.get_all("Retry-After") == ["1"]
        assert answer.is_problem
        assert answer.body["code"] == "rate_limited"
        assert answer.body["request_id"] == "too-many"
        assert stack.edge.logged("too-many")["limit"] == "REJECTED"


class TestConnections:
    def test_of_an_address_are_limited(self, make_stack):
        stack = make_stack()
        sessions = [stack.edge.session(source="127.0.0.41") for _ in range(100)]
        threads = [threading.Thread(target=ask, args=(session, "GET", "/slow")) for session in sessions]
        for thread in threads:
            thread.start()
        stack.api.wait_for_requests(100)

        one_too_many = stack.edge.get("/health", source="127.0.0.41")
        somebody_else = stack.edge.get("/health", source="127.0.0.42")

        stack.api.release.set()
        for thread in threads:
            thread.join()
        for session in sessions:
            session.close()
        assert one_too_many.status == 429
        assert one_too_many.headers["Retry-After"] == "1"
        assert somebody_else.status == 200


class TestFilesOfRows:
    HEAD = (
        b"POST /api/v1/repayments/bulk HTTP/1.1\r\nHost: branchloans.com\r\nContent-Length: 16000000\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )

    def test_are_eight_at_the_same_time_whoever_sends_them(self, make_stack):
        stack = make_stack()
        senders = [stack.edge.connect(source=f"127.0.0.{number}") for number in range(51, 59)]
        for sender in senders:
            sender.sendall(self.HEAD)
        begun = [sender.recv(1024) for sender in senders]

        one_too_many = stack.edge.call("POST", "/api/v1/loans/bulk", source="127.0.0.59", body=b"{}")
        another_path = stack.edge.call("POST", "/api/v1/loans", source="127.0.0.59", body=b"{}")

        for sender in senders:
            sender.close()
        assert all(answer.startswith(b"HTTP/1.1 100 ") for answer in begun)
        assert one_too_many.status == 429
        assert one_too_many.headers["Retry-After"] == "1"
        assert another_path.status == 200
