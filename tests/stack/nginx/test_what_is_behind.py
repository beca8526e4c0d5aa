"""What the services behind nginx see, and what callers see when those are away."""

import base64
import re
import threading

import pytest

from loans.services import api_keys
from tests.stack.nginx.backends import Recorder
from tests.stack.nginx.edge import CONFIGURATION, HOST, NGINX, ROOT, ask, listens, version
from tests.stack.nginx.process import until

PASSWORD = {"Authorization": "Basic " + base64.b64encode(b"ops:made-up-password").decode()}
# What a caller may try in order to be taken for somebody or something else.
PRETENDED = {
    "X-Forwarded-For": "198.51.100.66",
    "X-Real-IP": "198.51.100.66",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "example.com",
    "X-Forwarded-Port": "8443",
    "X-Forwarded-Prefix": "/pretended",
    "X-Forwarded-Server": "example.com",
    "X-Correlation-ID": "pretended",
    "Forwarded": "for=198.51.100.66;host=example.com",
    "SCRIPT_NAME": "/pretended",
    "Script-Name": "/pretended",
    "Proxy": "http://example.com",
    "Cookie": "session=pretended",
    "Upgrade": "websocket",
    "Connection": "Upgrade, X-Real-IP",
}
# Whether the pool is used: only a newer nginx can follow a name with it (capabilities/pool.conf).
FOLLOWING = [False, True] if NGINX and version() >= (1, 27, 3) else [False]


class TestTheApi:
    def test_is_told_who_calls_by_nginx_alone(self, shared_stack):
        shared_stack.edge.get("/who", headers=PRETENDED | {"X-Request-ID": "who-1"}, source="127.0.0.51")

        received = shared_stack.api.requests[-1]
        assert sorted(received.headers) == [
            ("Accept-Encoding", "identity"),
            ("Host", HOST),
            ("X-Forwarded-For", "127.0.0.51"),
            ("X-Forwarded-Host", HOST),
            ("X-Forwarded-Proto", "https"),
            ("X-Real-IP", "127.0.0.51"),
            ("X-Request-ID", "who-1"),
        ]

    def test_gets_path_query_body_and_key_as_they_were_sent(self, shared_stack):
        shared_stack.edge.call(
            "POST",
            "/api/v1/loans/a%2Fb?cursor=%C3%A9&limit=2",
            headers={"Authorization": "Bearer a-key", "Idempotency-Key": '"quoted"'},
            body='{"amount": "10.00"}',
        )

        received = shared_stack.api.requests[-1]
        assert (received.method, received.target) == ("POST", "/api/v1/loans/a%2Fb?cursor=%C3%A9&limit=2")
        assert received.body == b'{"amount": "10.00"}'
        assert received.values("Authorization") == ["Bearer a-key"]
        assert received.values("Idempotency-Key") == ['"quoted"']

    def test_issues_keys_that_nginx_knows_by_their_form(self, issue_key):
        text = (CONFIGURATION / "snippets" / "maps.conf").read_text()

        (pattern,) = re.findall(r'"~\*\^(bearer bl_.+?)\$"', text)
        assert re.fullmatch(pattern, f"Bearer {issue_key()}", re.IGNORECASE)
        assert pattern == "bearer " + api_keys.PATTERN.pattern.replace("(", "").replace(")", "")

    def test_hides_what_it_is_made_of(self, shared_stack):
        assert shared_stack.edge.get("/who").headers["X-Powered-By"] is None


class TestPrometheus:
    @pytest.mark.parametrize(
        ("asked", "served"),
        [
            ("/prometheus/", "/"),
            ("/prometheus/-/ready", "/-/ready"),
            (
                "/prometheus/api/v1/query?query=up%7Bjob%3D%22a%22%7D&time=1",
                "/api/v1/query?query=up%7Bjob%3D%22a%22%7D&time=1",
            ),
            ("//prometheus//targets", "/targets"),
            ("/prometheus/api/v1/label/a%20b/values", "/api/v1/label/a%20b/values"),
        ],
    )
    def test_is_asked_without_the_prefix_and_without_the_password(self, shared_stack, asked, served):
        answer = shared_stack.edge.get(asked, headers=PASSWORD | {"Cookie": "session=x"})

        received = shared_stack.prometheus.requests[-1]
        assert answer.status == 200
        assert received.target == served
        assert received.values("Authorization") == []
        assert received.values("Cookie") == []
        assert received.values("X-Forwarded-Prefix") == []

    @pytest.mark.parametrize("query", ["query", "query_range", "query_exemplars", "series", "labels"])
    def test_takes_a_query_by_post(self, shared_stack, query):
        answer = shared_stack.edge.call(
            "POST", f"/prometheus/api/v1/{query}", headers=PASSWORD, body="query=up"
        )

        assert answer.status == 200
        assert shared_stack.prometheus.requests[-1].body == b"query=up"

    def test_of_runbooks_is_text_behind_the_same_password(self, shared_stack):
        path = "/docs/runbooks/alerts/api.md"

        with_password = shared_stack.edge.get(path, headers=PASSWORD)
        without = shared_stack.edge.get(path)
        posted = shared_stack.edge.call("POST", path, headers=PASSWORD, body="")
        outside = shared_stack.edge.get("/docs/runbooks/..%2fsettings.md", headers=PASSWORD)

        assert with_password.status == 200
        assert with_password.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert "## ApiDown" in with_password.content.decode()
        assert (without.status, posted.status) == (401, 405)
        assert b"BUSINESS_TIMEZONE" not in outside.content

    def test_is_logged_under_the_path_that_was_asked_for(self, shared_stack):
        shared_stack.edge.get("/prometheus/targets?x=1", headers=PASSWORD | {"X-Request-ID": "targets-1"})

        assert shared_stack.edge.logged("targets-1")["path"] == "/prometheus/targets"

    @pytest.mark.parametrize("path", ["/prometheus", "/grafana"])
    def test_gets_its_missing_slash(self, shared_stack, path):
        answer = shared_stack.edge.get(path)

        assert (answer.status, answer.headers["Location"]) == (308, f"{path}/")


class TestGrafana:
    def test_is_asked_with_the_prefix_and_with_what_it_signs_people_in_by(self, shared_stack):
        shared_stack.edge.get(
            "/grafana/api/search?query=a%20b",
            headers={"Cookie": "grafana_session=x", "Authorization": "Bearer glsa_x"},
        )

        received = shared_stack.grafana.requests[-1]
        assert received.target == "/grafana/api/search?query=a%20b"
        assert received.values("Cookie") == ["grafana_session=x"]
        assert received.values("Authorization") == ["Bearer glsa_x"]
        assert received.values("Host") == [HOST]

    def test_may_open_a_websocket(self, shared_stack):
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
        shared_stack.edge.get("/grafana/api/live/ws", headers=upgrade)

        received = shared_stack.grafana.requests[-1]
        assert received.values("Upgrade") == ["websocket"]
        assert received.values("Connection") == ["upgrade"]

    def test_may_not_change_to_another_protocol(self, shared_stack):
        shared_stack.edge.get("/grafana/", headers={"Upgrade": "h2c", "Connection": "Upgrade"})

        assert shared_stack.grafana.requests[-1].values("Connection") == []

    def test_takes_a_larger_body(self, shared_stack):
        fits = shared_stack.edge.call("POST", "/grafana/api/ds/query", body=b"x" * 1048576)

        assert fits.status == 200


class TestNobodyThere:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_is_answered_as_a_problem_with_a_time_to_retry(self, make_stack, method):
        stack = make_stack()
        stack.api.stop()
        answer = stack.edge.call(method, "/api/v1/loans", headers={"X-Request-ID": "nobody-there"})

        assert answer.status == 502
        assert answer.is_problem
        assert answer.body["code"] == "bad_gateway"
        assert answer.headers.get_all("Retry-After") == ["1"]
        assert stack.edge.logged("nobody-there")["upstream_status"] == "502"

    def test_does_not_keep_nginx_from_starting(self, make_stack):
        stack = make_stack(unknown=True)

        assert stack.edge.get("/health").status == 502
        assert stack.edge.get("/grafana/").status == 502
        assert stack.edge.get("/metrics").status == 404

    @pytest.mark.parametrize("pool", [False, True], ids=["resolved for each request", "pool"])
    def test_ends_as_soon_as_it_is_back(self, make_stack, pool):
        stack = make_stack(pool=pool)
        assert stack.edge.get("/health").status == 200
        stack.api.stop()
        assert stack.edge.get("/health").status == 502

        back = Recorder(port=stack.api.port)
        try:
            assert stack.edge.get("/health").status == 200
        finally:
            back.stop()

    @pytest.mark.parametrize("pool", FOLLOWING)
    def test_ends_without_a_reload_when_it_is_back_at_another_address(self, make_stack, pool):
        stack = make_stack(pool=pool)
        assert stack.edge.get("/health").status == 200
        stack.api.stop()
        back = Recorder(address="127.0.0.2", port=stack.api.port)
        try:
            stack.names.addresses["api"] = "127.0.0.2"
            # An answer of the name server is believed for as long as the configuration says; then it is asked again.
            until(lambda: stack.edge.get("/health").status == 200)

            assert back.requests[-1].values("Host") == [HOST]
        finally:
            back.stop()


class TestSlowOrBroken:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_is_given_up_after_a_while_and_not_asked_twice(self, make_stack, method):
        stack = make_stack(adjusted={"proxy_read_timeout 15s": "proxy_read_timeout 200ms"})
        answer = stack.edge.call(method, "/slow")

        assert answer.status == 504
        assert answer.is_problem
        assert answer.body["code"] == "gateway_timeout"
        assert answer.headers.get_all("Retry-After") == ["1"]
        assert [each.target for each in stack.api.requests] == ["/slow"]

    @pytest.mark.parametrize("pool", [False, True], ids=["resolved for each request", "pool"])
    def test_never_sends_a_post_twice(self, make_stack, pool):
        stack = make_stack(pool=pool)
        stack.edge.get("/health")
        answer = stack.edge.call("POST", "/drop", body="x")

        assert answer.status == 502
        assert [each.target for each in stack.api.requests] == ["/health", "/drop"]

    def test_time_outs_form_a_ladder(self):
        text = (CONFIGURATION / "snippets" / "proxy.conf").read_text()
        gunicorn = (ROOT / "gunicorn.conf.py").read_text()

        assert "proxy_read_timeout 15s;" in text
        assert "proxy_connect_timeout 2s;" in text
        assert "non_idempotent" not in re.sub("#.*", "", text)
        assert "\ntimeout = 30\n" in gunicorn


class TestOpenConnections:
    def test_are_used_again_by_the_pool(self, make_stack):
        stack = make_stack(pool=True)
        session = stack.edge.session()
        answers = [ask(session, "POST", "/again", body="x").status for _ in range(20)]
        session.close()

        assert answers == [200] * 20
        # One for each worker of nginx that was asked.
        assert stack.api.connections <= 2

    def test_are_not_where_each_request_resolves_the_name(self, make_stack):
        stack = make_stack()
        session = stack.edge.session()
        answers = [ask(session, "GET", "/again").status for _ in range(20)]
        session.close()

        assert answers == [200] * 20
        assert stack.api.connections == 20

    def test_are_closed_by_nginx_before_gunicorn_would(self):
        text = (CONFIGURATION / "capabilities" / "pool.conf").read_text()
        gunicorn = (ROOT / "gunicorn.conf.py").read_text()

        assert re.findall(r"^    keepalive_timeout (\S+);", text, re.MULTILINE) == ["4s", "4s"]
        assert "\nkeepalive = 5\n" in gunicorn

    def test_of_clients_are_used_again(self, shared_stack):
        session = shared_stack.edge.session()
        first = ask(session, "GET", "/health")
        held = session.sock
        second = ask(session, "GET", "/health")

        assert (first.status, second.status) == (200, 200)
        assert session.sock is held
        session.close()


class TestColours:
    @pytest.mark.parametrize("pool", [False, True], ids=["resolved for each request", "pool"])
    def test_change_with_a_reload_and_lose_no_request(self, make_stack, pool):
        stack = make_stack(pool=pool)
        stack.names.addresses["api-green"] = "127.0.0.2"
        green = Recorder(address="127.0.0.2", port=stack.api.port)
        in_flight: list[int] = []
        slow = threading.Thread(target=lambda: in_flight.append(stack.edge.get("/slow").status))
        slow.start()
        stack.api.wait_for_requests(1)

        active = stack.edge.folder / "active" / "upstream.conf"
        active.write_text(active.read_text().replace("http://api:", "http://api-green:"))
        stack.edge.reload()
        meanwhile: list[int] = []
        until(lambda: meanwhile.append(stack.edge.get("/meanwhile").status) or bool(green.requests))
        stack.api.release.set()
        slow.join()
        green.stop()

        assert set(meanwhile) == {200}
        assert in_flight == [200]

    def test_begin_with_the_one_that_compose_starts(self):
        text = (CONFIGURATION / "active" / "upstream.conf").read_text()

        assert re.findall(r"^set \$api_backend (.+);$", text, re.MULTILINE) == ['"http://api:8000"']


class TestStop:
    def test_waits_for_what_is_being_served(self, make_stack):
        stack = make_stack()
        in_flight: list[int] = []
        slow = threading.Thread(target=lambda: in_flight.append(stack.edge.get("/slow").status))
        slow.start()
        stack.api.wait_for_requests(1)

        stack.edge.program.quit()
        until(lambda: not listens(stack.edge.ports.https))
        stack.api.release.set()
        slow.join()

        assert in_flight == [200]
