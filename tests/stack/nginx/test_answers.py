"""What every answer carries, what nginx itself answers, and what is written down about it."""

import json
import re

import pytest

from loans import config, logger
from loans.api import errors
from tests.stack.nginx.edge import CONFIGURATION, HOST, ROOT, ask

SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOCKED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
IDENTIFIER = re.compile(r"[0-9a-f]{32}")

ANSWERS = {
    "served": ("GET", "/health", {}, 200),
    "refused by the service": ("GET", "/nothing-here", {}, 404),
    "refused by the service for its key": ("GET", "/api/v1/loans", {}, 401),
    "closed": ("GET", "/metrics", {}, 404),
    "without a password": ("GET", "/prometheus/", {}, 401),
    "wrong method": ("DELETE", "/prometheus/", {}, 405),
    "too large": ("POST", "/api/v1/borrowers", {"Content-Length": "262145"}, 413),
    "nobody behind": ("GET", "/grafana/", {}, 502),
    "another host": ("GET", "/health", {"Host": "example.com"}, 421),
    "redirected": ("GET", "/grafana", {}, 308),
    "header too large": ("GET", "/health", {"X-Large": "x" * 9000}, 400),
}
# The redirect is an empty page of nginx; everything else that it answers is a problem document.
OWN = {"closed", "without a password", "wrong method", "too large", "nobody behind", "another host"} | {
    "header too large"
}


@pytest.fixture(params=ANSWERS)
def case(request, edge):
    method, path, headers, status = ANSWERS[request.param]
    body = b"" if "Content-Length" in headers else None
    answer = edge.call(method, path, headers=headers, body=body)
    assert answer.status == status
    return request.param, answer


class TestEveryAnswer:
    def test_carries_each_security_header_once(self, case):
        _, answer = case

        assert {name: answer.headers.get_all(name) for name in SECURITY_HEADERS} == {
            name: [value] for name, value in SECURITY_HEADERS.items()
        }

    def test_carries_a_content_policy_once(self, case):
        _, answer = case

        assert len(answer.headers.get_all("Content-Security-Policy", [])) == 1

    def test_carries_its_request_id_once(self, case):
        _, answer = case

        (request_id,) = answer.headers.get_all("X-Request-ID")
        assert IDENTIFIER.fullmatch(request_id)

    def test_does_not_tell_versions(self, case):
        _, answer = case

        assert answer.headers.get_all("Server") == ["nginx"]
        assert answer.headers["X-Powered-By"] is None

    def test_is_a_problem_document_where_nginx_refuses(self, case):
        name, answer = case
        if name in OWN:
            assert answer.is_problem
            assert answer.body["status"] == answer.status
            assert answer.body["request_id"] == answer.headers["X-Request-ID"]
            assert answer.body["type"] == f"/errors/{answer.body['code']}"

    def test_asks_to_retry_where_that_helps(self, case):
        name, answer = case

        assert answer.headers.get_all("Retry-After") == (["1"] if name == "nobody behind" else None)


class TestContentPolicy:
    def test_allows_nothing_for_the_api(self, edge):
        assert edge.get("/health").headers["Content-Security-Policy"] == LOCKED

    def test_is_the_service_own_where_it_has_one(self, edge):
        policy = edge.get("/docs/").headers.get_all("Content-Security-Policy")

        assert len(policy) == 1
        assert "default-src 'self'" in policy[0]

    def test_keeps_the_password_prompt(self, edge):
        answer = edge.get("/prometheus/")

        assert answer.headers["WWW-Authenticate"] == 'Basic realm="Branch Loans operations"'


class TestRequestId:
    @pytest.mark.parametrize("given", ["t1", "a" * 64, "7d9f0f2e-1111-4222-8333-abcdefabcdef", "A.b_c-9"])
    def test_is_the_callers_if_well_formed(self, edge, given):
        answer = edge.get("/nothing-here", headers={"X-Request-ID": given})

        assert answer.headers["X-Request-ID"] == given
        assert answer.body["request_id"] == given
        assert edge.logged(given)["status"] == 404

    @pytest.mark.parametrize("given", ["", "a" * 65, "two words", 'quote"d', "{}", "../x", "a\tb", "é"])
    def test_is_ours_otherwise(self, edge, given):
        answer = edge.get("/nothing-here", headers={"X-Request-ID": given.encode()})

        assert IDENTIFIER.fullmatch(answer.headers["X-Request-ID"])
        assert answer.body["request_id"] == answer.headers["X-Request-ID"]

    def test_is_the_callers_in_what_nginx_answers(self, edge):
        answer = edge.get("/metrics", headers={"X-Request-ID": "from-the-caller"})

        assert answer.body["request_id"] == "from-the-caller"

    def test_is_well_formed_to_nginx_and_to_the_service_alike(self):
        text = (CONFIGURATION / "snippets" / "maps.conf").read_text()

        (pattern,) = re.findall(r'"~\^(\[A-Za.+?)\$"\s+\$http_x_request_id;', text)
        assert pattern.replace(r"\-", "-") == logger.REQUEST_ID_ACCEPTED.pattern


class TestAccessLog:
    SECRETS = ("canary-query", "canary-bearer", "canary-cookie", "canary-referer", "canary-body")

    def test_writes_one_json_object_for_each_request(self, edge):
        answer = edge.get("/health", headers={"X-Request-ID": "one-line", "User-Agent": 'a "quoted" agent\\'})

        line = edge.logged("one-line")
        assert line | {"status": answer.status} == line
        assert line["message"] == "access"
        assert (line["method"], line["path"], line["host"]) == ("GET", "/health", HOST)
        assert line["user_agent"] == 'a "quoted" agent\\'
        assert line["protocol"] == "HTTP/1.1"
        assert line["tls_protocol"] == "TLSv1.3"
        assert line["upstream_status"] == "200"
        assert line["duration"] < 30
        assert len([each for each in edge.program.out.all if '"one-line"' in each]) == 1

    @pytest.mark.parametrize(
        "path", ["/health", "/metrics", "/prometheus/", "/grafana/", "/nothing-here", "/health-db"]
    )
    def test_holds_no_secret(self, edge, path):
        request_id = f"secrets-{path.strip('/')}"
        edge.call(
            "POST",
            f"{path}?token=canary-query&x=1",
            headers={
                "X-Request-ID": request_id,
                "Authorization": "Bearer canary-bearer",
                "Cookie": "session=canary-cookie",
                "Referer": "https://branchloans.com/?canary-referer",
                "Content-Type": "application/json",
            },
            body='{"pin": "canary-body"}',
        )

        line = edge.logged(request_id)
        assert line["path"] == path
        assert not [secret for secret in self.SECRETS if secret in json.dumps(line)]
        assert not [each for each in edge.program.err.all if "canary" in each]

    def test_stays_json_whatever_is_asked_for(self, edge):
        before = len(edge.program.out.all)
        for target in (
            b"/%22%7d%0a",
            b"/\xff\xfe",
            b"/%c3%28",
            b"/a\\b",
            b"*",
            b"/caf\xc3\xa9",
            b"/" + b"x" * 9000,
            b"/%zz",
        ):
            edge.raw(b"GET " + target + b" HTTP/1.1\r\nHost: branchloans.com\r\nConnection: close\r\n\r\n")
        edge.raw(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        edge.get("/health", headers={"X-Request-ID": "after-the-garbage"})
        edge.logged("after-the-garbage")

        lines = [json.loads(line) for line in edge.program.out.all[before:]]
        assert len(lines) >= 9
        assert {line["message"] for line in lines} == {"access"}


class TestBodyLimit:
    def test_is_that_of_the_service(self):
        text = (CONFIGURATION / "nginx.conf").read_text()

        assert "client_max_body_size 256k;" in text
        assert config.Settings.from_env({"ENVIRONMENT": "test"}).request_body_bytes_max == 256 * 1024

    def test_lets_a_body_of_that_size_pass(self, edge):
        answer = edge.call(
            "POST",
            "/api/v1/borrowers",
            headers={"Content-Type": "application/json"},
            body=b" " * 262144,
        )

        assert answer.status == 401

    @pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "with a length"])
    def test_refuses_one_byte_more(self, edge, chunked):
        body = b"x" * 262145
        framing = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: 262145\r\n"
        sent = b"40001\r\n" + body + b"\r\n0\r\n\r\n" if chunked else body
        head = b"POST /api/v1/borrowers HTTP/1.1\r\nHost: branchloans.com\r\nConnection: close\r\n"
        answer = edge.raw(head + framing + b"\r\n" + sent)

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'"code":"body_too_large"' in answer

    @pytest.mark.parametrize("path", ["/api/v1/repayments/bulk", "/api/v1/loans/bulk"])
    def test_is_another_for_files_of_rows(self, edge, path):
        settings = config.Settings.from_env({"ENVIRONMENT": "test"})
        head = f"POST {path} HTTP/1.1\r\nHost: branchloans.com\r\nConnection: close\r\nContent-Length: "

        passed = edge.call("POST", path, headers={"Content-Type": "text/csv"}, body=b" " * 262145)
        refused = edge.raw(f"{head}{settings.bulk_bytes_max + 1}\r\n\r\n".encode())

        assert "client_max_body_size 16m;" in (CONFIGURATION / "nginx.conf").read_text()
        assert settings.bulk_bytes_max == 16 * 1024 * 1024
        assert passed.status == 401
        assert refused.startswith(b"HTTP/1.1 413 ")
        assert b'"code":"body_too_large"' in refused


class TestCompression:
    def test_is_done_for_the_api(self, edge):
        answer = edge.get("/openapi.json", headers={"Accept-Encoding": "gzip"})

        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Vary"] == "Accept-Encoding"

    @pytest.mark.parametrize("path", ["/grafana/api/health", "/prometheus/api/v1/query"])
    def test_is_not_done_where_a_browser_sends_what_authenticates(self, make_stack, path):
        stack = make_stack(padding="x" * 5000)
        answer = stack.edge.get(
            path,
            headers={"Accept-Encoding": "gzip", "Authorization": "Basic b3BzOm1hZGUtdXAtcGFzc3dvcmQ="},
        )

        assert answer.status == 200
        assert answer.headers["Content-Encoding"] is None


class TestMethods:
    def test_passes_what_the_service_answers(self, edge, issue_key):
        key = {"Authorization": f"Bearer {issue_key()}"}
        with_body = key | {"Content-Type": "application/json", "Idempotency-Key": "through-nginx-1"}
        borrower = {"first_name": "Amina", "last_name": "Odhiambo"}
        connection = edge.session()
        try:
            created = ask(
                connection, "POST", "/api/v1/borrowers", headers=with_body, body=json.dumps(borrower)
            )
            again = ask(connection, "POST", "/api/v1/borrowers", headers=with_body, body=json.dumps(borrower))
            head = ask(connection, "HEAD", "/health")
            options = ask(connection, "OPTIONS", "/health")
            wrong = ask(connection, "DELETE", "/health")
        finally:
            connection.close()

        assert (created.status, again.status) == (201, 201)
        assert again.content == created.content
        assert again.headers["Idempotent-Replayed"] == "true"
        assert (head.status, head.content) == (200, b"")
        assert options.status == 200
        assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
        assert wrong.status == 405
        assert wrong.body["instance"] == "/health"

    def test_refuses_to_trace(self, edge):
        assert edge.call("TRACE", "/health").status == 405


class TestProblems:
    TEXT = (CONFIGURATION / "snippets" / "maps.conf").read_text()

    def test_have_the_codes_and_titles_of_the_service_where_it_has_them(self):
        titles = table(self.TEXT, "problem_title")
        known = errors.catalogue()

        shared = {status: code for status, code in table(self.TEXT, "problem_code").items() if code in known}
        assert len(shared) >= 7
        for status, code in shared.items():
            assert (known[code]["status"], known[code]["title"]) == (int(status), titles[status])

    def test_are_documented(self):
        runbook = (ROOT / "docs" / "runbooks" / "nginx.md").read_text()

        # 500 is what nginx answers when it is broken itself: there is nothing to tell about it.
        for status, code in table(self.TEXT, "problem_code").items():
            assert status == "500" or re.search(rf"^\| {status} \| `{code}` \|", runbook, re.MULTILINE)


def table(text: str, variable: str) -> dict[str, str]:
    """A map of the configuration, from status to value."""
    body = re.search(rf"map \$status \${variable} \{{(.*?)\}}", text, re.DOTALL)[1]
    return {
        status: value.strip('"') for status, value in re.findall(r"^\s+(\d+)\s+(.+);$", body, re.MULTILINE)
    }
