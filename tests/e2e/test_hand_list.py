"""The part of the hand list that no client library sends: requests byte by byte, against gunicorn as it is deployed.

Behind nginx most of these do not even arrive; here the service stands alone.
"""

import json
import socket

import pytest

from loans.api.errors import HTTP_ERRORS
from tests.conftest import ROOT
from tests.e2e.conftest import PATIENCE_SECONDS

BODY = '{"first_name": "Amina", "last_name": "Odhiambo"}'
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n"

BAD = (400, "bad_request")
# Head lines and body of a POST to /api/v1/borrowers, by what is wrong with it.
POSTS = {
    "two lengths": ([LENGTH, "Content-Length: 5"], BODY, BAD),
    "the same length twice": ([LENGTH, LENGTH], BODY, BAD),
    "a length that is a list": ([f"{LENGTH}, {len(BODY)}"], BODY, BAD),
    "a negative length": (["Content-Length: -1"], BODY, BAD),
    "a length with a sign": ([f"Content-Length: +{len(BODY)}"], BODY, BAD),
    "a length in hexadecimal": (["Content-Length: 0x30"], BODY, BAD),
    "a length beyond 64 bits": (["Content-Length: 9223372036854775808"], BODY, (413, "body_too_large")),
    "ten million bytes": (["Content-Length: 10000000"], "", (413, "body_too_large")),
    "length and chunks": ([LENGTH, "Transfer-Encoding: chunked"], CHUNKED, BAD),
    "chunks and length": (["Transfer-Encoding: chunked", LENGTH], CHUNKED, BAD),
    "chunked twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], CHUNKED, BAD),
    "chunked before another": (["Transfer-Encoding: chunked, identity"], CHUNKED, BAD),
    "an unknown encoding": (["Transfer-Encoding: cow"], CHUNKED, (501, "not_implemented")),
    "chunked with a space before": (["Transfer-Encoding : chunked"], CHUNKED, BAD),
    "chunked with a tab before": (["Transfer-Encoding\t: chunked"], CHUNKED, BAD),
    "chunked on a folded line": (["Transfer-Encoding:\r\n chunked"], CHUNKED, BAD),
    "chunked with a vertical tab": (["Transfer-Encoding: \x0bchunked"], CHUNKED, BAD),
    "chunked by an underscore beside a length": (["Transfer_Encoding: chunked", LENGTH], BODY, (201, None)),
    "a chunk of no size": (["Transfer-Encoding: chunked"], "\r\n", BAD),
    "a chunk of a negative size": (["Transfer-Encoding: chunked"], "-1\r\n", BAD),
    "a chunk of a size with 0x": (["Transfer-Encoding: chunked"], "0x5\r\nhello\r\n0\r\n\r\n", BAD),
    "a chunk longer than its size": (["Transfer-Encoding: chunked"], "3\r\nhello\r\n0\r\n\r\n", BAD),
    "a script name": ([LENGTH, "SCRIPT_NAME: /api/v1"], BODY, (201, None)),
    "a script name with a hyphen": ([LENGTH, "Script-Name: /admin"], BODY, (201, None)),
    "a forwarded host and scheme": (
        [LENGTH, "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: gopher", "X-Forwarded-Prefix: /x"],
        BODY,
        (201, None),
    ),
    "another path in a header": ([LENGTH, "X-Original-URL: /api/v1/staff"], BODY, (201, None)),
    "another method in a header": ([LENGTH, "X-HTTP-Method-Override: DELETE"], BODY, (201, None)),
    "an unknown expectation": ([LENGTH, "Expect: 200-maybe"], BODY, (417, "expectation_failed")),
    "a header without a name": ([LENGTH, ": x"], BODY, BAD),
    "a header without a colon": ([LENGTH, "nothing"], BODY, BAD),
    "a header with a NUL": ([LENGTH, "X-A: a\x00b"], BODY, BAD),
    "a header with a lone return": ([LENGTH, "X-A: a\rb"], BODY, BAD),
    "a header of 9,000 bytes": ([LENGTH, "X-A: " + "a" * 9000], BODY, (431, "headers_too_large")),
    "150 headers": ([LENGTH, *(f"X-{number}: a" for number in range(150))], BODY, (431, "headers_too_large")),
}
# Whole requests by what is wrong with them.
REQUESTS = {
    "two hosts": ("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", BAD),
    "no HTTP at all": ("hello\r\n\r\n", BAD),
    "a version to come": ("GET /health HTTP/9.9\r\nHost: a\r\n\r\n", BAD),
    "a method in small letters": ("get /health HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "two spaces": ("GET  /health HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "a NUL in the path": ("GET /health\x00 HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "an address of 9,000 bytes": (f"GET /{'a' * 9000} HTTP/1.1\r\nHost: a\r\n\r\n", (414, "uri_too_long")),
    "an address of another host": (
        "GET http://evil.example/api/v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n",
        (404, "not_found"),
    ),
    "a way up": ("GET /api/../health/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", (404, "not_found")),
    "HTTP/2 without asking": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD),
}


def ask(server, raw):
    """Send bytes and read all that comes back: status, code and whether there is a second answer."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as connection:
        connection.sendall(raw.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionResetError:
            # What it had not read was thrown away with the connection; the answer came before.
            pass
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    answers = answer.count(b"HTTP/1.1 ")
    if status < 300:
        return (status, None), answers
    assert b"application/problem+json" in head, answer
    problem = json.loads(body[: body.index(b"}\n") + 1] if answers > 1 else body)
    assert (problem["status"], problem["type"]) == (status, f"/errors/{problem['code']}")
    assert problem["detail"]
    return (status, problem["code"]), answers


class TestBytes:
    def test_that_are_no_request_are_refused_with_a_problem_each(self, start_server, database_url, issue_key):
        server = start_server(DATABASE_URL=database_url)
        server.get("/health")
        key = issue_key()

        answered = {}
        for number, (name, (lines, body, _)) in enumerate(POSTS.items()):
            head = (
                "POST /api/v1/borrowers HTTP/1.1",
                "Host: localhost",
                f"Authorization: Bearer {key}",
                "Content-Type: application/json",
                f"Idempotency-Key: hand-list-{number}",
                "Connection: close",
                *lines,
            )
            answered[name] = ask(server, "\r\n".join(head) + "\r\n\r\n" + body)
        for name, (raw, _) in REQUESTS.items():
            answered[name] = ask(server, raw)

        expected = {name: (last, 1) for name, (_, _, last) in POSTS.items()}
        assert answered == expected | {name: (last, 1) for name, (_, last) in REQUESTS.items()}
        assert server.get("/health").status == 200

    def test_of_a_second_request_behind_a_refused_one_are_not_read(
        self, start_server, database_url, issue_key
    ):
        server = start_server(DATABASE_URL=database_url)
        smuggled = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
        head = (
            "POST /api/v1/borrowers HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {issue_key()}",
            "Content-Type: application/json",
            "Idempotency-Key: 1",
            f"Content-Length: {len(smuggled) + 5}",
            "Transfer-Encoding: chunked",
        )

        answered = ask(server, "\r\n".join(head) + "\r\n\r\n0\r\n\r\n" + smuggled)

        assert answered == (BAD, 1)


class TestCodes:
    @pytest.mark.parametrize("status", [400, 414, 417, 431, 500, 501])
    def test_of_what_gunicorn_refuses_are_those_of_the_application(self, status):
        code, title, _ = HTTP_ERRORS[status]
        text = (ROOT / "gunicorn.conf.py").read_text(encoding="utf-8")

        assert f'    {status}: ("{code}", "{title}"),\n' in text
