"""What cannot be reached from outside, in all the ways there are to write it."""

import base64

import pytest

PASSWORD = {"Authorization": "Basic " + base64.b64encode(b"ops:made-up-password").decode()}

# Each is sent as it stands. The figures begin with "# HELP"; none of these may bring them.
METRICS = (
    b"/metrics",
    b"/metrics/",
    b"//metrics",
    b"///metrics//",
    b"/./metrics",
    b"/metrics/.",
    b"/metrics/..%2fmetrics",
    b"/api/../metrics",
    b"/api/v1/../../metrics",
    b"/api/..%2fmetrics",
    b"/api/%2e%2e/metrics",
    b"/api/%2e%2e%2fmetrics",
    b"/%2e/metrics",
    b"/%2fmetrics",
    b"/%6d%65%74%72%69%63%73",
    b"/%6Detrics",
    b"/metric%73",
    b"/%256detrics",
    b"/Metrics",
    b"/METRICS",
    b"/mEtRiCs/",
    b"/metrics?name=x",
    b"/metrics%3fname=x",
    b"/metrics#x",
    b"/metrics%23",
    b"/metrics;x",
    b"/metrics%00",
    b"/metrics%20",
    b"/metrics%0a",
    b"/metrics%09",
    b"/metrics\\",
    b"/\\metrics",
    b"/%5cmetrics",
    b"/metrics/x",
    b"/metrics.json",
    b"/health/../metrics",
    b"/health-db/..//metrics",
    b"/grafana/../metrics",
    b"/grafana/%2e%2e/metrics",
    b"/prometheus/../metrics",
    b"/.problem/../metrics",
    b"http://branchloans.com/metrics",
    b"https://branchloans.com//metrics",
    b"http://branchloans.com/%6detrics",
)
# With the right password, and with any method: what changes, stops or takes apart Prometheus.
PROMETHEUS = (
    "/prometheus/-/quit",
    "/prometheus/-/reload",
    "/prometheus/-/",
    "/prometheus/-",
    "/prometheus//-/quit",
    "/prometheus/-//quit",
    "/prometheus/./-/reload",
    "/prometheus/graph/../-/quit",
    "/prometheus/graph/..%2f-%2fquit",
    "/prometheus/%2d/quit",
    "/prometheus/-/%71uit",
    "/Prometheus/-/quit",
    "/prometheus/-/QUIT",
    "/prometheus/-/ready/../quit",
    "/prometheus/-/readyz",
    "/grafana/../prometheus/-/quit",
    "/prometheus/api/v1/admin/tsdb/delete_series",
    "/prometheus/api/v1/admin/tsdb/snapshot",
    "/prometheus/api/v1//admin/tsdb/clean_tombstones",
    "/prometheus/api/v1/%61dmin/tsdb/delete_series",
    "/prometheus/API/v1/admin/tsdb/delete_series",
    "/prometheus/api/v2/admin/tsdb/delete_series",
    "/prometheus/api/v1/write",
    "/prometheus/api/v1/otlp/v1/metrics",
    "/prometheus/api/v1/read",
    "/prometheus/debug/pprof/heap",
    "/prometheus/debug/pprof/",
    "/prometheus/debug",
)
GRAFANA = (
    "/grafana/metrics",
    "/grafana//metrics",
    "/grafana/metrics/",
    "/grafana/%6detrics",
    "/grafana/login/../metrics",
    "/grafana/api/..%2fmetrics",
    "/Grafana/Metrics",
)


class TestMetrics:
    @pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
    @pytest.mark.parametrize("target", METRICS, ids=lambda target: target.decode())
    def test_are_closed(self, edge, target, method):
        request = (
            method.encode()
            + b" "
            + target
            + b" HTTP/1.1\r\nHost: branchloans.com\r\nConnection: close\r\n\r\n"
        )
        answer = edge.raw(request)

        assert answer.split(b" ", 2)[1] in {b"400", b"404", b"405"}
        assert b"# HELP" not in answer
        if method == "GET":
            assert b"Content-Type: application/problem+json" in answer

    @pytest.mark.parametrize(
        "header", ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "SCRIPT_NAME"]
    )
    def test_are_closed_to_headers_that_name_another_path(self, edge, header):
        answer = edge.get("/nothing-here", headers={header: "/metrics"})

        assert answer.status == 404
        assert b"# HELP" not in answer.content

    def test_are_there_for_who_asks_the_service_itself(self, edge, application):
        answer = edge.plain(b"GET /metrics HTTP/1.0\r\n\r\n", port=application)

        assert b"# HELP" in answer


class TestPrometheus:
    @pytest.mark.parametrize("path", PROMETHEUS)
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
    def test_cannot_be_stopped_changed_or_taken_apart(self, shared_stack, path, method):
        before = len(shared_stack.prometheus.requests)
        answer = shared_stack.edge.call(method, path, headers=PASSWORD)

        # What differs in case is no path of Prometheus: the API answers, and does not know it.
        went_to_api = [each for each in shared_stack.api.requests if each.target == path]
        assert answer.status in {404, 405} or went_to_api
        assert len(shared_stack.prometheus.requests) == before

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "POST"])
    @pytest.mark.parametrize(
        "path",
        ["/prometheus/", "/prometheus/api/v1/rules", "/prometheus/api/v1/targets", "/prometheus/federate"],
    )
    def test_is_only_read(self, shared_stack, method, path):
        answer = shared_stack.edge.call(method, path, headers=PASSWORD)

        assert answer.status == 405
        assert answer.is_problem

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_takes_no_query_by_another_method(self, shared_stack, method):
        answer = shared_stack.edge.call(method, "/prometheus/api/v1/series", headers=PASSWORD)

        assert answer.status == 405

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"Authorization": "Basic b3BzOndyb25n"},
            {"Authorization": "Basic " + base64.b64encode(b"ops:").decode()},
            {"Authorization": "Basic " + base64.b64encode(b":made-up-password").decode()},
            {"Authorization": "Bearer bl_test_" + "0" * 32 + "_" + "0" * 64},
            {"Authorization": "Basic not-base64"},
        ],
        ids=["none", "wrong", "empty", "nobody", "an API key", "garbage"],
    )
    @pytest.mark.parametrize(
        "path",
        ["/prometheus/", "/prometheus/-/ready", "/prometheus/api/v1/query?query=up", "//prometheus/graph"],
    )
    def test_asks_for_a_password(self, shared_stack, given, path):
        before = len(shared_stack.prometheus.requests)
        answer = shared_stack.edge.get(path, headers=given)

        assert answer.status == 401
        assert len(shared_stack.prometheus.requests) == before


class TestGrafana:
    @pytest.mark.parametrize("path", GRAFANA)
    def test_keeps_its_own_figures_to_itself(self, shared_stack, path):
        answer = shared_stack.edge.get(path)

        assert answer.status == 404
        assert not shared_stack.grafana.requests


class TestStatusPage:
    def test_is_on_its_own_port_alone(self, edge):
        shown = edge.plain(
            b"GET /stub_status HTTP/1.1\r\nHost: nginx\r\nConnection: close\r\n\r\n", port=edge.ports.status
        )

        assert shown.startswith(b"HTTP/1.1 200 ")
        assert b"Active connections:" in shown
        for path in ("/stub_status", "/nginx_status", "//stub_status"):
            assert b"Active connections" not in edge.get(path).content

    def test_shows_nothing_else_there(self, edge):
        for path in (b"/", b"/health", b"/metrics"):
            answer = edge.plain(
                b"GET " + path + b" HTTP/1.1\r\nHost: nginx\r\nConnection: close\r\n\r\n",
                port=edge.ports.status,
            )

            assert answer.startswith(b"HTTP/1.1 404 ")
